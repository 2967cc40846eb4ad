"""Any edit of a good manifest gives a desired state or problems with places, never a traceback.

``JOBSYNC_FUZZ_SECONDS=60 pytest tests/manifest/test_edits.py`` goes on for a minute.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.errors import ManifestError
from jobsync.model import Mark
from jobsync.platforms.agave.run_names import NAME_LIMIT, read_mark
from jobsync.platforms.loading import load
from tests.manifest.corpus_cases import cases

SEEDS = [case.path.read_text(encoding="utf-8") for case in cases("good") if case.path.is_file()]
SEEDS += [
    case.path.read_text(encoding="utf-8", errors="replace")
    for case in cases("bad")
    if case.path.is_file() and case.rule not in ("encoding", "numbers", "depth")
]
BITS = [
    "${", "}", "${var.q}", "${matrix.seed}", "${jobs.align.outputs/x}", "${jobs.tree[*].id}",
    "$${", "null", "true", "[]", "{}", "[", "{", "*a", "&a ", "<<: ", "!!int ", "- ", ": ", "#",
    "'", '"', "\\", "\t", "\n", "  ", "---\n", "1e3", "-1", "0", "12:30:00", "@reviewers", "é",
    "\u2028", "\ufeff", "\x00", "a" * 70, "9" * 700, "matrix: {seed: [1, 2]}", "needs: [align]",
    "jobs:", "align:", "tree:", "permissions: {bob: READ}", "outputs: [{path: a, to: b}]",
    "id: x", "formerly: [align]", "archive: false", "agave://local/x", "../..", "/dev/zero",
    "api: tapis/v3", "tapis://local/x", "{name: x, remove: true}", "fileInputs: [{name: x}]",
    "parameterSet: null", "appArgs: [{name: x, arg: y}]", "tags: [a, b]", "${JobUUID}", "remove: ",
]  # fmt: skip


def outcome(text: str, folder: Path) -> None:
    """Load *text*; a refusal names a place in the file or is one of the few that cannot."""
    path = folder / "manifest.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        desired = load([path], environ={"HOME": "/home/alice"})
    except ManifestError as error:
        lines = text.count("\n") + text.count("\r") + 2
        for problem in error.problems:
            if problem.where is None:
                assert "project" in problem.message, problem
            else:
                assert problem.where.path.endswith("manifest.yaml")
                assert 1 <= problem.where.line <= lines, problem
                assert problem.where.column >= 1
            assert problem.message
            str(problem).encode("utf-8")
        return
    for job in desired.jobs.values():
        mark = Mark(desired.project, job.address, job.fingerprint)
        assert read_mark(job.name) == mark
        assert len(job.name) + len(".r99") <= NAME_LIMIT
        assert dict(job.places)


def edited(text: str, rng: random.Random) -> str:
    """*text* after a few edits such as a person or a bad merge makes."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(text))
        kind = rng.randrange(7)
        lines = text.split("\n")
        line = rng.randrange(len(lines))
        if kind == 0:
            text = text[:at] + rng.choice(BITS) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + rng.randint(1, 8) :]
        elif kind == 2:
            del lines[line]
            text = "\n".join(lines)
        elif kind == 3:
            lines.insert(rng.randrange(len(lines) + 1), lines[line])
            text = "\n".join(lines)
        elif kind == 4:
            lines[line] = (
                lines[line].replace(" ", "  ", 1) if rng.random() < 0.5 else lines[line][1:]
            )
            text = "\n".join(lines)
        elif kind == 5:
            head, colon, _ = lines[line].partition(":")
            lines[line] = f"{head}{colon} {rng.choice(BITS)}"
            text = "\n".join(lines)
        else:
            other = rng.choice(SEEDS).split("\n")
            start = rng.randrange(len(other))
            lines[line:line] = other[start : start + rng.randint(1, 5)]
            text = "\n".join(lines)
    return text


def test_random_edits(tmp_path: Path) -> None:
    seconds = float(os.environ.get("JOBSYNC_FUZZ_SECONDS", "6"))
    seed = int(os.environ.get("JOBSYNC_FUZZ_SEED", "20261123"))
    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end:
        rng = random.Random(seed + count)
        text = edited(rng.choice(SEEDS), rng)
        try:
            outcome(text, tmp_path)
        except Exception as error:
            pytest.fail(f"seed {seed + count}: {type(error).__name__}: {error}\n{text}")
        count += 1
    print(f"{count} edits")
    assert count > 50


@settings(deadline=None, max_examples=250)
@given(st.integers(0, 2**32), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_hypothesis_edits(number: int, piece: str) -> None:
    import tempfile

    rng = random.Random(number)
    text = rng.choice(SEEDS)
    at = rng.randint(0, len(text))
    with tempfile.TemporaryDirectory() as folder:
        outcome(text[:at] + piece + text[at:], Path(folder))


@pytest.mark.parametrize("piece", ["\ud800", "\udfff"])
def test_lone_surrogates(piece: str, tmp_path: Path) -> None:
    outcome(f"apiVersion: jobsync/v1\nproject: {piece}\n", tmp_path)


def test_surrogates_given_as_variables_and_environment(tmp_path: Path) -> None:
    path = tmp_path / "manifest.yaml"
    path.write_text(
        "apiVersion: jobsync/v1\nproject: p\nvariables: {v: a}\nenv: [E]\n"
        "jobs: {a: {appId: x-1, parameters: {v: '${var.v}', e: '${env.E}'}}}\n"
    )
    with pytest.raises(ManifestError) as caught:
        load([path], variables={"v": "\udcff"}, environ={"E": "\udcff"})
    said = [problem.message for problem in caught.value.problems]
    assert said[0] == "--var v: the value is not UTF-8"
    assert said[1].endswith("the environment variable E is not UTF-8")
