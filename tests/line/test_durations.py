"""``--wait`` and ``--timeout``: how long, and where the manifests' path begins."""

from __future__ import annotations

import math
from pathlib import Path

import click
import pytest

from jobsync.cli import apply as apply_command
from jobsync.cli import wait as wait_command
from tests.line.linebench import Bench


@pytest.mark.parametrize(
    ("words", "wait", "paths"),
    [
        ([], None, ()),
        (["--wait"], math.inf, ()),
        (["--wait", "."], math.inf, (".",)),
        (["--wait", ".."], math.inf, ("..",)),
        (["--wait", "sub", "other"], math.inf, ("sub", "other")),
        (["sub", "--wait", "--prune"], math.inf, ("sub",)),
        (["--wait", "--", "sub"], math.inf, ("sub",)),
        (["--", "--wait"], None, ("--wait",)),
        (["--wait", "90"], 90.0, ()),
        (["--wait", "./90"], math.inf, ("./90",)),
        (["--wait=90"], 90.0, ()),
        (["--wait=0"], 0.0, ()),
        (["--wait=1.5h", "sub"], 5400.0, ("sub",)),
        (["--wait", "1h30m", "sub"], 5400.0, ("sub",)),
        (["--wait=1d2h3m4s"], 93784.0, ()),
    ],
)
def test_a_value_that_is_no_time_is_the_path(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    wait: float | None,
    paths: tuple[str, ...],
) -> None:
    """A file named like a time is written with a folder before it."""
    monkeypatch.chdir(tmp_path)
    for name in ("sub", "other", "90", "--wait"):
        (tmp_path / name).mkdir()
    context = apply_command.command.make_context("apply", list(words))
    assert (context.params["wait"], context.params["paths"]) == (wait, paths)


NO_TIME = [
    "=",
    "=.",
    "=5.5.5m",
    "=1h30",
    "=30m1h",
    "=-",
    "=²",
    "=1e3",
    "=nan",
    "=sub",
    "= 5",
    "=5 m",
]


@pytest.mark.parametrize(
    "words", [*([f"--wait{value}"] for value in NO_TIME), ["--wait", "nosuch"]]
)
def test_anything_else_is_refused_with_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    with pytest.raises(click.BadParameter, match=r"--wait=1h30m"):
        apply_command.command.make_context("apply", list(words))


@pytest.mark.parametrize("value", [*(value[1:] for value in NO_TIME), "..", "nosuch"])
def test_a_timeout_always_needs_a_time(value: str) -> None:
    with pytest.raises(click.BadParameter, match=r"--timeout=1h30m"):
        wait_command.command.make_context("wait", ["--timeout", value])


def test_as_typed(wordcount: Bench) -> None:
    done = wordcount.run("apply", "--target", "local", "--auto-approve", "--wait", ".")
    assert done.code == 0, done.err
    assert (wordcount.folder / "results/counts.txt").exists()
    for words in (("apply", "--wait=5.5.5m"), ("wait", "--timeout", ".")):
        done = wordcount.run(*words, "--target", "local")
        assert done.code == 64 and "is not a time" in done.err
