"""What ``jobsync jobs`` is given, and what it cannot be sure of."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from jobsync.errors import SettingsError, SubmitAmbiguous, UnknownOutcome, Usage

if TYPE_CHECKING:
    from jobsync.model import JsonValue

Made = TypeVar("Made")


def made(send: Callable[[], Made | None], look: str) -> Made:
    """The job that *send* makes; *look* is the command that would find it.

    Raises :class:`UnknownOutcome` when nobody can tell whether one was made.
    """
    try:
        run = send()
    except SubmitAmbiguous as error:
        raise UnknownOutcome(
            f"it is not known whether a job was made: {error}",
            hint=f"look before sending again: {look}",
        ) from error
    if run is None:
        raise UnknownOutcome("the service did not say which job it made")
    return run


def read_request(path: str) -> dict[str, JsonValue]:
    """The JSON object in a file, or on standard input for ``-``."""
    try:
        with click.open_file(path, "rb") as file:
            value = json.loads(file.read())
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise SettingsError(f"{path} is not a JSON object")
    return value


def search_terms(terms: Sequence[str]) -> list[tuple[str, str]]:
    """The terms of ``--term`` with their values."""
    pairs = []
    for term in terms:
        name, separator, value = term.partition("=")
        if not name or not separator:
            raise Usage(f"--term {term!r} is not TERM=VALUE")
        pairs.append((name, value))
    return pairs
