"""A short form of ``simulate_shared.py``: nothing is submitted twice, and it has teeth."""

from __future__ import annotations

import pytest

from tests.apply.shared_simulator import FAILURES, NONE, STORMS, Faults, histories


def test_without_faults_every_history_converges() -> None:
    assert set(histories(range(1_000), "jobsync", NONE)) == {"converged"}


def test_no_history_submits_twice_or_loses_a_job() -> None:
    verdicts = histories(range(6_000), "jobsync", Faults())
    assert not verdicts["double"] and not verdicts["lost"], verdicts
    assert verdicts["converged"] > 4_000
    assert verdicts["unknown, then by hand"] and verdicts["absent: nothing sent"]


@pytest.mark.parametrize("policy", FAILURES)
def test_what_must_fail_is_seen_to_fail(policy: str) -> None:
    storm = STORMS.get(policy, Faults())
    assert histories(range(3_000), policy, storm)[FAILURES[policy]]


@pytest.mark.parametrize("policy", STORMS)
def test_the_protocol_stands_the_same_storms(policy: str) -> None:
    verdicts = histories(range(3_000), "jobsync", STORMS[policy])
    assert not verdicts["double"] and not verdicts["lost"], verdicts
