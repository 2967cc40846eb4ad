"""What a plan or a report advises works when it is typed, and does what was said."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

import pytest

from tests.line.linebench import Done, Lab

JOBS = """\
slow: {appId: wc-demo-1.00, maxRunTime: "00:00:01", parameters: {seconds: 30}}
halted: {appId: wc-demo-1.00, parameters: {seconds: 31}}
short: {appId: wc-demo-1.00, expect: [nosuch.txt]}
"""
COMMAND = re.compile(r"(?<!### )(?<!<!-- )jobsync [a-z][^;()`\n]*")


def commands(texts: Iterable[str]) -> list[str]:
    """Every command that *texts* advise, each once."""
    found = (match.strip() for text in texts for match in COMMAND.findall(text))
    return list(dict.fromkeys(found))


def typed(lab: Lab, command: str) -> Done:
    words = shlex.split(command)
    assert words[0] == "jobsync"
    approve = ["--auto-approve", "--wait"] if words[1] == "apply" else []
    return lab.run(*words[1:], *approve)


def ended_badly(lab: Lab) -> Done:
    """Three jobs: one fails, one is stopped, one finishes without what it must produce."""
    lab.write(JOBS)
    assert lab.run("apply", "--auto-approve").code == 0
    (halted,) = (run["id"] for run in lab.mine() if ".halted." in run["name"])
    assert lab.run("jobs", "cancel", halted).code == 0
    done = lab.run("apply", "--auto-approve", "--wait")
    assert done.code == 7, done.err
    return done


def test_every_command_that_is_advised_works_when_typed(lab: Lab) -> None:
    report = ended_badly(lab)
    texts = [report.out, report.err]
    for arguments in (["plan"], ["plan", "-q"], ["status"], ["drift", "-q"], ["plan", "--format"]):
        done = lab.run(*arguments, *(["markdown"] if arguments[-1] == "--format" else []))
        texts += [done.out, done.err]
    texts += [lab.run("why", address).out for address in ("slow", "halted", "short")]
    advised = commands(texts)
    for address in ("slow", "halted", "short"):
        for text in (lab.run("plan").out, lab.run("status").out, lab.run("why", address).out):
            assert f"run it again with: jobsync apply --retry {address}" in text
        assert f"jobsync apply --retry {address}" in advised
    for command in advised:
        done = typed(lab, command)
        assert done.code in (0, 7), f"{command}: {done.err}"
    attempts = sorted(run["name"].split(".", 1)[1] for run in lab.mine())
    assert len(attempts) == 6 and sum(name.endswith(".r2") for name in attempts) == 3


def test_an_advised_command_names_the_set_and_the_target_as_they_were_named(lab: Lab) -> None:
    ended_badly(lab)
    folder = lab.folder / "my sets"
    folder.mkdir()
    (lab.folder / "set.yaml").rename(folder / "set.yaml")
    named = ["--target", "env", "--var", "x=1 2"]
    text = (folder / "set.yaml").read_text()
    (folder / "set.yaml").write_text(text.replace("jobs:", "variables: {x: y}\njobs:"))
    texts = [
        lab.run("plan", "my sets", *named).out,
        lab.run("status", "-m", "my sets", *named).out,
        lab.run("why", "slow", "-m", "my sets", *named).out,
    ]
    expected = "jobsync apply 'my sets' --target env --var 'x=1 2' --retry slow"
    assert all(expected in text for text in texts), texts
    assert typed(lab, expected).code == 7
    assert sum(".slow." in run["name"] for run in lab.mine()) == 2


def test_a_run_that_misses_something_is_run_again_and_the_new_attempt_is_current(lab: Lab) -> None:
    lab.write("short: {appId: wc-demo-1.00, expect: [nosuch.txt]}\n")
    assert lab.run("apply", "--auto-approve", "--wait").code == 7
    assert lab.run("apply", "--retry-failed", "--auto-approve", "--wait").code == 7
    assert lab.run("apply", "--retry", "sh*", "--auto-approve", "--wait").code == 7
    first, second, third = sorted(run["name"] for run in lab.mine())
    assert second == f"{first}.r2" and third == f"{first}.r3"
    lab.write("short: {appId: wc-demo-1.00, expect: [counts.txt]}\n")
    done = lab.run("plan", "--detailed-exitcode")
    assert "duplicate" not in done.out + done.err and "live runs" not in done.out


def test_the_retry_that_was_advised_works_once_the_job_is_mended(lab: Lab) -> None:
    lab.write("short: {appId: wc-demo-1.00, expect: [nosuch.txt]}\n")
    report = lab.run("apply", "--auto-approve", "--wait")
    assert "jobsync apply --retry short" in commands([report.err])
    lab.write("short: {appId: wc-demo-1.00, parameters: {lines: 3}, expect: [counts.txt]}\n")
    done = typed(lab, "jobsync apply --retry short")
    assert done.code == 0, done.err
    assert len(lab.mine()) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--retry", "nosuch"], "the manifests declare no job 'nosuch'"),
        (["--retry", "on"], "did you mean one?"),
        (["--retry", "o*"], "--retry o*: nothing to run again (one is current)"),
    ],
)
def test_a_retry_that_finds_nothing_is_an_error(lab: Lab, arguments: list[str], words: str) -> None:
    lab.write("one: {appId: wc-demo-1.00}\n")
    lab.apply()
    done = lab.run("apply", "--auto-approve", *arguments)
    assert done.code == 64 and words in done.err, done.err
    assert len(lab.mine()) == 1


def test_why_and_history_take_the_key_of_a_matrix_and_globs(lab: Lab) -> None:
    lab.write(
        "calc: {appId: wc-demo-1.00, matrix: {n: [1, 2]}, parameters: {lines: '${matrix.n}'}}\n"
        "other: {appId: wc-demo-1.00}\n"
    )
    lab.apply()
    for text in ("calc", "calc.*"):
        why = lab.run("why", text).out
        assert why.startswith("calc.1: current\n") and "\n\ncalc.2: current\n" in why
        assert "other" not in why
        history = lab.run("history", text).out
        assert ".calc.1." in history and ".calc.2." in history and ".other." not in history


CHAIN = """\
sort: {{appId: wc-demo-1.00, expect: [{expect}], outputs: [{{path: counts.txt, to: results/}}]}}
pack: {{appId: wc-demo-1.00, inputs: {{text: "${{jobs.sort.outputs/counts.txt}}"}}}}
"""


def addresses(lab: Lab) -> list[str]:
    return sorted(run["name"].split(".")[1] for run in lab.mine())


@pytest.mark.parametrize("kinds", [[], ["--only", "jobs"]])
def test_what_needs_a_run_that_misses_something_is_not_submitted(
    lab: Lab, kinds: list[str]
) -> None:
    lab.write(CHAIN.format(expect="DONE.ok"))
    done = lab.run("apply", "--auto-approve", "--wait", *kinds)
    assert done.code == 7, done.err
    assert addresses(lab) == ["sort"]
    rows = [line.split()[:3] for line in done.err.splitlines() if line.startswith("sort  ")]
    assert [row for row in rows if row[1] == "run"] == [["sort", "run", "failed"]], done.err
    assert "expected 'DONE.ok' matched nothing; there are 'counts.txt'" in done.err
    said = "Unchanged, a failed run starts again only on request: jobsync apply --retry sort\n"
    assert said in done.err
    mend = "If you mend the manifest or an input, the next apply runs it again: jobsync apply\n"
    assert mend + said in done.err
    if not kinds:
        assert (lab.folder / "results/counts.txt").exists(), "what there is of it is fetched"
    for _ in ("apply", "again"):
        done = lab.run("apply", "--auto-approve", "--wait", *kinds)
        assert done.code == 7 and addresses(lab) == ["sort"]
    lab.write(CHAIN.format(expect="counts.txt"))
    lab.apply(*kinds)
    assert addresses(lab) == ["pack", "sort"]


def test_a_run_that_ended_in_an_earlier_apply_is_looked_at_before_a_submit(lab: Lab) -> None:
    lab.write(CHAIN.format(expect="DONE.ok"))
    lab.run("apply", "--auto-approve", "--select", "sort", "--only", "jobs")
    (sort,) = lab.mine()
    lab.service.wait("alice", sort["id"])
    for arguments in ([], ["--exclude", "sort"], ["--only", "jobs"]):
        done = lab.run("apply", "--auto-approve", *arguments)
        assert "needs sort, which is incomplete" in done.out, done.out + done.err
        assert addresses(lab) == ["sort"]
