"""``jobsync logs`` of Tapis v3 while a run goes on: a real process that writes, a real socket."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.testing import LocalService, local_service
from tests.fakes.tapis_world import add_app
from tests.line.tapis_lab import TapisLab

SPEAK = """\
echo begin
printf 'a\\ttab \\033[31m red\\n' >&2
if [ -n "$BIG" ]; then head -c "$BIG" /dev/zero | tr '\\0' x | fold -w 99; fi
while [ ! -e "$GO" ]; do sleep 0.1; done
echo more
while [ ! -e "$GO.end" ]; do sleep 0.1; done
echo end
printf 'the last words'
"""
JOB = """\
{0}:
  appId: speak
  appVersion: "1.0"
  parameterSet:
    envVariables: [{{key: GO, value: "{1}"}}, {{key: BIG, value: "{2}"}}]
{3}"""
APART = "    logConfig: {stdoutFilename: out.txt, stderrFilename: err.txt}\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder = tmp_path_factory.mktemp("service")
    add_app(folder, "speak", SPEAK)
    with local_service(folder, api="tapis/v3", users=("alice", "bob")) as running:
        yield running
        running.stop_jobs()


@pytest.fixture
def lab(tmp_path: Path, service: LocalService) -> Iterator[TapisLab]:
    made = TapisLab(tmp_path, service)
    yield made
    made.close()


def heard(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout
    return [process.stdout.readline() for _ in range(count)]


def test_the_log_of_a_run_as_it_grows(lab: TapisLab) -> None:
    go = lab.folder / "go"
    lab.write(JOB.format("long", go, "", "") + JOB.format("apart", go, "", APART))
    assert lab.run("apply", "--auto-approve").code == 0
    following = lab.start("logs", "long", "--follow")
    errors = lab.start("logs", "apart", "--follow", "--err")
    assert heard(following, 2) == ["begin\n", "a\ttab \\x1b[31m red\n"]
    assert heard(errors, 1) == ["a\ttab \\x1b[31m red\n"]
    assert lab.run("logs", "long").out == "begin\na\ttab \\x1b[31m red\n"
    assert lab.run("logs", "apart", "--out").out == "begin\n"
    assert lab.run("logs", "long", "-n", "1").out == "a\ttab \\x1b[31m red\n"
    assert following.poll() is None
    go.write_text("")
    assert heard(following, 1) == ["more\n"]
    assert following.poll() is None
    (lab.folder / "go.end").write_text("")
    out, err = following.communicate(timeout=60)
    assert following.returncode == 0 and out == "end\nthe last words\n"
    assert "RUNNING" in err and "FINISHED" in err and "output and error: tapisjob.out" in err
    rest, said = errors.communicate(timeout=60)
    assert errors.returncode == 0 and rest == "" and "standard error: err.txt" in said


def test_a_long_log_is_followed_where_it_comes_as_a_zip(lab: TapisLab) -> None:
    """Over 1 MB the jobs service sends the file as a zip, and no range of it."""
    go = lab.folder / "go"
    lab.write(JOB.format("long", go, 1_500_000, ""))
    assert lab.run("apply", "--auto-approve").code == 0
    lab.wait_for(lambda: len(lab.run("logs", "long").out) > 1_500_000)
    following = lab.start("logs", "long", "--follow", "-n", "1")
    first = heard(following, 1)
    assert set(first[0].strip()) == {"x"}
    go.write_text("")
    (lab.folder / "go.end").write_text("")
    out, err = following.communicate(timeout=60)
    assert following.returncode == 0, err
    assert out == "more\nend\nthe last words\n"


def test_a_run_that_waits_and_is_stopped(lab: TapisLab) -> None:
    lab.service.arm("blocked,seconds=4")
    lab.write(JOB.format("long", lab.folder / "go", "", ""))
    assert lab.run("apply", "--auto-approve").code == 0
    following = lab.start("logs", "long", "--follow")
    early = lab.run("logs", "long")
    assert early.code == 1 and "has not printed anything yet" in early.err
    assert "jobsync logs long --follow" in early.err
    assert heard(following, 1) == ["begin\n"]
    assert lab.run("stop", "long", "--auto-approve").code == 0
    _, err = following.communicate(timeout=60)
    assert following.returncode == 0 and "BLOCKED" in err and "CANCELLED" in err, err
