"""The name of a job says which run of which declaration it is.

    <project>.<address>.<fingerprint>[.r<attempt>]      phylo.tree.lg.1.bh4txw5qcd.r2

For services on which a job's name is free text of at least 63 characters that stands in every list
row and cannot be changed.
"""

from __future__ import annotations

import re
from functools import lru_cache

from jobsync.identity import FINGERPRINT, KEY, SLUG
from jobsync.model import Mark

ADDRESS_LIMIT = 47
"""The most that project and address may take together; leaves room for ``.rNN`` in a name of 63
characters, and for ``.rNNN`` in one of 64."""

_ATTEMPT = re.compile(r"r([1-9][0-9]{0,2})")


def run_name(mark: Mark) -> str:
    """The first attempt is not written."""
    base = f"{mark.project}.{mark.address}.{mark.fingerprint}"
    return base if mark.attempt == 1 else f"{base}.r{mark.attempt}"


def name_prefix(project: str) -> str:
    """The project and the dot after it."""
    return f"{project}."


@lru_cache(maxsize=65_536)
def read_mark(name: str) -> Mark | None:
    """Take *name* apart, or None when it is not wholly of the grammar."""
    parts = name.split(".")
    attempt = 1
    if len(parts) >= 4 and (match := _ATTEMPT.fullmatch(parts[-1])):
        attempt = int(match[1])
        parts.pop()
        if attempt == 1:
            return None
    if len(parts) < 3 or not FINGERPRINT.fullmatch(parts[-1]):
        return None
    project, key, *slugs = parts[:-1]
    if not (KEY.fullmatch(project) and KEY.fullmatch(key)):
        return None
    if not all(SLUG.fullmatch(slug) for slug in slugs):
        return None
    return Mark(project, ".".join([key, *slugs]), parts[-1], attempt)
