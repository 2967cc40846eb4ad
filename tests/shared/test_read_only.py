"""A journal over https whose token may read and not push: git's own server refuses it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.apply.shared.claims import Denied, Fetched, Granted, Unread, Verdict
from jobsync.apply.shared.journal import SharedJournal
from jobsync.apply.shared.location import locate
from jobsync.apply.shared.repository import Repository
from tests.shared.https_remote import READER, WRITER, Server, https_remote
from tests.shared.ref_world import BINDING, ENVIRON, World, git

NAME = "lab.one.bh4txw5qcd"


class Forge:
    """A world whose remote is also served over https."""

    def __init__(self, world: World, server: Server, url: str, certificate: Path) -> None:
        self.world, self.server = world, server
        git("config", "http.sslCAInfo", certificate, cwd=world.checkout)
        self.variable = f"git+{url}/{world.bare.name}#{world.ref}"

    def repository(self, token: str) -> Repository:
        environ = {**ENVIRON, "JOBSYNC_JOURNAL": self.variable, "JOBSYNC_JOURNAL_TOKEN": token}
        found = locate(None, str(self.world.checkout), environ)
        assert found is not None
        return Repository(found, self.world.machine(), environ)

    def claim(self, token: str) -> Verdict:
        ref = self.repository(token)
        journal = SharedJournal(ref, BINDING, who="me", served_at=lambda: None)
        verdict = journal.claim(NAME, "one")
        journal.sent(NAME)
        assert journal.close() == ()
        return verdict


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    world = World(tmp_path)
    world.init()
    with https_remote(tmp_path) as (server, url, certificate):
        yield Forge(world, server, url, certificate)


def test_a_token_that_may_push_claims(forge: Forge) -> None:
    assert forge.claim(WRITER) == Granted()
    assert NAME in forge.world.now().records
    assert ("git-receive-pack", 200) in forge.server.asked


def test_a_token_that_may_only_read_is_refused_soon_and_nothing_may_be_sent(forge: Forge) -> None:
    head = forge.world.head()
    assert isinstance(forge.repository(READER).fetch([]), Fetched)
    verdict = forge.claim(READER)
    assert isinstance(verdict, Denied), verdict
    assert "403" in verdict.reason and READER not in verdict.reason
    assert not verdict.busy
    assert forge.world.head() == head
    pushes = [status for asked, status in forge.server.asked if "service=git-receive-pack" in asked]
    # A lost answer is looked into for a minute, with more than ten pushes.
    assert set(pushes) == {403} and len(pushes) <= 3


def test_a_token_that_nobody_knows_reads_nothing(forge: Forge) -> None:
    found = forge.repository("unknown").fetch([])
    assert isinstance(found, Unread) and "unknown" not in found.reason
