"""``plan``, ``drift`` and ``show`` as commands: what is selected, how it is printed, what it exits.

What a plan decides is tested in ``tests/plan``; here it is told by real processes about a real
service, and what is printed is what a person, a bot or a pipe gets.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from jobsync import PlanOptions, connect_reader, load
from jobsync.cli import pipeline
from jobsync.errors import PRECEDENCE, ExitCode, worst
from jobsync.model import RemoteFile, Target
from tests.line.linebench import Lab

SCHEMA = Path(__file__).parents[2] / "jobsync/render/plan.schema.json"
PAIR = """\
    up: {appId: wc-demo-1.00, permissions: {bob: READ}}
    down:
      appId: wc-demo-1.00
      inputs: {text: "${jobs.up.outputs/counts.txt}"}
    other: {appId: wc-demo-1.00, parameters: {lines: "${var.lines}"}}
    """
VARIABLES = "variables: {lines: {default: 3}}\n"


def document(lab: Lab, *arguments: str) -> dict[str, object]:
    done = lab.run("plan", "--format", "json", *arguments)
    assert done.code == 0, done.err
    assert done.err == "", "stdout is data, stderr is talk, and there is nothing to say"
    plan: dict[str, object] = json.loads(done.out)
    assert jsonschema_rs.validator_for(json.loads(SCHEMA.read_text())).is_valid(plan)
    return plan


def changed(lab: Lab, *arguments: str) -> list[tuple[str, str]]:
    """The (address, type) of every change of a plan."""
    rows = document(lab, *arguments)["resource_changes"]
    assert isinstance(rows, list)
    return sorted((row["address"], row["type"]) for row in rows)


JOBS = [("down", "job"), ("other", "job"), ("up", "job")]
PEMS = [("up", "permissions")]


def test_what_is_selected(lab: Lab) -> None:
    lab.write(PAIR, VARIABLES)
    assert changed(lab) == sorted(JOBS + PEMS)
    assert changed(lab, "--select", "down") == [("down", "job"), ("up", "job"), *PEMS]
    assert changed(lab, "--select", "o*", "--select", "up") == [("other", "job"), JOBS[2], *PEMS]
    assert changed(lab, "--exclude", "other") == [JOBS[0], JOBS[2], *PEMS]
    assert changed(lab, "--only", "jobs") == JOBS
    assert changed(lab, "--only", "outputs") == []
    wrong = lab.run("plan", "--select", "nosuch*")
    assert wrong.code == 64 and "nosuch*" in wrong.err


def test_a_part_of_the_set_is_not_said_to_be_all_of_it(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00}\ntwo: {appId: wc-demo-1.00, permissions: {}}\n")
    fresh = lab.run("plan", "--exclude", "*").out
    assert fresh.startswith("No changes. No declared job is selected.\n")
    waiting = lab.run("drift", "--only", "permissions")
    said = "No changes. Left unchanged: 2 to submit or restore (permissions only).\n"
    assert waiting.out.startswith(said)
    assert waiting.code == 0
    lab.apply()
    saved = lab.run("plan", "--only", "jobs", "--select", "one", "--out", "p")
    assert saved.out.startswith(
        "No changes. Everything selected is as declared (jobs only; 1 of 2 addresses left out).\n"
    )
    assert lab.run("show", "p").out == saved.out
    assert lab.run("drift").out.startswith("No changes. Every job, permission and output is")


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_hazard_that_does_not_exist_cannot_be_accepted(lab: Lab, command: str) -> None:
    lab.write(PAIR, VARIABLES)
    near = lab.run(command, "--allow", "empty", "--allow", "delete-job")
    assert near.code == 64 and near.out == ""
    assert "--allow delete-job: there is no such hazard" in near.err
    assert "did you mean delete-jobs?" in near.err
    far = lab.run(command, "--allow", "nope")
    assert far.code == 64 and "known: delete-jobs, empty, foreign-owner" in far.err


def test_outputs_of_what_is_not_selected_are_not_listed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.write(
        """\
        up: {appId: wc-demo-1.00, outputs: [{path: "*.txt", to: up/}]}
        down:
          appId: wc-demo-1.00
          inputs: {text: "${jobs.up.outputs/counts.txt}"}
          outputs: [{path: "*.out", to: down/}]
        other: {appId: wc-demo-1.00, rerun: 2, outputs: [{path: "*.txt", to: other/}]}
        """
    )
    lab.apply("--only", "jobs")
    listed: list[str] = []
    observing = import_module("jobsync.observe.asker")

    def walked(_reader: object, run_id: str, _pool: object) -> tuple[RemoteFile, ...]:
        listed.append(run_id)
        return ()

    monkeypatch.setattr(observing, "walk_outputs", walked)
    target = Target("env", lab.service.url)
    with connect_reader(target, lab.environ["TAPIS_TOKEN"]) as one:
        desired = load([str(lab.folder)])

        def asked(**options: Any) -> list[str]:
            listed.clear()
            plan, _ = pipeline.decide(desired, target, one, PlanOptions(**options))
            addresses = {state.run.id: state.address for state in plan.states if state.run}
            return sorted(addresses.get(run_id, "left out") for run_id in listed)

        assert asked() == ["down", "other", "up"]
        assert asked(select=("other",)) == ["other"]
        assert asked(select=("down",)) == ["down", "up"], "with what it needs"
        assert asked(select=("down",), exclude=("up",)) == ["down"]
        pipeline.snapshot(desired, target, one)
        assert len(listed) == 1, "a history lists no outputs"


def test_a_variable_changes_the_name_and_an_unknown_one_is_said(lab: Lab) -> None:
    lab.write(PAIR, VARIABLES)
    texts = [lab.run("plan", *arguments).out for arguments in ((), ("--var", "lines=4"))]
    assert "lines = 3" in texts[0] and 'lines = "4"' in texts[1].replace("lines = 4", 'lines = "4"')
    assert lab.run("plan", "--var", "nosuch=1").code == 1
    assert lab.run("plan", "--var", "lines").code == 64


def test_the_exit_code_tells_what_the_plan_amounts_to(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00, parameters: {seconds: 60}}\n")
    assert lab.run("plan").code == 0
    assert lab.run("plan", "--detailed-exitcode").code == 2
    assert lab.run("drift").code == 2
    lab.write("one: {appId: wc-demo-1.00}\n")
    lab.apply()
    assert lab.run("drift").code == lab.run("plan", "--detailed-exitcode").code == 0
    lab.write("one: {appId: wc-demo-1.00}\ntwo: {appId: wc-demo-1.00, expect: [nosuch.txt]}\n")
    assert lab.run("apply", "--auto-approve", "--wait").code == 7
    lab.write(
        "one: {appId: wc-demo-1.00}\ntwo: {appId: wc-demo-1.00, expect: [nosuch.txt]}\n"
        "three: {appId: wc-demo-1.00}\n"
    )
    assert lab.run("plan").code == 0
    assert lab.run("plan", "--detailed-exitcode").code == 7, "7 is told before 2"
    assert lab.run("drift").code == 7
    assert lab.run("status").code == 7


def test_the_precedence_is_the_documented_one() -> None:
    assert [int(code) for code in PRECEDENCE] == [143, 130, 6, 5, 7, 4, 3, 1, 2, 0]
    assert worst([ExitCode.CHANGES, ExitCode.STALE, ExitCode.JOB_FAILED]) is ExitCode.JOB_FAILED
    assert worst([ExitCode.CHANGES, ExitCode.ERROR]) is ExitCode.ERROR
    assert worst([]) is ExitCode.OK


def test_prune_deletes_what_nothing_declares_and_nobody_elses(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00}\ntwo: {appId: wc-demo-1.00}\n")
    lab.apply()
    # The same project in the name, but bob's: shared with alice, so it is in her list.
    foreign = lab.service.submit("bob", name=f"{lab.project}.two.abbbbbbbbb")
    body = {"username": "alice", "permission": "ALL"}
    lab.service.call("bob", "POST", f"/jobs/v2/{foreign['id']}/pems", body)
    lab.write("one: {appId: wc-demo-1.00}\n")
    assert changed(lab) == []
    assert "1 undeclared" in lab.run("plan").out
    assert changed(lab, "--prune") == [("two", "job")]
    assert changed(lab, "--prune", "--exclude", "two") == []
    blocked = lab.run("apply", "--prune", "--auto-approve")
    assert blocked.code == 4 and "--allow delete-jobs" in blocked.err
    lab.apply("--prune", "--allow", "delete-jobs")
    names = {row["name"].split(".")[1]: row["owner"] for row in lab.mine()}
    assert names == {"one": "alice", "two": "bob"}


def test_the_text_has_the_lines_that_bots_look_for(lab: Lab) -> None:
    lab.write(PAIR, VARIABLES)
    text = lab.run("plan").out
    heading = (
        r"^ *# (.*) (will be created|will be updated in-place|will be destroyed|must be replaced)$"
    )
    assert {match[1] for match in re.finditer(heading, text, re.M)} >= {"up", "down", "other"}
    assert re.search(r"^Plan: 3 to add, 0 to change, 0 to destroy\.$", text, re.M)
    markdown = lab.run("plan", "--format", "markdown").out
    assert markdown.startswith("<!-- jobsync")
    assert "3 to add" in markdown


def test_the_same_plan_is_the_same_bytes(lab: Lab) -> None:
    lab.write(PAIR, VARIABLES)
    for format_name in ("text", "json", "markdown"):
        seen = {
            lab.run("plan", "--format", format_name, PYTHONHASHSEED=seed).out
            for seed in ("0", "1", "77")
        }
        assert len(seen) == 1


def test_colour_only_where_it_is_wanted(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00}\n")
    assert "\x1b[" not in lab.run("plan").out, "a pipe"
    assert "\x1b[" in lab.run("plan", "--color", "always").out
    assert "\x1b[" in lab.run("plan", "--color", "always", NO_COLOR="1").out, "asked for by hand"
    shown, code = on_a_terminal(lab, ["plan"])
    assert "\x1b[" in shown and code == 0
    for arguments, environ in (
        (["plan"], {"NO_COLOR": "1"}),
        (["plan"], {"TERM": "dumb"}),
        (["plan", "--color", "never"], {}),
    ):
        assert "\x1b[" not in on_a_terminal(lab, arguments, **environ)[0]
    plain = on_a_terminal(lab, ["plan"], NO_COLOR="1")[0].replace("\r\n", "\n")
    assert plain == lab.run("plan").out == re.sub("\x1b\\[[0-9;]*m", "", shown).replace("\r", "")


def on_a_terminal(lab: Lab, arguments: list[str], **environ: str) -> tuple[str, int]:
    """What a command prints to a terminal of 40 columns, and its exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "jobsync", *arguments],
        cwd=lab.folder,
        env={**lab.environ, "TERM": "xterm", **environ},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # how a terminal says that its other side is closed
        pass
    process.communicate(timeout=60)
    os.close(ours)
    return shown.decode(), process.returncode


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding_of_the_terminal_prints(lab: Lab, encoding: str) -> None:
    lab.write('one: {appId: wc-demo-1.00, inputs: {text: "agave://data/na\u00efve \u6f22.txt"}}\n')
    for format_name in ("text", "markdown", "json"):
        process = subprocess.run(
            [sys.executable, "-m", "jobsync", "plan", "--format", format_name],
            cwd=lab.folder,
            env={**lab.environ, "PYTHONIOENCODING": encoding},
            capture_output=True,
            check=False,
        )
        assert process.returncode == 0, process.stderr
        assert b"na" in process.stdout.decode(encoding).encode()


