"""How large a job is, where it runs, in which queue (tapis-v3 §4.1, §4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobsync.local.api.tapis.answer import Problem
from jobsync.local.storage.systems import Queue, System, run_seconds
from jobsync.structs import Struct

_MOST_MINUTES = 9999 * 60


class Resources(Struct, frozen=True):
    """What a job asks for. Memory in MB."""

    nodes: int
    cores: int
    memory: int
    minutes: int


def runs_batch(system: System) -> bool:
    """Whether jobs of this system go to a batch scheduler."""
    return system.engine == "slurm"


def job_type(wanted: str | None, system: System) -> str:
    """FORK or BATCH; without a wish what the system can."""
    kind = wanted or ("BATCH" if runs_batch(system) else "FORK")
    if kind == "BATCH" and not runs_batch(system):
        raise Problem(400, f"JOBS_NO_BATCH System {system.name} cannot run BATCH jobs: use FORK.")
    if kind == "FORK" and runs_batch(system):
        raise Problem(
            400,
            f"JOBS_NO_FORK System {system.name} runs BATCH jobs only on this service: use BATCH, "
            "or a system that forks.",
        )
    return kind


def resources(body: Mapping[str, Any], attributes: Mapping[str, Any]) -> Resources:
    """The request's numbers, zero and less meaning the app's."""

    def number(name: str, default: int) -> int:
        for source in (body, attributes):
            value = source.get(name)
            if isinstance(value, int) and value > 0:
                return value
        return default

    found = Resources(
        number("nodeCount", 1), number("coresPerNode", 1), number("memoryMB", 100),
        number("maxMinutes", 10),
    )  # fmt: skip
    if found.minutes > _MOST_MINUTES:
        raise Problem(400, f"JOBS_INVALID_MINUTES maxMinutes: at most {_MOST_MINUTES}.")
    return found


def queue_of(
    body: Mapping[str, Any],
    attributes: Mapping[str, Any],
    system: System,
    kind: str,
    asked: Resources,
) -> Queue:
    """The logical queue of a BATCH job, its limits kept. Raises :class:`Problem` 400."""
    if kind == "FORK":
        return system.default_queue
    name = body.get("execSystemLogicalQueue") or attributes["execSystemLogicalQueue"]
    queue = system.queue(name) if name else system.default_queue
    if queue is None:
        names = ", ".join(one.name for one in system.queues)
        raise Problem(
            400, f"JOBS_NO_QUEUE System {system.name} has no logical queue {name}, only {names}."
        )
    for field, value, most in limits(queue, asked):
        if most is not None and value > most:
            raise Problem(
                400,
                f"JOBS_QUEUE_LIMIT {field} is {value}, but queue {queue.name} allows at most "
                f"{most}.",
            )
    return queue


def limits(queue: Queue, asked: Resources) -> list[tuple[str, int, int | None]]:
    """Each limit of a queue: the field, the value asked for, the most allowed."""
    memory = None if queue.max_memory is None else int(queue.max_memory * 1024)
    return [
        ("nodeCount", asked.nodes, queue.max_nodes),
        ("coresPerNode", asked.cores, queue.max_processors_per_node),
        ("memoryMB", asked.memory, memory),
        ("maxMinutes", asked.minutes, run_seconds(queue.max_run_time) // 60),
    ]
