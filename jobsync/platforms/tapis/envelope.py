"""What an answer says: the envelopes of the services, their plain texts, and pages of gateways.

Every kind of answer that is not the asked-for result becomes an error that carries the service's
own words, the URL and the status. It is judged by its status and, where tapis-v3 §2.3 says so, by
the code at the beginning of its message; never by other words. Nothing unreadable is ever taken
for "empty".
"""

from __future__ import annotations

import re

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
from jobsync.http.json_text import parse_json
from jobsync.http.messages import Response, sanitised
from jobsync.model import JsonValue
from jobsync.structs import Struct

_SAID = 1_000
"""Characters shown of what the service itself says."""

_CODE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?=\s|$)")
"""Messages begin with one (tapis-v3 §2.1)."""

_FOREIGN = "MISMATCHED_OWNER"
_SECURITY = "TAPIS_SECURITY"
"""The codes begin so with which a token is refused, which is done before anything is looked at. In
an envelope a 401 with another one is what a system, an app or a service says that was asked for the
answer, and the status is passed on."""

_UNREAD = "SELECT_UUID_ERROR"
_ABSENT = (_UNREAD, "RESUBMIT_NOT_FOUND")
_SERVICE = re.compile(r"/v3/([a-z0-9]+)/")
_FINAL = ("SEARCH", "SELECT_UUID")
_LOG_IN = "log in again"
_NO_ROUTE = "the service is too old for this, or the base URL is wrong"
_PROOFS = frozenset({400, 401, 403, 404, 409})
_PLAIN_PROOFS = frozenset({400, 401})


class Envelope(Struct, frozen=True):
    """The services' own envelope; ``code`` is empty for a message without one."""

    status: str
    message: str
    code: str
    result: JsonValue
    metadata: JsonValue


def envelope_of(answer: Response) -> Envelope | None:
    """The envelope that *answer* is, or None: the web framework and gateways answer without
    ``result`` (tapis-v3 §2.2)."""
    try:
        value = parse_json(answer.body)
    except ValueError:
        return None
    if not isinstance(value, dict) or "result" not in value:
        return None
    status, message = value.get("status"), value.get("message")
    if not isinstance(status, str) or not isinstance(message, str):
        return None
    return Envelope(status, message, _code(message), value["result"], value.get("metadata"))


def opened(answer: Response) -> Envelope:
    """The envelope of a success.

    Raises the error that *answer* is when it has another status, and :class:`Unreadable` when it
    claims success in any other form than the service's.
    """
    if not 200 <= answer.status < 300:
        raise error_of(answer)
    if not re.fullmatch(r"application/([a-z0-9.-]+\+)?json", answer.media_type):
        raise unreadable(answer, f"the answer is not JSON but {answer.media_type or 'has no type'}")
    found = envelope_of(answer)
    if found is None or found.status != "success":
        raise unreadable(answer, "the answer does not have the form of the service")
    return found


def error_of(answer: Response) -> ServiceError:
    """The error for an answer that is not a success (tapis-v3 §2.3)."""
    if 200 <= answer.status < 400:
        return _unexpected(answer)
    found = envelope_of(answer)
    text = found.message if found else _text(answer)
    said = sanitised(text, _SAID)
    line, status = _line(answer, said or "no text"), answer.status
    code = found.code if found else _code(text)
    if status == 401 and _FOREIGN in code:
        return Forbidden(line, status=status, said=said)
    if status == 401 and (not found or not code or code.startswith(_SECURITY)):
        return Unauthorized(line, status=status, said=said, hint=_LOG_IN)
    if any(word in code for word in _ABSENT) and status == 400:
        return NotFound(line, status=status, said=said)
    if status == 404 and found:
        return NotFound(line, status=status, said=said)
    if status == 404:
        hint = _NO_ROUTE
        return Refused(line, status=status, said=said, hint=hint)
    if status == 403:
        return Forbidden(line, status=status, said=said)
    if status == 429:
        return Throttled(line, status=status, said=said)
    if status in (502, 503, 504):
        return Unreachable(line)
    return Refused(line, status=status, said=said, hint="" if found else "check the base URL")


def may_be_absent(answer: Response) -> bool:
    """Whether *answer* is what is said of a job that is not there, and of one that the service
    cannot read from its database: the code is the same (tapis-v3 §2.2)."""
    found = envelope_of(answer) if answer.status == 500 else None
    return found is not None and _UNREAD in found.code


def refuses_members(error: Refused) -> bool:
    """Whether *error* is the refusal of a list whose rows are to have members that the service does
    not know (tapis-v3 §6.3)."""
    return error.status == 400 and "SELECTLIST" in _code(error.said)


def proves_nothing_made(answer: Response) -> bool:
    """Whether *answer* to a submit proves that no job was made (tapis-v3 §4.3).

    That is a refusal in the services' own envelope, without a job in it, or as a plain text that
    begins with one of their codes. Anything else may come from a gateway that has passed the
    request on, or that has changed the status of its answer.
    """
    if found := envelope_of(answer):
        has_job = isinstance(found.result, dict) and "uuid" in found.result
        return answer.status in _PROOFS and bool(found.code) and not has_job
    return answer.status in _PLAIN_PROOFS and is_plain_refusal(answer)


def is_plain_refusal(answer: Response) -> bool:
    """Whether *answer* is a plain text of the services: a code, and more words. A gateway may
    answer a word like BAD_REQUEST alone."""
    code, *words = _text(answer).split(maxsplit=1) or [""]
    return answer.media_type == "text/plain" and bool(_code(code) and words)


def token_is_refused(answer: Response) -> bool:
    """Whether a new token may help (tapis-v3 §2.2). What is another's is refused with 401 too, and
    so is what another service refuses to the jobs service, or to somebody who reads files."""
    service = _SERVICE.search(answer.url)
    if answer.status != 401 or (service and service[1] == "files"):
        return False
    return isinstance(error_of(answer), Unauthorized)


def is_final(answer: Response) -> bool:
    """Whether a 500 says what asking again does not change: a job that is not there, or a search
    that is wrong (tapis-v3 §16)."""
    found = envelope_of(answer) if answer.status == 500 else None
    return found is not None and any(word in found.message for word in _FINAL)


def unreadable(answer: Response, why: str) -> Unreadable:
    """An error that names *why* and shows how the answer begins."""
    start = sanitised(answer.body[:1000].decode("utf-8", "replace"))
    return Unreadable(f"{_line(answer, why)}: {start!r}" if start else _line(answer, why))


def _unexpected(answer: Response) -> ServiceError:
    if target := answer.headers.get("location"):
        return Unreadable(
            _line(
                answer,
                f"the service redirects to {sanitised(target)}, which jobsync does not follow",
            ),
            hint="check the base URL",
        )
    return unreadable(answer, "this status does not mean success here")


def _code(message: str) -> str:
    match = _CODE.match(message)
    return match[0] if match else ""


def _text(answer: Response) -> str:
    return answer.body.decode("utf-8", "replace").strip()


def _line(answer: Response, said: str) -> str:
    return f"{answer.status} {said}".rstrip() + f" ({answer})"