def test_nothing_from_the_service_reaches_the_terminal_as_a_command(lab: Lab) -> None:
    """An undeclared run of ours whose record holds what terminals and CI act on."""
    nasty = "\x1b[2J\n::error::x\n##[group]y\n@everyone|<!-- -->"
    lab.service.submit("alice", name=f"{lab.project}.one.abbbbbbbbb", inputs={"text": nasty})
    lab.write("one: {appId: wc-demo-1.00}\n")
    for format_name in ("text", "markdown", "json"):
        done = lab.run("plan", "--format", format_name)
        assert done.code == 0, done.err
        assert "\x1b" not in done.out
        assert not re.search(r"^\s*(::|##\[)", done.out, re.M)


def test_no_json_starts_a_command_of_a_ci_runner(lab: Lab) -> None:
    nasty = "##[error]x ##vso[task.complete]y"
    lab.write(f"one: {{appId: wc-demo-1.00, parameters: {{lines: 3}}, expect: ['{nasty}']}}\n")
    assert lab.run("apply", "--auto-approve", "--wait").code == 7
    for arguments in (["plan"], ["status"]):
        done = lab.run(*arguments, "--format", "json")
        assert nasty in json.dumps(json.loads(done.out)), done.err
        assert not re.search(r"##[a-z.]*\[", done.out)


