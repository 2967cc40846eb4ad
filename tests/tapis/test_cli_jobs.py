"""``jobsync jobs`` on Tapis v3: each operation by hand, as text and as JSON, by its effect."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobsync.cli import jobs_agave, jobs_tapis
from jobsync.cli import main as cli
from tests.fakes.tapis_world import FAILING, World, world

Command = Callable[..., tuple[int, str, str]]
REQUEST: dict[str, Any] = {
    "name": "by hand", "appId": "wc-demo", "appVersion": "1.00", "tags": ["mine"],
    "parameterSet": {"envVariables": [{"key": "A", "value": "1"}]},
}  # fmt: skip


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
) -> Iterator[Command]:
    """Call a subcommand as alice, in an empty folder: exit code, standard output, error."""
    monkeypatch.chdir(tmp_path)
    for name in ("CI", "JOBSYNC_TARGET", "TAPIS_TOKEN", "TAPIS_API", "TAPIS_USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TAPIS_BASE_URL", here.service.url)
    monkeypatch.setenv("TAPIS_ACCESS_TOKEN", here.service.jwt("alice"))

    def call(*arguments: str) -> tuple[int, str, str]:
        capfdbinary.readouterr()
        code = cli._run(["jobs", *arguments])
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return int(code), out.decode(), err.decode()

    yield call
    here.service.disarm()


@pytest.fixture(scope="module")
def made(here: World) -> str:
    """The uuid of a finished job of alice's."""
    return here.finished("alice", **REQUEST).id


@pytest.fixture
def running(here: World) -> Iterator[str]:
    """The uuid of a job of alice's that is held in mid-wait for a while."""
    here.service.arm("blocked,seconds=60")
    yield str(here.service.submit("alice", **REQUEST)["uuid"])


def as_json(result: tuple[int, str, str]) -> Any:
    code, out, err = result
    assert (code, err) == (0, ""), (out, err)
    return json.loads(out)


def write(name: str, content: object) -> str:
    Path(name).write_text(content if isinstance(content, str) else json.dumps(content))
    return name


def refused(result: tuple[int, str, str], code: int = 1) -> str:
    assert result[0] == code and result[1] == "", result
    return result[2]


def test_submit_get_and_status(jobs: Command, here: World) -> None:
    path = write("request.json", REQUEST)
    job = as_json(jobs("submit", "-f", path, "--format", "json"))
    assert (job["name"], job["owner"], job["status"]) == ("by hand", "alice", "PENDING")
    here.service.wait("alice", job["uuid"])
    shown = as_json(jobs("get", job["uuid"], "--format", "json"))
    assert shown["status"] == "FINISHED" and shown["tags"] == ["mine"]
    assert isinstance(shown["parameterSet"], dict), "text of JSON is shown as what it is"
    assert as_json(jobs("status", job["uuid"], "--format", "json")) == {
        "status": "FINISHED", "condition": "NORMAL_COMPLETION",
    }  # fmt: skip
    code, out, _ = jobs("get", job["uuid"])
    fields = dict(line.split(maxsplit=1) for line in out.splitlines() if " " in line)
    assert code == 0 and fields["uuid"] == job["uuid"] and fields["name"] == "by hand"


def test_a_submit_of_which_nobody_knows_is_not_repeated(jobs: Command, here: World) -> None:
    path = write("request.json", {**REQUEST, "name": "lost"})
    here.service.arm("row-then-drop,times=9")
    said = refused(jobs("submit", "-f", path), code=6)
    assert "jobsync jobs search --term name.eq=lost" in said
    here.service.disarm()
    rows = as_json(jobs("search", "--term", "name.eq=lost", "--format", "json"))
    assert len(rows) == 1, "sent once"
    assert "extraneous key [x]" in refused(jobs("submit", "-f", write("x", {**REQUEST, "x": 1})))
    assert "needs a name" in refused(jobs("submit", "-f", write("x", {"appId": "a"})))


