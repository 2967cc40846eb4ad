"""Where a path of a system lies on this machine, and who may read or use it.

Every execution system is one tree: the workspace, read only, and ``/.work``, the job area. The
archive is the other storage system. ``/.work/jobs/UUID`` and, in the archive, ``/jobs/UUID`` are
the job's own; any other first folder belongs to whoever claimed it first.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.api.tapis.answer import Problem
from jobsync.local.storage.files import ARCHIVE, Located, Storage, canonical, has_dot, segments
from jobsync.local.storage.systems import System, Systems
from jobsync.local.store.database import Store
from jobsync.local.store.rows import TAPIS, JobRow

WORK = ".work"
JOBS = "jobs"
WORKING_DIR = f"/{WORK}"
_OWNERS = ".owners"


class Places:
    """The systems as storage. *may_read* says whether a user may read the outputs of a job."""

    def __init__(
        self,
        store: Store,
        systems: Systems,
        storage: Storage,
        may_read: Callable[[JobRow, str], bool],
    ) -> None:
        self._store = store
        self._systems = systems
        self.storage = storage
        self._may_read = may_read

    def knows(self, system: str) -> bool:
        """Whether there is a system of this name."""
        return system == ARCHIVE or system in self._systems.by_name

    def locate(self, system: str, path: str, caller: str) -> Located:
        """Where a path lies that *caller* may read; it need not exist. Raises :class:`Problem`."""
        if not self.knows(system):
            raise Problem(404, f"FILES_SYSTEM_NOT_FOUND System not found: {system}")
        shown = f"tapis://{system}/{path.lstrip('/')}"
        parts = segments(path)
        if not _is_text(path) and (system == ARCHIVE or parts[:1] == [WORK]):
            raise _forbidden(shown)  # no job has such a path
        try:
            if system == ARCHIVE:
                return self.storage.in_archive(path, shown, caller)
            if parts[:1] == [WORK]:
                return self._in_work(self._systems.by_name[system], parts[1:], shown, caller)
            return self.storage.in_workspace(path, shown)
        except Refusal as error:
            raise _forbidden(shown) from error

    def own(self, system: str, path: str, caller: str) -> Located:
        """Something that belongs to *caller*, for deleting it: never what makes it theirs."""
        place = self.locate(system, path, caller)
        parts = segments(path)
        if system != ARCHIVE:
            parts = parts[1:] if parts[:1] == [WORK] else []
        if parts[:1] == [JOBS]:
            row = self._store.job(parts[1]) if len(parts) > 1 else None
            mine, depth = row is not None and row.owner == caller, 2
        else:
            mine, depth = bool(parts) and self._is_mine(system, parts[0], caller), 1
        if not mine or len(parts) <= depth:
            raise Problem(403, f"FAPI_OP_FORBIDDEN You may not delete {system}:{path}")
        return place

    def _is_mine(self, system: str, first: str, caller: str) -> bool:
        if system == ARCHIVE:
            return self.storage.owner(first) == caller
        return self._owner(self._systems.by_name[system], first) == caller

    def real(self, system: str, path: str) -> Path:
        """Where a directory lies that a job was given. Raises :class:`Problem` for one that leads
        out of the job area, which it did not when it was accepted."""
        parts = segments(path)
        if system == ARCHIVE:
            return self.storage.archive_folder(path)
        root = area(self._systems.by_name[system])
        found = root.joinpath(*parts[1:])
        inside = Path(os.path.realpath(found)).is_relative_to(os.path.realpath(root))
        if parts[:1] != [WORK] or len(parts) < 2 or ".." in parts or not inside:
            raise Problem(400, f"JOBS_INVALID_DIRECTORY {path}: not a directory for jobs")
        return found

    def claim(self, system: str, path: str, owner: str, uuid: str) -> str:
        """Let a job of *owner* use a directory, and give it in the form it is kept in.

        Raises :class:`Problem` 400 for one that is not the job's own nor below a first folder
        of its owner, with what would be taken.
        """
        parts = segments(path)
        kept = "/" + canonical(path)
        if ".." in parts or "\0" in path:
            raise Problem(400, f"JOBS_INVALID_DIRECTORY {path}: .. is not allowed")
        if system == ARCHIVE:
            self._claim_archive(parts, path, owner, uuid)
            return kept
        if parts[:1] != [WORK] or len(parts) < 2 or has_dot(parts[1:2]):
            raise Problem(
                400,
                f"JOBS_INVALID_DIRECTORY {path}: on {system} jobs write below {WORKING_DIR} only, "
                f"e.g. {WORKING_DIR}/{owner}/NAME, or archive to the system {ARCHIVE}",
            )
        own = parts[1:3] == [JOBS, uuid]
        if not own and self._owned_by(self._systems.by_name[system], parts[1], owner) != owner:
            raise Problem(400, f"JOBS_INVALID_DIRECTORY {path}: /{WORK}/{parts[1]} is not yours")
        root = area(self._systems.by_name[system])
        real = Path(os.path.realpath(root.joinpath(*parts[1:])))
        if not real.is_relative_to(os.path.realpath(root)):
            raise Problem(400, f"JOBS_INVALID_DIRECTORY {path}: a link leads out of the job area")
        return kept

    # --- details --------------------------------------------------------------------------

    def _claim_archive(self, parts: list[str], path: str, owner: str, uuid: str) -> None:
        if parts[:2] == [JOBS, uuid]:
            if not self.storage.claim_for_service(JOBS):
                raise Problem(
                    400,
                    f"JOBS_INVALID_DIRECTORY /{JOBS} of {ARCHIVE} is the folder of a user: give "
                    "archiveSystemDir",
                )
            return
        try:
            self.storage.claim_archive(ARCHIVE, path, owner)
        except Refusal as error:
            raise Problem(
                400, f"JOBS_INVALID_DIRECTORY {error.message}: begin it with /{owner}"
            ) from error

    def _in_work(self, system: System, parts: list[str], shown: str, caller: str) -> Located:
        if not parts or has_dot(parts[:1]) or ".." in parts or "\0" in shown:
            raise _forbidden(shown)
        root = area(system)
        if parts[0] == JOBS:
            row = self._store.job(parts[1]) if len(parts) > 1 else None
            if row is None or row.api != TAPIS or row.system != system.name or not row.visible:
                raise _forbidden(shown)
            top = root.joinpath(*parts[:2])
            if row.owner != caller:
                output = segments(row.directories.get("output", ""))[1:]
                if not self._may_read(row, caller) or parts[: len(output)] != output:
                    raise _forbidden(shown)
                top = root.joinpath(*output)
        elif self._owner(system, parts[0]) == caller:
            top = root / parts[0]
        else:
            raise _forbidden(shown)
        place = Located(root.joinpath(*parts), Path(os.path.realpath(top)))
        if not place.holds(place.path):
            raise _forbidden(shown)
        return place

    def _owner(self, system: System, first: str) -> str | None:
        if first in self._store.users():
            return first
        try:
            return (area(system) / _OWNERS / first).read_text("utf-8") or None
        except OSError:
            return None

    def _owned_by(self, system: System, first: str, owner: str) -> str | None:
        if first == JOBS:
            return None
        if known := self._owner(system, first):
            return known
        folder = area(system) / _OWNERS
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with (folder / first).open("x", encoding="utf-8") as file:
                file.write(owner)
        except FileExistsError:
            pass
        return self._owner(system, first)


def area(system: System) -> Path:
    """The job area of a system: what its ``/.work`` is."""
    return system.work_folder / WORK


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _forbidden(shown: str) -> Problem:
    return Problem(403, f"FILES_CLIENT_FORBIDDEN You may not read {shown}")
