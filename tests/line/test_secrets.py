"""A value of the environment goes to the service and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.line.linebench import Done, Lab

SECRET = "3141592"
OTHER = "2718281"
ID = re.compile(r"[0-9]{12,}-[0-9a-f]+")
"""Of a job: its digits may hold anything by chance."""
JOB = 'count: {appId: wc-demo-1.00, parameters: {lines: "${env.TOKEN}"}}\n'


@pytest.fixture
def keeper(lab: Lab) -> Lab:
    lab.environ["TOKEN"] = SECRET
    lab.write(JOB, head="env: [TOKEN]\n")
    return lab


def quiet(lab: Lab, *arguments: str, code: int = 0, **environ: str) -> Done:
    done = lab.run(*arguments, **environ)
    assert done.code == code, (done.out, done.err)
    for value in (SECRET, OTHER):
        assert value not in ID.sub("", done.out + done.err), arguments
    return done


def kept(folder: Path) -> str:
    """All that commands have left below *folder*."""
    texts = (path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())
    return ID.sub("", "\n".join(texts))


def sent(lab: Lab) -> list[str]:
    """The value with which each run was made, oldest first."""
    runs = sorted(lab.mine(), key=lambda run: run["created"])
    details = (lab.service.call("alice", "GET", f"/jobs/v2/{run['id']}").result for run in runs)
    return [str(detail["parameters"]["lines"]) for detail in details]


def test_no_command_shows_it_and_no_file_keeps_it(keeper: Lab) -> None:
    for form in ("text", "json", "markdown"):
        assert "(sensitive)" in quiet(keeper, "plan", "--format", form).out
    quiet(keeper, "validate", "--online")
    quiet(keeper, "plan", "--out", "p.json", "--log-file", "log")
    assert "(sensitive)" in quiet(keeper, "show", "p.json").out
    quiet(keeper, "apply", "--auto-approve", "--wait", "--audit", "audit", "-v")
    for command in (("status",), ("why", "count"), ("history", "count"), ("access",), ("drift",)):
        quiet(keeper, *command)
    assert "(sensitive)" in quiet(keeper, "why", "count").out
    assert sent(keeper) == [SECRET]
    assert SECRET not in kept(keeper.folder)


def test_a_new_value_is_a_change_that_shows_neither(keeper: Lab) -> None:
    quiet(keeper, "apply", "--auto-approve", "--wait")
    for form in ("text", "json", "markdown"):
        out = quiet(keeper, "plan", "--format", form, TOKEN=OTHER).out
        assert "parameters.lines" in out and "(sensitive)" in out
    quiet(keeper, "why", "count", TOKEN=OTHER)
    keeper.write("count: {appId: wc-demo-1.00, parameters: {lines: 5}}\n", head="env: [TOKEN]\n")
    assert "parameters.lines = (sensitive) -> (sensitive)" in quiet(keeper, "plan").out


def test_a_saved_plan_is_applied_with_the_value_of_the_manifests(keeper: Lab) -> None:
    quiet(keeper, "plan", "--out", "p.json")
    stale = quiet(keeper, "apply", "--plan", "p.json", "--auto-approve", TOKEN=OTHER, code=3)
    assert "count" in stale.err
    assert keeper.mine() == []
    quiet(keeper, "apply", "--plan", "p.json", "--auto-approve", "--wait")
    assert sent(keeper) == [SECRET]


def test_a_saved_plan_whose_manifests_have_changed_is_refused(keeper: Lab) -> None:
    quiet(keeper, "plan", "--out", "p.json")
    keeper.write(JOB.replace("lines", "seconds"), head="env: [TOKEN]\n")
    done = quiet(keeper, "apply", "--plan", "p.json", "--auto-approve", code=3)
    assert "differ from those of this plan" in done.err
    assert keeper.mine() == []


def test_the_words_of_the_service_are_not_passed_on_with_it(keeper: Lab) -> None:
    keeper.write(
        'count: {appId: wc-demo-1.00, batchQueue: "${env.TOKEN}"}\n', head="env: [TOKEN]\n"
    )
    done = quiet(keeper, "apply", "--auto-approve", code=1)
    assert "(sensitive)" in done.err
    assert SECRET not in kept(keeper.folder / "state")


def test_in_ci_a_set_reads_only_what_the_runner_allows(keeper: Lab) -> None:
    for command in ("plan", "validate", "status"):
        done = quiet(keeper, command, "--target", "env", CI="true", code=1)
        assert "set.yaml:5:" in done.err and "--allow-env TOKEN" in done.err
    quiet(keeper, "plan", "--allow-env", "TOKEN", CI="true")
    quiet(keeper, "validate", CI="true", JOBSYNC_ALLOW_ENV="HOME, TOKEN")
    quiet(keeper, "plan", CI="true", JOBSYNC_ALLOW_ENV="OTHER", code=1)


def test_a_sensitive_variable_is_one_too(lab: Lab) -> None:
    lab.write(JOB.replace("env.TOKEN", "var.t"), head="variables: {t: {sensitive: true}}\n")
    given = ("--var", f"t={SECRET}")
    quiet(lab, "plan", *given, "--out", "p.json")
    assert SECRET not in kept(lab.folder)
    refused = quiet(lab, "apply", "--plan", "p.json", "--auto-approve", code=1)
    assert "pass --var t=VALUE" in refused.err
    quiet(lab, "apply", "--plan", "p.json", "--auto-approve", "--wait", *given)
    assert sent(lab) == [SECRET]


def test_what_is_advised_does_not_repeat_it(lab: Lab) -> None:
    job = 'count: {appId: wc-demo-1.00, parameters: {lines: "${var.key}"}, expect: [nothing.txt]}\n'
    lab.write(job, head="variables: {key: {sensitive: true}}\n")
    given = ("--var", f"key={SECRET}")
    done = quiet(lab, "apply", *given, "--auto-approve", "--wait", code=7)
    assert "'key=(sensitive)'" in done.out + done.err
    for command in ("plan", "status"):
        done = lab.run(command, *given)
        assert SECRET not in done.out + done.err and "'key=(sensitive)'" in done.out + done.err
