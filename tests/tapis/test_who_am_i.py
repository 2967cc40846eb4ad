"""Whose runs are mine: the jobs service goes by the token, so another answer decides nothing."""

from __future__ import annotations

import pytest

from jobsync.errors import Unreadable
from jobsync.http.connection import Connection
from jobsync.platforms.tapis import connections
from jobsync.platforms.tapis.credentials import explicit
from tests.fakes.scripted_server import ScriptedServer, envelope
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
