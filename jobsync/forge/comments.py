"""One comment that stays: written the first time, replaced from then on, within the forge's size.

The first line of a text is its marker; the comment that begins with it is the one to replace. The
digest of the plan that was reviewed is read from the second line of such a comment, and only there:
what stands further down comes from the manifests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

from jobsync.errors import StalePlan, Usage
from jobsync.structs import Struct

_MARKER = re.compile(r"<!-- [A-Za-z0-9_./ -]+ -->")
_DIGEST = re.compile(r"<!-- digest ([0-9a-f]{64}) -->")
_TOO_LONG = "This is too long for a comment. It is on the page of the run."


class Comment(Struct, frozen=True):
    """A comment of ours, or an issue by its number."""

    id: int
    text: str


class Forge(Protocol):
    """What is asked of a forge for comments. *number* is that of the pull or merge request."""

    @property
    def limit(self) -> int:
        """The most characters of a comment."""

    def comments(self, number: int) -> Iterable[Comment]:
        """The comments that are ours."""

    def create(self, number: int, text: str) -> None:
        """Write a comment."""

    def update(self, number: int, comment: int, text: str) -> None:
        """Replace a comment of ours."""

    def label(self, number: int, prefix: str, label: str) -> None:
        """Give *label*, and take away every other that begins with *prefix*."""

    def check_head(self, branch: str, commit: str) -> None:
        """Raises :class:`StalePlan` unless *commit* is the head of *branch*."""

    def merged_by(self, branch: str, commit: str) -> tuple[int, ...]:
        """The pull or merge requests that *commit* merged into *branch*."""

    def is_merged(self, number: int) -> bool:
        """Whether a pull or merge request was merged."""


def check_head(branch: str, commit: str, head: str) -> None:
    """Raises :class:`StalePlan` unless *commit* is *head*, the newest commit of *branch*."""
    if head != commit:
        raise StalePlan(
            f"{commit[:12]} is not the head of {branch} any more: that is {head[:12]}",
            hint="the run of that commit applies; start no old run again",
        )


def marker_of(text: str) -> str:
    """The first line of *text*. Raises :class:`Usage` when it is no marker."""
    first = text.split("\n", 1)[0]
    if not _MARKER.fullmatch(first):
        raise Usage(
            "the text does not begin with a marker, by which its comment is found again",
            hint="make it with: jobsync plan --format markdown",
        )
    return first


def find(comments: Iterable[Comment], marker: str) -> Comment | None:
    """The first of *comments* that begins with the line *marker*."""
    return next((one for one in comments if _lines(one.text)[0] == marker), None)


def put(forge: Forge, number: int, text: str) -> bool:
    """Write *text* as the comment of its marker, or replace it; whether there was one.

    Nothing is written where it says so already.
    """
    text = fitted(text, forge.limit)
    found = find(forge.comments(number), marker_of(text))
    if found is None:
        forge.create(number, text)
    elif found.text.strip() != text.strip():
        forge.update(number, found.id, text)
    return found is not None


def fitted(text: str, limit: int) -> str:
    """*text*, or where that is longer than *limit* its head, which has the counts and no block."""
    if len(text) <= limit:
        return text
    head: list[str] = []
    for part in text.split("\n\n"):
        if part.startswith(("```", "<details", "|")) or len(part) > limit // 4:
            break
        head.append(part)
    return "\n\n".join([*head[:6], _TOO_LONG]) + "\n"


def reviewed_digest(comments: Iterable[Comment], marker: str) -> str:
    """The digest that the one comment with *marker* names; empty where none or several do."""
    found = {
        match[1]
        for lines in (_lines(one.text) for one in comments)
        if lines[0] == marker and len(lines) > 1 and (match := _DIGEST.fullmatch(lines[1]))
    }
    return found.pop() if len(found) == 1 else ""


def _lines(text: str) -> list[str]:
    """The lines of *text*, as a forge may have stored them."""
    return text.replace("\r\n", "\n").split("\n")