def test_a_reader_that_leaves_early_does_not_hurt(lab: Lab) -> None:
    lab.write("".join(f"job-{n}: {{appId: wc-demo-1.00}}\n" for n in range(400)))
    for format_name in ("text", "json", "markdown"):
        process = lab.start("plan", "--format", format_name)
        assert process.stdout and process.stderr
        process.stdout.read(10)
        process.stdout.close()
        process.stdout = None
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("flags", [("-q",), ("--format", "json")])
def test_an_apply_that_shows_no_plan_says_why_it_fails(lab: Lab, flags: tuple[str, ...]) -> None:
    lab.write("bad: {appId: wc-demo-1.00, parameters: {seconds: 60}}\n")
    assert lab.run("apply", "--auto-approve").code == 0
    (run,) = lab.mine()
    lab.service.call("alice", "POST", f"/jobs/v2/{run['id']}", {"action": "stop"})
    lab.service.wait("alice", run["id"])
    done = lab.run("apply", *flags)
    assert done.code == 7 and done.out == ""
    assert done.err.startswith("Error: bad: stopped; ")
    assert done.err.endswith("run it again with: jobsync apply --retry bad\n")


def test_a_quiet_apply_says_what_it_could_not_read(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00, permissions: {bob: READ}}\n")
    lab.apply()
    lab.service.arm("html,status=403,on=pems-list,times=always")
    try:
        done = lab.run("apply", "-q")
    finally:
        lab.service.disarm()
    assert done.code == 1 and done.out == ""
    assert done.err.startswith("Error: one: permissions") and "403" in done.err


@pytest.mark.parametrize("command", ["plan", "drift"])
def test_a_quiet_plan_is_its_headline(lab: Lab, command: str) -> None:
    lab.write(PAIR, VARIABLES)
    done = lab.run(command, "-q")
    assert done.code in (0, 2) and done.err == ""
    assert done.out == "Plan: 3 to add, 0 to change, 0 to destroy.\n"


def test_status_colours_what_has_failed(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00}\ntwo: {appId: wc-demo-1.00, expect: [nosuch.txt]}\n")
    assert lab.run("apply", "--auto-approve", "--wait").code == 7
    plain, colored = (lab.run("status", "--color", when).out for when in ("never", "always"))
    assert re.sub(r"\x1b\[\d+m", "", colored) == plain and "\x1b" not in plain
    red = [line for line in colored.splitlines() if line.startswith("\x1b[31m")]
    assert len(red) == 1 and red[0].startswith("\x1b[31mtwo ")
