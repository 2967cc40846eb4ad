"""``outputs check-lock``, and the hooks for pre-commit that call it and validate."""

from __future__ import annotations

import shlex
from pathlib import Path

import yaml

from tests.line.linebench import Bench
from tests.line.test_offline import git

HOOKS = yaml.safe_load((Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text())


def hook(name: str) -> list[str]:
    (found,) = [one for one in HOOKS if one["id"] == name]
    program, *words = shlex.split(found["entry"])
    assert program == "jobsync"
    return words


def test_a_lock_that_git_does_not_merge_by_union_and_one_that_is_damaged(bench: Bench) -> None:
    lock = bench.folder / "jobsync.lock"
    lock.write_text("")
    call = (*hook("jobsync-lock"), "jobsync.lock")
    assert bench.run(*call).code == 0, "outside of a repository nothing merges"
    git(bench.folder, "init", "-q")
    done = bench.run(*call)
    assert done.code == 1 and "jobsync.lock:1:1: git does not merge this file by union" in done.err
    (bench.folder / ".gitattributes").write_text("jobsync.lock merge=union\n")
    assert bench.run(*call).code == 0
    lock.write_text("<<<<<<< HEAD\n")
    done = bench.run(*call)
    assert done.code == 1 and "jobsync.lock:1" in done.err


def test_the_hook_validates_the_set_of_a_changed_file(bench: Bench) -> None:
    (bench.folder / "jobs").mkdir()
    (bench.folder / "jobs/set.yaml").write_text(
        "apiVersion: jobsync/v1\nproject: p\njobs: {a: 1}\n"
    )
    (bench.folder / "mkdocs.yml").write_text("site_name: x\n")
    call = hook("jobsync-validate")
    assert bench.run(*call, "mkdocs.yml").code == 0
    done = bench.run(*call, "mkdocs.yml", "jobs/set.yaml")
    assert done.code == 1 and "jobs/set.yaml:3:" in done.err
