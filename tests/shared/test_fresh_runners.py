"""Fresh runners that share nothing but the git remote submit each job once."""

from __future__ import annotations

import pytest

from tests.campaigns import fresh_runners, runner_kills, writers


@pytest.mark.parametrize(("runners", "api"), [(2, "agave/v2"), (4, "agave/v2"), (3, "tapis/v3")])
def test_racing_runners_submit_each_job_once(runners: int, api: str) -> None:
    figures, wrong = fresh_runners.race(2, runners, journal=True, api=api)
    assert wrong == []
    assert figures["submitted twice"] == 0
    assert figures["exit codes"] == {"0": 2 * runners}


def test_without_a_journal_the_same_race_submits_twice() -> None:
    """What the journal is for, and what the test above would see."""
    for _ in range(5):
        figures, _ = fresh_runners.race(2, 4, journal=False)
        if figures["submitted twice"]:
            return
    pytest.fail("ten rounds of four runners never submitted a job twice")


@pytest.mark.parametrize(("points", "api"), [(4, "agave/v2"), (2, "tapis/v3")])
def test_a_fresh_runner_goes_on_where_one_was_killed_between_steps_of_git(
    points: int, api: str
) -> None:
    figures, wrong = runner_kills.sweep(points, api)
    assert wrong == []
    assert figures["kills"] == points


def test_of_many_writers_of_one_name_each_time_one_wins() -> None:
    figures, wrong = writers.contest(16, 3, 0.02)
    assert wrong == []
    assert figures["names with one winner"] == 3


def test_without_a_lease_the_same_writers_win_together() -> None:
    """What the test above would see."""
    for _ in range(5):
        figures, wrong = writers.contest(4, 2, 0.02, lease=False)
        if figures["names with several"]:
            assert any(" winners: " in what for what in wrong)
            return
    pytest.fail("five contests without a lease never had two winners of a name")
