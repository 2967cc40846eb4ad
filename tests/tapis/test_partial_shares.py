"""Rows that other programs left, or that were written in part: what is missing is added, and only
what gives too much is taken away (tapis-v3 §9)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from jobsync.model import Access
from jobsync.platforms.tapis.permissions import LEVELS, RESOURCES, access_of
from tests.fakes.tapis_world import World, world


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("partial")) as found:
        yield found


SOME = [set(some) for size in range(5) for some in itertools.combinations(RESOURCES, size)]


def test_nothing_is_taken_away_but_what_gives_too_much(running: World) -> None:
    me = running.as_("alice")
    run_id = running.finished("alice", appId="wc-demo", appVersion="1.00").id
    taken = 0
    for number, (have, wanted) in enumerate(itertools.product(SOME, LEVELS.values())):
        user = f"u{number}"
        if have:
            me.jobs.share(run_id, user, sorted(have))
        if not goes_first(have, wanted):
            running.service.arm("unshare-500")
        me.grant(run_id, user, wanted)
        assert me.access(run_id).get(user, LEVELS["NONE"]) == wanted, (have, wanted)
        taken += goes_first(have, wanted)
        running.service.disarm()
    assert 0 < taken < number


def goes_first(have: set[str], wanted: Access) -> bool:
    """Whether the rows of a user have to go: what they open, or name, cannot be kept."""
    if not have:
        return False
    if not wanted.gives:
        return True
    return access_of(have | wanted.gives) != wanted
