"""Fetching from the real local service through the real client, and the commands as people type."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.backend import Reader
from jobsync.http.retry import RetryPolicy
from jobsync.model import OutputChange, OutputRule, Result, RunState
from jobsync.outputs.fetch import fetch_all
from jobsync.outputs.fetch_record import Ledger
from jobsync.outputs.logs import log_tails
from jobsync.outputs.result import FetchLimits, FetchResult
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave.credentials import explicit
from jobsync.testing import LocalService, local_service

APP = """{"name": "maker", "version": "1", "templatePath": "wrapper.sh",
"parameters": [{"id": "code", "value": {"type": "number", "default": 0}}]}"""
WRAPPER = """
mkdir -p out/deep .hidden
echo one > out/a.txt
echo two > "out/deep/b c.txt"
head -c 300000 /dev/urandom > out/big.bin
: > empty
echo x > 'back~up'
echo x > .hidden/no
echo the last words >&2
exit ${code}
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    workspace = tmp_path_factory.mktemp("service")
    app = workspace / "apps" / "maker"
    app.mkdir(parents=True)
    (app / "app.json").write_text(APP)
    (app / "wrapper.sh").write_text(WRAPPER)
    with local_service(workspace) as running:
        yield running


@pytest.fixture(scope="module")
def job(service: LocalService) -> str:
    """The id of a finished job."""
    made = service.submit("alice", name="phylo.maker.aaaaaaaaaa", appId="maker-1")
    assert service.wait("alice", made["id"])["status"] == "FINISHED"
    return str(made["id"])


@pytest.fixture
def reader(service: LocalService) -> Iterator[Reader]:
    how = agave.Connection(policy=RetryPolicy(attempts=2, first=0.05), concurrency=4)
    with agave.connect_reader(
        service.url, explicit(service.url, service.tokens["alice"]), how=how
    ) as opened:
        yield opened
    service.disarm()


def fetch(reader: Reader, job: str, root: Path, *rules: tuple[str, str]) -> FetchResult:
    return fetch_all(
        reader,
        OutputChange("maker", None, tuple(OutputRule(*rule) for rule in rules)),
        reader.run(job),
        ledger=Ledger(str(root), str(root), ["maker"]),
        limits=FetchLimits(patience=(0.0, 0.0, 0.0)),
        report=lambda progress: None,
        stop=lambda: False,
    )


def names_below(root: Path) -> set[str]:
    return {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}


def test_everything_comes_but_what_the_service_would_rewrite(
    reader: Reader, job: str, tmp_path: Path
) -> None:
    result = fetch(reader, job, tmp_path, ("**", "got/"))
    assert [name for name, _ in result.refused] == ["back~up"]
    assert not result.failed, result.detail
    assert {"got/out/a.txt", "got/out/deep/b c.txt", "got/out/big.bin", "got/empty"} <= (
        names_below(tmp_path)
    )
    assert not any("hidden" in name or "back" in name for name in names_below(tmp_path))
    assert (tmp_path / "got/out/deep/b c.txt").read_text() == "two\n"


@pytest.mark.parametrize(
    "fault",
    [
        "truncated,on=media,bytes=3",
        "reset-before,on=media",
        "reset-after,on=media",
        "html,on=media,status=502",
        "html-200,on=media",
        "throttle,on=media,retry-after=0",
        "drip,on=media,seconds=0.2",
        "slow,on=media,seconds=0.2",
        "gzip,on=media",
        "null-prefix",
        "system-down,on=media",
    ],
)
def test_one_fault_is_survived_and_nothing_wrong_is_kept(
    reader: Reader, service: LocalService, job: str, tmp_path: Path, fault: str
) -> None:
    fetch(reader, job, tmp_path / "fine", ("out/", "got/"))
    service.arm(fault)
    result = fetch(reader, job, tmp_path / "faulty", ("out/", "got/"))
    assert service.hits(fault.partition(",")[0])
    assert result.result is Result.DONE, result.detail
    fine, faulty = tmp_path / "fine" / "got", tmp_path / "faulty" / "got"
    assert {n: (fine / n).read_bytes() for n in names_below(fine)} == {
        n: (faulty / n).read_bytes() for n in names_below(faulty)
    }


