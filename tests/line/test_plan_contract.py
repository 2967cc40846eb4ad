"""A saved plan is a contract: the same wherever it was made, and believed in nothing it says."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobsync.model import (
    AccessChange,
    GrantChange,
    JobChange,
    OutputChange,
    Plan,
)
from jobsync.platforms.agave.permissions import LEVELS
from jobsync.render import plan_json
from jobsync.structs import replace
from tests.line.linebench import Done, Lab

JOBS = """\
align:
  appId: wc-demo-1.00
  notifications: [{url: "https://hooks.example/T0/key", event: FINISHED}]
  permissions: {bob: READ}
  outputs: [{path: '*.txt', to: got/}]
  expect: ['*.out']
tree: {appId: wc-demo-1.00, needs: [align], permissions: {carol: READ_WRITE}}
"""


def test_a_plan_is_the_same_bytes_wherever_the_set_lies_and_the_command_runs(
    lab: Lab, tmp_path: Path
) -> None:
    lab.write(JOBS, "teams: {all: [dave]}\n")
    inner = lab.folder / "inner/manifests"
    inner.mkdir(parents=True)
    (lab.folder / "set.yaml").rename(inner / "set.yaml")
    other = tmp_path / "other/clone"
    shutil.copytree(inner, other)
    saved = {}
    for name, folder, arguments in (
        ("inside", inner, ()),
        ("above", lab.folder, ("inner/manifests",)),
        ("absolute", lab.folder, (str(inner),)),
        ("one file", lab.folder, ("inner/manifests/set.yaml",)),
        ("another clone", other, ()),
    ):
        lab.folder, home = folder, lab.folder
        file = tmp_path / f"{name}.plan"
        done = lab.run("plan", *arguments, "--out", str(file), "--format", "json")
        lab.folder = home
        assert done.code == 0, done.err
        assert done.out == file.read_text()
        saved[name] = done.out
    assert '"path": "set.yaml"' in saved["inside"]
    assert len(set(saved.values())) == 1, saved


# --- forged: by somebody who can compute every digest ------------------------------------

WORLD = "one: {appId: wc-demo-1.00, permissions: {world: READ}}\n"
ONE = "one: {appId: wc-demo-1.00, permissions: {bob: READ}}\n"
GATED = """\
one: {appId: wc-demo-1.00, expect: ['never.made']}
two: {appId: wc-demo-1.00, needs: [one]}
"""
FETCHED = "one: {appId: wc-demo-1.00, outputs: [{path: '*.txt', to: got/}]}\n"


def planned(lab: Lab, *arguments: str) -> Path:
    done = lab.run("plan", "--out", "saved.plan", *arguments)
    assert done.code == 0, done.err
    return lab.folder / "saved.plan"


def apply_saved(lab: Lab, *arguments: str, **environ: str) -> Done:
    return lab.run("apply", "--plan", "saved.plan", "--auto-approve", *arguments, **environ)


def forge(lab: Lab, change: Callable[[Plan], Plan], *arguments: str) -> None:
    """Replace the saved plan by one that says something else and is whole in itself."""
    path = planned(lab, *arguments)
    path.write_text(plan_json.dumps(change(plan_json.loads(path.read_text()))))


def every(kind: type, **fields: Any) -> Callable[[Plan], Plan]:
    """Those fields of every change of *kind* replaced."""

    def change(plan: Plan) -> Plan:
        changes = (replace(c, **fields) if isinstance(c, kind) else c for c in plan.changes)
        return replace(plan, changes=tuple(changes))

    return change


EVE = (GrantChange("eve", LEVELS["NONE"], LEVELS["READ_WRITE"]),)


@pytest.mark.parametrize(
    "change",
    [
        every(AccessChange, grants=EVE),
        every(JobChange, request={"appId": "other-1.0"}),
        every(JobChange, name="lab.one.bmine23456"),
        every(JobChange, attempt=7, retries=9),
        every(JobChange, needs=("two",), upstream=("two",)),
    ],
)
def test_what_a_forged_plan_says_of_a_job_is_not_done(
    lab: Lab, change: Callable[[Plan], Plan]
) -> None:
    lab.write(ONE)
    forge(lab, change)
    done = apply_saved(lab, "--wait")
    assert done.code == 3 and "one" in done.err, done.err
    assert lab.mine() == []


@pytest.mark.parametrize("accepted", [True, False])
def test_a_forged_plan_accepts_no_hazard(lab: Lab, accepted: bool) -> None:
    lab.write(WORLD)

    def change(plan: Plan) -> Plan:
        hazards = tuple(replace(h, accepted=True) for h in plan.hazards) if accepted else ()
        return replace(plan, hazards=hazards)

    forge(lab, change)
    done = apply_saved(lab)
    assert done.code == 4 and "--allow public-access" in done.err, done.err
    assert lab.mine() == []


def test_a_plan_does_not_bring_the_consent_that_was_given_when_it_was_made(lab: Lab) -> None:
    """The file says what was planned; who applies it says what may be done."""
    lab.write(WORLD)
    planned(lab, "--allow", "public-access")
    assert apply_saved(lab).code == 4
    assert apply_saved(lab, "--allow", "public-access", "--wait").code == 0


def test_a_forged_plan_does_not_open_the_way_past_what_a_run_must_produce(lab: Lab) -> None:
    lab.write(GATED)
    forge(lab, lambda plan: replace(plan, gates={}))
    done = apply_saved(lab, "--wait")
    assert done.code == 7, done.err
    assert [row["name"].split(".")[1] for row in lab.mine()] == ["one"]


def test_files_go_where_the_manifests_say_and_not_where_a_forged_plan_says(lab: Lab) -> None:
    lab.write(FETCHED)
    lab.apply()
    shutil.rmtree(lab.folder / "got")
    (lab.folder / "jobsync.lock").unlink()

    def change(plan: Plan) -> Plan:
        [outputs] = plan.changes
        assert isinstance(outputs, OutputChange) and outputs.files
        files = tuple(replace(file, to="elsewhere/it.txt") for file in outputs.files)
        rules = tuple(replace(rule, to="elsewhere/") for rule in outputs.rules)
        return replace(plan, changes=(replace(outputs, files=files, rules=rules),))

    forge(lab, change)
    assert apply_saved(lab).code == 0
    assert list((lab.folder / "got").iterdir())
    assert not (lab.folder / "elsewhere").exists()


def test_runs_that_a_forged_plan_invents_are_not_touched(lab: Lab) -> None:
    """A delete of somebody's run, put into a plan that would not delete."""
    lab.write("old: {appId: wc-demo-1.00}\n")
    lab.apply()
    lab.write("new: {appId: wc-demo-1.00}\n")
    pruning = plan_json.loads(planned(lab, "--prune").read_text())
    deletes = [c for c in pruning.changes if c.address == "old"]
    assert deletes

    def change(plan: Plan) -> Plan:
        return replace(plan, changes=(*plan.changes, *deletes))

    forge(lab, change)
    done = apply_saved(lab, "--wait", "--allow", "delete-jobs")
    assert done.code == 3 and "old" in done.err, done.err
    assert {row["name"].split(".")[1] for row in lab.mine()} == {"old", "new"}


