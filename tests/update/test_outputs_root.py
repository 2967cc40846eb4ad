"""A set with ``outputsRoot`` from before: inside it works on, outside it is told what to type."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.line.linebench import ECHO, Bench, add_app

SET = """\
apiVersion: jobsync/v1
project: p
outputsRoot: ROOT
jobs: {one: {appId: echo-1.0, outputs: [{path: out.txt, to: kept/}]}}
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    (tmp_path / "set").mkdir()
    made = Bench(tmp_path / "set")
    add_app(made, ECHO)
    yield made
    made.close()


def test_a_folder_inside_is_used_as_before(bench: Bench) -> None:
    (bench.folder / "set.yaml").write_text(SET.replace("ROOT", "results"))
    assert bench.run("apply", "--auto-approve", ".").code == 0
    assert (bench.folder / "results/kept/out.txt").read_text() == "ok\n"


@pytest.mark.parametrize("command", ["validate", "plan", "apply", "status"])
def test_a_folder_outside_needs_the_flag_that_is_printed(command: str, bench: Bench) -> None:
    (bench.folder / "set.yaml").write_text(SET.replace("ROOT", "../my results"))
    more = ["--auto-approve"] if command == "apply" else []
    said = bench.run(command, *more)
    assert said.code == 1 and "set.yaml:3:14: outputsRoot leads out" in said.err
    flag = shlex.split(said.err.split("add: ")[1].split(")\n")[0])
    assert flag == ["--outputs-root", "../my results"]
    assert bench.run(command, *more, *flag).code == 0
    assert bench.run(command, *more, JOBSYNC_OUTPUTS_ROOT=flag[1]).code == 0
    done = bench.folder.parent / "my results/kept/out.txt"
    assert done.exists() is (command == "apply")
