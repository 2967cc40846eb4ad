"""A runner that stands still between its claim and its submit, and one whose clock is wrong."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.apply.journal_entry import State
from jobsync.testing import LocalService
from tests.line.linebench import Done
from tests.line.runner import YOUNG, ended, is_stopped, start
from tests.line.test_shared_journal import Team, name_of

APPLY = ("apply", "--auto-approve", "--target", "env")
RESOLVE = ("resolve", "--target", "env", "one", "--not-submitted")
HOUR = 3600.0


@pytest.fixture
def team(tmp_path: Path, service: LocalService) -> Iterator[Team]:
    made = Team(tmp_path, service)
    yield made
    for lab in made.machines:
        lab.close()


def overtaken(team: Team, stop_at: str, **trust: float) -> Done:
    """How a runner ends that is stopped at *stop_at* and goes on after another has taken over."""
    first, second = team.machine(), team.machine()
    process = start(first, *APPLY, stop_at=stop_at, **trust)
    first.wait_for(lambda: is_stopped(process))
    (record,) = team.records().values()
    assert record.state is State.SENDING and first.mine() == []
    assert ended(start(second, *APPLY)).code == 6
    assert second.mine() == []
    while (done := ended(start(second, *RESOLVE))).code == 4:
        assert "may still send it" in done.err
    assert done.code == 0, done.err
    assert time.time() - record.claimed > YOUNG - 2  # the service tells whole seconds
    done = ended(start(second, *APPLY))
    assert done.code == 0, done.err
    assert len(second.mine()) == 1
    process.send_signal(signal.SIGCONT)
    return ended(process)


@pytest.mark.parametrize("stop_at", ["push", "look", "written"])
def test_a_runner_that_was_overtaken_while_it_stood_still_submits_nothing(
    team: Team, stop_at: str
) -> None:
    done = overtaken(team, stop_at)
    assert done.code == 0, done.err
    (run,) = team.machines[0].mine()
    (record,) = team.records().values()
    assert (record.state, record.job) == (State.CONFIRMED, run["id"])


def test_one_that_did_not_look_again_would_submit_a_second_time(team: Team) -> None:
    """What the test above would see."""
    overtaken(team, "written", fresh=math.inf, old=math.inf)
    assert len(team.machines[0].mine()) == 2


# --- a wrong clock ---------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
def test_a_claim_is_dated_by_the_service_and_not_by_a_wrong_clock(team: Team, ahead: float) -> None:
    wrong, right = team.machine(), team.machine()
    done = ended(start(wrong, *APPLY, ahead=ahead))
    assert done.code == 0, done.err
    (record,) = team.records().values()
    assert record.state is State.CONFIRMED
    assert abs(record.claimed - time.time()) < 100
    assert ended(start(right, *APPLY)).code == 0
    assert len(right.mine()) == 1


@pytest.mark.parametrize(
    ("claims", "settles"), [(HOUR, 0.0), (-HOUR, 0.0), (0.0, HOUR), (0.0, -HOUR)]
)
def test_a_wrong_clock_neither_ages_a_claim_nor_keeps_it_young(
    team: Team, claims: float, settles: float
) -> None:
    """The holder stands still, and somebody settles its claim: not too soon, and in the end."""
    first, second = team.machine(), team.machine()
    process = start(first, *APPLY, ahead=claims, stop_at="written")
    first.wait_for(lambda: is_stopped(process))
    done = ended(start(second, *RESOLVE, ahead=settles, young=900.0))
    assert done.code == 4, done.err
    assert "may still send it" in done.err
    done = ended(start(second, *APPLY, ahead=settles))
    assert done.code == 6, done.err
    assert second.mine() == []
    second.wait_for(lambda: ended(start(second, *RESOLVE, ahead=settles)).code == 0)
    done = ended(start(second, *APPLY, ahead=settles))
    assert done.code == 0, done.err
    process.send_signal(signal.SIGCONT)
    assert ended(process).code == 0
    assert len(first.mine()) == 1
    assert name_of(first) in team.records()
