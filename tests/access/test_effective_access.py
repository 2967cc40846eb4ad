"""What the model says of access against what the running service really lets each user do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobsync.model import Access
from jobsync.permission_model import effective
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave.credentials import explicit
from jobsync.platforms.agave.permissions import READ, READ_WRITE, WRITE, access
from jobsync.platforms.agave.platform import AGAVE
from jobsync.testing import LocalService, local_service
from tests.access.access_oracle import LEVELS, may

OWNER = "mia"
PEOPLE = ("amy", "bob", "worl", "worla", "worldly", "zed")
NAMES = (*PEOPLE, "world", OWNER, "Amy", "Bob", "World", "Zed", "stranger", "public", "*")
GRANTS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(sorted(LEVELS))), max_size=8)


@dataclass(frozen=True)
class Shared:
    service: LocalService
    backend: agave.AgaveReader
    job: str

    def asks(self, user: str, method: str, path: str, body: object = None) -> int:
        return self.service.call(user, method, f"/jobs/v2/{self.job}{path}", body).status


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """One finished job of mia's, and a service with everybody on it."""
    folder = tmp_path_factory.mktemp("access")
    with local_service(folder, users=(OWNER, *PEOPLE)) as service:
        job = service.submit(OWNER)["id"]
        assert service.wait(OWNER, job)["status"] == "FINISHED"
        credentials = explicit(service.url, service.tokens[OWNER])
        with agave.connect_reader(service.url, credentials) as backend:
            yield Shared(service, backend, job)


@settings(deadline=None, max_examples=40)
@given(GRANTS)
@example([])
@example([("world", "READ"), ("zed", "ALL"), ("amy", "WRITE"), ("bob", "EXECUTE")])
@example([("world", "EXECUTE"), ("worldly", "READ"), ("worl", "READ"), ("World", "READ")])
@example([("world", "WRITE"), ("Zed", "READ"), ("zed", "READ"), ("bob", "READ_WRITE")])
@example([("Bob", "READ"), ("bob", "WRITE"), ("public", "ALL"), ("*", "ALL")])
def test_every_user_can_do_what_the_model_says(
    shared: Shared, grants: list[tuple[str, str]]
) -> None:
    assert shared.asks(OWNER, "DELETE", "/pems") == 200
    for user, permission in grants:
        shared.asks(OWNER, "POST", "/pems", {"username": user, "permission": permission})
    rows = shared.backend.access(shared.job)
    assert OWNER not in rows
    pairs = {
        user: (("read" in access.gives), ("write" in access.gives)) for user, access in rows.items()
    }
    for user in (OWNER, *PEOPLE):
        told = effective(AGAVE.permissions, rows, OWNER, user)
        assert (("read" in told.gives), ("write" in told.gives)) == may(pairs, OWNER, user)
        assert can(shared, user) == told, (user, rows)
    assert shared.backend.access(shared.job) == rows, "asking changed nothing"


def can(shared: Shared, user: str) -> Access:
    """What the service lets *user* do, through every door that it has; they must agree."""
    reads = {
        shared.asks(user, "GET", path)
        for path in ("", "/status", "/pems", "/outputs/listings/", "/outputs/media/counts.txt")
    }
    assert reads == {200} or not reads & {200, 404, 500}, (user, reads)
    # Whether one may share is checked before the word is (agave-v2 §5.3): nothing is changed.
    share = shared.asks(user, "POST", "/pems", {"username": "guest", "permission": "NO SUCH"})
    revoke = shared.asks(user, "POST", "/pems", {"username": "guest", "permission": "NONE"})
    action = shared.asks(user, "POST", "", {"action": "restore"})
    assert (share, revoke) in ((400, 201), (403, 403)), (user, share, revoke)
    assert (action == 403) == (share == 403), (user, action)
    return access(read=reads == {200}, write=share == 400)


def test_whoever_can_write_can_share_further_and_help_themselves(shared: Shared) -> None:
    assert shared.asks(OWNER, "DELETE", "/pems") == 200
    shared.asks(OWNER, "POST", "/pems", {"username": "bob", "permission": "WRITE"})
    assert can(shared, "bob") == WRITE
    assert shared.asks("bob", "POST", "/pems", {"username": "amy", "permission": "READ"}) == 201
    assert shared.asks("bob", "POST", "/pems", {"username": "bob", "permission": "ALL"}) == 201
    assert can(shared, "amy") == READ
    assert can(shared, "bob") == READ_WRITE
