"""``jobsync journal``: make, show and shrink the shared journal of submits."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobsync.cli.options import format_option, manifests_option
from jobsync.cli.suggesting import Suggesting
from jobsync.errors import Blocked, Usage

if TYPE_CHECKING:
    from jobsync.apply.shared.claims import Fetched, Unread
    from jobsync.apply.shared.location import Location
    from jobsync.apply.shared.record import Record
    from jobsync.apply.shared.repository import Repository
    from jobsync.model import JournalRef

_DAY = 86400.0


@click.group("journal", cls=Suggesting)
def command() -> None:
    """The shared journal: which submits are open, and who may send them.

    It is a ref of the git remote that the manifests come from, or what JOBSYNC_JOURNAL names.
    """


@command.command("init")
@manifests_option
@click.option("--remote", default="origin", show_default=True, help="The git remote to use.")
@click.option("--ref", help="The ref to use. [default: one that the remote takes]")
def init(paths: tuple[str, ...], remote: str, ref: str | None) -> None:
    """Make the shared journal, and print the line that a set needs to use it."""
    from jobsync.apply.shared.location import BRANCH, is_ref, is_remote
    from jobsync.manifest.settings import DEFAULT_REF
    from jobsync.model import JournalRef

    if not is_remote(remote):
        raise Usage(f"--remote: {remote!r} cannot be the name of a git remote")
    if ref is not None and not is_ref(ref):
        raise Usage(f"--ref: {ref!r} cannot be the ref of a journal", hint=f"use {DEFAULT_REF}")
    root = _root(paths)
    refs = (ref,) if ref else (DEFAULT_REF, BRANCH)
    reasons: list[str] = []
    for tried in refs:
        with _Opened(JournalRef(git=remote, ref=tried), root, os.environ) as (location, repository):
            found = _made(repository, reasons)
            if found is not None:
                _say_made(location, found, remote)
                return
            if os.environ.get("JOBSYNC_JOURNAL"):
                break
    raise Blocked(
        f"the journal cannot be made: {'; '.join(reasons)}",
        hint="use a login that may push to the remote, or name another ref with --ref",
    )


def _made(repository: Repository, reasons: list[str]) -> Fetched | None:
    """The journal that is there, made where there was none; None where the remote refuses it."""
    from jobsync.apply.shared.claims import Fetched, NoAnswer, Pushed, Refused

    found = repository.fetch(())
    if isinstance(found, Fetched):
        click.echo("There is a journal already.", err=True)
        return found
    if not found.absent:
        raise Blocked(found.reason)
    said = repository.create(secrets.token_hex(8))
    found = repository.fetch(())
    if isinstance(found, Fetched):
        return found
    if not isinstance(said, Pushed):
        reasons.append(said.reason)
    if isinstance(said, (Refused, NoAnswer)) and found.absent:
        return None
    raise Blocked(found.reason)


def _say_made(location: Location, found: Fetched, remote: str) -> None:
    click.echo(
        "Whoever can read the repository can read the names of runs in it, and when and by whom "
        "they were submitted.",
        err=True,
    )
    if os.environ.get("JOBSYNC_JOURNAL"):
        click.echo(f"JOBSYNC_JOURNAL={os.environ['JOBSYNC_JOURNAL']} is ready.", err=True)
        click.echo(f"id: {found.id}")
        return
    click.echo("Add this line to a manifest of the set:", err=True)
    click.echo(f"journal: {{git: {remote}, ref: {location.ref}, id: {found.id}}}")


@command.command("show")
@manifests_option
@click.option("--all", "everything", is_flag=True, help="Print settled submits too.")
@format_option
def show(paths: tuple[str, ...], everything: bool, format_name: str) -> None:
    """Print the submits whose outcome is open."""
    from jobsync.apply.shared.claims import is_settled
    from jobsync.render.values import counted

    with _Opened(_declared(paths), _root(paths), os.environ) as (location, repository):
        look = _read(repository)
        records = repository.everything(look)
    shown = [record for record in records if everything or not is_settled(record)]
    shown.sort(key=lambda record: (record.claimed, record.name))
    if format_name == "json":
        from jobsync.render.escape import in_json

        document = {
            "journal": location.label,
            "id": look.id,
            "serial": look.serial,
            "submits": [_document(record) for record in shown],
        }
        click.echo(in_json(json.dumps(document, indent=2)))
        return
    count = counted(len(records), "submit")
    click.echo(f"{location.label}, id {look.id}: {count}, {_open(records)} open")
    for line in _lines(shown):
        click.echo(line)


def _open(records: list[Record]) -> int:
    from jobsync.apply.shared.claims import is_settled

    return sum(not is_settled(record) for record in records)


def _document(record: Record) -> dict[str, object]:
    from jobsync.structs import asdict

    document = asdict(record)
    del document["nonce"], document["folder"]
    return {**document, "state": str(record.state)}


def _lines(records: list[Record]) -> list[str]:
    from jobsync.render.escape import terminal

    rows = [
        (
            record.name,
            str(record.state),
            time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.claimed)),
            record.job or "-",
            record.who,
        )
        for record in records
    ]
    safe = [tuple(map(terminal, row)) for row in rows]
    widths = [max((len(row[column]) for row in safe), default=0) for column in range(5)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in safe
    ]


@command.command("compact")
@manifests_option
@click.option(
    "--older-than",
    "days",
    type=click.FloatRange(min=1),
    default=90.0,
    show_default=True,
    metavar="DAYS",
    help="Keep submits that have changed within this many days.",
)
def compact(paths: tuple[str, ...], days: float) -> None:
    """Drop settled submits that have not changed for some time, in one ordinary commit.

    For their jobs jobsync then relies on what the service lists.
    """
    from jobsync.apply.journal_entry import State
    from jobsync.apply.shared.claims import Fetched, Pushed
    from jobsync.apply.shared.record import path
    from jobsync.render.values import counted

    before = time.time() - days * _DAY
    with _Opened(_declared(paths), _root(paths), os.environ) as (location, repository):
        for _ in range(10):
            look = _read(repository)
            old = {
                path(record): None
                for record in repository.everything(look)
                if record.state in (State.CONFIRMED, State.REJECTED) and record.changed < before
            }
            if not old:
                click.echo("There is nothing to drop.", err=True)
                return
            said = repository.push(look, old)
            again = repository.fetch(())
            if isinstance(said, Pushed) and isinstance(again, Fetched):
                dropped = counted(len(old), "settled submit")
                click.echo(f"{location.label}: {dropped} dropped.", err=True)
                return
            time.sleep(0.2 + secrets.randbelow(1000) / 1000)
    raise Blocked(
        f"{location.label} is in use by others, so nothing was dropped", hint="try again later"
    )


class _Opened:
    """A journal, and the repository to reach it by; closed at the end."""

    def __init__(self, declared: JournalRef | None, root: str, environ: Mapping[str, str]) -> None:
        from jobsync.apply.shared.location import locate
        from jobsync.apply.shared.repository import Repository
        from jobsync.cli.pipeline import user_state

        location = locate(declared, root, environ)
        if location is None:
            raise Blocked(
                "this set has no shared journal", hint="make one with: jobsync journal init"
            )
        self.location = location
        self.repository = Repository(location, user_state(environ), environ)

    def __enter__(self) -> tuple[Location, Repository]:
        return self.location, self.repository

    def __exit__(self, *error: object) -> None:
        self.repository.close()


def _read(repository: Repository) -> Fetched:
    from jobsync.apply.shared.claims import Unread

    look = repository.fetch(())
    if isinstance(look, Unread):
        raise _unread(look)
    return look


def _unread(look: Unread) -> Blocked:
    hint = "make it with: jobsync journal init" if look.absent else ""
    return Blocked(look.reason, hint=hint)


def _root(paths: tuple[str, ...]) -> str:
    """The folder whose checkout is meant: that of the set, else this one."""
    from jobsync import manifest

    here = paths[0] if paths else manifest.find_above(".") or "."
    path = Path(here)
    return str(path if path.is_dir() else path.parent)


def _declared(paths: tuple[str, ...]) -> JournalRef | None:
    """What the set says; where the environment names a journal, no set is needed."""
    from jobsync.cli.sets import read_set

    if os.environ.get("JOBSYNC_JOURNAL"):
        return None
    return read_set(paths, None, {}, os.environ).journal
