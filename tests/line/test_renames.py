"""Renaming jobs and editing apps, with real commands on the embedded service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobsync.apply.clock import SystemClock
from jobsync.apply.journal import open_journal
from jobsync.apply.journal_entry import Binding, Entry, State
from jobsync.cli.connect import local_user
from jobsync.platforms.loading import load
from tests.line.linebench import Bench

APP = {
    "name": "step",
    "version": "1.0",
    "label": "a step",
    "templatePath": "wrapper.sh",
    "inputs": [{"id": "from", "semantics": {"maxCardinality": -1}}],
    "parameters": [{"id": "n", "value": {"type": "string"}}],
}

MANIFEST = """\
apiVersion: jobsync/v1
project: lab
target: local
requires: ">=0.1.0"
defaults: {maxRunTime: "00:01:00"}
jobs:
  sort:
    appId: step-1.0
    expect: [out.txt]
    outputs: [{path: out.txt, to: results/}]
  calc:
    appId: step-1.0
    inputs: {from: "${jobs.sort.outputs/out.txt}"}
    matrix: {n: [1, 2]}
    parameters: {n: "${matrix.n}"}
  join:
    appId: step-1.0
    inputs: {from: "${jobs.sort.outputs/out.txt}"}
    parameters: {n: "${jobs.calc[n=1].id}"}
"""

RENAMED = (
    MANIFEST.replace("  sort:\n", "  order:\n    formerly: [sort]\n")
    .replace("jobs.sort", "jobs.order")
    .replace("  calc:\n", "  count:\n    formerly: [calc]\n")
    .replace("jobs.calc", "jobs.count")
)


@pytest.fixture
def lab(tmp_path: Path) -> Bench:
    app = tmp_path / "apps/step-1.0"
    app.mkdir(parents=True)
    (app / "app.json").write_text(json.dumps(APP))
    (app / "wrapper.sh").write_text("echo hello > out.txt\n")
    (tmp_path / "lab.yaml").write_text(MANIFEST)
    return Bench(tmp_path)


@pytest.fixture
def applied(lab: Bench) -> Bench:
    done = lab.run("apply", "--auto-approve")
    assert done.code == 0, done.err
    assert len(lab.jobs()) == 4
    return lab


def test_a_rename_is_free(applied: Bench) -> None:
    lab, lock = applied, applied.folder / "jobsync.lock"
    (lab.folder / "lab.yaml").write_text(RENAMED)
    fetched = (lab.folder / "results/out.txt").stat().st_mtime_ns
    plan = lab.run("plan", "--detailed-exitcode")
    assert (plan.code, plan.err) == (0, "")
    assert "No changes." in plan.out
    assert "order: was sort: keep formerly as long as that run" in plan.out
    assert "count.1, count.2: was calc: keep formerly as long as that run" in plan.out
    assert "was sort: keep formerly" in lab.run("why", "order").out
    assert lab.run("outputs", "verify").code == 0
    assert "file\tsort\t" in lock.read_text(), "a plan writes nothing"

    assert lab.run("apply", "--auto-approve").code == 0
    assert len(lab.jobs()) == 4
    lines = [line.split("\t")[:2] for line in lock.read_text().splitlines()[1:]]
    assert lines == [["file", "order"], ["expect", "order"]]
    assert (lab.folder / "results/out.txt").stat().st_mtime_ns == fetched
    assert lab.run("outputs", "verify").code == 0
    assert lab.run("plan", "--detailed-exitcode").code == 0


def test_a_rename_without_formerly_is_seen_for_what_it_is(applied: Bench) -> None:
    lab = applied
    (lab.folder / "lab.yaml").write_text(
        RENAMED.replace("    formerly: [sort]\n", "").replace("    formerly: [calc]\n", "")
        + "guards: {rerunNodeHours: 0.0001}\n"
    )
    plan = lab.run("plan")
    assert "looks like sort renamed: add formerly: [sort] to keep that run" in plan.out
    assert "looks like calc.2 renamed: add formerly: [calc] to keep that run" in plan.out
    assert "Plan: 3 to add" in plan.out, "join is not renamed, and takes the same files"
    assert "--allow rerun-finished" in plan.out


def test_a_changed_wrapper_runs_again_and_words_do_not(applied: Bench) -> None:
    lab, app = applied, applied.folder / "apps/step-1.0"
    (app / "app.json").write_text(json.dumps({**APP, "label": "other words", "tags": ["x"]}))
    (app / "README.md").write_text("read me")
    (app / ".cache").write_text("x")
    assert lab.run("plan", "--detailed-exitcode").code == 0
    (app / "wrapper.sh").write_text("echo goodbye > out.txt\n")
    plan = lab.run("plan", "--detailed-exitcode")
    assert plan.code == 2
    assert "# sort must be replaced" in plan.out
    assert "apps/step-1.0/wrapper.sh have changed since run" in plan.out
    assert "Plan: 4 to add" in plan.out
    assert lab.run("apply", "--auto-approve").code == 0
    assert (lab.folder / "results/out.txt").read_text() == "goodbye\n"
    (app / "wrapper.sh").write_text("echo hello > out.txt\n")
    assert "Plan: 0 to add" in lab.run("plan").out, "the run of the old wrapper is current again"


def test_a_default_that_changed_runs_again(applied: Bench) -> None:
    fields = [{"id": "n", "value": {"type": "string", "default": "7"}}]
    path = applied.folder / "apps/step-1.0/app.json"
    path.write_text(json.dumps({**APP, "parameters": fields}))
    plan = applied.run("plan", "--detailed-exitcode")
    assert plan.code == 2
    assert "apps/step-1.0/app.json has changed since run" in plan.out


def test_an_app_that_changed_since_the_plan_makes_its_jobs_stale(lab: Bench) -> None:
    assert lab.run("plan", "--out", "saved.plan").code == 0
    (lab.folder / "apps/step-1.0/wrapper.sh").write_text("echo goodbye > out.txt\n")
    done = lab.run("apply", "--plan", "saved.plan", "--auto-approve")
    assert done.code == 3, done.err
    assert "apps/step-1.0 has changed since the plan" in done.err
    assert lab.jobs() == []


def test_an_open_submit_of_a_former_project_is_settled_by_its_name(lab: Bench) -> None:
    """It holds the job until somebody says what became of it: its journal is another project's."""
    (lab.folder / "lab.yaml").write_text(
        "apiVersion: jobsync/v1\nproject: lab\ntarget: local\n"
        "jobs:\n  one: {appId: step-1.0, formerly: [old/first]}\n"
    )
    assert lab.run("plan").code == 0  # the folder of the local service is made, and is mine
    name = f"old.first.{load([lab.folder]).jobs['one'].fingerprint}"
    with open_journal(lab.folder / ".jobsync", Binding("local", local_user(), "old")) as journal:
        journal.append(Entry(name, "first", State.HELD), SystemClock())
    done = lab.run("apply", "--auto-approve")
    assert done.code == 6, done.err
    assert f"jobsync resolve {name} --submitted ID" in done.err
    assert lab.jobs() == []
    settled = lab.run("resolve", name, "--not-submitted")
    assert settled.code == 0, settled.err
    assert lab.run("apply", "--auto-approve").code == 0
    assert len(lab.jobs()) == 1
