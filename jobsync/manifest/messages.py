"""What is wrong with a value, in words that a person can act on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from jobsync.manifest.source_map import Raw
from jobsync.suggestions import did_you_mean as did_you_mean
from jobsync.suggestions import one_of as one_of
from jobsync.visible import visible

_SHOWN = 60

_FIELD_HINTS = {
    "name": "the key of the job is its name: rename the key",
    "retries": "write onFailure: {retries: N}",
}
"""What to write in place of fields that are the same for every platform."""

_CREDENTIALS = re.compile(r"//[^/@\s]+@")
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([KMGTPE])i?B?\s*", re.IGNORECASE)
_LOOSE_BOOLEANS = {"yes": "true", "on": "true", "no": "false", "off": "false"}


def dotted(path: Sequence[str | int]) -> str:
    """``("jobs", "a", "outputs", 0)`` as people write it: ``jobs.a.outputs[0]``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{visible(step)}" if text else visible(step)
    return text


def quoted(text: str) -> str:
    """Text for display: in double quotes, shortened, with control characters escaped."""
    shown = _CREDENTIALS.sub("//***@", text)
    shown = shown if len(shown) <= _SHOWN else shown[: _SHOWN - 3] + "..."
    return f'"{visible(shown)}"'


def size_hint(text: str) -> str:
    """The size that *text* seems to mean, as it is written here; empty when it is no size."""
    match = _SIZE.fullmatch(text)
    return f"write {match[1]}{match[2].upper()}B" if match else ""


def shown(value: Raw) -> str:
    """A value as a message names it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    digits = str(value)
    return f"the number {digits if len(digits) <= _SHOWN else digits[:20] + '...'}"


def unknown_key(
    path: Sequence[str | int], key: str, known: Iterable[str], hints: Mapping[str, str]
) -> tuple[str, str]:
    """Message and hint for a key that the language does not have at *path*.

    *hints* say what to write in place of a field of a job.
    """
    known = list(known)
    inside = f" in {dotted(path)}" if path else ""
    message = f"unknown key {quoted(key)}{inside}"
    in_job = (len(path) == 2 and path[0] == "jobs") or path == ("defaults",)
    if in_job and (hint := _FIELD_HINTS.get(key, hints.get(key))):
        return message, hint
    return message, did_you_mean(key, known) or one_of(known)


def wrong_value(
    path: Sequence[str | int],
    found: Raw,
    expected: str,
    *,
    options: Sequence[str] = (),
    is_key: bool = False,
) -> tuple[str, str]:
    """Message and hint for a value that is not what *expected* says."""
    if not path:
        return f"a manifest is {expected}, not {shown(found)}", ""
    if is_key and isinstance(found, str):
        inside = f" in {dotted(path[:-1])}"
        return f"the key {quoted(found)}{inside} must be {expected}", _key_hint(found)
    message = f"{dotted(path)} must be {expected}, not {shown(found)}"
    if isinstance(found, str):
        if "true or false" in expected and found.lower() in _LOOSE_BOOLEANS:
            return message, f"write {_LOOSE_BOOLEANS[found.lower()]}"
        if options:
            return message, did_you_mean(found, options)
        if "size like" in expected:
            return message, size_hint(found)
        if "number" in expected and found.isdecimal():
            return message, "remove the quotes"
    if isinstance(found, (int, float)) and not isinstance(found, bool) and "time like" in expected:
        return message, 'write it in quotes: "00:30:00"'
    return message, ""


def _key_hint(key: str) -> str:
    lowered = key.lower().replace(".", "-").replace(" ", "-")
    return f"for example {lowered}" if lowered != key and lowered.isascii() else ""
