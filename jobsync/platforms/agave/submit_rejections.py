"""Which answers to a submit prove that no job was made: those with the words of a listed check.

An error in the service's own envelope, with the status and the whole text of a check that comes
before the job is stored, is proof, whatever else the request has in it. Everything else that is
not a success stays ambiguous: a person must never be told "not submitted" on a guess.
"""

from __future__ import annotations

import re
from functools import cache

from jobsync.http.messages import Response
from jobsync.platforms.agave import envelope
from jobsync.platforms.agave.submit_checks import CHECKS, Check
from jobsync.structs import Struct

_LONGEST = 32_768
"""Characters of a message. All inputs of a request together are half of that at most."""

_PREFIX = r"\s*(?:[A-Z][A-Za-z ]{2,40} \(\d{3}\) - )?\s*"
"""``Bad Request (400) - `` may come first (agave-v2 §1.2), and some texts begin with a space."""

_HOLES = {"{}": ".*?", "{default}": "(?:default )?"}


class Refusal(Struct, frozen=True):
    """A proven refusal. ``field`` is the path in the manifest that it is about, "" for none."""

    check: Check
    field: str


def refusal_of(answer: Response) -> Refusal | None:
    """What refused a submit before a job was made, if *answer* proves that; else None."""
    found = envelope.envelope_of(answer)
    if found is None or found.status != "error" or found.result is not None:
        return None
    if len(found.message) > _LONGEST:
        return None
    for check, pattern in _patterns().get(answer.status, ()):
        if match := pattern.fullmatch(found.message):
            name = match.groupdict().get("id") or ""
            return Refusal(check, check.field.replace("{id}", name))
    return None


@cache
def _patterns() -> dict[int, list[tuple[Check, re.Pattern[str]]]]:
    """The checks of each status. Made when the first submit is refused, and then once."""
    patterns: dict[int, list[tuple[Check, re.Pattern[str]]]] = {}
    for check in CHECKS:
        for status in check.statuses:
            patterns.setdefault(status, []).append((check, _pattern(check.text)))
    return patterns


def _pattern(text: str) -> re.Pattern[str]:
    """The whole of a message: what is written is written, the holes take anything."""
    parts = []
    named = False
    for part in re.split(r"(\{[a-z]*\})", text):
        if part == "{id}":
            parts.append("(?P=id)" if named else r"(?P<id>[^\s,]{1,255}?)")
            named = True
        else:
            parts.append(_HOLES.get(part) or re.escape(part))
    return re.compile(_PREFIX + "".join(parts) + r"\s*", re.DOTALL)
