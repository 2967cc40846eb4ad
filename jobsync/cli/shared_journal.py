"""Which shared journal a command uses, and how people are told of it."""

from __future__ import annotations

import getpass
import hashlib
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jobsync.base_url import is_loopback
from jobsync.cli.connect import LOCAL, ServicePlace
from jobsync.errors import JobsyncError
from jobsync.structs import replace

if TYPE_CHECKING:
    from jobsync.apply.journal_entry import Binding
    from jobsync.apply.shared.journal import SharedJournal
    from jobsync.apply.shared.location import Location
    from jobsync.apply.shared.record import Record
    from jobsync.backend import Reader
    from jobsync.model import DesiredState, JournalRef, Plan, Target

VARIABLE = "JOBSYNC_JOURNAL"


def locate(
    declared: JournalRef | None, place: ServicePlace, environ: Mapping[str, str]
) -> Location | None:
    """The shared journal of an apply at *place*, None where there is none.

    The embedded service has none: it ends with the command. A service on this machine has one only
    where ``JOBSYNC_JOURNAL`` says so: a set is applied to it to try it out.
    """
    from jobsync.apply.shared import location

    if place.target.name == LOCAL:
        return None
    if is_here(place.target) and not environ.get(VARIABLE):
        return None
    return location.locate(declared, place.root, environ)


def lasts(declared: JournalRef | None, target: Target, environ: Mapping[str, str]) -> bool:
    """Whether what is submitted at *target* is recorded where the next apply finds it.

    A machine of a person keeps its state folder, a runner of CI does not; one that is named is
    taken for a folder that lasts. The embedded service ends with the command.
    """
    if target.name == LOCAL or not environ.get("CI") or environ.get("JOBSYNC_STATE_DIR"):
        return True
    return bool(environ.get(VARIABLE) or (declared and not is_here(target)))


def is_here(target: Target) -> bool:
    """Whether the service of *target* listens on this machine."""
    return is_loopback(urlsplit(target.base_url).hostname or "")


@contextmanager
def opened(
    desired: DesiredState,
    place: ServicePlace,
    folder: Path,
    binding: Binding,
    reader: Reader,
    environ: Mapping[str, str],
) -> Iterator[SharedJournal | None]:
    """The shared journal, None where there is none. What was not settled stays as it was."""
    from jobsync.apply.shared.journal import SharedJournal
    from jobsync.apply.shared.repository import Repository

    location = locate(desired.journal, place, environ)
    if location is None:
        yield None
        return
    journal = SharedJournal(
        Repository(location, folder, environ),
        binding,
        who=who(environ),
        served_at=reader.served_at,
    )
    try:
        yield journal
    finally:
        journal.close()


def read(
    desired: DesiredState,
    place: ServicePlace,
    folder: Path,
    binding: Binding,
    environ: Mapping[str, str],
) -> tuple[Record, ...]:
    """The records of the shared journal, read once; a warning where it cannot be read."""
    import click

    from jobsync.apply.shared import record
    from jobsync.apply.shared.claims import Unread
    from jobsync.apply.shared.repository import Repository

    try:
        location = locate(desired.journal, place, environ)
    except JobsyncError as error:
        click.echo(f"Warning: {error}", err=True)
        return ()
    if location is None:
        return ()
    projects = {binding.project, *former_projects(desired)}
    scopes = [record.folder(replace(binding, project=project)) for project in sorted(projects)]
    repository = Repository(location, folder, environ)
    look = repository.fetch(scopes, seconds=10.0)
    if isinstance(look, Unread):
        advice = f"; {look.advice}" if look.advice else ""
        click.echo(
            f"Warning: {look.reason}{advice}. Open submits of others are not shown, and apply "
            "submits nothing.",
            err=True,
        )
        return ()
    return tuple(look.records.values())


def former_projects(desired: DesiredState) -> frozenset[str]:
    """The projects that jobs of *desired* were in before."""
    from jobsync.plan.history import former_names

    former = (former_names(desired.project, job) for job in desired.jobs.values())
    return frozenset(project for pairs in former for project, _ in pairs)


def journal_line(
    location: Location | None, place: ServicePlace, folder: Path, environ: Mapping[str, str]
) -> str:
    """The line that says which journal keeps submits from being sent twice."""
    if location is not None:
        which = f", id {location.id}" if location.id else ""
        return f"Journal of submits: {location.label}{which}."
    if place.target.name == LOCAL:
        return ""
    kept = " (JOBSYNC_STATE_DIR, taken for a folder that lasts)"
    named = kept if environ.get("JOBSYNC_STATE_DIR") else ""
    return f"Journal of submits: of this machine only, in {folder}{named}."


def say(
    plan: Plan, desired: DesiredState, place: ServicePlace, folder: Path, environ: Mapping[str, str]
) -> None:
    """Say which journal an apply of *plan* would use, and whether the last one here used another.

    Of a folder of state that is new, nothing is known of an earlier one.
    """
    import click

    from jobsync.render.escape import terminal

    if not plan.submits:
        return
    with suppress(JobsyncError):  # it was told when the journal was read
        location = locate(desired.journal, place, environ)
        line = journal_line(location, place, folder, environ)
        before = _last_used(folder, plan, desired)
        changed = before not in ("", _used(location))
        if changed:
            line += f" The last apply here used another one: {terminal(before)}."
        if location is not None or changed:
            click.echo(line, err=True)


def remember(plan: Plan, desired: DesiredState, folder: Path, location: Location | None) -> None:
    """Keep in *folder* which journal an apply of *plan* uses, for :func:`say`."""
    from jobsync.atomic_files import replace_file
    from jobsync.private_files import open_private_folder

    path = _memory(folder, plan, desired)
    with suppress(OSError):  # it only explains
        opened = open_private_folder(path.parent)
        try:
            replace_file(path.name, [_used(location).encode()], folder=opened)
        finally:
            os.close(opened)


def _used(location: Location | None) -> str:
    return f"{location.label} {location.id}".strip() if location else "that of this machine"


def _last_used(folder: Path, plan: Plan, desired: DesiredState) -> str:
    try:
        return _memory(folder, plan, desired).read_text("utf-8", "replace")[:400]
    except OSError:
        return ""


def _memory(folder: Path, plan: Plan, desired: DesiredState) -> Path:
    from jobsync.apply.journal import file_stem
    from jobsync.apply.journal_entry import Binding

    return folder / "journal" / f"{file_stem(Binding.of_plan(plan, desired.platform))}.used"


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
