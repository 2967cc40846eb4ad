"""Whose runs are mine: the jobs service goes by the token, so another answer decides nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobsync.errors import Unreadable
from jobsync.http.connection import Connection
from jobsync.platforms.tapis import connections
from jobsync.platforms.tapis.credentials import explicit
from tests.fakes.scripted_server import ScriptedServer, envelope
from tests.fakes.tapis_world import world
from tests.tapis.tokens import jwt


@pytest.mark.parametrize("other", ["Alice", "alice@tenant", "bob"])
def test_a_profile_of_somebody_else_is_not_believed(other: str) -> None:
    """A login may take any case of a name. The service then knows the user by the one that was
    typed, and with another none of the runs would count as mine: all would be submitted again."""
    with ScriptedServer(envelope({"username": other}, message="x")) as server:
        token = explicit(server.url, jwt(server.url, "alice"))
        with (
            connections.connect_reader(server.url, token, how=Connection(retries=0)) as reader,
            pytest.raises(Unreadable, match=f"token is alice's.*{other}"),
        ):
            reader.whoami()


def test_the_profile_of_the_token_is_me() -> None:
    with ScriptedServer(envelope({"username": "alice"}, message="x")) as server:
        token = explicit(server.url, jwt(server.url, "alice"))
        with connections.connect_reader(server.url, token, how=Connection()) as reader:
            assert reader.whoami() == "alice"


def test_somebody_to_whom_nothing_is_shared_sees_an_empty_list(tmp_path: Path) -> None:
    """The service counts the jobs of all users then (tapis-v3 §6.1)."""
    with world(tmp_path) as running:
        me, bob = running.as_("alice"), running.as_("bob")
        made = running.finished("alice", appId="wc-demo", appVersion="1.00")
        asked = (("listType", "SHARED_JOBS"), ("select", "uuid"), ("computeTotal", "true"))
        page = bob.jobs.search(asked)
        assert (page.rows, page.total) == ([], 1)
        assert bob.shared_runs(lambda run: True) == []
        me.grant(made.id, "bob", me.platform.permissions.levels["READ"])
        assert [run.id for run in bob.shared_runs(lambda run: True)] == [made.id]
