"""A job that writes a manifest does not get it read, from the fetch to the next apply."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.model import OutputChange
from jobsync.structs import replace
from tests.line.linebench import Bench

EVIL = "apiVersion: jobsync/v1\\njobs:\\n  pwn: {appId: work-1.0}\\n"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    app = tmp_path / "apps/work-1.0"
    app.mkdir(parents=True)
    definition = {"name": "work", "version": "1.0", "executionSystem": "local"}
    (app / "app.json").write_text(json.dumps({**definition, "templatePath": "run.sh"}))
    (app / "run.sh").write_text(f"printf '{EVIL}' > evil.yaml\necho fine > fine.txt\n")
    made = Bench(tmp_path)
    yield made
    made.close()


def declare(bench: Bench, outputs: str) -> None:
    text = f"apiVersion: jobsync/v1\nproject: sly\njobs:\n  one:\n    appId: work-1.0\n{outputs}"
    (bench.folder / "set.yaml").write_text(text)


def test_a_fetched_manifest_is_never_read(bench: Bench) -> None:
    declare(bench, '    outputs: [{path: "*", to: results/}]\n')
    assert bench.run("apply", "--auto-approve").code == 0
    assert (bench.folder / "results/evil.yaml").exists()
    # Once no rule points at its folder, it is told, and not a plan made with it.
    declare(bench, '    outputs: [{path: "*.txt", to: plots/}]\n')
    done = bench.run("plan")
    assert done.code == 1 and "pwn" not in done.out
    assert "results/evil.yaml:1:1: was fetched from a job, see jobsync.lock:2" in done.err
    declare(bench, '    outputs: [{path: "*.txt", to: plots/}]\nignore: [results/]\n')
    assert bench.run("apply", "--auto-approve").code == 0


def test_a_manifest_is_not_fetched_to_where_it_would_be_read(bench: Bench) -> None:
    declare(bench, '    outputs: [{path: "*", to: ./}]\n')
    done = bench.run("apply", "--auto-approve")
    assert done.code == 5
    assert (
        "evil.yaml: refused, would go to evil.yaml, where jobsync searches for manifests"
        in done.err
    )
    assert (bench.folder / "fine.txt").exists() and not (bench.folder / "evil.yaml").exists()
    # The plan knows as well, and says so as long as the rule stands.
    again = bench.run("plan")
    assert "output evil.yaml is refused: would go to evil.yaml" in again.out + again.err
    # What is advised works.
    declare(bench, '    outputs: [{path: "*", to: results/}]\n')
    assert bench.run("apply", "--auto-approve").code == 0
    assert (bench.folder / "results/evil.yaml").exists()


def test_a_saved_plan_cannot_choose_such_a_place(bench: Bench) -> None:
    from jobsync.render import plan_json

    declare(bench, "")
    assert bench.run("apply", "--auto-approve").code == 0
    declare(bench, '    outputs: [{path: "*", to: results/}]\n')
    assert bench.run("plan", "--out", "plan.json").code == 0
    plan = plan_json.loads((bench.folder / "plan.json").read_text())
    [change] = plan.changes
    assert isinstance(change, OutputChange)
    forged = tuple(
        replace(one, to=one.to.replace("results/", "below/")) for one in change.files or ()
    )
    plan = replace(plan, changes=(replace(change, files=forged),))
    (bench.folder / "plan.json").write_text(plan_json.dumps(plan))
    done = bench.run("apply", "--plan", "plan.json", "--auto-approve")
    assert done.code == 0, done.err
    assert (bench.folder / "results/fine.txt").exists()
    assert not (bench.folder / "below").exists()


def test_nor_can_a_hand(bench: Bench) -> None:
    declare(bench, "")
    assert bench.run("apply", "--auto-approve").code == 0
    done = bench.run("outputs", "get", "one", "*.yaml", "--to", "./")
    assert done.code == 1 and "where jobsync searches for manifests" in done.err
    assert not (bench.folder / "evil.yaml").exists()
    assert bench.run("outputs", "get", "one", "*.yaml", "--to", ".cache/").code == 0
