"""Execution systems: where jobs run, in which queues, within which limits.

``STATE/systems.yaml`` (or ``.json``) lists them; without it there is one, ``local``, that runs
processes on this machine, as many at once as it has processors. docs/clusters.md lists the keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jobsync.errors import LocalServiceError
from jobsync.structs import Struct, field, replace

ENGINES = ("fork", "slurm")
RUN_TIME = re.compile(r"([0-9]{1,4}):([0-5][0-9]):([0-5][0-9])")
"""How the service writes a run time (agave-v2 §3.2)."""

UNLIMITED_RUN_TIME = "999:59:59"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MEMORY = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(MB|GB|TB)?")
_GIGABYTES = {"MB": 1 / 1024, "GB": 1.0, "TB": 1024.0, None: 1.0}


class Queue(Struct, frozen=True):
    """A batch queue and what one job in it may ask for. None is no limit; memory is in GB.

    ``max_jobs`` is how many of its jobs the service keeps in the engine at once.
    ``partition`` is the scheduler's name for it, where that differs.
    """

    name: str
    default: bool = False
    max_jobs: int | None = None
    max_nodes: int | None = None
    max_processors_per_node: int | None = None
    max_memory: float | None = None
    max_run_time: str = UNLIMITED_RUN_TIME
    partition: str = ""


class System(Struct, frozen=True):
    """An execution system.

    ``grace`` is how many seconds a job may be unknown to its engine and without an exit record
    before it is called failed; only batch systems need that. ``exit_policy`` ``service`` makes an
    exit code count as little as the real service does, ``strict`` makes it count; without either,
    Agave jobs are held to theirs and Tapis jobs are as there. ``agave`` is the old word for
    ``service``.
    """

    name: str
    engine: str = "fork"
    work_folder: Path = Path("work")
    queues: tuple[Queue, ...] = (Queue("debug", default=True),)
    max_jobs: int | None = None
    environment: tuple[str, ...] = ()
    exit_policy: str = ""
    grace: float = 5.0
    options: tuple[str, ...] = field(default=())

    @property
    def execution_type(self) -> str:
        """What Agave calls this kind of system."""
        return "HPC" if self.engine == "slurm" else "CLI"

    @property
    def scheduler_type(self) -> str:
        """What Agave calls what runs the jobs."""
        return self.engine.upper()

    @property
    def default_queue(self) -> Queue:
        """The queue marked ``default``, else the first."""
        return next((queue for queue in self.queues if queue.default), self.queues[0])

    def queue(self, name: str) -> Queue | None:
        """The queue of this name, or None."""
        return next((queue for queue in self.queues if queue.name == name), None)


class Systems(Struct, frozen=True):
    """All execution systems by name; ``default`` is the one for apps that name none."""

    by_name: Mapping[str, System]
    default: str

    def get(self, name: str = "") -> System | None:
        """The system of this name (empty: the default one), or None."""
        return self.by_name.get(name or self.default)

    def lacks(self, name: str) -> str:
        """What to say of an app that is to run on a system that is not here; "" for one that is."""
        if self.get(name) is not None:
            return ""
        return (
            f"its executionSystem {name} is not one of this service ({', '.join(self.by_name)}): "
            "take it out of app.json, or name it in systems.yaml"
        )


def run_seconds(run_time: str) -> int:
    """The seconds of an ``HH:MM:SS``. Raises :class:`ValueError` for anything else."""
    match = RUN_TIME.fullmatch(run_time)
    if match is None:
        raise ValueError(f"not HH:MM:SS: {run_time!r}")
    hours, minutes, seconds = (int(part) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def built_in(work_folder: Path, cpus: int) -> Systems:
    """What there is without a configuration: ``local``, with the queue ``debug``."""
    system = System("local", work_folder=work_folder, max_jobs=cpus)
    return Systems({system.name: system}, system.name)


def load(
    path: Path, *, work_folder: Path, cpus: int, parse: Callable[[Path], Any]
) -> Systems:  # fmt: skip
    """Read *path*; without such a file, :func:`built_in`.

    *parse* turns the file into plain values. ``local`` is there even when the file does not list
    it. Raises :class:`LocalServiceError` naming the file and the setting.
    """
    fallback = built_in(work_folder, cpus)
    if not path.exists():
        return fallback
    document = parse(path)
    try:
        return _systems(document, fallback, path.parent)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise LocalServiceError(
            f"{path}: {error}", hint="docs/clusters.md lists the keys"
        ) from error


def _systems(document: Any, fallback: Systems, base: Path) -> Systems:
    table = _table(document, "the file", {"systems", "default"})
    by_name = dict(fallback.by_name)
    template = by_name[fallback.default]
    for name, entry in _table(table.get("systems") or {}, "systems", None).items():
        by_name[name] = _system(name, entry, template, base)
    default = str(table.get("default") or next(iter(table.get("systems") or {}), fallback.default))
    if default not in by_name:
        raise ValueError(f"default names no system: {default}")
    return Systems(by_name, default)


_SYSTEM_KEYS = {
    "engine", "workFolder", "maxJobs", "environment", "exitPolicy", "gracePeriod", "queues",
    "options",
}  # fmt: skip
_QUEUE_KEYS = {
    "default", "maxJobs", "maxNodes", "maxProcessorsPerNode", "maxMemoryPerNode",
    "maxRequestedTime", "partition",
}  # fmt: skip


def _system(name: str, entry: Any, template: System, base: Path) -> System:
    where = f"systems.{name}"
    if not _NAME.fullmatch(name):
        raise ValueError(f"{where}: not a name for a system")
    table = _table(entry, where, _SYSTEM_KEYS)
    engine = _word(table.get("engine", "fork"), f"{where}.engine", ENGINES)
    exit_policy = _word(
        table.get("exitPolicy") or "", f"{where}.exitPolicy", ("", "strict", "service", "agave")
    )
    queues = tuple(
        _queue(key, value, f"{where}.queues.{key}")
        for key, value in _table(table.get("queues") or {}, f"{where}.queues", None).items()
    )
    folder = table.get("workFolder")
    default_grace = 60.0 if engine == "slurm" else template.grace
    return replace(
        template,
        name=name,
        engine=engine,
        work_folder=(base / str(folder)).absolute() if folder else template.work_folder,
        queues=queues or template.queues,
        max_jobs=_count(
            table.get("maxJobs"), f"{where}.maxJobs", template.max_jobs if engine == "fork" else 200
        ),
        environment=tuple(str(line) for line in table.get("environment") or ()),
        exit_policy=exit_policy,
        grace=float(table.get("gracePeriod", default_grace)),
        options=tuple(str(option) for option in table.get("options") or ()),
    )


def _queue(name: str, entry: Any, where: str) -> Queue:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{where}: not a name for a queue")
    table = _table(entry or {}, where, _QUEUE_KEYS)
    run_time = str(table.get("maxRequestedTime") or UNLIMITED_RUN_TIME)
    if not RUN_TIME.fullmatch(run_time):
        raise ValueError(f"{where}.maxRequestedTime: HH:MM:SS, not {run_time!r}")
    return Queue(
        name,
        default=bool(table.get("default", False)),
        max_jobs=_count(table.get("maxJobs"), f"{where}.maxJobs"),
        max_nodes=_count(table.get("maxNodes"), f"{where}.maxNodes"),
        max_processors_per_node=_count(
            table.get("maxProcessorsPerNode"), f"{where}.maxProcessorsPerNode"
        ),
        max_memory=_memory(table.get("maxMemoryPerNode"), f"{where}.maxMemoryPerNode"),
        max_run_time=run_time,
        partition=str(table.get("partition") or ""),
    )


def _table(value: Any, where: str, keys: set[str] | None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: must be a mapping")
    unknown = sorted(set(value) - keys) if keys is not None else []
    if unknown:
        raise ValueError(
            f"{where}: unknown key {unknown[0]!r}; known: {', '.join(sorted(keys or ()))}"
        )
    return value


def _word(value: Any, where: str, words: tuple[str, ...]) -> str:
    if value not in words:
        raise ValueError(f"{where}: one of {', '.join(words)}, not {value!r}")
    return str(value)


def _count(value: Any, where: str, default: int | None = None) -> int | None:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{where}: a positive whole number, not {value!r}")
    return value


def _memory(value: Any, where: str) -> float | None:
    if value is None:
        return None
    match = _MEMORY.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{where}: like 4GB, not {value!r}")
    return float(match[1]) * _GIGABYTES[match[2]]
