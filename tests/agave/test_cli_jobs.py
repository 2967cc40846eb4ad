"""``jobsync jobs``: each operation by hand, as text and as JSON, with the right exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobsync.cli import main as cli
from jobsync.model import RunState
from tests.fakes.agave_world import APP, World, settled, world

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("cli")) as found:
        yield found


@pytest.fixture
def jobs(
    here: World,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> Command:
    """Call a subcommand as alice, in an empty folder: exit code, standard output, error."""
    monkeypatch.chdir(tmp_path)
    for name in ("CI", "JOBSYNC_TARGET", "TAPIS_CACHE_DIR", "AGAVE_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAPIS_BASE_URL", here.service.url)
    monkeypatch.setenv("TAPIS_TOKEN", here.service.tokens["alice"])

    def call(*arguments: str) -> tuple[int, str, str]:
        capfdbinary.readouterr()
        code = cli._run(["jobs", *arguments])
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return int(code), out.decode(), err.decode()

    return call


@pytest.fixture
def made(here: World) -> str:
    """The id of a finished job of alice's."""
    run = here.finished(here.as_("alice"), "made.x.aaaaaaaaaa")
    here.service.faults.clear()
    return run.id


def as_json(result: tuple[int, str, str]) -> Any:
    code, out, err = result
    assert (code, err) == (0, "")
    return json.loads(out)


def write(name: str, content: object) -> str:
    Path(name).write_text(content if isinstance(content, str) else json.dumps(content))
    return name


REQUEST = {"name": "by-hand", "appId": APP, "parameters": {"seconds": 0}}


def test_submit_show_and_status(jobs: Command, here: World) -> None:
    job = as_json(jobs("submit", "-f", write("job.json", REQUEST), "--format", "json"))
    assert job["name"] == "by-hand" and job["status"] == "PENDING" and job["owner"] == "alice"
    assert settled(here.as_("alice"), job["id"]).state is RunState.FINISHED
    shown = as_json(jobs("show", job["id"], "--format", "json"))
    assert shown["status"] == "FINISHED" and shown["archivePath"] and shown["created"].endswith("Z")
    assert as_json(jobs("status", job["id"], "--format", "json")) == {
        "id": job["id"],
        "status": "FINISHED",
    }
    code, out, _ = jobs("show", job["id"])
    fields = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert code == 0 and fields["id"] == job["id"] and fields["name"] == "by-hand"


def test_list_takes_terms_and_pages(jobs: Command, made: str) -> None:
    rows = as_json(jobs("list", "--term", "name.eq=made.x.aaaaaaaaaa", "--format", "json"))
    assert made in [row["id"] for row in rows]
    assert {row["name"] for row in rows} == {"made.x.aaaaaaaaaa"}
    one = as_json(jobs("list", "--limit", "1", "--offset", "0", "--format", "json"))
    assert len(one) == 1
    code, out, _ = jobs("list")
    heading, *lines = out.splitlines()
    assert code == 0 and heading.split() == ["ID", "NAME", "STATUS", "OWNER", "APPID", "CREATED"]
    assert any(line.startswith(made) for line in lines)


def test_history_in_order(jobs: Command, made: str) -> None:
    events = as_json(jobs("history", made, "--format", "json"))
    assert events[0]["status"] == "PENDING" and events[-1]["status"] == "FINISHED"
    assert len(as_json(jobs("history", made, "--limit", "2", "--format", "json"))) == 2


def test_outputs(jobs: Command, made: str) -> None:
    files = as_json(jobs("outputs-list", made, "--format", "json"))
    size = {file["path"]: file["length"] for file in files}
    code, out, _ = jobs("outputs-download", made, "counts.txt")
    assert code == 0 and "counts.txt" in out
    assert Path("counts.txt").stat().st_size == size["counts.txt"]
    code, _, err = jobs("outputs-download", made, "counts.txt")
    assert code == 1 and "--force" in err
    assert jobs("outputs-download", made, "counts.txt", "--force")[0] == 0
    code, out, _ = jobs("outputs-download", made, "counts.txt", "-o", "-")
    assert (code, out) == (0, Path("counts.txt").read_text())
    assert jobs("outputs-download", made, "counts.txt", "-o", "other.txt")[0] == 0
    assert sorted(path.name for path in Path().iterdir()) == ["counts.txt", "other.txt"]
    code, _, err = jobs("outputs-download", made, "counts.txt", "-o", "more", "--max-bytes", "1")
    assert code == 1 and "more than --max-bytes 1" in err and not Path("more").exists()
    code, _, err = jobs("outputs-download", made, "no-such.txt")
    assert code == 1 and "500" in err and not Path("no-such.txt").exists()


