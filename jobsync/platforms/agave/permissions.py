"""Whom permissions are given to, and the words for them."""

from __future__ import annotations

import re
from functools import lru_cache

from jobsync.manifest.messages import quoted

USERNAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
"""The user names a manifest may name: safe in every URL and column (agave-v2 §5.3, §5.4)."""


@lru_cache(maxsize=4096)
def wrong_user(name: str) -> tuple[str, str] | None:
    """Why *name* cannot be a user that a manifest names, and what to do; None when it can."""
    if name in ("public", "*"):
        return f"{quoted(name)} is not a user for the service", "write world for everybody"
    if USERNAME.fullmatch(name):
        return None
    lowered = name.lower()
    hint = f"the service folds case: write {lowered}" if USERNAME.fullmatch(lowered) else ""
    rule = "lower-case letters, digits, _ and -, at most 32"
    return f"{quoted(name)} cannot be a user name", hint or rule
