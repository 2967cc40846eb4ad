"""Before a job runs: its work folder, with the app's files, the inputs and the wrapper."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from jobsync.local.api.agave import records
from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.apps.app_file import App
from jobsync.local.apps.template import fill
from jobsync.local.storage.archive_path import slug
from jobsync.local.storage.copying import Check, copy_file, go_on
from jobsync.local.storage.files import Located, Storage
from jobsync.local.storage.systems import System
from jobsync.local.store.rows import JobRow
from jobsync.private_files import make_private_folders

_SHORT = 1 << 20
_FEW = 64


class StagingError(Exception):
    """A work folder that cannot be made; the text names the input or file."""

    reason = "staging"


def work_folder(row: JobRow, system: System) -> Path:
    """Where a job runs: ``WORK/OWNER/job-UUID``, Agave's own layout."""
    return system.work_folder / row.owner / f"job-{row.id}"


def prepare(
    row: JobRow,
    app: App,
    system: System,
    storage: Storage,
    check: Check = go_on,
    *,
    logs: str = "",
) -> None:
    """Make the work folder of *row* from nothing. Inputs are checked again, as the owner.

    *logs* is what the names of the job's log files begin with; by default the job's own name.

    *check* is called now and then while inputs are copied, and may raise to break it off.
    Raises :class:`StagingError`. A half-made folder of an earlier attempt is thrown away.
    """
    work = work_folder(row, system)  # never what a row says: this folder is thrown away
    try:
        _prepare(row, app, system, storage, work, check, logs or slug(row.name))
    except Refusal as refusal:
        raise StagingError(refusal.message) from refusal
    except UnicodeError as error:
        raise StagingError(f"The wrapper of {app.id} is not UTF-8: {error}") from error
    except OSError as error:
        raise StagingError(f"Cannot stage: {error.filename}: {error.strerror}") from error


def is_short(row: JobRow, storage: Storage) -> bool:
    """Whether staging is done in an instant: the inputs are few small files, or there are none."""
    inputs: dict[str, list[str]] = row.request.get("inputs") or {}
    left = _SHORT
    try:
        for uri in {uri for uris in inputs.values() for uri in uris}:
            path = storage.locate(uri, row.owner).path
            left -= max(path.stat().st_size, _SHORT // _FEW)
            if left < 0 or not path.is_file():
                return False
    except (OSError, Refusal):
        return True  # it will not come far
    return True


def _prepare(
    row: JobRow, app: App, system: System, storage: Storage, work: Path, check: Check, logs: str
) -> None:
    odd = work.name != f"job-{row.id}" or work.parent.name != row.owner or row.owner == ".."
    if odd or not work.is_absolute() or work.is_symlink():
        raise StagingError(f"Cannot stage into {work}: it is not the folder of job {row.id}")
    if work.exists():
        shutil.rmtree(work)
    make_private_folders(work / records.FOLDER)
    _copy_app(app, work)
    staged = _stage_inputs(row, storage, work, check)
    name = slug(row.name)
    script = fill(app.template.read_text("utf-8"), row, app, staged)
    (work / f"{name}.ipcexe").write_text(script, "utf-8")
    records.write_run(work, name, logs, system.environment)
    records.write_staged(work, entries(work))


def entries(work: Path) -> Iterator[str]:
    """Every path below the work folder but our own files, relative, links not followed."""
    for folder, names, files in os.walk(work):
        here = os.path.relpath(folder, work)
        if here == ".":
            names[:] = [name for name in names if name != records.FOLDER]
        for name in (*names, *files):
            yield name if here == "." else f"{here}/{name}"


def _copy_app(app: App, work: Path) -> None:
    """An app's own files lie beside the job, as on Agave, but for its definition and template."""
    skipped = {app.folder / "app.json", app.folder / "app.v3.json", app.template}
    for entry in sorted(app.folder.iterdir()):
        if entry in skipped or entry.name.startswith("."):
            continue
        if _holds(entry, work):
            raise StagingError(f"Cannot stage {entry}: the work folders of jobs lie in it")
        if entry.is_dir():
            shutil.copytree(entry, work / entry.name)
        else:
            shutil.copy2(entry, work / entry.name)


def _stage_inputs(row: JobRow, storage: Storage, work: Path, check: Check) -> dict[str, list[str]]:
    """Copy the inputs; each input id with its file names. A URI used twice is copied once."""
    names: dict[str, str] = {}
    staged: dict[str, list[str]] = {}
    inputs: dict[str, list[str]] = row.request.get("inputs") or {}
    for key, uris in inputs.items():
        for uri in uris:
            if uri not in names:
                place = storage.locate(uri, row.owner)
                names[uri] = _free_name(_safe(place.path.name), work)
                copy(place, work / names[uri], uri, check)
        staged[key] = [names[uri] for uri in uris]
    return staged


def _safe(name: str) -> str:
    """The name of an input as it may stand in a script: it can come from another user's job."""
    return re.sub(r"^-|[^A-Za-z0-9._+=@,-]", "_", name) or "input"


def _free_name(name: str, work: Path) -> str:
    """The name of an input, with a number when another input has that name.

    Agave would overwrite the first; ``tree.nwk`` of several runs would then be one file.
    """
    stem, dot, suffix = name.partition(".")
    candidate, number = name, 2
    while (work / candidate).exists():
        candidate = f"{stem}-{number}{dot}{suffix}"
        number += 1
    return candidate


def _holds(folder: Path, work: Path) -> bool:
    """Whether the work folder lies in *folder*, which would then be copied into itself."""
    return Path(os.path.realpath(work)).is_relative_to(os.path.realpath(folder))


def copy(place: Located, target: Path, uri: str, check: Check) -> None:
    """Copy what is at *place*, as far as it may be read. Raises :class:`StagingError`."""
    source = place.path
    if not source.exists():
        raise StagingError(f"Input file or directory does not exist: {uri}")
    if source.is_dir():
        _copy_folder(place, source, target, check)
    elif source.is_file():
        copy_file(source, target, check)
    else:
        raise StagingError(f"Input is neither a file nor a directory: {uri}")


def _copy_folder(place: Located, source: Path, target: Path, check: Check) -> None:
    """Copy a folder without what may not be seen: dot entries of the workspace, what the service
    keeps, links that lead out of the storage system, links to folders (they could lead round in a
    circle), and the folder that is being copied to."""
    target.mkdir()
    for entry in sorted(source.iterdir()):
        if entry.name.startswith(".") and place.hides_dots:
            continue
        if not place.holds(entry) or (entry.is_symlink() and entry.is_dir()):
            continue
        if entry.is_dir():
            if not _holds(entry, target.parent):
                _copy_folder(place, entry, target / entry.name, check)
        elif entry.is_file():
            copy_file(entry, target / entry.name, check)
