"""The ref of the shared journal in real repositories: claims, races, and remotes that misbehave."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from jobsync.apply.journal_entry import Entry, State
from jobsync.apply.shared.claims import (
    Denied,
    Fetched,
    Granted,
    Pushed,
    Refused,
    Taken,
    Unread,
)
from jobsync.apply.shared.journal import Moment, SharedJournal
from jobsync.apply.shared.record import Record, decode, folder, path
from jobsync.apply.shared.repository import Repository
from jobsync.structs import replace
from tests.shared.ref_world import BINDING, ENVIRON, ID, World, git

NAME = "lab.one.bh4txw5qcd"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.init()
    return made


def test_a_claim_stands_on_the_ref_and_who_comes_later_does_not_get_it(world: World) -> None:
    with world.journal("first") as first, world.journal("second") as second:
        assert first.claim(NAME, "one") == Granted()
        first.sent(NAME)
        verdict = second.claim(NAME, "one")
        assert isinstance(verdict, Taken)
        assert (verdict.record.who, verdict.record.state) == ("first", State.SENDING)
    record = world.now().records[NAME]
    assert (record.state, record.who, record.address) == (State.SENDING, "first", "one")


def test_every_commit_raises_the_serial_and_skips_ci(world: World) -> None:
    with world.journal() as journal:
        for number in range(3):
            name = f"lab.j{number}.bh4txw5qcd"
            assert journal.claim(name, f"j{number}") == Granted()
            journal.sent(name)
            assert world.now().serial == 2 + number
    subjects = git("log", "--format=%s|%an|%ce", world.ref, cwd=world.bare).splitlines()
    assert len(subjects) == 4
    assert all(line.endswith("[skip ci]|jobsync|jobsync@localhost") for line in subjects)


def test_what_was_claimed_and_not_sent_is_given_back(world: World) -> None:
    with world.journal("first") as first:
        assert first.claim(NAME, "one") == Granted()
    assert world.now().records[NAME].state is State.REJECTED
    with world.journal("second") as second:
        assert second.claim(NAME, "one") == Granted()


def test_an_end_is_written_by_the_holder_and_found_jobs_by_anybody(world: World) -> None:
    with world.journal("first") as first:
        first.claim(NAME, "one")
        first.sent(NAME)
    with world.journal("second") as second:
        second.share(Entry(NAME, "one", State.REJECTED))
    assert world.now().records[NAME].state is State.SENDING
    with world.journal("second") as second:
        second.share(Entry(NAME, "one", State.CONFIRMED, ids=("job-1",)))
    record = world.now().records[NAME]
    assert (record.state, record.job, record.who) == (State.CONFIRMED, "job-1", "first")


def test_an_open_submit_under_another_name_of_the_job_blocks(world: World) -> None:
    old = "lab.uno.aaaaaaaaaa"

    def old_too(name: str) -> bool:
        return name.startswith(old)

    with world.journal("first") as first, world.journal("second") as second:
        first.claim(f"{old}.r2", "uno")
        first.sent(f"{old}.r2")
        verdict = second.claim(NAME, "one", old_too)
        assert isinstance(verdict, Taken) and verdict.record.name == f"{old}.r2"
        first.share(Entry(f"{old}.r2", "uno", State.CONFIRMED))
    with world.journal("third") as third:
        assert third.claim(NAME, "one", old_too) == Granted()


@pytest.mark.parametrize("writers", [2, 8])
def test_racing_writers_have_one_winner(world: World, writers: int) -> None:
    rounds = 3
    won: list[tuple[int, int]] = []
    start = threading.Barrier(writers)

    def write(number: int) -> None:
        with world.journal(f"w{number}") as journal:
            for turn in range(rounds):
                name = f"lab.r{turn}.bh4txw5qcd"
                start.wait()
                verdict = journal.claim(name, f"r{turn}")
                assert not isinstance(verdict, Denied), verdict
                if isinstance(verdict, Granted):
                    journal.sent(name)
                    won.append((turn, number))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(turn for turn, _ in won) == list(range(rounds))
    records = world.now().records
    for turn, number in won:
        assert records[f"lab.r{turn}.bh4txw5qcd"].who == f"w{number}"


def test_a_push_onto_a_ref_that_has_moved_does_not_take(world: World) -> None:
    first, second = world.repository(), world.repository()
    mine, theirs = first.fetch([]), second.fetch([])
    assert isinstance(mine, Fetched) and mine == theirs
    assert first.push(mine, {}) == Pushed()
    head = world.head()
    record = Record(NAME, "one", State.SENDING, "abc", 0.0, 0.0, folder=folder(BINDING))
    assert isinstance(second.push(mine, {path(record): record}), Refused)
    assert world.head() == head
    assert isinstance(second.create("abc"), Refused)
    assert world.head() == head


def test_many_claims_at_once_share_a_commit(world: World) -> None:
    with world.journal() as journal:
        names = [f"lab.j{number}.bh4txw5qcd" for number in range(16)]

        def claim(name: str) -> None:
            assert journal.claim(name, name.split(".")[1]) == Granted()
            journal.sent(name)

        threads = [threading.Thread(target=claim, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert len(world.now().records) == 16
    assert world.now().serial <= 6


# --- a machine that sleeps ---------------------------------------------------------------


class Clock:
    """The two clocks of a machine, moved by the test."""

    def __init__(self) -> None:
        self.wall, self.boot = 1_000_000.0, 50.0

    def __call__(self) -> Moment:
        return Moment(self.wall, self.boot)


class Dozing(Repository):
    """The machine sleeps for ``nap`` seconds while the ref is read, once."""

    clock: Clock
    nap = 0.0

    def fetch(self, scopes: Sequence[str], seconds: float = 60.0) -> Fetched | Unread:
        found = super().fetch(scopes, seconds)
        self.clock.boot += self.nap
        self.nap = 0.0
        return found


@pytest.fixture
def sleeper(world: World) -> Iterator[tuple[SharedJournal, Clock, Dozing]]:
    clock = Clock()
    ref = Dozing(world.location(), world.machine(), ENVIRON)
    ref.clock = clock
    journal = SharedJournal(ref, BINDING, who="me", served_at=lambda: None, moment=clock)
    yield journal, clock, ref
    journal.close()


def settle_elsewhere(world: World) -> None:
    with world.journal("a person") as journal:
        journal.settle(Entry(NAME, "one", State.REJECTED))


@pytest.mark.parametrize("clock_of", ["wall", "boot"])
def test_a_claim_is_looked_at_again_after_half_a_minute(
    world: World, sleeper: tuple[SharedJournal, Clock, Dozing], clock_of: str
) -> None:
    journal, clock, _ = sleeper
    assert journal.claim(NAME, "one") == Granted()
    settle_elsewhere(world)
    assert journal.claim(NAME, "one") == Granted()  # of a moment ago
    setattr(clock, clock_of, getattr(clock, clock_of) + 31)
    assert isinstance(journal.claim(NAME, "one"), Taken)


def test_a_claim_that_grew_old_is_made_again_before_it_is_used(
    world: World, sleeper: tuple[SharedJournal, Clock, Dozing]
) -> None:
    journal, clock, _ = sleeper
    assert journal.claim(NAME, "one") == Granted()
    first = world.now()
    clock.boot += 301
    assert journal.claim(NAME, "one") == Granted()
    second = world.now()
    assert second.serial == first.serial + 1
    assert second.records[NAME].claimed > first.records[NAME].claimed
    assert second.records[NAME].nonce == first.records[NAME].nonce


def test_a_look_during_which_the_machine_slept_is_none(
    world: World, sleeper: tuple[SharedJournal, Clock, Dozing]
) -> None:
    journal, clock, ref = sleeper
    assert journal.claim(NAME, "one") == Granted()
    clock.boot += 31
    ref.nap = 1000.0
    assert journal.claim(NAME, "one") == Granted()
    assert world.now().serial == 3  # made again, since it had grown old meanwhile


# --- remotes that misbehave ------------------------------------------------------------


def denied(world: World, state: Path | None = None, id_: str = "") -> str:
    with world.journal(state=state, id_=id_) as journal:
        verdict = journal.claim(NAME, "one")
        assert isinstance(verdict, Denied), verdict
        return verdict.reason


def test_an_absent_ref_is_not_an_empty_journal(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert "does not exist" in denied(world)


def test_a_ref_that_was_deleted_is_not_an_empty_journal(world: World) -> None:
    state = world.machine()
    with world.journal(state=state) as journal:
        assert journal.claim(NAME, "one") == Granted()
    git("update-ref", "-d", world.ref, cwd=world.bare)
    assert "does not exist" in denied(world, state)
    assert "does not exist" in denied(world)


def test_another_journal_than_that_of_the_set_is_refused(world: World) -> None:
    assert f"another journal ({ID})" in denied(world, id_="abcdef")
    with world.journal(id_=ID) as journal:
        assert journal.claim(NAME, "one") == Granted()


def test_a_ref_that_went_back_is_refused(world: World) -> None:
    state, before = world.machine(), world.head()
    with world.journal(state=state) as journal:
        journal.claim(NAME, "one")
        journal.sent(NAME)
    git("update-ref", world.ref, before, cwd=world.bare)
    assert "was moved back or rewritten: its serial number is 1, and was 2" in denied(world, state)


def test_a_commit_of_the_same_serial_is_refused(world: World) -> None:
    state, before = world.machine(), world.head()
    with world.journal(state=state) as journal:
        journal.claim(NAME, "one")
        journal.sent(NAME)
    git("update-ref", world.ref, before, cwd=world.bare)
    with world.journal() as other:
        assert other.claim("lab.two.bh4txw5qcd", "two") == Granted()
        other.sent("lab.two.bh4txw5qcd")
    assert "its serial number is 2, and was 2" in denied(world, state)


def test_a_journal_that_was_made_anew_is_refused_until_the_set_says_so(world: World) -> None:
    state = world.machine()
    assert isinstance(world.repository(state).fetch([]), Fetched)
    git("update-ref", "-d", world.ref, cwd=world.bare)
    world.repository().create("abcdef")
    assert "another journal (abcdef) than before" in denied(world, state)
    with world.journal(state=state, id_="abcdef") as journal:
        assert journal.claim(NAME, "one") == Granted()


def test_a_ref_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path)
    git("push", "-q", "origin", f"HEAD:{world.ref}", cwd=world.checkout)
    assert "is not a journal of submits" in denied(world)


def test_a_remote_that_refuses_pushes_is_believed_soon(world: World) -> None:
    world.hook("pre-receive", "echo 'no pushes here' >&2; exit 1")
    assert "no pushes here" in denied(world)
    assert NAME not in world.now().records


def test_a_remote_that_dies_after_it_took_the_push_counts_as_taken(world: World) -> None:
    world.hook("post-receive", "kill -9 $PPID")
    with world.journal() as journal:
        assert journal.claim(NAME, "one") == Granted()
        journal.sent(NAME)
    assert world.now().records[NAME].state is State.SENDING


def test_another_commit_on_top_of_ours_changes_nothing(world: World) -> None:
    """The remote takes our push, dies, and somebody else has pushed before we look."""
    other = world.root / "other"
    script = world.root / "on_top.sh"
    script.write_text(
        f"""
        test -e {other} && exit 0
        unset GIT_DIR GIT_QUARANTINE_PATH
        git clone -q {world.bare} {other}
        cd {other} && git fetch -q origin {world.ref} && git checkout -q FETCH_HEAD
        sed -i 's/"serial": [0-9]*/"serial": 99/' journal.json
        git -c user.name=o -c user.email=o@example.org commit -qam other
        git push -q origin HEAD:{world.ref}
        """
    )
    world.hook("post-receive", f"sh {script}; kill -9 $PPID")
    with world.journal() as journal:
        assert journal.claim(NAME, "one") == Granted()
        journal.sent(NAME)
    assert world.now().serial == 99
    assert world.now().records[NAME].state is State.SENDING


def test_a_remote_that_is_gone_denies(world: World) -> None:
    location = world.location()
    world.bare.rename(world.root / "elsewhere")
    ref = Repository(location, world.machine(), ENVIRON)
    journal = SharedJournal(ref, BINDING, who="me", served_at=lambda: None, patience=0.5)
    verdict = journal.claim(NAME, "one")
    assert journal.close() == ()
    assert isinstance(verdict, Denied) and "cannot be read" in verdict.reason


def test_a_claim_that_may_still_land_is_given_back(world: World) -> None:
    """The remote takes every push, and nobody can see it for a while."""
    world.hook("post-receive", f"mv {world.bare} {world.bare}.away; kill -9 $PPID")
    back = threading.Timer(1.5, lambda: Path(f"{world.bare}.away").rename(world.bare))
    ref = Repository(world.location(), world.machine(), ENVIRON)
    journal = SharedJournal(ref, BINDING, who="me", served_at=lambda: None, patience=0.5)
    back.start()
    assert isinstance(journal.claim(NAME, "one"), Denied)
    back.join()
    world.hook("post-receive", "exit 0")
    assert journal.close() == ()
    assert world.now().records[NAME].state is State.REJECTED


def test_what_cannot_be_given_back_is_told(world: World) -> None:
    ref = Repository(world.location(), world.machine(), ENVIRON)
    journal = SharedJournal(ref, BINDING, who="me", served_at=lambda: None, patience=0.5)
    assert journal.claim(NAME, "one") == Granted()
    world.bare.rename(world.root / "elsewhere")
    assert [record.name for record in journal.close()] == [NAME]


@pytest.mark.parametrize("hashing", ["sha1", "sha256"])
@pytest.mark.parametrize("ref", ["refs/jobsync/journal", "refs/heads/jobsync-journal"])
def test_either_hash_and_either_form_of_the_ref_work(
    tmp_path: Path, hashing: str, ref: str
) -> None:
    world = World(tmp_path, hashing, ref)
    world.init()
    with world.journal() as journal:
        assert journal.claim(NAME, "one") == Granted()
        journal.sent(NAME)
    assert NAME in world.now().records
    assert len(world.head()) == (64 if hashing == "sha256" else 40)


def test_a_shallow_detached_checkout_works(world: World, tmp_path: Path) -> None:
    world.checkout = tmp_path / "shallow"
    git("clone", "-q", "--depth=1", "--branch=main", world.bare.as_uri(), world.checkout)
    git("checkout", "-q", "--detach", cwd=world.checkout)
    with world.journal() as journal:
        assert journal.claim(NAME, "one") == Granted()


def test_a_remote_of_a_relative_path_is_that_beside_the_checkout(world: World) -> None:
    git("remote", "set-url", "origin", "../remote.git", cwd=world.checkout)
    with world.journal() as journal:
        assert journal.claim(NAME, "one") == Granted()


# --- records that somebody else wrote ----------------------------------------------------


def plant(world: World, name: str, content: str, mode: str = "100644") -> None:
    """Somebody who can push writes *content* where the record of *name* stands."""
    clone = world.root / "planted"
    git("clone", "-q", world.bare, clone)
    git("fetch", "-q", "origin", world.ref, cwd=clone)
    git("checkout", "-q", "FETCH_HEAD", cwd=clone)
    file = clone / path(replace(decode(name, b""), folder=folder(BINDING)))
    file.parent.mkdir(parents=True, exist_ok=True)
    if mode == "120000":
        file.symlink_to(content)
    else:
        file.write_text(content)
    serial = clone / "journal.json"
    serial.write_text(serial.read_text().replace('"serial": 1', '"serial": 2'))
    git("add", "-A", cwd=clone)
    git("commit", "-q", "-m", "planted", cwd=clone)
    git("push", "-q", "origin", f"HEAD:{world.ref}", cwd=clone)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not json",
        "[" * 4000,
        '{"name": "other"}',
        '{"name": "lab.one.bh4txw5qcd", "state": "made up"}',
        "x" * 100_000,
    ],
)
def test_a_record_that_cannot_be_understood_blocks(world: World, content: str) -> None:
    plant(world, NAME, content)
    with world.journal() as journal:
        verdict = journal.claim(NAME, "one")
        assert isinstance(verdict, Taken), verdict
        assert verdict.record.who == "a record that cannot be read"
        assert journal.claim("lab.two.bh4txw5qcd", "two") == Granted()


def test_a_link_in_place_of_a_record_blocks_and_is_not_followed(world: World) -> None:
    plant(world, NAME, "/etc/passwd", mode="120000")
    with world.journal() as journal:
        assert isinstance(journal.claim(NAME, "one"), Taken)


def test_reading_says_why_it_cannot(world: World) -> None:
    found = world.repository(id_="abc").fetch([folder(BINDING)])
    assert isinstance(found, Unread) and found.final
