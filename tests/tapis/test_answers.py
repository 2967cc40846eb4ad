"""What an answer means: errors by status and code, and what proves that nothing was made."""

from __future__ import annotations

import json

import pytest

from jobsync.errors import (
    Forbidden,
    NotFound,
    Refused,
    ServiceError,
    Throttled,
    Unauthorized,
    Unreachable,
    Unreadable,
)
from jobsync.http.messages import Response
from jobsync.platforms.tapis import envelope

JOBS = "https://t.example/v3/jobs"


def answer(
    status: int, body: object, kind: str = "application/json", url: str = f"{JOBS}/submit"
) -> Response:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Response("POST", url, status, {"content-type": kind}, data)


def enveloped(status: int, message: str, spelled: str = "error", **more: object) -> Response:
    document = {
        "status": spelled,
        "message": message,
        "version": "1",
        "result": None,
        "metadata": None,
    }
    return answer(status, {**document, **more})


NO_ROUTE = {"status": "Not Found", "message": "HTTP 404 Not Found", "version": None}
EXPIRED = "TAPIS_SECURITY_JWT_EXPIRED The JWT has expired."


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (answer(401, EXPIRED, "text/plain"), Unauthorized),
        (enveloped(401, "JOBS_MISMATCHED_OWNER User bob does not own it."), Forbidden),
        (enveloped(401, "TAPIS_SYSTEMCLIENT_ERROR no credential"), Refused),
        (enveloped(401, "FILES_REMOTE_FILESLIST_ERROR no credential"), Refused),
        (enveloped(401, EXPIRED), Unauthorized),
        (enveloped(401, "No token."), Unauthorized),
        (enveloped(403, "APPAPI_UNAUTH no"), Forbidden),
        (enveloped(404, "JOBS_NOT_FOUND Job x not found.", "success"), NotFound),
        (enveloped(500, "JOBS_JOB_SELECT_UUID_ERROR Job x"), Refused),
        (enveloped(400, "JOBS_JOB_SELECT_UUID_ERROR Job x"), NotFound),
        (enveloped(400, "JOBSAPI_RESUBMIT_NOT_FOUND Job x"), NotFound),
        (enveloped(500, "JOBS_OTHER broken"), Refused),
        (enveloped(409, "JOBS_JOB_CANCEL_NOT_ACCEPTED over"), Refused),
        (enveloped(429, "SLOW_DOWN"), Throttled),
        (answer(503, "<html>", "text/html"), Unreachable),
        (answer(302, "", "text/html"), Unreadable),
        (answer(204, "", "text/html"), Unreadable),
    ],
)
def test_an_error_is_judged_by_status_and_code(
    response: Response, kind: type[ServiceError]
) -> None:
    found = envelope.error_of(response)
    assert type(found) is kind, found


def test_a_route_that_does_not_exist_is_no_missing_job() -> None:
    found = envelope.error_of(answer(404, NO_ROUTE))
    assert type(found) is Refused and "too old" in found.hint


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_a_refusal_in_the_envelope_proves_that_nothing_was_made(status: int) -> None:
    assert envelope.proves_nothing_made(enveloped(status, "TAPIS_APPCLIENT_NOT_FOUND no app"))
    assert not envelope.proves_nothing_made(enveloped(status, "without a code")), "whose is it?"


@pytest.mark.parametrize(
    "response",
    [
        answer(400, "TAPIS_INVALID_QUERY limit", "text/plain"),
        answer(401, EXPIRED, "text/plain"),
    ],
)
def test_so_does_a_plain_text_with_a_code(response: Response) -> None:
    assert envelope.proves_nothing_made(response)


@pytest.mark.parametrize(
    "response",
    [
        *(
            enveloped(status, "JOBS_X y")
            for status in (402, 405, 408, 425, 429, 499, 500, 502, 504)
        ),
        *(enveloped(status, "JOBS_X y") for status in (200, 201, 204, 301, 307)),
        *(enveloped(status, "JOBS_X y", result={"uuid": "x"}) for status in (400, 401, 403, 409)),
        answer(404, NO_ROUTE),
        answer(400, "<html>Bad Request</html>", "text/html"),
        answer(400, "Bad Request", "text/plain"),
        answer(400, "BAD_REQUEST", "text/plain"),
        answer(403, "TAPIS_X y", "text/plain"),
        answer(401, EXPIRED, "text/html"),
        answer(400, ""),
        answer(400, {"status": "error", "message": "JOBS_X y"}),
        answer(400, ["error"]),
    ],
)
def test_everything_else_proves_nothing(response: Response) -> None:
    assert not envelope.proves_nothing_made(response)


@pytest.mark.parametrize(
    "response",
    [
        answer(200, "<html>", "text/html"),
        answer(200, "{}", "application/json"),
        answer(200, NO_ROUTE),
        enveloped(200, "JOBS_X y", "error"),
        answer(200, "not json", "application/json"),
        answer(206, "", "application/octet-stream"),
    ],
)
def test_a_success_in_another_form_is_unreadable(response: Response) -> None:
    with pytest.raises(Unreadable):
        envelope.opened(response)


def test_only_a_refused_token_is_renewed() -> None:
    stale = envelope.token_is_refused
    assert stale(answer(401, EXPIRED, "text/plain"))
    assert not stale(enveloped(401, "JOBS_MISMATCHED_OWNER no"))
    assert not stale(enveloped(401, "TAPIS_SYSTEMCLIENT_ERROR no"))
    assert not stale(enveloped(401, "FILES_REMOTE_FILESLIST_ERROR no"))
    assert not stale(answer(403, EXPIRED, "text/plain"))
    files = "https://t.example/v3/files/content/s/a"
    assert not stale(answer(401, EXPIRED, "text/plain", files)), "there is another way to a file"


def test_the_files_service_is_told_by_the_url_and_not_by_the_path_of_an_output() -> None:
    stale = envelope.token_is_refused
    host = "https://t.example"
    assert not stale(answer(401, EXPIRED, "text/plain", f"{host}/v3/files/content/s/x"))
    assert stale(answer(401, EXPIRED, "text/plain", f"{JOBS}/u-007/output/download/v3/files/x"))
    assert stale(answer(401, EXPIRED, "text/plain", f"{host}/v3/files-of-mine/v3/jobs/search"))
