"""The tags that jobsync puts on a run beside its name, and what they tell. Pure.

Tags are for searches of people and portals, and for telling a run that a person submitted again
from one that was sent twice. They can be replaced by anybody who may annotate the run
(tapis-v3 §4.6), so nothing is decided by them alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from jobsync.model import Mark

RESERVED = "jobsync"
"""What tags begin with that only jobsync sets."""

_ADDRESS = "jobsync:"
_SEND = "jobsync-op:"


def tags_of(mark: Mark, nonce: str) -> list[str]:
    """The tags of a run: which job it is of, and *nonce*, which is drawn anew for each send."""
    return [f"{_ADDRESS}{mark.project}/{mark.address}", f"{_SEND}{nonce}"]


def nonce_of(tags: Iterable[str]) -> str:
    """The nonce of the send that made a run with these *tags*; empty when they do not tell one.

    Tags with two nonces tell none.
    """
    found = {tag.removeprefix(_SEND) for tag in tags if tag.startswith(_SEND)}
    return found.pop() if len(found) == 1 else ""


def without_ours(tags: Iterable[str]) -> list[str]:
    """*tags* without those of jobsync, in their order."""
    return [tag for tag in tags if not tag.startswith(RESERVED)]
