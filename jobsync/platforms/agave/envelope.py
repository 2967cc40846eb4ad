"""What an answer says: the envelope, gateway faults in JSON and XML, and pages of HTML.

Every kind of answer that is not the asked-for result becomes an error that carries the service's
own words, the URL and the status. Nothing unreadable is ever taken for "empty" (agave-v2 §1.2,
§7.3).
"""

from __future__ import annotations

import re
from collections.abc import Collection

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
from jobsync.http.json_text import parse_json as parse_json
from jobsync.http.messages import Response
from jobsync.http.messages import sanitised as sanitised
from jobsync.model import JsonValue
from jobsync.structs import Struct

_SAID = 1_000
"""Characters shown of what the service itself says: a path or an expression may end it."""
_STALE_CODES = frozenset({900901, 900903, 900904})
_STALE_WORDS = re.compile(r"invalid credentials|expired|inactive", re.IGNORECASE)
_AUTH_CODES = frozenset(range(900901, 900911))
_THROTTLE_CODES = frozenset(range(900800, 900808))
_GATEWAY_STATUSES = frozenset({401, 403, 404, 405, 413, 415})
_XML_FAULT = re.compile(
    r"\s*(?:<\?xml[^>]*\?>)?\s*<(am[st]?):fault\b[^>]*>(.*)</\1:fault>\s*", re.DOTALL
)


class Fault(Struct, frozen=True):
    """A fault reported by the gateway in front of the service, never by the service itself."""

    code: int
    message: str
    description: str

    @property
    def words(self) -> str:
        """The service's message and description as one text."""
        return ". ".join(text for text in (self.message, self.description) if text)


class Envelope(Struct, frozen=True):
    """The service's own envelope. ``result`` is None when absent, null, ``{}`` or ``""``."""

    status: str
    message: str
    result: JsonValue


def fault_of(answer: Response) -> Fault | None:
    """The gateway fault that *answer* is, as a whole, or None."""
    text = answer.body.decode("utf-8", "replace")
    if match := _XML_FAULT.fullmatch(text):
        return _xml_fault(match[1], match[2])
    try:
        value = parse_json(answer.body)
    except ValueError:
        return None
    if not isinstance(value, dict) or set(value) != {"fault"}:
        return None
    fault = value["fault"]
    if not isinstance(fault, dict) or not set(fault) <= {"code", "type", "message", "description"}:
        return None
    return _fault(fault.get("code"), fault.get("message"), fault.get("description"))


def _xml_fault(prefix: str, inner: str) -> Fault | None:
    def text(tag: str) -> str | None:
        found = re.search(rf"<{prefix}:{tag}>([^<]*)</{prefix}:{tag}>", inner)
        return found[1].strip() if found else None

    return _fault(text("code"), text("message"), text("description"))


def _fault(code: JsonValue, message: JsonValue, description: JsonValue) -> Fault | None:
    if isinstance(code, bool) or not isinstance(code, (int, str)):
        return None
    if not re.fullmatch(r"[0-9]{1,9}", str(code)) or not isinstance(message, str):
        return None
    return Fault(int(code), message, description if isinstance(description, str) else "")


def token_is_stale(answer: Response) -> bool:
    """Whether a new token may help: only the gateway can say that (agave-v2 §6.5, §7.3)."""
    if answer.status != 401 or (fault := fault_of(answer)) is None:
        return False
    return fault.code in _STALE_CODES or bool(_STALE_WORDS.search(fault.words))


def rejected_by_gateway(answer: Response) -> bool:
    """Whether *answer* proves that the gateway refused and the service never saw the request."""
    fault = fault_of(answer)
    if fault is None:
        return False
    if answer.status == 429:
        return fault.code in _THROTTLE_CODES
    return answer.status in _GATEWAY_STATUSES and fault.code in _AUTH_CODES


