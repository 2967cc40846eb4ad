"""``jobsync doctor`` finds what stands in the way, says what to do, and changes nothing."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from jobsync.apply import Binding
from jobsync.apply.clock import SystemClock
from jobsync.apply.journal import open_journal
from jobsync.apply.journal_entry import Entry, State
from jobsync.apply.lock import apply_lock
from jobsync.cli.findings import SETTINGS, Finding, findings
from jobsync.platforms.token_expiry import expiry_of
from jobsync.secret import Secret
from tests.line.linebench import Bench, Lab
from tests.line.runner import ended, start

JOBS = "one: {appId: wc-demo-1.00}"
PACKAGE = Path(__file__).parents[2] / "jobsync"


def examined(lab: Lab, monkeypatch: pytest.MonkeyPatch, **environ: str) -> dict[str, Finding]:
    """The last finding of each kind, for a command in the folder of *lab*."""
    monkeypatch.chdir(lab.folder)
    return {one.what: one for one in findings((), "env", {}, {**lab.environ, **environ})}


def tree(folder: Path) -> dict[str, float]:
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*")}


def jwt(**claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.x"


def test_a_command_that_can_work(lab: Lab) -> None:
    lab.write(JOBS)
    before = tree(lab.folder)
    done = lab.run("doctor", "--target", "env")
    assert done.code == 0, done
    assert f"project {lab.project}, 1 job, in {lab.folder}" in done.out
    assert f"env (agave/v2) at {lab.service.url}, named by --target" in done.out
    assert "from TAPIS_TOKEN" in done.out and "you are alice" in done.out
    assert "no apply is running" in done.out and done.out.endswith("No problem found.\n")
    assert lab.service.tokens["alice"] not in done.out
    assert tree(lab.folder) == before


def test_the_local_target_is_looked_at_without_starting_it(bench: Bench) -> None:
    (bench.folder / "set.yaml").write_text("apiVersion: jobsync/v1\nproject: p\njobs: {}\n")
    before = tree(bench.folder)
    done = bench.run("doctor")
    assert done.code == 0 and "the first apply makes it" in done.out, done
    assert tree(bench.folder) == before
    state = bench.folder / ".jobsync"
    state.mkdir()
    (state / "jobs.db").write_bytes(b"")
    done = bench.run("doctor", "--format", "json")
    assert done.code == 4, done
    found = {one["check"]: one for one in json.loads(done.out)["findings"]}
    assert found["state"]["level"] == "problem"
    assert "--adopt-state" in found["state"]["next"]


def test_each_problem_has_its_next_step(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.write(JOBS)
    found = examined(lab, monkeypatch, TAPIS_TOKEN="wrong")
    assert found["service"].code == 1
    assert "TAPIS_TOKEN" in found["service"].next
    found = examined(lab, monkeypatch, TAPIS_BASE_URL="http://127.0.0.1:9")
    assert found["service"].code == 1 and "base URL" in found["service"].next
    found = examined(lab, monkeypatch, TAPIS_TOKEN="")
    assert found["credentials"].code == 1 and found["credentials"].next
    found = examined(lab, monkeypatch, JOBSYNC_STATE_DIR="relative")
    assert found["state"].code == 1 and found["state"].next
    found = examined(lab, monkeypatch, JOBSYNC_TARGT="x", REQUESTS_CA_BUNDLE="/no/such")
    assert found["settings"].code == 1 and "correct or unset" in found["settings"].next
    (lab.folder / "set.yaml").write_text("apiVersion: jobsync/v1\nproject: p\njobz: {}\n")
    found = examined(lab, monkeypatch)
    assert found["set"].code == 1 and "jobsync validate" in found["set"].next
    assert found["service"].code == 0, "the rest is looked at all the same"


def test_open_submits_and_the_lock(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.write(JOBS)
    folder = lab.folder / "state"
    binding = Binding(lab.service.url, "alice", lab.project)
    with open_journal(folder, binding) as journal:
        journal.append(Entry(f"{lab.project}.one.b123456789", "one", State.SENDING), SystemClock())
    found = examined(lab, monkeypatch)
    assert found["journal"].code == 6 and "1 open submit " in found["journal"].said
    with apply_lock(folder, binding, SystemClock()):
        found = examined(lab, monkeypatch)
        assert f"process {os.getpid()}" in found["lock"].said
        assert found["journal"].code == 0, "an apply that runs has open submits"
    assert examined(lab, monkeypatch)["lock"].said == "no apply is running"
    found = examined(lab, monkeypatch, CI="1", JOBSYNC_STATE_DIR="", XDG_STATE_HOME=str(folder))
    assert "jobsync journal init" in found["journal"].next
    subprocess.run(["git", "init", "-q", lab.folder], check=True)
    found = examined(lab, monkeypatch, JOBSYNC_JOURNAL="git:origin")
    assert found["journal"].code == 4 and "git remote add" in found["journal"].next
    found = examined(lab, monkeypatch, JOBSYNC_JOURNAL=f"git+file://{lab.folder}")
    assert found["journal"].code == 4 and "journal init" in found["journal"].next


def test_a_clock_that_is_wrong(lab: Lab) -> None:
    lab.write(JOBS)
    done = ended(start(lab, "doctor", "--target", "env", ahead=-100))
    assert done.code == 0, done
    line = r"note +clock +(99|100|101) s behind that of the service\n +-> set the clock"
    assert re.search(line, done.out), done.out


def test_when_a_token_ends(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert expiry_of(Secret(jwt(exp=1_700_000_000))) == 1_700_000_000
    for text in (
        "",
        "abc",
        "a.b.c",
        jwt(exp="soon"),
        jwt(exp=True),
        jwt(exp=-1),
        jwt(),
        "e30.W10.x",
    ):
        assert expiry_of(Secret(text)) is None
    found = examined(lab, monkeypatch, TAPIS_TOKEN=jwt(exp=time.time() - 7260))
    assert found["credentials"].said == "the token from TAPIS_TOKEN ended 2 h 1 min ago"
    assert found["credentials"].level == "problem"
    found = examined(lab, monkeypatch, TAPIS_TOKEN=jwt(exp=time.time() + 1830))
    assert found["credentials"].said == "from TAPIS_TOKEN; the token ends in 30 min"
    assert found["credentials"].level == "note"
    folder = lab.folder / ".agave"
    folder.mkdir()
    login = {
        "baseurl": lab.service.url,
        "username": "alice",
        "access_token": "x",
        "created_at": str(int(time.time()) - 100),
        "expires_in": 90,
    }
    (folder / "current").write_text(json.dumps(login))
    found = examined(lab, monkeypatch, TAPIS_TOKEN="")
    assert found["credentials"].next == "jobsync auth login --target env"
    login |= {"apikey": "k", "apisecret": "s", "refresh_token": "r"}
    (folder / "current").write_text(json.dumps(login))
    assert examined(lab, monkeypatch, TAPIS_TOKEN="")["credentials"].code == 0, "it is renewed"


def test_every_variable_of_jobsync_is_known() -> None:
    """Else doctor would call a right one a typing error."""
    ours = {"JOBSYNC_COMPLETE", "JOBSYNC_JOB"}
    read = set()
    for path in PACKAGE.rglob("*.py"):
        read |= set(re.findall(r"JOBSYNC_[A-Z_]*[A-Z]", path.read_text("utf-8")))
    assert read - ours == SETTINGS
