"""Keys and project names made of any text."""

from __future__ import annotations

import re
from collections.abc import Container

from jobsync.identity import ADDRESS_LIMIT, RunName

_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


def key_of(text: str, fallback: str = "job") -> str:
    """A key or project name made of any text; a name that jobsync made gives its address."""
    if name := RunName.parse(text):
        text = name.address
    bare = _TEMPLATE.sub("-", text).lower()
    plain = re.sub(r"[^a-z0-9_]+", "-", bare).strip("-_")
    plain = plain if plain[:1].isalpha() else f"{fallback}-{plain}".strip("-")
    return plain[:30].rstrip("-_")


def free_key(key: str, taken: Container[str], limit: int) -> str:
    """*key* of at most *limit* characters, with a number behind it where it is *taken*."""
    key = key[:limit].rstrip("-_")
    free, number = key, 2
    while free in taken:
        free, number = f"{key[: limit - 4]}-{number}", number + 1
    return free


def project_of(folder: str) -> str:
    """A project name for the set in *folder*."""
    return key_of(folder, "project")[: ADDRESS_LIMIT // 2].rstrip("-_")