def test_list_and_search(jobs: Command, made: str) -> None:
    rows = as_json(jobs("list", "--format", "json"))
    assert made in [row["uuid"] for row in rows]
    assert as_json(jobs("list", "--type", "SHARED_JOBS", "--format", "json")) == []
    numbers = [row["id"] for row in as_json(jobs("search", "--select", "id", "--format", "json"))]
    assert numbers == sorted(numbers, reverse=True), "newest first"
    (one,) = as_json(
        jobs("search", "--term", f"uuid.eq={made}", "--select", "tags,status", "--format", "json")
    )
    assert one == {"uuid": made, "tags": ["mine"], "status": "FINISHED"}
    words = ("--sql", f"uuid = '{made}'", "--sql", "AND status = 'FINISHED'")
    assert [row["uuid"] for row in as_json(jobs("search", *words, "--format", "json"))] == [made]
    assert as_json(jobs("list", "--limit", "1", "--offset", "9999", "--format", "json")) == []
    code, out, _ = jobs("list", "--limit", "1")
    assert code == 0 and out.splitlines()[0].lower().split()[:3] == ["uuid", "name", "status"]
    assert "SEARCH" in refused(jobs("search", "--term", "nothing.eq=1"))
    refused(jobs("search", "--term", "a.eq=1", "--sql", "b"), code=64)
    refused(jobs("search", "--term", "status"), code=64)


def test_history_and_events(jobs: Command, running: str, made: str) -> None:
    as_json(jobs("send-event", running, "at step 3", "--detail", "STEP", "--format", "json"))
    rows = as_json(jobs("history", running, "--format", "json"))
    assert [row["created"] for row in rows] == sorted(row["created"] for row in rows)
    assert any(row["event"] == "JOB_USER_EVENT" for row in rows)
    assert len(as_json(jobs("history", made, "--limit", "2", "--format", "json"))) == 2
    refused(jobs("send-event", made, "too late"))


def test_cancel_hide_and_unhide(jobs: Command, here: World, running: str, made: str) -> None:
    refused(jobs("hide", running))
    assert running in jobs("cancel", running)[1]
    here.service.disarm()
    assert here.service.wait("alice", running)["status"] == "CANCELLED"
    assert "409" in refused(jobs("cancel", running))
    for word, is_listed in (("hide", False), ("unhide", True)):
        as_json(jobs(word, made, "--format", "json"))
        rows = as_json(jobs("search", "--term", f"uuid.eq={made}", "--format", "json"))
        assert bool(rows) == is_listed
    assert as_json(jobs("get", made, "--format", "json"))["visible"] is True


def test_resubmit_makes_a_new_job_of_the_same_request(
    jobs: Command, here: World, made: str
) -> None:
    job = as_json(jobs("resubmit", made, "--format", "json"))
    assert job["uuid"] != made and job["name"] == "by hand"
    here.service.wait("alice", job["uuid"])
    asked = as_json(jobs("resubmit-request", job["uuid"], "--format", "json"))
    assert asked["appId"] == "wc-demo" and asked["maxMinutes"] is None
    assert {key: value for key, value in asked.items() if value is not None}.keys() == {
        *REQUEST
    }  # fmt: skip
    refused(jobs("resubmit", "00000000-0000-0000-0000-000000000000-007"))


def test_annotate(jobs: Command, made: str) -> None:
    added = as_json(jobs("annotate", made, "--tag", "b", "--tag", "a", "--format", "json"))
    assert added["tags"] == ["a", "b", "mine"]
    notes = write("notes.json", {"why": "to see"})
    assert as_json(jobs("annotate", made, "--notes", notes, "--format", "json"))["notes"] == {
        "why": "to see"
    }
    done = jobs("annotate", made, "--tag", "mine", "--replace", "--format", "json")
    assert as_json(done)["tags"] == ["mine"]
    refused(jobs("annotate", made), code=64)


