"""Which answers to a submit prove that no job was made. The table is short on purpose.

The service checks a request in a fixed order and makes the job only after the last check; what can
still go wrong then are the notifications (contract 3.1). So an error in the service's own envelope,
with the words of one of those checks, to a request without notifications, is proof. Everything else
that is not a success stays ambiguous: a person must never be told "not submitted" on a guess.
"""

from __future__ import annotations

import re

from jobsync.agave import envelope
from jobsync.agave.exchange import Answer

_CHECKS: tuple[tuple[int, str], ...] = (
    (400, r"No content found"),
    (400, r"Unsupported content type"),
    (400, r"Invalid JSON found"),
    (400, r"Job name (cannot be empty|must be less than 64 characters)"),
    (400, r"No app found matching "),
    (400, r"Invalid batchQueue value"),
    (400, r"No queue found on execution system "),
    (400, r"Unsupported type for input "),
    (400, r"No input specified for "),
    (400, r"No input parameter specified for "),
    (400, r".{1,100} requires at least \d+ values"),
    (400, r".{1,100} may have at most \d+ values"),
    (400, r".{1,100} is a fixed value that cannot be set manually"),
    (400, r"Invalid parameter value, '"),
    (400, r"Job dependencies are not yet supported"),
    (403, r"You do not have permission to access this the input file or directory at "),
)
"""Status and beginning of the message, from contract 3.1 to 3.4 and 1.3."""

_PREFIX = r"(?:[A-Z][A-Za-z ]{2,40} \(\d{3}\) - )?"
"""``Bad Request (400) - `` may come first (contract 1.2)."""

_PATTERNS = tuple((status, re.compile(_PREFIX + text)) for status, text in _CHECKS)


def refused_by_a_check(answer: Answer, *, notifying: bool) -> bool:
    """Whether *answer* proves that a submit was refused before a job was made.

    *notifying* is whether the request had notifications: they are looked at after the job exists.
    """
    if notifying:
        return False
    found = envelope.envelope_of(answer)
    if found is None or found.status != "error" or found.result is not None:
        return False
    return any(
        answer.status == status and pattern.match(found.message) for status, pattern in _PATTERNS
    )
