"""Another user of the machine can neither plant state nor take it. Needs root, to be that user."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from jobsync.apply.clock import SystemClock
from jobsync.apply.journal import JournalFailed, open_journal
from jobsync.apply.journal_entry import Binding
from jobsync.apply.lock import apply_lock
from jobsync.errors import JobsyncError, LocalServiceError
from jobsync.local import users
from jobsync.local.state import prepare
from jobsync.private_files import NotPrivate, open_private_file, open_private_folder

NEIGHBOUR = 65534
BINDING = Binding("https://example.org", "alice", "p")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder in which everybody can make files, as ``/tmp``."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    for above in (tmp_path, *tmp_path.parents):
        if above.stat().st_uid == os.geteuid() and above != Path("/"):
            above.chmod(above.stat().st_mode | stat.S_IXOTH)
    return folder


def as_neighbour(act: Callable[[], object]) -> int:
    """Run *act* in a process of the other user; its exit code, 0 when nothing stopped it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(NEIGHBOUR)
            os.setuid(NEIGHBOUR)
            act()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_planted_folder_of_locks_is_not_used(shared: Path) -> None:
    """The lock was taken in it, and a link in it followed."""
    victim = shared.parent / "victim"
    victim.write_text("x")

    def plant() -> None:
        folder = shared / "state/locks"
        folder.mkdir(parents=True)
        folder.chmod(0o777)
        for number in range(100):
            (folder / f"p-x.{number}.tmp").symlink_to(victim)

    assert as_neighbour(plant) == 0
    with (
        pytest.raises(JobsyncError, match="belongs to another user"),
        apply_lock(shared / "state", BINDING, SystemClock()),
    ):
        pass
    assert victim.read_text() == "x"


@pytest.mark.parametrize("what", ["folder", "link", "open"])
def test_a_planted_journal_is_not_used(what: str, shared: Path) -> None:
    state = shared / "state"
    if what == "folder":
        assert as_neighbour(lambda: (state / "journal").mkdir(parents=True)) == 0
    elif what == "link":
        (shared.parent / "mine").mkdir()
        assert as_neighbour(state.mkdir) == 0
        assert as_neighbour(lambda: (state / "journal").symlink_to(shared.parent / "mine")) == 0
    else:
        (state / "journal").mkdir(parents=True)
        (state / "journal").chmod(0o777)
    with pytest.raises(JournalFailed, match="not used as the journal"):
        open_journal(state, BINDING).__enter__()


def test_a_planted_state_folder_is_left_alone(shared: Path) -> None:
    assert as_neighbour((shared / ".jobsync").mkdir) == 0
    with pytest.raises(LocalServiceError, match="belongs to another user"):
        prepare(shared / ".jobsync")
    assert list((shared / ".jobsync").iterdir()) == []


def test_files_of_others_and_second_names_are_not_read(shared: Path) -> None:
    def plant() -> None:
        (shared / "users.json").write_text('{"alice": "known"}')

    assert as_neighbour(plant) == 0
    with pytest.raises(LocalServiceError, match="belongs to another user"):
        users.read(shared / "users.json")
    mine = shared / "mine"
    mine.write_text("x")
    os.link(mine, shared / "second")
    with pytest.raises(NotPrivate, match="second name"):
        open_private_file(mine)


def test_what_is_ours_cannot_be_read_or_written(shared: Path) -> None:
    state = shared / "state"
    os.close(open_private_folder(state))
    os.close(open_private_file(state / "secret", os.O_WRONLY, make=True))
    assert as_neighbour(lambda: (state / "secret").read_bytes()) == 1
    assert as_neighbour(lambda: (state / "new").write_bytes(b"x")) == 1
    assert as_neighbour(lambda: list(state.iterdir())) == 1
    assert as_neighbour(lambda: (shared / "theirs").write_bytes(b"x")) == 0
