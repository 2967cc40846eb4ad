"""The same apply against the real local service, through the real client, faults and all."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobsync.apply import Binding, NotSubmitted, SubmitLimits, exit_code, resolve_submits
from jobsync.errors import ExitCode
from jobsync.model import NO_ACCESS, Action, GrantChange, OutputRef, Result, RunRef
from jobsync.platforms.agave.platform import AGAVE
from jobsync.structs import replace
from tests.apply.plans import create, grants, name, plan, short
from tests.apply.service_world import RealWorld, real_world, tapis_real_world

APP = {"appId": "wc-demo-1.00"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealWorld]:
    with real_world(tmp_path_factory.mktemp("real")) as world:
        yield world


def job(address: str, *needs: str, **more: Any) -> Any:
    return create(address, *needs, request=more.pop("request", APP), **more)


def test_a_chain_with_grants_to_the_end(shared: RealWorld) -> None:
    after = {**APP, "inputs": {"text": [OutputRef("chain-a", "counts.txt")]}}
    the_plan = plan(
        job("chain-a"),
        job("chain-b", "chain-a", request=after),
        grants("chain-a", None, {}, bob="READ"),
        grants("chain-b", None, {}, bob="READ_WRITE"),
    )
    outcomes = shared.apply(the_plan, wait=math.inf)
    assert [str(o.result) for o in outcomes] == ["done"] * 6, outcomes
    assert exit_code(the_plan, outcomes) is ExitCode.OK
    [first] = shared.named(name("chain-a"))
    assert {u: str(a) for u, a in shared.backend.access(first).items()} == {"bob": "READ"}


SUBMIT = """
import sys
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave.credentials import explicit

with agave.connect(sys.argv[1], explicit(sys.argv[1], sys.argv[2])) as backend:
    assert backend.runs_named("phylo.ready.aaaaaaaaaa") == []
    before = set(sys.modules)
    backend.submit("phylo.ready.aaaaaaaaaa", {"appId": "wc-demo-1.00"})
    print(sorted(set(sys.modules) - before))
