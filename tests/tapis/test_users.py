"""Whether the service has a user, who is asked about before anything is shared."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.tapis_world import world


def test_a_profile_tells_only_of_the_user_who_was_asked_for(tmp_path: Path) -> None:
    with world(tmp_path) as running:
        alice = running.reader("alice")
        assert [alice.has_user(name) for name in ("bob", "nobody")] == [True, False]
        running.service.arm("foreign-provider")
        assert alice.has_user("bob") is None, "the caller's own profile says nothing of bob"
        running.service.disarm()
