"""Jobs on a Slurm cluster that shares a file system with the service.

The job's own id is its Slurm name, so that a job whose ``sbatch`` answer was lost is found again.
One ``squeue`` answers for all jobs. What Slurm prints is read through qtoolkit (extra ``hpc``).
"""

from __future__ import annotations

import math
import re
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from jobsync.errors import LocalServiceError
from jobsync.local.api.agave import records
from jobsync.local.engine.runner import Declined, Fate, Unreachable, Unsure
from jobsync.local.storage.systems import UNLIMITED_RUN_TIME, System, run_seconds
from jobsync.local.store.rows import JobRow

try:
    from qtoolkit.core.exceptions import CommandFailedError, OutputParsingError
    from qtoolkit.io.slurm import SlurmIO
except ImportError as _missing:  # pragma: no cover - the extra is not installed
    raise LocalServiceError(
        "an execution system of engine slurm needs the extra hpc",
        hint="pip install qtoolkit",
    ) from _missing

_TIMEOUT = 30.0
_GLANCE = 0.25
"""Seconds that the loop waits for squeue before it goes on without."""

_OURS = re.compile(r"-007\b")
"""What the ids of jobs end in (agave-v2 §1.6): other jobs of the account are not looked at."""

_OUTAGE = re.compile(
    r"Unable to contact|Socket timed out|timed out on send/recv|Connection (refused|reset)|"
    r"Zero Bytes|temporarily unable|Transport endpoint|communication|Resource temporarily|"
    r"try again|slurm_receive_msg|Unexpected message",
    re.IGNORECASE,
)
_LOST = frozenset(
    {"TIMEOUT", "CANCELLED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "BOOT_FAIL", "DEADLINE"}
)
_LOST_SECONDS = 3.0
"""How long a record may take of a job that Slurm itself calls lost."""

_SLURM_VARIABLES = ("SLURM_CONF", "SLURM_CLUSTERS", "SLURM_CONF_SERVER")


def slurm_environment(given: Mapping[str, str], job: Mapping[str, str]) -> dict[str, str]:
    """The environment of Slurm's commands; jobs inherit it, so it holds no more than theirs."""
    return {**job, **{name: given[name] for name in _SLURM_VARIABLES if name in given}}


class Slurm:
    """Implements :class:`~jobsync.local.engine.runner.Runner` with ``sbatch`` and ``squeue``.

    *poll* is how many seconds an answer of ``squeue`` is good for.
    """

    def __init__(self, environment: Mapping[str, str], *, poll: float = 1.0) -> None:
        self._environment = dict(environment)
        self._poll = poll
        self._io = SlurmIO()
        self._due = -math.inf
        self._question: _Question | None = None
        self._silence = ""
        self._queue: dict[str, str] = {}  # Slurm's job id -> our job id, of the last answer
        self._lock = threading.Lock()  # submits come from threads of their own
        self._recent: dict[str, str] = {}  # the same of jobs submitted since the question

    def on_end(self, tell: Callable[[], None]) -> None:
        pass

    def submit(self, row: JobRow, system: System) -> str:
        if self._silence:  # do not wait for sbatch while the controller is known to be away
            raise Unsure(self._silence)
        try:
            done = self._run(_sbatch(row, system))
        except Unreachable as silent:
            raise Unsure(str(silent)) from silent
        if done.returncode != 0:
            words = _words(done.stderr) or f"sbatch ended with {done.returncode}"
            raise (Unsure if _OUTAGE.search(done.stderr) else Declined)(words)
        native = done.stdout.strip().split(";")[0]
        if not native.isdigit():
            raise Unsure(f"sbatch answered {native[:80]!r}")
        with self._lock:
            self._queue[native] = self._recent[native] = row.id
        return native

    def find_jobs(self, rows: Sequence[JobRow]) -> dict[str, str]:
        self._listen()
        by_job: dict[str, list[str]] = {}
        for native, job_id in self._known():
            by_job.setdefault(job_id, []).append(native)
        return {row.id: _chosen(row, by_job[row.id]) for row in rows if row.id in by_job}

    def end(self, row: JobRow, sharply: int) -> None:
        natives = [native for native, job_id in self._known() if job_id == row.id]
        for native in {*natives, *([row.native_id] if row.native_id else [])}:
            # By name too: a cluster that lost its state counts from 1 again.
            self._run([*shlex.split(self._io.get_cancel_cmd(native)), f"--name={row.id}"])
        self._due = -math.inf

    def still_runs(self, row: JobRow) -> bool:
        return row.id in self.find_jobs([row])

    def end_leftovers(self, row: JobRow) -> None:
        """Slurm ends what a job leaves behind."""

    def fate(self, row: JobRow) -> Fate:
        if not row.native_id:
            return Fate()
        try:
            done = self._run(["scontrol", "show", "job", "-o", row.native_id])
            job = self._io.parse_job_output(done.returncode, done.stdout, done.stderr)
        except (
            CommandFailedError,
            OutputParsingError,
            Unreachable,
            KeyError,
            ValueError,
            IndexError,
        ):
            return Fate()
        if job is None or job.sub_state is None or job.name != row.id:
            return Fate()
        state = str(job.sub_state.name)
        nodes = re.search(r"(?:^| )NodeList=(\S+)", done.stdout)
        place = f" on {nodes[1]}" if nodes and nodes[1] != "(null)" else ""
        return Fate(
            f"Slurm says {state}{place}",
            patience=_LOST_SECONDS if state in _LOST else None,
            reason=f"slurm-{state.lower().replace('_', '-')}" if state in _LOST else "",
        )

    def label(self, native_id: str) -> str:
        return f"Slurm job {native_id}"

    def _known(self) -> list[tuple[str, str]]:
        with self._lock:
            return list(self._queue.items())

    def _listen(self) -> None:
        """Bring the last answer of ``squeue`` up to date, without waiting long. Raises Unreachable.

        Slurm's commands try for many seconds to reach a controller that is away. They do so in a
        thread, while the loop goes on taking exit records.
        """
        if self._question is None and time.monotonic() >= self._due:
            with self._lock:
                self._recent = {}
            self._question = _Question(self._ask)
        if self._question is not None and self._question.wait(_GLANCE):
            answer, self._silence = self._question.answer, self._question.silence
            self._question = None
            self._due = time.monotonic() + self._poll
            if answer is not None:
                with self._lock:
                    self._queue = answer | self._recent
        elif self._question is not None and self._question.age() > _GLANCE * 4:
            self._silence = self._silence or "squeue has not answered yet"
        if self._silence:
            raise Unreachable(self._silence)

    def _ask(self) -> dict[str, str]:
        separator = self._io.split_separator
        columns = separator.join(column for column, _ in self._io.squeue_fields)
        done = self._run(["squeue", "--me", "--noheader", "-o", columns])
        ours = [line for line in done.stdout.splitlines() if _OURS.search(line)]
        try:
            jobs = self._io.parse_jobs_list_output(done.returncode, "\n".join(ours), done.stderr)
        except CommandFailedError as error:
            raise Unreachable(_words(done.stderr)) from error
        except (OutputParsingError, ValueError) as error:
            raise Unreachable(f"squeue cannot be read: {error}") from error
        return {str(job.job_id): str(job.name) for job in jobs}

    def _run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(  # noqa: S603 -- fixed words, our ids, configured options
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Unreachable(f"{command[0]} did not answer in {_TIMEOUT:.0f} s") from error
        except OSError as error:
            raise Unreachable(f"{command[0]} cannot be run: {error.strerror}") from error


class _Question:
    """One ``squeue`` in a thread of its own: an answer, or the words of a silence."""

    def __init__(self, ask: Callable[[], dict[str, str]]) -> None:
        self.answer: dict[str, str] | None = None
        self.silence = ""
        self._ask = ask
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="jobsync-squeue", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Whether it is over."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def age(self) -> float:
        return time.monotonic() - self._began

    def _run(self) -> None:
        try:
            self.answer = self._ask()
        except Unreachable as silent:
            self.silence = str(silent) or "no answer"


def _sbatch(row: JobRow, system: System) -> list[str]:
    queue = system.queue(row.queue)
    command = [
        "sbatch",
        "--parsable",
        f"--job-name={row.id}",
        f"--nodes={row.node_count}",
        f"--ntasks-per-node={row.processors_per_node}",
        f"--partition={(queue.partition if queue else '') or row.queue}",
        f"--chdir={records.work_of(row.work_dir)}",
        "--output=/dev/null",
        "--no-requeue",
    ]
    if row.max_run_time != UNLIMITED_RUN_TIME:  # nobody stated one: the partition's own default
        command.append(f"--time={max(1, math.ceil(run_seconds(row.max_run_time) / 60))}")
    if row.memory_gb > 0:
        command.append(f"--mem={max(1, math.ceil(row.memory_gb * 1024))}M")
    own = records.read_options(records.work_of(row.work_dir))
    return [*command, *system.options, *own, str(records.run_script(records.work_of(row.work_dir)))]


def _chosen(row: JobRow, natives: list[str]) -> str:
    """Of several Slurm jobs of one job (an answer was lost) the one that took the claim."""
    if row.native_id in natives and len(natives) == 1:
        return natives[0]
    claim = records.read_claim(records.work_of(row.work_dir))
    if claim is not None and claim.scheduler_id in natives:
        return claim.scheduler_id
    return row.native_id if row.native_id in natives else min(natives, key=int)


def _words(text: str) -> str:
    """All that a command said, in one line."""
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())[:500]
