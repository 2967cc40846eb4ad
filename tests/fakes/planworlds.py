"""Generated worlds: a desired state, and a world made by editing what an earlier one left there.

Independent random pairs almost never meet; editing makes every row of the table common.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from jobsync.model import (
    Access,
    DeclaredJob,
    DesiredState,
    Grant,
    Guards,
    OutputRef,
    PermissionsMode,
    RunState,
)
from jobsync.platform import Platform
from jobsync.platforms.agave.platform import AGAVE
from jobsync.platforms.agave.run_names import read_mark
from jobsync.platforms.tapis.platform import TAPIS
from jobsync.structs import replace
from tests.fakes.planworld import ME, PROJECT, World, desired, job, rule

USERS = ("bob", "carol", "dave", "world", "zed", ME)
ADDRESSES = ("align", "report", "tree.lg.1", "tree.wag.1", "zip")
EVERY_HAZARD = Guards(allow=frozenset(), mass_submit=1, mass_revoke=0, max_node_hours=0.1)
ROWS = {
    one.name: st.dictionaries(
        st.sampled_from(["bob", "Bob", "carol", "dave", "world", "zed", "mallory"]),
        st.sampled_from([*one.permissions.levels.values()]),
        max_size=4,
    ).filter(lambda rows: not {"bob", "Bob"} <= rows.keys())
    for one in (AGAVE, TAPIS)
}
GRANTS = {
    one.name: st.none()
    | st.dictionaries(
        st.sampled_from(USERS),
        st.sampled_from(sorted(one.permissions.levels)).map(one.permissions.levels.__getitem__),
        max_size=4,
    ).map(lambda rows: {user: Grant(access) for user, access in rows.items()})
    for one in (AGAVE, TAPIS)
}
ALL = {AGAVE.name: "READ_WRITE", TAPIS.name: "READ"}
"""The most that a row can give."""

RULES = st.lists(
    st.sampled_from(
        [
            rule(),
            rule("**/*.log", "logs/"),
            rule("none.txt", "x/", required=False),
            rule("gone.txt", "x/"),
        ]
    ),
    max_size=2,
    unique=True,
).map(tuple)
STATES = st.sampled_from(list(RunState))


def threads(platform: Platform, count: str | float | None) -> dict[str, Any]:
    """A parameter of a request, in the words of *platform*."""
    if platform is TAPIS:
        return {"parameterSet": {"envVariables": [{"key": "threads", "value": str(count)}]}}
    return {"parameters": {"threads": count}}


@st.composite
def declared_jobs(draw: st.DrawFn, platform: Platform) -> tuple[DeclaredJob, ...]:
    jobs: dict[str, DeclaredJob] = {}
    for address in draw(st.lists(st.sampled_from(ADDRESSES), unique=True, max_size=4)):
        request = threads(platform, draw(st.sampled_from([1, 2, "2", 0.5, None])))
        if draw(st.booleans()):
            request |= {"maxMinutes": 30} if platform is TAPIS else {"maxRunTime": "00:30:00"}
            request["nodeCount"] = draw(st.integers(1, 3))
        usable = [other for other in jobs.values() if other.pinned is None]
        if bool(usable) and draw(st.booleans()):
            up = draw(st.sampled_from(usable))
            taken = OutputRef(up.address, "out.txt")
            request |= (
                {"fileInputs": [{"name": "data", "sourceUrl": taken}]}
                if platform is TAPIS
                else {"inputs": {"data": taken}}
            )
        jobs[address] = job(
            address,
            request,
            among=jobs,
            platform=platform,
            permissions=draw(GRANTS[platform.name]),
            permissions_mode=draw(st.sampled_from(list(PermissionsMode))),
            outputs=tuple(replace(one, to=f"{one.to}{address}/") for one in draw(RULES)),
            expect=draw(st.sampled_from([(), ("out.txt",), ("missing",)])),
            retries=draw(st.integers(0, 2)),
            rerun=draw(st.integers(1, 2)),
            formerly=draw(st.sampled_from([(), ("oldname",), ("other/align",)]))
            if not jobs
            else (),
        )
    return tuple(jobs.values())


@st.composite
def edited(
    draw: st.DrawFn, jobs: tuple[DeclaredJob, ...], platform: Platform
) -> tuple[DeclaredJob, ...]:
    """*jobs* with some of them changed, as a person would do in a pull request."""
    result: dict[str, DeclaredJob] = {}
    for one in jobs:
        request = dict(one.request)
        edit = draw(st.sampled_from(["keep", "keep", "threads", "place", "permissions", "drop"]))
        if edit == "drop" and not any(one.address in other.needs for other in jobs):
            continue
        if edit == "threads":
            request |= threads(platform, draw(st.integers(3, 5)))
        if edit == "place":
            request["nodeCount"] = 7
        result[one.address] = job(
            one.address,
            request,
            among=result,
            platform=platform,
            permissions=draw(GRANTS[platform.name]) if edit == "permissions" else one.permissions,
            **{
                name: getattr(one, name)
                for name in (
                    "permissions_mode",
                    "outputs",
                    "expect",
                    "retries",
                    "rerun",
                    "formerly",
                )
            },
        )
    return tuple(result.values())


@st.composite
def worlds(draw: st.DrawFn, platform: Platform = AGAVE) -> tuple[DesiredState, World]:
    """A desired state, and a world in which much of it has happened already."""
    before = draw(declared_jobs(platform))
    world = World(platform=platform)
    for one in before:
        for attempt in range(1, draw(st.integers(0, 3)) + 1):
            if any(up not in done_addresses(world) for up in one.upstream):
                break
            world.of(
                one,
                draw(STATES),
                mark=draw(st.sampled_from([one.fingerprint, one.fingerprint, *(one.older or ())])),
                attempt=draw(st.sampled_from([1, attempt])),
                visible=draw(st.sampled_from([True, True, False])),
                acl=draw(ROWS[world.platform.name]),
                message=draw(
                    st.sampled_from(["", "exit 1", "\x1b[2J::error::x", "| ``` <b>@a</b>"])
                ),
            )
    after = list(draw(edited(before, platform)))
    _add_strangers(draw, world, after)
    if draw(st.booleans()):
        after.append(_pinned(draw, world))
    guards = draw(st.sampled_from([Guards(), EVERY_HAZARD]))
    return desired(*after, guards=guards, platform=platform), world


EITHER = st.sampled_from([AGAVE, TAPIS]).flatmap(worlds)
"""A world of either platform."""


def most(world: World) -> Access:
    return world.platform.permissions.levels[ALL[world.platform.name]]


def done_addresses(world: World) -> set[str]:
    return {
        name.address
        for run in world.runs.values()
        if run.visible and run.state is RunState.FINISHED and run.owner == ME
        if (name := read_mark(run.name))
    }


def _add_strangers(draw: st.DrawFn, world: World, jobs: list[DeclaredJob]) -> None:
    if bool(jobs) and draw(st.booleans()):
        twin = draw(st.sampled_from(jobs))
        world.add(twin.name, draw(STATES), owner="mallory", acl={ME: most(world)})
    if draw(st.booleans()):
        world.add("somebody else's job, by name", owner="bob")
        world.add(f"{PROJECT}.align.notafingerprint", draw(STATES))
    if draw(st.booleans()):
        world.add(
            f"{PROJECT}.undeclared.abcdefghij", draw(STATES), acl=draw(ROWS[world.platform.name])
        )
        world.add(
            f"{PROJECT}.oldname.abcdefghij", draw(STATES), acl=draw(ROWS[world.platform.name])
        )
        world.add("other.align.abcdefghij.r3", draw(STATES), acl=draw(ROWS[world.platform.name]))


def _pinned(draw: st.DrawFn, world: World) -> DeclaredJob:
    owner = draw(st.sampled_from([ME, "bob"]))
    acl = draw(ROWS[world.platform.name])
    if owner != ME:
        acl = {**{u: a for u, a in acl.items() if u.lower() != owner}, ME: most(world)}
    run = world.add("made by hand", draw(STATES), owner=owner, acl=acl)
    return replace(
        job(
            "pinned",
            platform=world.platform,
            permissions=draw(GRANTS[world.platform.name]),
            outputs=(rule(to="pinned/"),),
        ),
        pinned=run.id,
    )
