"""A state folder of an earlier version: nothing in it is lost, and the error says what to type."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.line.linebench import ECHO, Bench, add_app, on_a_terminal, serving, write_set


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A set that was applied, and its state folder as earlier versions left it: with no tie."""
    made = Bench(tmp_path)
    add_app(made, ECHO)
    write_set(made, "one: {appId: echo-1.0, outputs: [{path: out.txt, to: results/}]}")
    assert made.run("apply", "--auto-approve").code == 0
    (tmp_path / ".jobsync/owner.json").unlink()
    yield made
    made.close()


def test_a_script_is_told_what_to_type(bench: Bench) -> None:
    said = bench.run("plan", "--detailed-exitcode")
    assert said.code == 4
    advice = said.err.split("if it is yours: ")[1].split(";")[0]
    adopted = bench.run(*shlex.split(advice)[1:])
    assert adopted.code == 0 and "1 job, 0 not finished" in adopted.out
    assert bench.run("plan", "--detailed-exitcode").code == 0, "the job is not run again"


@pytest.mark.parametrize(("answer", "code"), [("yes", 0), ("y", 4), ("", 4)])
def test_a_person_is_asked(answer: str, code: int, bench: Bench) -> None:
    done = on_a_terminal(bench, answer, "plan", "--detailed-exitcode")
    assert done.code == code and "1 job, 0 not finished, made by an earlier" in done.err
    assert (bench.folder / ".jobsync/owner.json").exists() is (code == 0)


def test_a_runner_whose_home_does_not_last_gives_the_key(bench: Bench) -> None:
    (bench.folder / ".jobsync/owner.json").unlink(missing_ok=True)
    key = {"JOBSYNC_STATE_KEY": "0123456789abcdef"}
    assert bench.run("serve", "--adopt-state", **key).code == 0
    bench.environ["HOME"] = str(bench.folder / "another")
    assert bench.run("plan", "--detailed-exitcode", **key).code == 0
    assert bench.run("plan").code == 4


def test_a_service_with_two_users_keeps_both_and_gives_new_tokens(bench: Bench) -> None:
    users = bench.folder / ".jobsync/users.json"
    old = {"alice": "a" * 64, "bob": "b" * 64}
    users.write_text(json.dumps(old))
    users.chmod(0o600)
    assert bench.run("serve", "--adopt-state").code == 0
    with serving(bench, "--user", "alice", "--keep-tokens") as (_, kept):
        assert kept == old
    with serving(bench, "--user", "alice") as (url, new):
        assert new.keys() == old.keys() and not {*new.values()} & {*old.values()}
        env = {"TAPIS_BASE_URL": url, "TAPIS_TOKEN": new["bob"]}
        assert bench.run("jobs", "list", "--target", "env", **env).code == 0
        env["TAPIS_TOKEN"] = old["bob"]
        assert bench.run("jobs", "list", "--target", "env", **env).code != 0
