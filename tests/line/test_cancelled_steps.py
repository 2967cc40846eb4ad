"""A step of CI that is cancelled: its shell gets a signal, and some seconds later all is killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobsync.testing import LocalService
from tests.line.linebench import Lab
from tests.line.test_shared_journal import Team, apply, name_of

DOCS = Path(__file__).parents[2] / "docs"
MANY = "".join(
    f"j{n}: {{appId: wc-demo-1.00, parameters: {{lines: {n + 1}}}}}\n" for n in range(60)
)


@pytest.fixture
def team(tmp_path: Path, service: LocalService) -> Team:
    return Team(tmp_path, service)


def step(lab: Lab, line: str) -> subprocess.Popen[str]:
    """Run *line* as the shell of a CI system does; ``jobsync`` is this one."""
    command = f"{sys.executable} -m jobsync"
    (lab.folder / "step.sh").write_text(f"echo begin\n{line.replace('jobsync', command)}\n")
    process = subprocess.Popen(
        ["bash", "-e", "-o", "pipefail", "step.sh"],
        cwd=lab.folder,
        env=lab.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=(lab.folder / "stderr").open("w"),
        text=True,
        start_new_session=True,
    )
    lab.started.append(process)
    return process


def test_with_exec_a_cancelled_step_ends_in_order(team: Team) -> None:
    lab = team.machine(MANY)
    team.service.arm("slow,seconds=0.2,path=/jobs/v2,times=1000")
    try:
        process = step(lab, "exec jobsync apply --target env --auto-approve")
        lab.wait_for(lambda: len(team.records()) > 4)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    finally:
        team.service.disarm()
    said = (lab.folder / "stderr").read_text()
    assert "stopped before it began" in said
    open_ones = [r for r in team.records().values() if str(r.state) in ("sending", "unknown")]
    assert open_ones == []


def test_without_exec_nobody_tells_the_apply(team: Team) -> None:
    """Why the recipes say ``exec``."""
    lab = team.machine(MANY)
    team.service.arm("slow,seconds=0.2,path=/jobs/v2,times=1000")
    try:
        process = step(lab, "jobsync apply --target env --auto-approve; echo end")
        lab.wait_for(lambda: len(team.records()) > 4)
        process.send_signal(signal.SIGTERM)
        time.sleep(1.0)
        before = len(team.records())
        lab.wait_for(lambda: len(team.records()) > before)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        team.service.disarm()


def test_a_step_that_is_killed_leaves_what_the_next_runner_needs(team: Team) -> None:
    lab = team.machine()
    name = name_of(lab)
    team.service.arm("slow,seconds=3,path=/jobs/v2,times=1000")
    process = step(lab, "exec jobsync apply --target env --auto-approve --log-file log")
    lab.wait_for(lambda: name in team.records(), seconds=60)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    team.service.disarm()
    assert str(team.records()[name].state) == "sending"
    other = team.machine()
    shown = other.run("plan", "--target", "env")
    if not other.mine():  # it was killed before its submit arrived
        assert f"it is not known whether {name} was submitted" in shown.out
        return
    assert apply(other).code == 0
    assert [row["name"] for row in other.mine()] == [name]


@pytest.mark.parametrize("page", ["ci.md", "journal.md"])
def test_every_recipe_starts_the_apply_with_exec(page: str) -> None:
    text = (DOCS / page).read_text()
    blocks = re.findall(r"^```(?:sh|yaml)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines() if "jobsync apply" in line]
    assert lines
    assert [line for line in lines if "exec jobsync apply" not in line] == []