def test_a_system_that_is_down_is_said_so(
    reader: Reader, service: LocalService, job: str, tmp_path: Path
) -> None:
    service.arm("system-down,on=listings,times=9")
    result = fetch(reader, job, tmp_path, ("**", "got/"))
    assert "down" in result.unavailable, result.unavailable


def test_another_user_without_read_is_told(service: LocalService, job: str, reader: Reader) -> None:
    run = reader.run(job)
    how = agave.Connection(policy=RetryPolicy(attempts=1))
    with agave.connect_reader(
        service.url, explicit(service.url, service.tokens["bob"]), how=how
    ) as other:
        result = fetch_all(
            other,
            OutputChange("maker", None, (OutputRule("**", "got/"),)),
            run,
            ledger=Ledger("/tmp", "/tmp", ["maker"]),
            limits=FetchLimits(),
            report=lambda progress: None,
            stop=lambda: False,
        )
    assert "READ" in result.unavailable


def test_the_last_words_of_a_failed_job(service: LocalService, reader: Reader) -> None:
    made = service.submit(
        "alice", name="phylo.bad.aaaaaaaaaa", appId="maker-1", parameters={"code": 3}
    )
    assert service.wait("alice", made["id"])["status"] == "FAILED"
    run = reader.run(str(made["id"]))
    assert run.state is RunState.FAILED
    (tail,) = log_tails(reader, run)
    assert tail.lines == ("the last words",) and tail.is_whole


MANIFEST = """\
apiVersion: jobsync/v1
project: demo
jobs:
  count:
    appId: wc-demo-1.00
    outputs:
      - {path: "counts.txt", to: results/}
    expect: ["counts.txt"]
"""


def jobsync(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {
        k: v for k, v in os.environ.items() if not k.startswith(("TAPIS_", "JOBSYNC_", "CI"))
    }
    return subprocess.run(
        [sys.executable, "-c", "from jobsync.cli.main import main; main()", *arguments],
        cwd=folder, env=environ, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_the_commands(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(MANIFEST)
    done = jobsync(tmp_path, "apply", "--auto-approve")
    assert done.returncode == 0, done.stderr
    fetched = tmp_path / "results" / "counts.txt"
    content = fetched.read_bytes()
    listed = json.loads(jobsync(tmp_path, "outputs", "list", "--format", "json").stdout)
    assert [(row["to"], row["state"]) for row in listed] == [("results/counts.txt", "here")]
    assert jobsync(tmp_path, "outputs", "verify").returncode == 0
    fetched.write_bytes(b"edited")
    verified = jobsync(tmp_path, "outputs", "verify")
    assert verified.returncode == 2 and verified.stdout.startswith("changed  results/counts.txt")
    kept = jobsync(tmp_path, "outputs", "get", "count")
    assert kept.returncode == 1 and "edited here after" in kept.stderr
    assert fetched.read_bytes() == b"edited"
    fetched.unlink()
    assert jobsync(tmp_path, "outputs", "get", "count").returncode == 0
    assert fetched.read_bytes() == content
    loose = jobsync(tmp_path, "outputs", "get", "count", "*.out", "--to", "logs/")
    assert loose.returncode == 0 and loose.stdout.startswith("logs/")
    assert "logs/" not in (tmp_path / "jobsync.lock").read_text()
    wrong = jobsync(tmp_path, "outputs", "get", "cuont")
    assert wrong.returncode == 1 and "known: count" in wrong.stderr
    limited = jobsync(tmp_path, "outputs", "get", "count", "*", "--to", "x/", "--max-files", "1")
    assert limited.returncode == 1 and "--max-files 1" in limited.stderr
    assert not (tmp_path / "x").exists()
    (tmp_path / "jobsync.lock").write_text("nonsense\n")
    damaged = jobsync(tmp_path, "outputs", "verify")
    assert damaged.returncode == 1 and "jobsync.lock:1:1: " in damaged.stderr
