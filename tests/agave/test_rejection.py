"""Only the words of a check that comes before the job is made prove that none was made."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jobsync.http.messages import Response
from jobsync.platforms.agave.submit_checks import CHECKS, NOT_PROOF
from jobsync.platforms.agave.submit_rejections import refusal_of


def answer(status: int, body: bytes) -> Response:
    return Response("POST", "https://api.example/jobs/v2/", status, {}, body)


def envelope(status: int, message: str, **more: object) -> Response:
    document = {"status": "error", "message": message, "version": "2.2.22", **more}
    return answer(status, json.dumps(document).encode())


SCHEMES = (
    "Please specify your input as a relative path, an Agave resource URL, or a URL with one of "
    "the following schemes: http, https, sftp, or agave."
)
AUTHENTICATE = (
    "Unable to authenticate to x.exec with the default credential. Please check the SSH "
    "execution credential for the execution system and resubmit the job."
)

PROOF = [
    (400, "No content found. Please POST your content as a multipart/form-data file", ""),
    (400, "Bad Request (400) - Invalid JSON found. Unexpected character", ""),
    (400, "Job dependencies are not yet supported.", "dependencies"),
    (400, "Job name cannot be empty.", "name"),
    (400, "appId cannot be empty", "appId"),
    (400, "Invalid appId. Please specify an app using its unique id. The unique id is", "appId"),
    (400, "No app found matching nosuch-1.0 for jdoe", "appId"),
    (403, "Permission denied. You do not have permission to use the requeste app, x-1.0", "appId"),
    (403, "Permission denied. You do not have permission to access this app", "appId"),
    (400, "Invalid batchQueue value.", "batchQueue"),
    (400, "Invalid batchQueue. No batch queue named q is defined on system x", "batchQueue"),
    (400, "Invalid nodeCount. If specified, nodeCount must be a positive integer value.",
     "nodeCount"),
    (400, "Invalid default nodeCount. The normal queue on x does not support jobs with 9 nodes.",
     "nodeCount"),
    (400, "Invalid maxRunTime. maxRunTime should be the maximum run time for this job in "
     "hh:mm:ss format.", "maxRunTime"),
    (400, "No queue found on execution system x to support jobs requiring 10 nodes with 1.000000 "
     "memmory and 1 processors per node, and a max run time of 01:00:00.", "batchQueue"),
    (412, AUTHENTICATE, "appId"),
    (412, " There are no credentials configured for the system: x. Please update (POST) the "
     "system to configure credentials using the URL systems/v2/x/credentials.", "appId"),
    (400, "No input specified for reads", "inputs.reads"),
    (400, "reads requires at least 2 values", "inputs.reads"),
    (400, "Invalid value for reads. reads is a fixed value that cannot be set manually. ",
     "inputs.reads"),
    (400, "Invalid input value, agave://d/a.sam, for reads. Value must match the following "
     "expression: (?i)[^\\s]+\\.bam$", "inputs.reads"),
    (400, f"Invalid value for reads. URI with the gopher scheme are not currently supported. "
     f"{SCHEMES}", "inputs.reads"),
    (403, f"Invalid value for reads{SCHEMES}", "inputs.reads"),
    (403, "You do not have permission to access this the input file or directory at /x", "inputs"),
    (403, "No system was found matching the hostname in the URL for the file or directory at "
     "agave://nowhere/x", "inputs"),
    (400, "No system was found matchin the hostname in the URL for the file or directory at x",
     "inputs"),
    (400, "Invalid parameter value for n. Value 'x' must be a number.", "parameters.n"),
    (400, "Invalid parameter value for n. Value must be a number.", "parameters.n"),
    (400, "Invalid parameter value for s. Value 'x' must match the regular expression ^a$",
     "parameters.s"),
    (400, "Invalid parameter value, 'x', for model. Value must be one of: lg,  wag",
     "parameters.model"),
    (400, "No input parameter specified for model", "parameters.model"),
    (400, "No storage system found matching data.wrong for tester", "archiveSystem"),
    (403, "User does not have permission to access the provided archive path /x", "archivePath"),
    (400, "Archive path is not a folder", "archivePath"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "message", "field"), PROOF)
def test_a_check_before_the_job_is_made(status: int, message: str, field: str) -> None:
    refusal = refusal_of(envelope(status, message))
    assert refusal is not None
    assert refusal.field == field


EMBEDDED = "No app found matching nosuch-1.0 for jdoe"


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (500, "Invalid notification value given. notifications must be an array of objects"),
        (400, "Invalid notification value given. x"),
        (400, "Invalid notifications[0] value given. Each notification object should specify"),
        (500, "Invalid value for policy.retryLimit."),
        (400, "Invalid value for url."),
        (400, "Invalid notification event. Notification events cannot be null."),
        (400, "Unable to parse notification address provided in callbackUrl"),
        (400, "Job processing failed with exception type NullPointerException: x"),
        (400, f"Job processing failed with exception type JobException: {EMBEDDED}"),
        (400, "Job processing failed with exception type X: reads requires at least 2 values"),
        (400, f"General notification processing failed with input []\n{EMBEDDED}"),
        (500, f"Failed to submit job: {EMBEDDED}"),
        (500, "Failed to submit the request to the job queue."),
        (500, "Could not verify archive path"),
        (500, EMBEDDED),
        (502, EMBEDDED),
        (200, EMBEDDED),
        (400, f"The job was saved. {EMBEDDED}"),
        (400, "No app found matching"),
        (403, "User does not have permission to view this job"),
        (401, "User does not have permission to view this job"),
        (401, "Permission denied. Invalid authentication credentials"),
        (400, "The field executionSystem is not allowed in a job request."),
        (400, ""),
    ],
)
def test_other_words_prove_nothing(status: int, message: str) -> None:
    assert refusal_of(envelope(status, message)) is None


def test_an_answer_that_carries_a_job_proves_nothing() -> None:
    assert refusal_of(envelope(400, EMBEDDED)) is not None
    assert refusal_of(envelope(400, EMBEDDED, result={"id": "1-007"})) is None


def test_the_words_without_the_envelope_prove_nothing() -> None:
    assert refusal_of(answer(400, f"<html>{EMBEDDED}</html>".encode())) is None


def test_a_text_longer_than_any_check_makes_proves_nothing() -> None:
    assert refusal_of(envelope(400, f"No app found matching {'x' * 40_000} for jdoe")) is None


@settings(deadline=None, max_examples=300)
@given(st.integers(200, 599), st.binary(max_size=200))
def test_no_random_body_proves_anything(status: int, body: bytes) -> None:
    assert refusal_of(answer(status, body)) is None


def filled(template: str, words: list[str], name: str) -> str:
    """A message that a check may make: its holes filled in order."""
    text = template.replace("{default}", "").replace("{id}", name)
    for word in words:
        text = text.replace("{}", word, 1)
    return text.replace("{}", "")


WORDS = st.text(max_size=30)
NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,20}", fullmatch=True)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(CHECKS), st.lists(WORDS, max_size=5), NAMES)
def test_every_check_is_recognised_whatever_it_names(check, words, name) -> None:  # type: ignore[no-untyped-def]
    refusal = refusal_of(envelope(check.statuses[0], filled(check.text, words, name)))
    assert refusal is not None


@settings(deadline=None, max_examples=600)
@given(
    st.sampled_from(CHECKS),
    st.lists(WORDS, max_size=5),
    NAMES,
    st.sampled_from(["drop", "before", "status"]),
    st.data(),
)
def test_a_text_that_is_not_quite_that_of_a_check_proves_nothing(  # type: ignore[no-untyped-def]
    check, words, name, how, data
) -> None:
    """A missing letter, words in front of it, or another status: looked for by name instead."""
    text = filled(check.text, words, name).strip()
    status = check.statuses[0]
    if how == "status":
        others = sorted({200, 201, 400, 401, 403, 404, 409, 412, 429, 500, 503} - {*check.statuses})
        status = data.draw(st.sampled_from(others))
    elif how == "before":
        text = data.draw(st.sampled_from(NOT_PROOF)) + text
    else:
        head = re.match(r"[A-Za-z ,']*", check.text)
        assert head is not None
        letters = [at for at, char in enumerate(head[0]) if char.isalpha()]
        assume(letters)
        cut = data.draw(st.sampled_from(letters))
        assume(text[cut] != text[cut + 1 : cut + 2])  # the last may be the one that is dropped
        text = text[:cut] + text[cut + 1 :]
    found = refusal_of(envelope(status, text))
    if how == "before":
        assert found is None
    else:
        # Another check may make these words, with this status.
        assert found is None or (found.check is not check and status in found.check.statuses)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(NOT_PROOF), st.text(max_size=80), st.integers(400, 599))
def test_what_may_come_after_the_row_proves_nothing(head: str, rest: str, status: int) -> None:
    assert refusal_of(envelope(status, head + rest)) is None


def test_no_check_is_listed_twice() -> None:
    texts = [(check.text, status) for check in CHECKS for status in check.statuses]
    assert len(texts) == len(set(texts))
