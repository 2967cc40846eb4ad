"""The files by which a job and the service talk: no network, no daemon, only a shared folder.

.jobsync/run.sh    what the engine runs; the same for every engine, needs bash, date and mv
.jobsync/claim     made once, by whoever runs first: the job runs at most once
.jobsync/started   process, epoch seconds, node
.jobsync/exit      exit code, epoch seconds
.jobsync/callback  FAILED, when the wrapper said so
.jobsync/staged    what lay in the folder before the run (never archived)
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from jobsync.structs import Struct

FOLDER = ".jobsync"

NOWHERE = Path(os.devnull, "no-work-folder")
"""What stands for the work folder of a job that has none: nothing can be there."""

_RUN = """\
#!/bin/bash
umask 077
cd {folder} || exit 97
( set -C; echo "$$ ${{SLURM_JOB_ID:-}}" > .jobsync/claim ) 2>/dev/null || exit 98
node=${{SLURMD_NODENAME:-${{HOSTNAME:-}}}}
{now}
echo "$$ $now $node" > .jobsync/started.tmp && mv .jobsync/started.tmp .jobsync/started
{job}
rc=$?
{now}
echo "$rc $now" > .jobsync/exit.tmp && mv .jobsync/exit.tmp .jobsync/exit
exit $rc
"""

_NOW = "printf -v now '%(%s)T' -1 2> /dev/null || now=$(date +%s)"
"""Without another process, but in an old bash."""

_WRAPPER = """\
( . .jobsync/environment && exec bash ./{name}.ipcexe ) \\
  > {logs}.out 2> {logs}.err < /dev/null"""

_COMMAND = """bash -c '. .jobsync/environment && exec "$@"' job {words} < /dev/null"""


def work_of(work_dir: str | None) -> Path:
    """The work folder that a row names. Never a relative path: an empty one would mean the folder
    that the service was started in, and archiving moves what it finds."""
    work = Path(work_dir) if work_dir else NOWHERE
    return work if work.is_absolute() else NOWHERE


def is_work_folder(work: Path) -> bool:
    """Whether *work* is a folder that was staged for a job, so that it may be emptied."""
    return work.is_absolute() and (work / FOLDER / "run.sh").is_file()


class Claim(Struct, frozen=True):
    """Who runs the job: the process on its node, and the scheduler's id if there is one."""

    pid: int | None
    scheduler_id: str = ""

    @property
    def native(self) -> str | None:
        """The engine's id as far as the claim tells it."""
        return self.scheduler_id or (str(self.pid) if self.pid is not None else None)


class Started(Struct, frozen=True):
    """When (epoch seconds) and where the job began."""

    at: float
    node: str = ""


class Exit(Struct, frozen=True):
    """How (exit code) and when (epoch seconds) the job ended."""

    code: int
    at: float


def write_run(work: Path, name: str, logs: str, environment: Sequence[str]) -> None:
    """Write ``run.sh`` for the wrapper ``NAME.ipcexe``, and the system's environment lines.

    What the job says goes into ``LOGS.out`` and ``LOGS.err``.
    """
    _write_run(work, _WRAPPER.format(name=name, logs=logs), environment)


def write_command(work: Path, command: Sequence[str], environment: Sequence[str]) -> None:
    """Write ``run.sh`` for a command that says itself where it runs and what it writes."""
    words = " ".join(shlex.quote(word) for word in command)
    _write_run(work, _COMMAND.format(words=words), environment)


def _write_run(work: Path, job: str, environment: Sequence[str]) -> None:
    folder = work / FOLDER
    (folder / "environment").write_text("".join(f"{line}\n" for line in (*environment, ":")))
    script = _RUN.format(folder=shlex.quote(str(work)), job=job, now=_NOW)
    (folder / "run.sh").write_text(script)


def write_options(work: Path, options: Sequence[str]) -> None:
    """Keep what the job itself asks of its batch system."""
    (work / FOLDER / "options").write_text(json.dumps(list(options)))


def read_options(work: Path) -> list[str]:
    """What the job itself asks of its batch system."""
    with suppress(OSError, ValueError):
        return [str(option) for option in json.loads((work / FOLDER / "options").read_text())]
    return []


def run_script(work: Path) -> Path:
    """The script that the engine runs."""
    return work / FOLDER / "run.sh"


def read_claim(work: Path) -> Claim | None:
    """Who took the job, None when nobody has. An empty claim is one just being written."""
    words = _words(work / FOLDER / "claim")
    if words is None:
        return None
    pid = int(words[0]) if words and words[0].isdigit() else None
    return Claim(pid, words[1] if len(words) > 1 and words[1].isdigit() else "")


def take_claim(work: Path) -> bool:
    """Take the claim for nobody, so that the job can never run; False when it was taken."""
    try:
        with (work / FOLDER / "claim").open("x", encoding="utf-8") as file:
            file.write("nobody\n")
    except OSError:
        return False
    return True


def is_nobodys(work: Path) -> bool:
    """Whether the claim was taken so that the job never runs."""
    return _words(work / FOLDER / "claim") == ["nobody"]


def read_started(work: Path) -> Started | None:
    """When the job began, None when it has not (or the file system does not show it yet)."""
    words = _words(work / FOLDER / "started")
    if not words or len(words) < 2 or not words[1].isdigit():
        return None
    return Started(float(words[1]), words[2] if len(words) > 2 else "")


def read_exit(work: Path) -> Exit | None:
    """How the job ended, None when there is no record of it."""
    words = _words(work / FOLDER / "exit")
    if not words or len(words) < 2 or not (words[0].isdigit() and words[1].isdigit()):
        return None
    return Exit(int(words[0]), float(words[1]))


def called_failure(work: Path) -> bool:
    """Whether the wrapper called back that it failed."""
    return _words(work / FOLDER / "callback") == ["FAILED"]


def write_staged(work: Path, paths: Iterable[str]) -> None:
    """Remember what lies in the work folder before the run."""
    (work / FOLDER / "staged").write_text(json.dumps(sorted(paths)))


def read_staged(work: Path) -> frozenset[str]:
    """What lay in the work folder before the run."""
    with suppress(OSError, ValueError):
        found = json.loads((work / FOLDER / "staged").read_text())
        return frozenset(str(path) for path in found)
    return frozenset()


def _words(path: Path) -> list[str] | None:
    try:
        return path.read_text("utf-8", errors="replace").split()
    except OSError:
        return None