def test_permissions(jobs: Command, made: str) -> None:
    granted = as_json(jobs("pems-grant", made, "bob", "READ", "--format", "json"))
    assert granted == {"username": "bob", "permission": "READ", "read": True, "write": False}
    code, out, _ = jobs("pems-list", made)
    assert code == 0 and [line.split() for line in out.splitlines()] == [
        ["USERNAME", "PERMISSION"],
        ["alice", "READ_WRITE"],
        ["bob", "READ"],
    ]
    assert as_json(jobs("pems-show", made, "bob", "--format", "json")) == granted
    assert jobs("pems-update", made, "bob", "all")[0] == 0
    assert as_json(jobs("pems-show", made, "bob", "--format", "json"))["write"]
    assert jobs("pems-delete", made, "bob")[0] == 0
    assert jobs("pems-show", made, "bob")[0] == 1
    for user in ("bob", "carol"):
        assert jobs("pems-grant", made, user, "READ_WRITE")[0] == 0
    assert as_json(jobs("pems-revoke", made, "bob", "--format", "json"))["permission"] == "NONE"
    assert jobs("pems-drop", made)[0] == 0
    assert len(as_json(jobs("pems-list", made, "--format", "json"))) == 1
    assert as_json(jobs("show", made, "--format", "json"))["visible"] is True


@pytest.mark.parametrize("operation", ["pems-grant", "pems-update"])
def test_a_grant_that_did_not_take_is_an_error(jobs: Command, made: str, operation: str) -> None:
    """What the service answers is what holds; for the owner it answers that nothing was done."""
    code, out, err = jobs(operation, made, "alice", "READ")
    assert (code, out) == (1, "")
    assert "the service answers that alice has NONE, not what READ asks for" in err


def test_cancel_resubmit_delete_and_restore(jobs: Command, here: World) -> None:
    slow = {**REQUEST, "parameters": {"seconds": 60}}
    job = as_json(jobs("submit", "-f", write("job.json", slow), "--format", "json"))["id"]
    assert as_json(jobs("cancel", job, "--format", "json")) == {"id": job, "stopping": True}
    assert settled(here.as_("alice"), job).state is RunState.STOPPED
    again = as_json(jobs("resubmit", job, "--format", "json"))["id"]
    assert again != job
    for known in (job, again):
        assert jobs("delete", known)[0] == 0
    code, _, err = jobs("delete", job)
    assert code == 1 and "404" in err
    assert as_json(jobs("restore", job, "--format", "json"))["id"] == job


def test_a_job_file_that_is_none(jobs: Command) -> None:
    for content in ("{", "[]", '{"appId": "x-1"}', '{"name": 7}', '{"name": " "}'):
        code, out, err = jobs("submit", "-f", write("job.json", content))
        assert (code, out) == (1, "") and "job.json" in err and "Traceback" not in err
    code, _, err = jobs("submit", "-f", "absent.json")
    assert code == 1 and "absent.json" in err


def test_a_submit_whose_outcome_is_unknown_exits_6(jobs: Command, here: World) -> None:
    here.service.faults.add("reset-after,on=submit")
    code, out, err = jobs("submit", "-f", write("job.json", {**REQUEST, "name": "lost"}))
    assert (code, out) == (6, "") and "--term name.eq=lost" in err
    rows = as_json(jobs("list", "--term", "name.eq=lost", "--format", "json"))
    assert len(rows) == 1


def test_what_is_wrong_is_said_in_one_line(
    jobs: Command, made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = "0000000000000000000-00000000-0001-007"
    for arguments in (("show", missing), ("show", ".."), ("pems-delete", made, ".."), ("show", "")):
        code, out, err = jobs(*arguments)
        assert (code, out) == (1, "") and err.startswith("Error: ")
    assert jobs("list", "--term", "name")[0] == 64
    assert jobs("list", "--limit", "0")[0] == 64
    assert jobs("pems-grant", made, "bob", "ADMIN")[0] == 64
    monkeypatch.setenv("TAPIS_TOKEN", "canary")
    code, out, err = jobs("list")
    assert (code, out) == (1, "") and "401" in err and "canary" not in err


def test_text_from_the_service_does_nothing_to_a_terminal(jobs: Command, here: World) -> None:
    run = here.as_("alice").submit("\x1b[2J::error::x", {"appId": APP})
    code, out, _ = jobs("list")
    assert code == 0 and "\x1b" not in out and "\\x1b[2J" in out
    code, out, _ = jobs("show", run.id)
    assert code == 0 and "\x1b" not in out


def test_help_costs_no_library() -> None:
    program = "import sys, jobsync.cli.jobs; print([m for m in sys.modules if m == 'requests'])"
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert out.strip() == "[]"