# --- what has moved is named ---------------------------------------------------------------


def test_the_manifests_that_differ_are_named(lab: Lab) -> None:
    lab.write(ONE, "variables: {queue: normal, quota: 1}\n")
    (lab.folder / "more.yaml").write_text("apiVersion: jobsync/v1\n")
    planned(lab)
    lab.write(ONE.replace("READ", "WRITE"), "variables: {queue: normal, quota: 1}\n")
    (lab.folder / "more.yaml").rename(lab.folder / "most.yaml")
    done = apply_saved(lab, "--var", "queue=long")
    assert done.code == 3
    for said in (
        "more.yaml is missing",
        "most.yaml is new",
        "set.yaml has changed",
        "variable queue has another value",
    ):
        assert said in done.err, done.err
    assert "quota" not in done.err
    assert lab.mine() == []


def test_the_input_that_differs_is_named(lab: Lab) -> None:
    (lab.folder / "in.txt").write_text("a b\n")
    lab.write("one: {appId: wc-demo-1.00, inputs: {text: agave://local/in.txt}}\n")
    planned(lab)
    (lab.folder / "in.txt").write_text("a c\n")
    done = apply_saved(lab)
    assert done.code == 3
    assert "agave://local/in.txt" in done.err and "changed since the plan" in done.err, done.err
    assert lab.mine() == []


