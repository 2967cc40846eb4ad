"""Keys and project names made of any text."""

from __future__ import annotations

import re
from collections.abc import Container

from jobsync.platform import Platform

_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


def key_of(text: str, platform: Platform, fallback: str = "job") -> str:
    """A key or project name made from any text. The name of a run made by jobsync gives its
    address."""
    if mark := platform.read_mark(text):
        text = mark.address
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


def project_of(folder: str, platform: Platform) -> str:
    """A project name for the set in *folder*."""
    return key_of(folder, platform, "project")[: platform.address_limit // 2].rstrip("-_")
