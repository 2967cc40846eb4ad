"""What people are told about outputs, by the command, against a service that runs the jobs."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobsync.testing import LocalService, local_service

APP = """{"name": "maker", "version": "1", "templatePath": "wrapper.sh",
"parameters": [{"id": "code", "value": {"type": "number", "default": 0}},
{"id": "pause", "value": {"type": "number", "default": 0}},
{"id": "word", "value": {"type": "string", "default": "one"}}]}"""
WRAPPER = """
sleep ${pause}
mkdir -p out
echo ${word} > out/a.txt
exit ${code}
"""


_NUMBERS = itertools.count(1)


@dataclass
class Desk:
    """A folder with a set, and commands run there as *user*."""

    folder: Path
    service: LocalService
    project: str

    def write(self, body: str) -> None:
        (self.folder / "jobs.yaml").write_text(
            f"apiVersion: jobsync/v1\nproject: {self.project}\njobs:\n  make:\n{body}"
        )

    def run(self, *arguments: str, user: str = "alice") -> subprocess.CompletedProcess[str]:
        environ = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("TAPIS_", "AGAVE_", "JOBSYNC_")) and key != "CI"
        }
        environ |= {
            "HOME": str(self.folder),
            "TAPIS_BASE_URL": self.service.url,
            "TAPIS_TOKEN": self.service.tokens[user],
            "JOBSYNC_STATE_DIR": str(self.folder / f"state-{user}"),
        }
        return subprocess.run(
            [sys.executable, "-m", "jobsync", *arguments],
            cwd=self.folder, env=environ, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def apply(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("apply", "--auto-approve", *arguments)

    def job(self) -> dict[str, str]:
        """The newest visible run of this set."""
        rows = self.service.call("alice", "GET", "/jobs/v2?limit=250").result
        return max(
            (row for row in rows if row["name"].startswith(f"{self.project}.")),
            key=lambda row: row["created"],
        )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    workspace = tmp_path_factory.mktemp("words")
    app = workspace / "apps" / "maker"
    app.mkdir(parents=True)
    (app / "app.json").write_text(APP)
    (app / "wrapper.sh").write_text(WRAPPER)
    with local_service(workspace, users=("alice", "bob")) as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, service: LocalService) -> Iterator[Desk]:
    yield Desk(tmp_path, service, f"words{next(_NUMBERS)}")
    service.disarm()


OUTPUTS = (
    "    appId: maker-1\n    maxRunTime: '00:10:00'\n    outputs: [{path: 'out/*.txt', to: got/}]\n"
)


def test_a_run_that_is_active_failed_or_over_has_its_own_words(desk: Desk) -> None:
    desk.write(OUTPUTS + "    parameters: {pause: 30}\n")
    assert desk.apply().returncode == 0
    got = desk.run("outputs", "get", "make")
    assert got.returncode == 1 and "outputs are fetched once it has finished" in got.stderr
    desk.service.call("alice", "POST", f"/jobs/v2/{desk.job()['id']}", {"action": "stop"})
    desk.write(OUTPUTS + "    parameters: {code: 3}\n")
    desk.apply("--wait")
    got = desk.run("outputs", "get", "make")
    assert got.returncode == 1 and "only a finished run has outputs" in got.stderr


def test_a_system_that_is_down_a_purged_folder_and_no_read(desk: Desk) -> None:
    desk.write("    appId: maker-1\n")
    assert desk.apply("--wait").returncode == 0
    run_id = desk.job()["id"]
    desk.write(OUTPUTS)
    planned = desk.run("plan", "--detailed-exitcode")
    assert planned.returncode == 2, planned.stderr
    desk.service.arm("system-down,times=99")
    down = desk.run("plan")
    assert down.returncode == 1 and "is down" in down.stdout + down.stderr, down
    assert "No changes" not in down.stdout
    desk.service.disarm()
    (work,) = [p for p in desk.service.workspace.rglob("out") if run_id in str(p)]
    shutil.rmtree(work.parent)
    gone = desk.run("outputs", "get", "make", "*", "--to", "x/")
    assert gone.returncode != 0 and "purged" in gone.stderr, gone
    desk.write(
        f"    appId: maker-1\n    id: {run_id}\n    outputs: [{{path: 'out/*.txt', to: got/}}]\n"
    )
    hidden = desk.run("plan", user="bob")
    assert hidden.returncode == 1 and f"you cannot see run {run_id}" in hidden.stderr
    assert not (desk.folder / "got").exists()


@pytest.mark.parametrize("declared", ["required", "expect"])
def test_what_is_missing_is_a_failed_run_and_says_what_was_there(desk: Desk, declared: str) -> None:
    tail = {
        "required": "    outputs: [{path: '*.aln', to: got/}]\n",
        "expect": "    outputs: [{path: 'out/*.txt', to: got/}]\n    expect: ['*.aln']\n",
    }[declared]
    desk.write("    appId: maker-1\n" + tail)
    done = desk.apply("--wait")
    said = done.stdout + done.stderr
    assert done.returncode == 7, said
    assert "'*.aln' matched nothing; there are" in said and "'out/a.txt'" in said
    assert (desk.folder / "got" / "a.txt").exists() == (declared == "expect")


def test_a_replaced_job_makes_its_outputs_due_again(desk: Desk) -> None:
    desk.write(OUTPUTS + "    parameters: {word: one}\n")
    assert desk.apply("--wait").returncode == 0
    first = (desk.folder / "jobsync.lock").read_text()
    assert (desk.folder / "got/a.txt").read_text() == "one\n"
    assert desk.run("plan", "--detailed-exitcode").returncode == 0
    desk.write(OUTPUTS + "    parameters: {word: two}\n")
    done = desk.apply("--wait")
    assert done.returncode == 0, done.stderr
    assert (desk.folder / "got/a.txt").read_text() == "two\n"
    second = (desk.folder / "jobsync.lock").read_text()
    assert second != first and second.count("\nfile\t") == 1 and desk.job()["id"] in second


def test_limits_verify_and_a_fresh_clone(desk: Desk) -> None:
    desk.write(OUTPUTS)
    assert desk.apply("--wait").returncode == 0
    fetched = desk.folder / "got/a.txt"
    assert desk.run("outputs", "verify").returncode == 0
    fetched.unlink()
    assert desk.run("outputs", "verify").returncode == 2
    assert desk.run("plan", "--detailed-exitcode").returncode == 0, "available is no change"
    few = desk.run("outputs", "get", "make", "--max-bytes", "3")
    assert few.returncode == 1 and "more than --max-bytes 3" in few.stderr and not fetched.exists()
    assert desk.apply().returncode == 0 and fetched.read_text() == "one\n"
    (desk.folder / "got/other").write_text("?")
    extra = desk.run("outputs", "verify")
    assert extra.returncode == 2 and extra.stdout.startswith("extra    got/other")
