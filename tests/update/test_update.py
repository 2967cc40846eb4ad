"""A set that an older jobsync has applied: its runs are still those of the jobs.

The names and states here were recorded with the jobsync before fingerprint scheme ``b``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from jobsync.apply.journal import journal_path
from jobsync.apply.journal_entry import Binding
from jobsync.model import (
    SUBMITS,
    Action,
    DesiredState,
    FetchedFile,
    JobChange,
    Plan,
    RemoteFile,
    Result,
    Run,
    RunState,
    Snapshot,
    Target,
)
from jobsync.plan import build
from jobsync.plan.history import names_of
from jobsync.platforms.agave.run_names import read_mark
from jobsync.platforms.loading import load
from jobsync.structs import replace
from tests.apply.plans import World
from tests.manifest.corpus_cases import MANIFESTS, Case, loaded

HERE = Path(__file__).parent
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
BINDING = Binding("https://memory.example", "alice", "phylo")

NAMES = json.loads((HERE / "names_before.json").read_text("utf-8"))


@pytest.mark.parametrize("case", NAMES)
def test_every_name_that_was_given_is_still_known(case: str) -> None:
    rule, name = case.split("/")
    folder = MANIFESTS / "good" / rule
    path = folder / name if (folder / name).is_dir() else folder / f"{name}.yaml"
    desired = loaded(Case(rule, name, path))
    found = {address: names_of(desired, job) for address, job in desired.jobs.items()}
    pinned = {address for address, job in desired.jobs.items() if job.pinned}
    lost = [a for a, was in NAMES[case].items() if a not in pinned and was not in found[a]]
    assert not lost


# --- what was decided, is decided ------------------------------------------------------

STATES = json.loads((HERE / "states_before.json").read_text("utf-8"))
WORLDS = [(name, label) for name, one in STATES.items() for label in one["worlds"]]
TAILS = ("", *(f".r{number}" for number in range(2, 10)))
RENAMES = {"align": "sort", "tree": "wood", "join": "merge"}


def set_of(name: str, folder: Path, *, renamed: bool = False) -> DesiredState:
    """The set *name*; *renamed*: with other keys, each with what it was called."""
    text = STATES[name]["manifest"]
    if renamed:
        text = re.sub(r", formerly: \[[^]]*\]", "", text)
        for old, new in RENAMES.items():
            text = text.replace(f"jobs.{old}", f"jobs.{new}")
            text = re.sub(rf"^  {old}: *\{{", f"  {new}: {{formerly: [{old}], ", text, flags=re.M)
            text = re.sub(rf"^  {old}:$", f"  {new}:\n    formerly: [{old}]", text, flags=re.M)
    (folder / "a.yaml").write_text(text, encoding="utf-8")
    (folder / "data.fa").write_text(">a\nACGT\n", encoding="utf-8")
    return load([folder], target=Target("memory", BINDING.service))


def snapshot(desired: DesiredState, world: Mapping[str, Any]) -> Snapshot:
    names = {name for job in desired.jobs.values() for name in names_of(desired, job)}
    return Snapshot(
        user="alice",
        target="memory",
        base_url=BINDING.service,
        runs=tuple(
            Run(
                run_id,
                name,
                "alice",
                "",
                state.upper(),
                RunState(state),
                visible=visible,
                created=START + timedelta(minutes=number),
            )
            for number, (run_id, name, state, visible) in enumerate(world["runs"])
        ),
        confirmed=frozenset(name + tail for name in names for tail in TAILS),
        outputs={
            run_id: tuple(RemoteFile(path, 3, "t") for path in paths)
            for run_id, paths in world["files"].items()
        },
        fetched=tuple(
            FetchedFile(address, job_id, path, to, size=3, sha256="0" * 64)
            for address, job_id, path, to in world["lock"]
        ),
        expectations=frozenset((line[0], line[1]) for line in world["lock"]),
    )


def decided(plan: Plan) -> dict[str, list[object]]:
    """Of each address how it stands, what is done, and as which attempt."""
    actions = {
        c.address: [str(c.action), c.attempt] for c in plan.changes if isinstance(c, JobChange)
    }
    return {s.address: [str(s.standing), *actions.get(s.address, ["", 0])] for s in plan.states}


@pytest.mark.parametrize(("name", "label"), WORLDS)
def test_the_update_decides_as_before(name: str, label: str, tmp_path: Path) -> None:
    world, desired = STATES[name]["worlds"][label], set_of(name, tmp_path)
    plan = build(desired, snapshot(desired, world))
    assert decided(plan) == world["decided"]
    submits = [c for c in plan.changes if isinstance(c, JobChange) and c.action in SUBMITS]
    marks = [read_mark(change.name) for change in submits]
    assert all(mark is not None and mark.fingerprint[0] == "b" for mark in marks)
    assert not plan.duplicates


@pytest.mark.parametrize(("name", "label"), WORLDS)
def test_a_rename_after_the_update_decides_as_before(name: str, label: str, tmp_path: Path) -> None:
    """What was finished or active stays, downstream too: nothing is submitted for the rename."""
    world, desired = STATES[name]["worlds"][label], set_of(name, tmp_path, renamed=True)
    plan = build(desired, snapshot(desired, world))
    expected = {
        ".".join([RENAMES.get(key, key), *rest]): row
        for address, row in world["decided"].items()
        for key, *rest in [address.split(".")]
    }
    assert decided(plan) == expected


@pytest.mark.parametrize("label", STATES["former"]["renamed"])
def test_runs_of_former_names_are_taken_over_with_all_that_depends_on_them(
    label: str, tmp_path: Path
) -> None:
    """Before, a rename ran the job and everything downstream again."""
    world, desired = STATES["former"]["renamed"][label], set_of("former", tmp_path)
    assert any(row[1] == "replace" for row in world["decided"].values())
    assert build(desired, snapshot(desired, world)).changes == ()


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("renamed", [False, True])
def test_an_open_submit_from_before_is_never_sent_again(
    name: str, renamed: bool, tmp_path: Path
) -> None:
    desired = set_of(name, tmp_path, renamed=renamed)
    world = World(tmp_path / "state")
    path = journal_path(world.folder, BINDING)
    path.parent.mkdir(parents=True)
    path.write_text(STATES[name]["journal"], encoding="utf-8")
    path.chmod(0o600)
    seen = snapshot(desired, {"runs": [], "files": {}, "lock": []})
    pinned = [
        Run(job.pinned, "x", "alice", "", "FINISHED", RunState.FINISHED)
        for job in desired.jobs.values()
        if job.pinned
    ]
    plan = build(desired, replace(seen, runs=tuple(pinned)))
    assert {c.action for c in plan.changes if isinstance(c, JobChange)} == {Action.CREATE}
    outcomes = world.apply(replace(plan, root=str(tmp_path)))
    assert world.service.posts() == 0
    assert {o.result for o in outcomes if o.kind == "job"} == {Result.UNKNOWN}
