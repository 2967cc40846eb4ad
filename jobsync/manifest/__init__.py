"""Manifests: YAML in git to a :class:`~jobsync.model.DesiredState`, or every problem at once.

files -> reader (values with places) -> schema -> sections (one set)
      -> expand (runs filled in and checked) -> finish (order, digests, fingerprints)

Names are imported when they are first used: a shell that completes an address waits for each.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobsync.manifest.apps import check_apps, unchecked
    from jobsync.manifest.finding import (
        find_above,
        find_set,
        find_sets,
        first_words,
        holds_set,
        sets_below,
    )
    from jobsync.manifest.loading import find_destinations, load, load_each
    from jobsync.manifest.settings import OutputsFolder

_PLACES = {
    "OutputsFolder": "settings",
    "check_apps": "apps",
    "find_above": "finding",
    "find_destinations": "loading",
    "find_set": "finding",
    "find_sets": "finding",
    "first_words": "finding",
    "holds_set": "finding",
    "load": "loading",
    "load_each": "loading",
    "sets_below": "finding",
    "unchecked": "apps",
}

__all__ = [
    "OutputsFolder",
    "check_apps",
    "find_above",
    "find_destinations",
    "find_set",
    "find_sets",
    "first_words",
    "holds_set",
    "load",
    "load_each",
    "sets_below",
    "unchecked",
]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