"""


def test_a_submit_imports_nothing_any_more(shared: RealWorld) -> None:
    """A kill during an import would leave a submit that is written down and not sent."""
    url, token = shared.service.url, shared.service.tokens["alice"]
    done = subprocess.run(
        [sys.executable, "-c", SUBMIT, url, token], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_restore_and_delete(shared: RealWorld) -> None:
    shared.apply(plan(job("hidden")), wait=math.inf)
    [run_id] = shared.named(name("hidden"))
    ref = RunRef(run_id, name("hidden"), "FINISHED")
    delete = job("hidden", action=Action.DELETE, before=ref)
    assert short(shared.apply(plan(delete))) == [("hidden", "job", "done")]
    assert shared.backend.runs_named(name("hidden"))[0].visible is False
    assert short(shared.apply(plan(delete))) == [("hidden", "job", "done")], "gone is done"
    restore = job("hidden", action=Action.RESTORE, before=ref)
    assert short(shared.apply(plan(restore))) == [("hidden", "job", "done")]
    assert shared.backend.run(run_id).visible
    again = shared.apply(plan(restore))
    assert short(again) == [("hidden", "job", "done")]


def test_stop(shared: RealWorld) -> None:
    slow = {**APP, "parameters": {"seconds": 60}}
    shared.apply(plan(job("slow", request=slow)))
    [run_id] = shared.named(name("slow"))
    ref = RunRef(run_id, name("slow"), "RUNNING")
    outcomes = shared.apply(plan(job("slow", action=Action.STOP, before=ref)))
    assert short(outcomes) == [("slow", "job", "done")]


def test_a_request_that_is_refused_is_not_an_open_question(shared: RealWorld) -> None:
    the_plan = plan(job("refused", request={"appId": "no-such-app-1.0"}))
    [outcome] = shared.apply(the_plan)
    assert outcome.result is Result.FAILED
    assert "no-such-app" in outcome.detail
    assert exit_code(the_plan, [outcome]) is ExitCode.ERROR
    assert shared.apply(plan()) == ()


FAULTS = {
    "fine": "",
    "drop before": "reset-before",
    "drop after": "reset-after",
    "400 after": "html,status=400,when=after",
    "500 after": "html,status=500,when=after",
    "HTML after": "html-200",
    "truncated after": "truncated",
    "429": "throttle,retry-after=0",
    "slow": "slow,seconds=0.3",
    "lost": "lost",
    "late": "late,seconds=0.4",
}
PAIRS = list(itertools.product(FAULTS, repeat=2))
QUICK = [pair for n, pair in enumerate(PAIRS) if n % 7 == 0]
BOTH = pytest.mark.parametrize(
    "pair",
    [pytest.param(p, marks=() if p in QUICK else pytest.mark.slow) for p in PAIRS],
    ids="+".join,
)
BRIEF = SubmitLimits(settle=1.0, visible=3.0, pause=0.05, longest_pause=0.2)


def arm(world: RealWorld, fault: str, where: str) -> None:
    if FAULTS[fault]:
        world.service.faults.add(f"{FAULTS[fault]},{where}")


@pytest.fixture(scope="module", params=[real_world, tapis_real_world], ids=["agave", "tapis"])
def either(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealWorld]:
    """A service of each api."""
    with request.param(tmp_path_factory.mktemp("either")) as world:
        yield world


def is_unsure(world: RealWorld, fault: str) -> bool:
    """Whether nobody can tell from here that a submit with this fault has not arrived. Only one
    gateway says of its 429 that the service never saw the request."""
    return fault == "drop before" or (fault == "429" and world.backend.platform is not AGAVE)


@BOTH
def test_two_faults_on_a_submit_and_the_looks_after_it(
    either: RealWorld, pair: tuple[str, str]
) -> None:
    """One job, or none and that is said; and the next run never makes it two."""
    shared, address = either, f"f{PAIRS.index(pair)}"
    first, second = pair
    arm(shared, first, "on=submit")
    if second != "late":
        arm(shared, second, "method=GET,after=2")
    the_plan = plan(job(address, request=shared.app))
    [outcome] = [o for o in shared.apply(the_plan, submits=BRIEF) if o.kind == "job"]
    shared.service.faults.clear()
    jobs = shared.named(name(address))
    if is_unsure(shared, first):
        assert (outcome.result, jobs) == (Result.UNKNOWN, []), outcome
        mark = shared.backend.platform.journal_mark
        binding = Binding(shared.service.url, "alice", "phylo", mark)
        resolve_submits(address, NotSubmitted(), shared.backend, shared.folder / "state", binding)
    else:
        assert (outcome.result, len(jobs)) == (Result.DONE, 1), outcome
        assert outcome.run_id == jobs[0]
    [outcome] = shared.apply(the_plan, submits=BRIEF)
    assert (outcome.result, [outcome.run_id]) == (Result.DONE, shared.named(name(address)))


@BOTH
@pytest.mark.parametrize("verb", ["grant", "revoke"])
def test_two_faults_on_grants(either: RealWorld, pair: tuple[str, str], verb: str) -> None:
    """What is reported is what the service has, and nobody else has anything."""
    shared, address = either, f"g{PAIRS.index(pair)}{verb}"
    shared.apply(plan(job(address, request=shared.app)), submits=BRIEF)
    [run_id] = shared.named(name(address))
    ref = RunRef(run_id, name(address), "FINISHED")
    before = {} if verb == "grant" else {"bob": "READ", "carol": "READ"}
    after = "READ" if verb == "grant" else "NONE"
    read = shared.level("READ")
    for user in before:
        shared.backend.grant(run_id, user, read)
    writes = "method=POST,path=*/pems*"
    if shared.backend.platform is not AGAVE:
        writes = f"on={'share' if verb == 'grant' else 'unshare'}"
    for fault in pair:
        arm(shared, fault, writes)
    levels = {"READ": read, "NONE": NO_ACCESS}
    image = {user: levels[word] for user, word in before.items()}
    change = replace(
        grants(address, ref, {}, bob=after),
        image=image,
        grants=tuple(
            GrantChange(user, image.get(user, NO_ACCESS), levels[after])
            for user in ("bob", "carol")
        ),
    )
    [outcome] = shared.apply(plan(change))
    shared.service.faults.clear()
    there = shared.backend.access(run_id)
    wanted = {} if verb == "revoke" else {"bob": read, "carol": read}
    assert (outcome.result is Result.DONE) == (there == wanted), (outcome, there)
    assert set(there) <= {"bob", "carol"}
    if "drop before" not in pair:
        assert outcome.result is Result.DONE, outcome


def test_faults_on_everything_else_are_survived(either: RealWorld) -> None:
    shared = either
    for number, fault in enumerate(
        ["reset-before", "reset-after", "html", "throttle,retry-after=0", "truncated", "html-200"]
    ):
        address = f"e{number}"
        shared.service.faults.add(f"{fault},method=GET,times=6,rate=0.3,seed={number}")
        change = grants(address, None, {}, bob="READ")
        [bob] = change.grants
        change = replace(change, grants=(replace(bob, after=shared.level("READ")),))
        the_plan = plan(job(address, request=shared.app), change)
        outcomes = shared.apply(the_plan, wait=60.0)
        shared.service.faults.clear()
        assert len(shared.named(name(address))) <= 1
        if outcomes[0].result is not Result.DONE:
            shared.apply(the_plan, wait=60.0)
        assert len(shared.named(name(address))) == 1


def test_aloe_shows_a_job_late(tmp_path: Path) -> None:
    with real_world(tmp_path, dialect="aloe", aloe_delay=1.0) as world:
        request = {**APP, "archivePath": ""}
        outcomes = world.apply(plan(job("aloe", request=request)), wait=math.inf)
        assert [str(o.result) for o in outcomes] == ["done", "done"], outcomes
        assert len(world.named(name("aloe"))) == 1
