"""The audit file of an apply, and what becomes of an apply that nobody can follow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobsync.apply import AuditFile
from jobsync.errors import SettingsError
from tests.apply.plans import BOTH, Either, World, name, ref, shared, short


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture(params=BOTH, ids=lambda one: one.name)
def either(tmp_path: Path, request: pytest.FixtureRequest) -> Either:
    return Either(tmp_path, request.param)


def test_every_change_leaves_an_audit_line(either: Either, tmp_path: Path) -> None:
    job = shared(either, dave=either.less)
    either.service.ignore_grants_to = {"bob"}
    path = tmp_path / "audit.jsonl"
    path.write_text('{"kept": true}\n')
    audit = AuditFile(path, who="alice", target="memory", plan_digest="d1", commit="c1")
    change = either.grants("align", ref(job), {"dave": either.less}, bob=either.less, dave="NONE")
    either.apply(either.plan(change, either.create("tree")), audit=audit)
    audit.close()
    first, *lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert first == {"kept": True}
    facts = {
        (line["address"], line["user"], line["before"], line["after"], line["result"])
        for line in lines
    }
    assert facts == {
        ("align", "bob", "NONE", either.less, "failed"),
        ("align", "dave", either.less, "NONE", "done"),
        ("tree", "", "", name("tree"), "done"),
    }
    for line in lines:
        assert (line["who"], line["target"], line["plan"], line["commit"]) == (
            "alice",
            "memory",
            "d1",
            "c1",
        )
        assert line["when"].endswith("Z")
        assert line["job"]


def test_after_an_audit_that_failed_nothing_more_is_begun(world: World) -> None:
    def full(line: object) -> None:
        raise SettingsError("the audit file cannot be written (No space left on device)")

    world.backend.concurrency = 1
    outcomes = world.apply(world.plan(world.create("a"), world.create("b")), audit=full)
    assert short(outcomes) == [("a", "job", "failed"), ("b", "job", "skipped")]
    assert "audit" in outcomes[0].detail
    assert world.service.posts() == 1


def test_nobody_listening_is_no_reason_to_stop(world: World) -> None:
    def gone(event: object) -> None:
        raise BrokenPipeError

    world.events = type("Gone", (), {"append": staticmethod(gone)})()
    assert short(world.apply(world.plan(world.create("a")))) == [("a", "job", "done")]


def test_an_audit_file_that_cannot_be_written_stops_it_before_it_begins(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    for path in (link, tmp_path, tmp_path / "no" / "folder"):
        with pytest.raises(SettingsError, match="audit"):
            AuditFile(path, who="a", target="t", plan_digest="d")
