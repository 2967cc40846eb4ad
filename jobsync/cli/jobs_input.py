"""What ``jobsync jobs`` is given, and what it cannot be sure of."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from jobsync.errors import SettingsError, SubmitAmbiguous, UnknownOutcome, Usage

if TYPE_CHECKING:
    from jobsync.model import JsonValue, Run


def made(send: Callable[[], Run | None], where: str) -> Run:
    """The job that *send* makes; *where* are the search terms that would find it.

    Raises :class:`UnknownOutcome` when nobody can tell whether one was made.
    """
    try:
        run = send()
    except SubmitAmbiguous as error:
        raise UnknownOutcome(
            f"whether a job was made is unknown: {error}",
            hint=f"look before sending again: jobsync jobs list --term {where}",
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
        raise SettingsError(f"{path} is not one JSON object")
    return value


def search_terms(terms: Sequence[str]) -> dict[str, str]:
    """The values of ``--term`` by their terms."""
    pairs = {}
    for term in terms:
        name, separator, value = term.partition("=")
        if not name or not separator:
            raise Usage(f"--term {term!r} is not TERM=VALUE")
        pairs[name] = value
    return pairs
