"""A smaller run of ``simulate.py``: the protocol never doubles or loses, others do."""

from __future__ import annotations

import pytest

from tests.apply.simulate import TEETH
from tests.apply.simulator import NONE, Faults, histories


def test_without_faults_every_history_ends_with_one_job() -> None:
    assert set(histories(range(2_000), "jobsync", NONE)) == {"converged"}


def test_under_faults_nothing_is_sent_twice_and_nothing_is_lost() -> None:
    counts = histories(range(20_000), "jobsync", Faults())
    assert counts["double"] == counts["lost"] == 0
    assert set(counts) == {"converged", "echo reported", "unknown, then by hand"}
    assert counts["converged"] > 0.8 * 20_000


def test_jobs_that_arrive_are_all_found_once_the_faults_end() -> None:
    """Late and lost answers, but no crash and no lost request: only such are truly ambiguous."""
    calm = Faults(post=0.5, search=0.2, crash=0.0, disk=0.0, stop=0.1, double=0.0)
    counts = histories(range(5_000), "jobsync", calm)
    assert counts["unknown, then by hand"] < 0.12 * 5_000  # one fault in six loses the request
    assert counts["double"] == counts["lost"] == 0


@pytest.mark.parametrize("policy", TEETH)
def test_other_ways_do_send_twice(policy: str) -> None:
    assert histories(range(2_000), policy, Faults())["double"] > 0
