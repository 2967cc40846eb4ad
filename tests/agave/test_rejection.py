"""Only the words of a check that comes before the job is made prove that none was made."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.agave.exchange import Answer
from jobsync.agave.rejection import refused_by_a_check


def answer(status: int, body: bytes) -> Answer:
    return Answer("POST", "https://api.example/jobs/v2/", status, {}, body)


def envelope(status: int, message: str, **more: object) -> Answer:
    document = {"status": "error", "message": message, "version": "2.2.22", **more}
    return answer(status, json.dumps(document).encode())


PROOF = [
    (400, "No app found matching nosuch-1.0 for the user."),
    (400, "Bad Request (400) - Job name cannot be empty."),
    (400, "No queue found on execution system x to support jobs requiring 10 nodes"),
    (400, "threads requires at least 1 values"),
    (400, "Invalid parameter value, 'x', for model. Value must be one of: lg, wag"),
    (403, "You do not have permission to access this the input file or directory at /x"),
]

NO_PROOF = [
    (400, "Invalid notification value given. x"),
    (400, "Job processing failed with exception type NullPointerException: x"),
    (500, "Failed to submit job: No app found matching x"),
    (500, "No app found matching nosuch-1.0"),
    (400, "The job was saved. No app found matching x"),
    (403, "User does not have permission to view this job"),
    (502, "No app found matching nosuch-1.0"),
    (200, "No app found matching nosuch-1.0"),
    (400, ""),
]


@pytest.mark.parametrize(("status", "message"), PROOF)
def test_a_check_before_the_job_is_made(status: int, message: str) -> None:
    assert refused_by_a_check(envelope(status, message), notifying=False)


@pytest.mark.parametrize(("status", "message"), PROOF)
def test_nothing_is_proven_when_there_are_notifications(status: int, message: str) -> None:
    assert not refused_by_a_check(envelope(status, message), notifying=True)


@pytest.mark.parametrize(("status", "message"), NO_PROOF)
def test_other_words_prove_nothing(status: int, message: str) -> None:
    assert not refused_by_a_check(envelope(status, message), notifying=False)


def test_an_answer_that_carries_a_job_proves_nothing() -> None:
    found = envelope(400, "No app found matching x", result={"id": "1-007"})
    assert not refused_by_a_check(found, notifying=False)


def test_the_words_without_the_envelope_prove_nothing() -> None:
    assert not refused_by_a_check(
        answer(400, b"<html>No app found matching x</html>"), notifying=False
    )


@settings(deadline=None, max_examples=300)
@given(st.integers(200, 599), st.binary(max_size=200))
def test_no_random_body_proves_anything(status: int, body: bytes) -> None:
    assert not refused_by_a_check(answer(status, body), notifying=False)