def test_outputs(jobs: Command, here: World, made: str) -> None:
    rows = as_json(jobs("outputs-list", made, "--format", "json"))
    names = [row["name"] for row in rows]
    assert "tapisjob.out" in names
    name = next(row["name"] for row in rows if row["type"] == "file")
    as_json(jobs("outputs-download", made, name, "-o", "got", "--format", "json"))
    expected = here.service.call("alice", "GET", f"/v3/jobs/{made}/output/download/{name}").body
    assert Path("got").read_bytes() == expected
    code, out, _ = jobs("outputs-download", made, name, "-o", "-")
    assert (code, out.encode()) == (0, expected)
    assert "exists already" in refused(jobs("outputs-download", made, name, "-o", "got"))
    size = len(expected)
    code, out, err = jobs("outputs-download", made, name, "-o", "-", "--max-bytes", str(size - 1))
    assert (code, out) == (1, "") and f"{size} bytes, more than --max-bytes {size - 1}" in err
    assert jobs("outputs-download", made, name, "--max-bytes", str(size))[0] == 0
    failed = here.service.submit("alice", name="f", appId=FAILING, appVersion="1.0")["uuid"]
    here.service.wait("alice", failed)
    assert [row["name"] for row in as_json(jobs("outputs-list", failed, "--format", "json"))]


def test_share_shares_and_unshare(jobs: Command, here: World, made: str) -> None:
    as_json(jobs("share", made, "bob", "--resource", "JOB_OUTPUT", "--format", "json"))
    as_json(jobs("share", made, "carol", "--format", "json"))
    rows = as_json(jobs("shares", made, "--format", "json"))
    assert sorted(row["grantee"] for row in rows) == ["bob"] + ["carol"] * 4
    assert here.service.call("bob", "GET", f"/v3/jobs/{made}/output/list/?limit=9").status == 200
    here.service.arm("unshare-nothing,times=1")
    assert "may still read JOB_OUTPUT" in refused(jobs("unshare", made, "bob"))
    as_json(jobs("unshare", made, "bob", "--format", "json"))
    as_json(jobs("unshare", made, "carol", "--format", "json"))
    assert as_json(jobs("shares", made, "--format", "json")) == []


def test_subscriptions(jobs: Command, running: str, made: str) -> None:
    to = ("--webhook", "https://ci.example/hook", "--email", "a@b.example", "--event", "ALL")
    as_json(jobs("subscribe", running, *to, "--ttl-minutes", "5", "--format", "json"))
    (one,) = as_json(jobs("subscriptions", running, "--format", "json"))
    assert [row["deliveryMethod"] for row in one["deliveryTargets"]] == ["WEBHOOK", "EMAIL"]
    as_json(jobs("subscribe", running, *to, "--format", "json"))
    assert as_json(jobs("unsubscribe", one["uuid"], "--format", "json")) == {"changes": 1}
    assert as_json(jobs("unsubscribe", running, "--format", "json")) == {"changes": 1}
    assert as_json(jobs("subscriptions", running, "--format", "json")) == []
    refused(jobs("subscribe", running), code=64)
    refused(jobs("subscribe", made, *to))


def test_an_operation_of_another_api_says_whose_it_is(jobs: Command, made: str) -> None:
    said = refused(jobs("pems-list", made), code=64)
    assert "pems-list is an operation of agave/v2, and target env is of another api" in said
    assert "the nearest there is jobsync jobs shares" in said
    said = refused(jobs("share", made, "bob", "--target", "local"), code=64)
    assert "share is an operation of tapis/v3" in said
    assert "the nearest there is jobsync jobs pems-grant" in said
    assert "jobsync jobs --help" in refused(jobs("send-event", made, "--target", "local"), code=64)
    code, out, _ = jobs("share", "--help")
    assert code == 0 and "--resource" in out
    code, out, _ = jobs("pems-list", "--help")
    assert code == 0 and "--limit" in out


def test_an_id_that_is_none_is_not_sent(jobs: Command) -> None:
    for word in ("get", "status", "cancel", "shares", "outputs-list", "resubmit"):
        assert "cannot be a job id" in refused(jobs(word, "../x"))
    assert "neither a job id" in refused(jobs("unsubscribe", "../x"))


def test_what_other_platforms_call_an_operation_is_the_name_of_one_there() -> None:
    files = (jobs_agave, jobs_tapis)
    for mine, other in (files, files[::-1]):
        assert set(mine.COUNTERPARTS) <= set(other.operations.commands) - set(
            mine.operations.commands
        )
        assert set(mine.COUNTERPARTS.values()) <= set(mine.operations.commands)
