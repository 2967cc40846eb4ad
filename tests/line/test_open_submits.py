"""What a journal holds about an address is shown with the commands that settle it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from jobsync.apply.clock import SystemClock
from jobsync.apply.journal_entry import Binding, Entry, State
from jobsync.apply.takeover import locked_journal
from jobsync.base_url import base_url
from tests.line.linebench import Done, Lab

ONE = "one: {appId: wc-demo-1.00}\ntwo: {appId: wc-demo-1.00, parameters: {lines: 2}}\n"


def name_of(lab: Lab, address: str) -> str:
    (found,) = [
        line.split()[1] for line in lab.run("why", address).out.splitlines() if "  name " in line
    ]
    return found


def hold(lab: Lab, *entries: Entry, project: str = "") -> None:
    """Write *entries* into the journal of the lab's project, as an interrupted apply leaves it."""
    binding = Binding(base_url(lab.service.url), "alice", project or lab.project)
    clock = SystemClock()
    with locked_journal(Path(lab.environ["JOBSYNC_STATE_DIR"]), binding, clock) as journal:
        for entry in entries:
            journal.append(entry, clock)


def held(lab: Lab, *arguments: str) -> Done:
    return lab.run(*arguments, "--target", "env")


@pytest.fixture
def one_open(lab: Lab) -> str:
    """The name of the one submit of which the journal does not know what became."""
    lab.write(ONE)
    name = name_of(lab, "one")
    hold(lab, Entry(name, "one", State.HELD, reason="502 Bad Gateway"))
    return name


SETTLE = "jobsync resolve --target env one --not-submitted"


def test_a_plan_begins_with_what_is_held_and_how_to_settle_it(lab: Lab, one_open: str) -> None:
    done = held(lab, "plan")
    assert done.code == 0
    first = done.out.index(f"# one is held: it is not known whether {one_open} was submitted")
    assert first < done.out.index("will perform")
    assert "(502 Bad Gateway)" in done.out
    assert f"      {SETTLE} " in done.out
    assert "jobsync resolve --target env one --submitted ID" in done.out
    assert "two is held" not in done.out


def test_the_command_that_is_shown_settles_it(lab: Lab, one_open: str) -> None:
    assert held(lab, "drift").code == 6
    command = shlex.split(SETTLE)
    assert lab.run(*command[1:]).code == 0
    assert "resolve" not in held(lab, "plan").out
    assert held(lab, "drift").code == 2
    assert held(lab, "apply", "--auto-approve", "--wait").code == 0


def test_a_path_and_variables_are_in_the_command(lab: Lab, one_open: str) -> None:
    done = lab.run("plan", str(lab.folder), "--target", "env")
    (line,) = [line for line in done.out.splitlines() if "--not-submitted" in line]
    command = shlex.split(line.split("#")[0])
    assert command[2:6] == ["-m", str(lab.folder), "--target", "env"]
    lab.folder.joinpath("elsewhere").mkdir()
    lab.folder = lab.folder / "elsewhere"
    assert lab.run(*command[1:]).code == 0


def test_plan_says_it_as_json_and_markdown(lab: Lab, one_open: str) -> None:
    document = json.loads(held(lab, "plan", "--format", "json").out)
    assert document["open_submits"] == [
        {
            "address": "one",
            "name": one_open,
            "reason": "502 Bad Gateway",
            "ids": [],
            "settle": [SETTLE, "jobsync resolve --target env one --submitted ID"],
        }
    ]
    text = held(lab, "plan", "--format", "markdown").out
    assert f"`{SETTLE}`" in text and one_open in text


def test_a_quiet_plan_and_its_exit_code_say_it(lab: Lab, one_open: str) -> None:
    done = held(lab, "plan", "-q", "--detailed-exitcode")
    assert done.code == 6
    assert SETTLE in done.err


def test_status_and_why_say_it(lab: Lab, one_open: str) -> None:
    text = held(lab, "status").out
    assert f"# one is held: it is not known whether {one_open}" in text and SETTLE in text
    rows = json.loads(held(lab, "status", "--format", "json").out)
    assert [len(row["open_submits"]) for row in rows] == [1, 0]
    assert rows[0]["open_submits"][0]["settle"][0] == SETTLE
    assert SETTLE in held(lab, "why", "one").out
    assert "resolve" not in held(lab, "why", "two").out


def test_one_that_the_service_shows_is_no_question(lab: Lab, one_open: str) -> None:
    lab.service.submit("alice", name=one_open)
    assert "resolve" not in held(lab, "plan").out
    assert held(lab, "status").out.count("held") == 0


def test_several_of_one_address_are_told_apart_by_their_names(lab: Lab, one_open: str) -> None:
    hold(lab, Entry(f"{one_open}.r2", "one", State.SENDING))
    text = held(lab, "plan").out
    for name in (one_open, f"{one_open}.r2"):
        assert f"jobsync resolve --target env {name} --not-submitted" in text
    assert held(lab, "resolve", f"{one_open}.r2", "--not-submitted").code == 0
    assert SETTLE in held(lab, "plan").out


def test_one_under_a_former_project_is_told_at_its_present_address(lab: Lab) -> None:
    lab.write("old: {appId: wc-demo-1.00}\n")
    project, name = lab.project, name_of(lab, "old")
    hold(lab, Entry(name, "old", State.HELD), project=project)
    lab.project = f"{project}x"
    lab.write(f"new: {{appId: wc-demo-1.00, formerly: [{project}/old]}}\n")
    text = held(lab, "plan").out
    assert f"# new is held: it is not known whether {name} was submitted" in text
    command = f"jobsync resolve --target env {name} --not-submitted"
    assert command in text
    assert lab.run(*shlex.split(command)[1:]).code == 0
    assert "is held" not in held(lab, "plan").out


def test_the_embedded_service_settles_by_itself(lab: Lab) -> None:
    """It ended with the command that sent: nothing can arrive any more, so nothing is asked."""
    lab.write(ONE)
    planned = json.loads(lab.run("plan", "--target", "local", "--format", "json").out)
    name = name_of(lab, "one")
    binding, clock = Binding("local", planned["user"], lab.project), SystemClock()
    with locked_journal(lab.folder / ".jobsync", binding, clock) as journal:
        journal.append(Entry(name, "one", State.SENDING), clock)
        journal.append(Entry(f"{name}.r2", "one", State.ACCEPTED, ids=("1-007",)), clock)
    text = lab.run("plan", "--target", "local").out
    assert f"whether {name}.r2 was submitted" in text and f"whether {name} was" not in text
    assert "--submitted 1-007" in text