def envelope_of(answer: Response) -> Envelope | None:
    """The envelope that *answer* is, or None."""
    try:
        value = parse_json(answer.body)
    except ValueError:
        return None
    if not isinstance(value, dict) or value.get("status") not in ("success", "error"):
        return None
    message = value.get("message")
    result = value.get("result")
    return Envelope(
        status=str(value["status"]),
        message=message if isinstance(message, str) else "",
        result=None if result in ("", {}) else result,
    )


def result_of(answer: Response, success: Collection[int]) -> JsonValue:
    """The result in *answer*, None when there is none.

    Raises the error that *answer* is when its status is not one of *success*, and
    :class:`Unreadable` when it claims success in any other form than the service's.
    """
    if answer.status not in success:
        raise error_of(answer)
    if answer.status == 204:
        return None
    if not re.fullmatch(r"(application|text)/([a-z0-9.-]+\+)?json", answer.media_type):
        raise unreadable(answer, f"the answer is not JSON but {answer.media_type or 'has no type'}")
    envelope = envelope_of(answer)
    if envelope is None:
        raise unreadable(answer, "the answer does not have the form of the service")
    if envelope.status == "error":
        said = sanitised(envelope.message)
        raise Refused(_line(answer, said), status=answer.status, said=said)
    return envelope.result


def error_of(answer: Response) -> ServiceError:
    """The error for an answer that is not a success."""
    if 200 <= answer.status < 400:
        return _unexpected(answer)
    fault, envelope = fault_of(answer), envelope_of(answer)
    if fault is not None:
        return _fault_error(answer, fault)
    if envelope is not None:
        return _service_error(answer, sanitised(envelope.message, _SAID))
    return _foreign_error(answer, sanitised(answer.body.decode("utf-8", "replace")))


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


def _fault_error(answer: Response, fault: Fault) -> ServiceError:
    code = "" if str(fault.code) in fault.words else f" ({fault.code})"
    said = sanitised(f"{fault.words}{code}")
    line = _line(answer, said)
    if answer.status == 429 or fault.code in _THROTTLE_CODES:
        return Throttled(line, status=answer.status, said=said)
    if answer.status == 401:
        return Unauthorized(line, status=401, said=said, hint="log in again")
    if answer.status == 403:
        return Forbidden(line, status=403, said=said)
    if answer.status in (502, 503, 504):
        return Unreachable(line)
    return Refused(line, status=answer.status, said=said, hint="check the base URL")


def _service_error(answer: Response, said: str) -> ServiceError:
    line = _line(answer, said)
    status = answer.status
    if status == 404:
        return NotFound(line, status=status, said=said)
    if status == 403 or (status == 401 and "does not have permission" in said):
        return Forbidden(line, status=status, said=said)
    if status == 401:
        return Unauthorized(line, status=status, said=said, hint="log in again")
    if status == 429:
        return Throttled(line, status=status, said=said)
    if status == 400 and _names_missing_job(answer, said):
        return NotFound(line, status=status, said=said)
    return Refused(line, status=status, said=said)


def _names_missing_job(answer: Response, said: str) -> bool:
    """agave-v2 §5.3 and §6.5: ``POST pems`` and outputs answer 400 for a job that is not there."""
    below = "/outputs/" in answer.url or "/pems" in answer.url
    return below and re.search(r"not? job found|invalid job id", said, re.IGNORECASE) is not None


def _foreign_error(answer: Response, start: str) -> ServiceError:
    """Neither the service nor its gateway speaks: a proxy's page, or nothing at all."""
    line = _line(answer, start or "no text")
    if answer.status == 429:
        return Throttled(line, status=429, said=start)
    if answer.status in (502, 503, 504):
        return Unreachable(line)
    if answer.status == 401:
        return Unauthorized(line, status=401, said=start, hint="log in again")
    return Refused(line, status=answer.status, said=start, hint="check the base URL")


def _line(answer: Response, said: str) -> str:
    return f"{answer.status} {said}".rstrip() + f" ({answer})"
