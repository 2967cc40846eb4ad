"""Which shared journal a command uses, and how people are told of it."""

from __future__ import annotations

import getpass
import hashlib
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from jobsync.base_url import is_loopback
from jobsync.cli.connect import LOCAL, Place

if TYPE_CHECKING:
    from jobsync.apply.shared.location import Location
    from jobsync.model import JournalRef

VARIABLE = "JOBSYNC_JOURNAL"


def locate(
    declared: JournalRef | None, place: Place, environ: Mapping[str, str]
) -> Location | None:
    """The shared journal of an apply at *place*, None where there is none.

    The embedded service has none: it ends with the command. A service on this machine has one only
    where ``JOBSYNC_JOURNAL`` says so: a set is applied to it to try it out.
    """
    from urllib.parse import urlsplit

    from jobsync.apply.shared import location

    if place.target.name == LOCAL:
        return None
    host = urlsplit(place.target.base_url).hostname or ""
    if is_loopback(host) and not environ.get(VARIABLE):
        return None
    return location.locate(declared, place.root, environ)


def told(location: Location | None, place: Place, folder: Path, environ: Mapping[str, str]) -> str:
    """The line that says which journal keeps submits from being sent twice."""
    if location is not None:
        which = f", id {location.id}" if location.id else ""
        return f"Journal of submits: {location.label}{which}."
    if place.target.name == LOCAL:
        return ""
    kept = " (JOBSYNC_STATE_DIR, taken for a folder that lasts)"
    named = kept if environ.get("JOBSYNC_STATE_DIR") else ""
    return f"Journal of submits: of this machine only, in {folder}{named}."


def who(environ: Mapping[str, str]) -> str:
    """How others are told of this command: the URL of a CI run, else a digest of host and user."""
    server, repository = environ.get("GITHUB_SERVER_URL"), environ.get("GITHUB_REPOSITORY")
    if server and repository and (run := environ.get("GITHUB_RUN_ID")):
        return f"{server}/{repository}/actions/runs/{run}"
    for name in ("CI_JOB_URL", "BUILD_URL"):
        if url := environ.get(name):
            return url
    user = str(os.getuid())
    with suppress(OSError, KeyError):
        user = getpass.getuser()
    return hashlib.sha256(f"{socket.gethostname()}\n{user}".encode()).hexdigest()[:8]
