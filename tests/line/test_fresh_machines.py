"""Outputs and ``jobsync.lock`` on machines that have fetched nothing yet, and after merges."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.line.linebench import Lab

TWO = """\
one: {appId: wc-demo-1.00, outputs: [{path: counts.txt, to: got/one/}]}
two: {appId: wc-demo-1.00, outputs: [{path: counts.txt, to: got/two/}], expect: ['*.txt']}
"""


@contextmanager
def inside(lab: Lab, folder: Path) -> Iterator[None]:
    """Commands of *lab* run in *folder*."""
    lab.folder, home = folder, lab.folder
    try:
        yield
    finally:
        lab.folder = home


def clone_of(lab: Lab, name: str, *, lock: bool) -> Path:
    """The manifests of *lab* elsewhere, with what it has recorded or without; no fetched file."""
    folder = lab.folder / f".{name}"
    folder.mkdir()
    shutil.copy(lab.folder / "set.yaml", folder)
    if lock:
        shutil.copy(lab.folder / "jobsync.lock", folder)
    return folder


def test_what_another_machine_fetched_is_one_line(lab: Lab) -> None:
    lab.write(TWO)
    lab.apply()
    with inside(lab, clone_of(lab, "fresh", lock=True)):
        plan = lab.run("plan", "--detailed-exitcode")
        assert plan.code == 0
        assert "2 outputs fetched before and missing here will be restored" in plan.out
        assert "counts.txt" not in plan.out and "# one.outputs" not in plan.out
        assert lab.run("drift", "-q").code == 0
        new = lab.run("plan", "--outputs", "new")
        assert "No changes. Every job" in new.out and "fetched before" not in new.out
        assert lab.run("apply", "--auto-approve", "--outputs", "new").code == 0
        assert not (lab.folder / "got").exists()
        assert lab.run("apply", "--auto-approve").code == 0
        assert len([path for path in (lab.folder / "got").rglob("*") if path.is_file()]) == 2


def test_new_fetches_what_nobody_has_fetched(lab: Lab) -> None:
    lab.write(TWO)
    lab.apply("--select", "one")
    with inside(lab, clone_of(lab, "fresh", lock=True)):
        lab.apply("--outputs", "new")
        assert (lab.folder / "got/two").exists() and not (lab.folder / "got/one").exists()


def test_none_fetches_nothing_and_checks_what_must_be_produced(lab: Lab) -> None:
    lab.write(TWO + "three: {appId: wc-demo-1.00, expect: ['never.made']}\n")
    done = lab.run("apply", "--auto-approve", "--wait", "--outputs", "none")
    assert done.code == 7 and "never.made" in done.err
    assert not (lab.folder / "got").exists()
    lab.write(TWO)
    assert lab.run("drift", "--outputs", "none", "-q").code == 0
    assert lab.run("drift", "-q").code == 2, "nobody has fetched them"


def test_without_the_lock_every_output_counts_as_never_fetched(lab: Lab) -> None:
    lab.write(TWO)
    lab.apply()
    with inside(lab, clone_of(lab, "fresh", lock=False)):
        told = lab.run("drift", "-q")
        assert told.code == 2 and "2 outputs to fetch" in told.out, "the code has its line"
        assert lab.run("drift", "-q", "--outputs", "none").code == 0


def test_a_saved_plan_keeps_its_outputs_mode(lab: Lab) -> None:
    lab.write(TWO)
    assert lab.run("plan", "--outputs", "none", "--out", "p.json").code == 0
    assert lab.run("apply", "--plan", "p.json", "--auto-approve", "--outputs", "all").code == 64
    assert lab.run("apply", "--plan", "p.json", "--auto-approve", "--wait").code == 0
    assert not (lab.folder / "got").exists()


# --- merges ----------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def repository(lab: Lab) -> Path:
    git(lab.folder, "init", "-q", "-b", "main")
    (lab.folder / ".gitattributes").write_text("jobsync.lock merge=union\n")
    (lab.folder / ".gitignore").write_text("state/\ngot/\n.*\n!.git*\n")
    commit(lab.folder, "a set")
    return lab.folder


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not here")
def test_a_union_merge_of_two_locks_reads_right(lab: Lab) -> None:
    """Two branches fetched different jobs, and one place from two runs of one job."""
    lab.write(TWO)
    lab.apply("--select", "one")
    main = repository(lab)
    other = main / ".other"
    git(main, "clone", "-q", str(main), str(other))
    with inside(lab, other):
        lab.apply()
        commit(other, "two was fetched")
    text = (main / "set.yaml").read_text()
    (main / "set.yaml").write_text(text.replace("one: {", "one: {rerun: 2, "))
    lab.apply("--select", "one")
    commit(main, "one has run again")
    git(main, "pull", "-q", "--no-rebase", "--no-edit", str(other), "main")
    lock = (main / "jobsync.lock").read_text()
    assert "<<<<" not in lock and "\ttwo\t" in lock
    checked = lab.run("outputs", "verify")
    assert "1 intact, 1 missing" in checked.err, checked.out + checked.err
    assert lab.run("drift", "-q").code == 0
    lab.apply()
    assert lab.run("outputs", "verify").code == 0


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not here")
def test_two_lines_for_one_place_are_one_file(lab: Lab) -> None:
    """Both branches ran a job again: after the merge the lock has a line of each run."""
    slow = "one: {appId: wc-demo-1.00, rerun: RERUN, outputs: [{path: counts.txt, to: got/}]}\n"
    lab.write(slow.replace("RERUN", "1"))
    lab.apply()
    main = repository(lab)
    other = main / ".other"
    git(main, "clone", "-q", str(main), str(other))
    for folder, number in ((other, "2"), (main, "3")):
        path = folder / "set.yaml"
        path.write_text(path.read_text().replace("rerun: 1", f"rerun: {number}"))
        with inside(lab, folder):
            lab.apply()
        git(folder, "checkout", "-q", "--", "set.yaml")
        commit(folder, f"run {number}")
    git(main, "pull", "-q", "--no-rebase", "--no-edit", str(other), "main")
    lock = (main / "jobsync.lock").read_text()
    assert len([line for line in lock.splitlines() if line.startswith("file")]) == 2, lock
    path = main / "set.yaml"
    path.write_text(path.read_text().replace("rerun: 1", "rerun: 3"))
    checked = lab.run("outputs", "verify")
    assert checked.code == 0 and "1 intact, 0 missing, 0 changed" in checked.err, checked.err
    shutil.rmtree(main / "got")
    checked = lab.run("outputs", "verify")
    assert checked.out.count("missing  got/") == 1, checked.out
    lab.apply()
    lock = (main / "jobsync.lock").read_text()
    assert len([line for line in lock.splitlines() if line.startswith("file")]) == 1, lock
