"""What the engine is told about Tapis jobs: how they are made ready, how they end."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.api.tapis import ziprun
from jobsync.local.api.tapis.answer import Problem
from jobsync.local.api.tapis.archive_filter import chosen
from jobsync.local.api.tapis.directories import same_place
from jobsync.local.api.tapis.ends import failed_remotely, skips
from jobsync.local.api.tapis.places import Places
from jobsync.local.apps.tapis_apps import TapisApps
from jobsync.local.engine.background_tasks import BackgroundTasks
from jobsync.local.faults import FaultBoard
from jobsync.local.storage.archive import put
from jobsync.local.storage.copying import Check
from jobsync.local.storage.files import ARCHIVE
from jobsync.local.storage.staging import StagingError
from jobsync.local.storage.systems import System
from jobsync.local.store.database import Store
from jobsync.local.store.rows import JobRow

DONE = "Job completed."


class TapisJobs:
    """Implements :class:`~jobsync.local.engine.workload.Workload`."""

    keeps_failures = True

    def __init__(
        self,
        store: Store,
        apps: TapisApps,
        places: Places,
        faults: FaultBoard,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._apps = apps
        self._places = places
        self._faults = faults
        self._clock = clock

    def is_held(self, row: JobRow) -> bool:
        return row.id in self._faults.blocked()

    def unable(self, row: JobRow) -> str:
        if self._apps.get(row.app_id, row.request["appVersion"]) is not None:
            return ""
        return f"App not found: {row.app_id} {row.request['appVersion']}"

    def has_inputs(self, row: JobRow) -> bool:
        return True  # a job of this service passes through the status with and without inputs

    def is_short(self, row: JobRow) -> bool:
        return not row.request["fileInputs"] and not row.request["containerImage"]

    def prepare(self, row: JobRow, system: System, check: Check) -> None:
        app = self._apps.get(row.app_id, row.request["appVersion"])
        if app is None:
            raise StagingError(self.unable(row))
        ziprun.prepare(row, app, system, self._places, check)

    def stops_as(self, row: JobRow, *, began: bool) -> str:
        return "STOPPED"

    def finish(self, tasks: BackgroundTasks, row: JobRow, system: System | None) -> JobRow:
        store = self._store
        if row.status == "CLEANING_UP":
            if not failed_remotely(row):
                message, reason = self._outcome(row, system)
                row = store.update(row.id, message=message, reason=reason)
            if not row.archive or (failed_remotely(row) and skips(row)):
                return self._end(row)
            row = store.transition(row.id, "ARCHIVING", "Beginning to archive output.")
        if row.status == "ARCHIVING":
            row = self._archive(tasks, row, system)
        if row.status == "ARCHIVING_FAILED":
            return store.transition(row.id, "FAILED", row.message, reason="archiving",
                                    ended=self._clock())  # fmt: skip
        if row.status == "ARCHIVING_FINISHED":
            return self._end(row)
        return row

    def _end(self, row: JobRow) -> JobRow:
        status = "FAILED" if failed_remotely(row) else "FINISHED"
        return self._store.transition(row.id, status, row.message, ended=self._clock())

    def _outcome(self, row: JobRow, system: System | None) -> tuple[str, str]:
        """What is said of the end, and "exit" for a failure. A process of this machine is not
        asked for its exit code, as there, unless the system's policy is ``strict``."""
        code = row.exit_code or 0
        output = self._places.real(row.system, row.directories["output"])
        if row.request["jobType"] == "BATCH" or (system and system.exit_policy == "strict"):
            return (f"Job exited with status {code}.", "exit") if code else (DONE, "")
        well, said = ziprun.read_exitcode(output)
        if not well:
            return f"Job failed: {ziprun.EXITCODE} says {said}.", "exit"
        if code and not said:
            return (
                f"{DONE} Its process returned {code}, which does not count for a FORK job: to make "
                f"it count, let the app write it to ${{_tapisExecSystemOutputDir}}/"
                f"{ziprun.EXITCODE}, or set exitPolicy: strict for the system.",
                "",
            )
        return DONE, ""

    # --- archiving ------------------------------------------------------------------------

    def _archive(self, tasks: BackgroundTasks, row: JobRow, system: System | None) -> JobRow:
        def copy(check: Check) -> None:
            self._copy(row, check)
            if system is not None and not same_place(row):
                # The outputs are in the archive: what the service made for this job may go.
                with suppress(OSError):
                    shutil.rmtree(ziprun.own_folder(row, system))

        if same_place(row):
            text = "The output directory is the archive: nothing is copied."
            return self._store.transition(row.id, "ARCHIVING_FINISHED", text, archived=True)
        try:
            if not tasks.do(row.id, copy):
                return row
        except (OSError, Problem, Refusal, ValueError) as error:
            text = f"Cannot archive: {error}"
            return self._store.transition(row.id, "ARCHIVING_FAILED", text, message=text)
        text = "Job archiving completed successfully."
        return self._store.transition(row.id, "ARCHIVING_FINISHED", text, archived=True)

    def _copy(self, row: JobRow, check: Check) -> None:
        output = self._places.real(row.system, row.directories["output"])
        if row.archive_system == ARCHIVE:
            target = self._places.storage.archive_target(row.archive_path or "")
        else:
            target = self._places.real(row.archive_system or "", f"/{row.archive_path}")
        target.mkdir(parents=True, exist_ok=True)
        keeps = chosen(row.request["parameterSet"]["archiveFilter"])
        if output.is_dir():
            for path in _files(output, target):
                check()
                if keeps(path):
                    (target / path).parent.mkdir(parents=True, exist_ok=True)
                    put(output / path, target / path, check)
        if row.request["parameterSet"]["archiveFilter"]["includeLaunchFiles"]:
            execute = self._places.real(row.system, row.directories["exec"])
            for name in ziprun.LAUNCH_FILES:
                if (execute / name).is_file() and execute != target:
                    put(execute / name, target / name, check)


def _files(folder: Path, target: Path) -> Iterator[str]:
    """The files below a folder, relative. Links count as what they point to, where that lies in
    the folder; the archive itself, should it lie there, is left out."""
    root, kept = Path(os.path.realpath(folder)), Path(os.path.realpath(target))
    for here, names, files in os.walk(root):
        names[:] = sorted(
            name for name in names
            if not Path(here, name).is_symlink() and Path(here, name) != kept
        )  # fmt: skip
        for name in sorted(files):
            path = Path(here, name)
            real = Path(os.path.realpath(path))
            if real.is_file() and real.is_relative_to(root):
                yield path.relative_to(root).as_posix()
