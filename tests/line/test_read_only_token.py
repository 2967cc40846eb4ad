"""The command with a journal over https: a token that may push, and one that may only read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.apply.journal_entry import State
from jobsync.testing import LocalService
from tests.line.linebench import Lab
from tests.line.test_shared_journal import TWO, Team, apply
from tests.shared.https_remote import READER, WRITER, https_remote
from tests.shared.ref_world import git


@pytest.fixture
def lab(team: Team) -> Iterator[Lab]:
    lab = team.machine(TWO)
    with https_remote(team.root) as (_, url, certificate):
        git("config", "http.sslCAInfo", certificate, cwd=lab.folder)
        where = f"git+{url}/{team.world.bare.name}#{team.world.ref}"
        lab.environ["JOBSYNC_JOURNAL"] = where
        yield lab


@pytest.fixture
def team(tmp_path: Path, service: LocalService) -> Iterator[Team]:
    made = Team(tmp_path, service)
    yield made
    for lab in made.machines:
        lab.close()


def test_an_apply_that_may_only_read_submits_nothing_until_it_may_push(
    team: Team, lab: Lab
) -> None:
    done = apply(lab, JOBSYNC_JOURNAL_TOKEN=READER)
    assert done.code == 4, done.err
    assert "this login may not push, use one that may: fatal:" in done.err
    assert "403" in done.err and READER not in done.out + done.err
    assert lab.mine() == [] and team.records() == {}
    done = apply(lab, JOBSYNC_JOURNAL_TOKEN=WRITER)
    assert done.code == 0, done.err
    assert len(lab.mine()) == 2
    assert {record.state for record in team.records().values()} == {State.CONFIRMED}


def test_init_with_a_token_that_may_only_read_says_so(team: Team, lab: Lab) -> None:
    git("update-ref", "-d", team.world.ref, cwd=team.world.bare)
    done = lab.run("journal", "init", JOBSYNC_JOURNAL_TOKEN=READER)
    assert done.code == 4, done.err
    assert "403" in done.err and "may push to the remote" in done.err
    assert READER not in done.out + done.err
