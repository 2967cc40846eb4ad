"""The line of a manifest that a problem is about, with a caret under its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from jobsync.errors import Location, Problem
from jobsync.given_files import read_given
from jobsync.render.escape import terminal
from jobsync.visible import columns

_LARGEST = 8 * 1024 * 1024
"""Bytes of a file that are read to show a line of it; manifests are smaller."""

_BEFORE, _WIDE = 40, 100
"""Of a long line so many characters are shown before the place, and so many in all."""

_BESIDE = 4000
"""Of a long line so many characters beside those are searched for credentials."""

_CREDENTIALS = re.compile(r"(?<=//)[^/@\s]+(?=@)")


def listed(problems: Iterable[Problem]) -> Iterator[str]:
    """The lines that show *problems*, each with the line of its file where that can be read."""
    files: dict[str, list[str]] = {}
    for problem in problems:
        yield from (terminal(line) for line in str(problem).splitlines())
        if problem.where is not None:
            yield from _excerpt(problem.where, files)


def _excerpt(where: Location, files: dict[str, list[str]]) -> list[str]:
    if where.path not in files:
        files[where.path] = _lines(where.path)
    lines = files[where.path]
    if not 1 <= where.line <= len(lines) or not lines[where.line - 1].strip():
        return []
    line = lines[where.line - 1]
    at = min(where.column - 1, len(line))
    start = max(0, at - _BEFORE) if len(line) > _WIDE else 0
    first = max(0, start - _BESIDE)
    near = line[first : start + _WIDE + _BESIDE]
    text = _CREDENTIALS.sub(lambda found: "*" * len(found[0]), near)[start - first :]
    shown, before = text[:_WIDE], text[: at - start]
    number = f"{where.line:>5} | "
    return [f"{number}{terminal(shown)}", f"{'':>5} | {'':{columns(terminal(before))}}^"]


def _lines(path: str) -> list[str]:
    """The lines of a file as YAML counts them; none where it cannot be read (any more)."""
    try:
        text = read_given(path, _LARGEST).decode("utf-8-sig", "replace")
    except (OSError, ValueError):
        return []
    return re.split(r"\r\n|[\r\n]", text)
