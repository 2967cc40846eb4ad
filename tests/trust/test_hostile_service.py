"""A service that lies: a short form of ``tests/campaigns/lying_service.py``, and what it cannot do
by chance. What below HTTP is refused is in ``tests/http`` and ``tests/agave``."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.campaigns import lying_service
from tests.campaigns.apis import APIS
from tests.campaigns.lying_service import APPLY, COMMANDS, bench, campaign, run
from tests.campaigns.lying_service import ENDLESS as ENDLESS_NUMBER
from tests.fakes.scripted_server import ScriptedServer, http
from tests.tapis.tokens import jwt
from tests.trust.test_service import acted_on

ENDLESS = [
    ("apply", "--auto-approve", "--refetch", "*", "."),
    ("outputs", "get", "one", "--to", "got"),
    ("outputs", "get", "one", "a.txt", "--to", "-"),
    ("logs", "one"),
    ("plan", "."),
]


def test_no_lie_crashes_a_command_or_moves_the_cursor() -> None:
    tried, _ = campaign(4.0, 7, COMMANDS)
    assert tried > 5


def test_a_file_without_end_is_not_read_for_ever() -> None:
    """It is cut off where its size in the listing says."""
    with bench() as (folder, liar, environ):
        shutil.rmtree(folder / "results")
        (folder / "jobsync.lock").unlink()
        liar.endless = True
        for command in ENDLESS:
            said, took = run(command, folder, environ)
            assert took < 30, f"{command}: {said[:500]}"
            assert len(said) < 1_000_000, command
            assert sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) < 5_000_000
        assert not (folder / "results/a.txt").exists()


def plan(api: str, server: ScriptedServer, folder: Path) -> tuple[str, str]:
    """What ``plan`` says of a set of *api* for *server*, and the token that it was given."""
    app = APIS[api].app
    (folder / "set.yaml").write_text(
        f"apiVersion: jobsync/v1\napi: {api}\nproject: p\njobs: {{a: {{{app}}}}}\n"
    )
    token = jwt(server.url) if api == "tapis/v3" else "secret"
    environ = {"TAPIS_BASE_URL": server.url, APIS[api].variable: token, "HOME": str(folder)}
    environ |= {"JOBSYNC_TRACEBACK": "1", "JOBSYNC_STATE_DIR": str(folder / "state")}
    said, _ = run(("plan", "--target", "env", "."), folder, environ)
    return said, token


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_token_follows_a_redirect(status: int, api: str, tmp_path: Path) -> None:
    with ScriptedServer() as thief:
        there = http(status, b"", Location=f"{thief.url}/jobs/v2\x1b[2J")
        with ScriptedServer(there) as server:
            said, token = plan(api, server, tmp_path)
        assert thief.seen == [] and acted_on(said) == []
        assert server.seen and token not in said


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"status":"success","result":' + b"[" * 100_000,
        b'{"status":"success","result":[' + b"9" * 1_000_000 + b"]}",
        b'{"status":"success","result":[' + b"1," * 500_000 + b"1]}",
        b'{"status":"success","result":{"\\ud800":"\\u0000"}}',
        b'{"status":"success","result":[{"id":"\\u001b[2J","name":"::error::x"}]}',
        b'{"status":"\\u001b[2J","message":"::error::x","result":null}',
        json.dumps({"status": "success", "result": [{"id": "x" * 5_000_000}]}).encode(),
        b'{"status":"success","message":"","result":{"username":"\\u001b[2J","x":' + b"[" * 90_000,
        b'{"status":"success","message":"::error::x","result":{"username":"\\u001b[2J\\n::a::b"}}',
        b"\xff\xfe" + "[]".encode("utf-16-le"),
        b"",
    ],
)
def test_an_answer_that_makes_no_sense_is_an_error_in_words(
    body: bytes, api: str, tmp_path: Path
) -> None:
    with ScriptedServer(http(200, body)) as server:
        began = time.process_time()
        said, _ = plan(api, server, tmp_path)
        assert server.seen
        assert time.process_time() - began < 5
    assert "Error" in said and acted_on(said) == [] and len(said) < 5000


@pytest.mark.parametrize("api", APIS)
def test_numbers_and_times_beyond_all_others_are_errors_in_words(
    api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some ended a command as a defect: a size, the number of jobs, a time in a far zone."""
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    time.tzset()
    try:
        with bench(api) as (folder, liar, environ):
            for number, moment in (
                (10**400, "0001-01-01T00:00:00.000Z"),
                (ENDLESS_NUMBER, "9999-12-31T23:59:59.999-14:00"),
            ):
                monkeypatch.setattr(lying_service, "lied", lies(number, moment))
                liar.chance = random.Random(1)
                for command in COMMANDS:
                    said, took = run(command, folder, environ)
                    assert acted_on(said.replace("\t", " ")) == [] and took < 10, command
    finally:
        monkeypatch.undo()
        time.tzset()


def lies(number: object, moment: str) -> Callable[..., Any]:
    """Every number is *number*, every time *moment*, but for those of the envelope."""

    def lied(value: Any, chance: random.Random) -> Any:
        if isinstance(value, dict):
            return {key: lied(item, chance) for key, item in value.items()}
        if isinstance(value, list):
            return [lied(item, chance) for item in value]
        if isinstance(value, int) and not isinstance(value, bool):
            return number
        return moment if isinstance(value, str) and value[:2] == "20" and ":" in value else value

    return lied


def test_what_the_remote_of_a_journal_says_moves_nothing(tmp_path: Path) -> None:
    """git prints what a server says as it is."""
    git = tmp_path / "git"
    git.write_text(
        '#!/bin/sh\ncase "$*" in *fetch*|*ls-remote*|*push*)\n'
        "printf 'remote: \\033[2J\\n::error::x\\n##[group]y\\n' >&2; exit 128;; esac\n"
        f'exec {shutil.which("git")} "$@"\n'
    )
    git.chmod(0o755)
    with bench() as (folder, _, environ):
        for words in (("init", "-q"), ("remote", "add", "origin", "https://127.0.0.1:1/x.git")):
            subprocess.run(["git", "-C", str(folder), *words], check=True)
        declared = "journal: {git: origin, ref: refs/jobsync/j, id: 0123456789abcdef}\n"
        text = (folder / "set.yaml").read_text().replace("jobs:\n", f"{declared}jobs:\n")
        (folder / "set.yaml").write_text(f"{text}  three: {{appId: sh-1.0}}\n")
        environ["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
        printed = ""
        for command in (("plan", "."), ("status", "."), ("journal", "show"), APPLY):
            said, _ = run(command, folder, environ)
            assert acted_on(said) == [], command
            printed += said
        assert "remote:" in printed
