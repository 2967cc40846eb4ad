"""Answers and refusals in the envelope of the jobs service (tapis-v3 §2.1, §2.2)."""

from __future__ import annotations

import json
from typing import Any

from werkzeug.wrappers import Response

from jobsync.local.api.tapis.profile import Profile
from jobsync.structs import Struct

JSON_TYPE = "application/json"
"""Without a charset: with one, clients hand out the bytes instead of the answer."""

COMMIT, BUILD = "8b0e7f0f", "2024-10-15T20:05:08Z"


class Answer(Struct, frozen=True):
    """A success: the result, the message with its code, the metadata of a list."""

    result: Any
    message: str
    metadata: Any = None
    status: int = 200


class Problem(Exception):
    """A refusal. ``spelled`` is what the envelope calls its status: for some 404 ``success``."""

    def __init__(
        self, status: int, message: str, *, result: Any = None, spelled: str = "error"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.result = result
        self.spelled = spelled


class PlainProblem(Exception):
    """A refusal that is answered as plain text, outside of any envelope."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def absent(uuid: str) -> Problem:
    """A job that is not there, as most routes say it: a 404 that calls itself a success."""
    return Problem(
        404, f"JOBS_NOT_FOUND Job {uuid} not found.", result={"name": uuid}, spelled="success"
    )


def enveloped(answer: Answer, profile: Profile) -> Response:
    """The response to a request that succeeded, in the envelope of the service."""
    return _envelope(answer.status, "success", answer.message, answer.result, answer.metadata,
                     profile)  # fmt: skip


def refused(problem: Problem, profile: Profile) -> Response:
    """The response to a request that was refused, in the envelope of the service."""
    return _envelope(
        problem.status, problem.spelled, problem.message, problem.result, None, profile
    )


def plain(problem: PlainProblem) -> Response:
    """The response to a request that was refused in plain text, without an envelope."""
    return Response(problem.message, status=problem.status, content_type="text/plain")


def outside(status: int, word: str, message: str) -> Response:
    """What the web framework of the service answers before any resource sees the request."""
    return _json({"status": word, "message": message, "version": None}, status)


def account(status: int, message: str, result: Any, version: str = "1.6.0") -> Response:
    """The envelope of the authenticator and of tenants: without commit and build."""
    spelled = "success" if status < 400 else "error"
    document = {
        "message": message,
        "metadata": {},
        "result": result,
        "status": spelled,
        "version": version,
    }
    return _json(document, status)


def _envelope(
    status: int, spelled: str, message: str, result: Any, metadata: Any, profile: Profile
) -> Response:
    document = {
        "status": spelled,
        "message": message,
        "version": profile.version,
        "commit": COMMIT,
        "build": BUILD,
        "result": result,
        "metadata": metadata,
    }
    return _json(document, status)


def _json(document: Any, status: int) -> Response:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode("utf-8", "replace"), status=status, content_type=JSON_TYPE)