def test_what_moved_on_the_service_is_named(lab: Lab) -> None:
    lab.write(ONE + "two: {appId: wc-demo-1.00}\n")
    lab.apply("--select", "one")
    [run] = lab.mine()
    lab.write(ONE.replace("READ", "WRITE") + "two: {appId: wc-demo-1.00}\n")
    planned(lab)
    pems = {"username": "dave", "permission": "READ"}
    lab.service.call("alice", "POST", f"/jobs/v2/{run['id']}/pems", pems)
    lab.apply("--select", "two")
    done = apply_saved(lab)
    assert done.code == 3
    assert f"run {run['id']}" in done.err and "dave NONE -> READ" in done.err, done.err
    assert "two" in done.err and "now to do nothing" in done.err, done.err


# --- expect: the plan that was reviewed, or nothing ------------------------------------------


def digest_of(done: Done) -> str:
    [line] = [line for line in done.out.splitlines() if line.startswith("Digest: ")]
    return line.removeprefix("Digest: ")


def test_only_the_reviewed_plan_is_applied(lab: Lab) -> None:
    lab.write(ONE)
    reviewed = digest_of(lab.run("plan"))
    assert reviewed in lab.run("plan", "--format", "json").out
    assert f"Digest: `{reviewed}`" in lab.run("plan", "--format", "markdown").out
    lab.write(ONE.replace("READ", "READ_WRITE"))
    refused = lab.run("apply", "--expect", reviewed, "--auto-approve")
    now = digest_of(refused)
    assert refused.code == 3 and f"its digest is {now}, not {reviewed}" in refused.err
    assert lab.mine() == []
    assert lab.run("apply", "--expect", now, "--auto-approve", "--wait").code == 0
    assert lab.run("apply", "--expect", now, "--auto-approve").code == 3, "it has been applied"


@pytest.mark.parametrize("digest", ["", "73d2", "F" * 64, "f" * 65])
def test_what_is_no_digest_is_a_usage_error(lab: Lab, digest: str) -> None:
    lab.write(ONE)
    done = lab.run("apply", "--expect", digest, "--auto-approve")
    assert done.code == 64 and "is not the digest of a plan" in done.err
    assert lab.mine() == []


def test_a_file_is_the_reviewed_plan_when_its_digest_is(lab: Lab) -> None:
    """The digest is from the review; the file, which anybody may have touched, says what moved."""
    lab.write(ONE)
    reviewed = digest_of(lab.run("plan"))
    forge(lab, every(AccessChange, grants=EVE))
    refused = apply_saved(lab, "--expect", reviewed)
    assert refused.code == 3 and "not the plan that was reviewed" in refused.err
    planned(lab)
    assert apply_saved(lab, "--expect", reviewed, "--wait").code == 0


def test_progress_between_review_and_apply_does_not_matter(lab: Lab) -> None:
    slow = "one: {appId: wc-demo-1.00, parameters: {seconds: 2}, outputs: [{path: '*.txt', to: o/}]"
    lab.write(slow + "}\n")
    assert lab.run("apply", "--auto-approve").code == 0
    lab.write(slow + ", permissions: {bob: READ}}\n")
    reviewed = digest_of(lab.run("plan"))
    [run] = lab.mine()
    lab.service.wait("alice", run["id"])
    assert lab.run("apply", "--expect", reviewed, "--auto-approve").code == 0
