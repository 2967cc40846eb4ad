"""What a job asks of a queue: the rules of agave-v2 §3.2, and the choice of a queue."""

from __future__ import annotations

import math
import re

from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.storage.systems import RUN_TIME, Queue, System, run_seconds
from jobsync.structs import Struct

_UNITS = {"G": 1.0, "T": 1024.0, "P": 1024.0**2, "E": 1024.0**3}
_MEMORY = re.compile(r"([0-9]*\.?[0-9]+)([EPTGM])B")
_ALOE_MEMORY = re.compile(r"([0-9]*\.?[0-9]+) ?(KB|MB|GB|TB)?", re.IGNORECASE)
_ALOE_UNITS = {"KB": 1 / 1024**2, "MB": 1 / 1024, "GB": 1.0, "TB": 1024.0, "": 1.0}


_POSITIVE = {
    "nodeCount": ". If specified, nodeCount must be a positive integer value.",
    "processorsPerNode": " value. processorsPerNode must be a positive integer value.",
}


class Wanted(Struct, frozen=True):
    """What a request and its app ask for. None leaves it to the queue."""

    node_count: int
    processors_per_node: int
    memory: float | None
    max_run_time: str | None
    queue: str
    app_queue: str


class Placement(Struct, frozen=True):
    """The queue that takes a job, and what it gets there. ``memory`` is GB, 0.0 means unset."""

    queue: Queue
    node_count: int
    processors_per_node: int
    memory: float
    max_run_time: str


def positive(name: str, text: str, default: int | None) -> int:
    """A count: blank means the app's default or 1; ``2.0`` and junk count as 0 (refused)."""
    if not text.strip():
        return default or 1
    value = int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text) else 0
    if value < 1:
        raise Refusal(400, f"Invalid default {name}{_POSITIVE[name]}")  # sic: it is not the default
    return value


def legacy_memory(text: str) -> float | None:
    """GB of the legacy engine's memory text; None for what it cannot read (silently replaced).

    ``MB`` is refused with the engine's own, wrong words (agave-v2 §3.2).
    """
    squeezed = re.sub(r"[\s,]", "", text).upper()
    try:
        value = float(squeezed)
    except ValueError:
        match = _MEMORY.search(squeezed)
        if match is None:
            return None
        if match[2] == "M":
            raise Refusal(400, "Invalid batchQueue value.") from None
        value = float(match[1]) * _UNITS[match[2]]
    return value if value > 0 and math.isfinite(value) else None


def aloe_memory(text: str) -> float:
    """GB of Aloe's memory text (agave-v2 §9.1): a number with KB, MB, GB or TB, GB by default."""
    match = _ALOE_MEMORY.fullmatch(text.strip())
    if match is None or float(match[1]) <= 0:
        raise Refusal(400, f"Invalid memoryPerNode value: {text}")
    return float(match[1]) * _ALOE_UNITS[(match[2] or "").upper()]


def checked_run_time(text: str) -> str | None:
    """The run time as given, None for none. Raises :class:`Refusal` for another form."""
    if not text.strip():
        return None
    if not RUN_TIME.fullmatch(text.strip()):
        raise Refusal(
            400,
            "Invalid maxRunTime. maxRunTime should be the maximum run time for this job in "
            "hh:mm:ss format.",
        )
    return text.strip()


def place(wanted: Wanted, system: System) -> Placement:
    """Choose the queue: the named one, else the app's, else the system's default if the request
    fits, else the first that fits. Raises :class:`Refusal` when none does."""
    for queue in _candidates(wanted, system):
        if _fits(wanted, queue):
            return _placed(wanted, queue)
    memory = "null" if wanted.memory is None else f"{wanted.memory:f}"
    raise Refusal(
        400,
        f"No queue found on execution system {system.name} to support jobs requiring "
        f"{wanted.node_count} nodes with {memory} memmory and {wanted.processors_per_node} "
        f"processors per node, and a max run time of {wanted.max_run_time or 'null'}.",
    )


def _candidates(wanted: Wanted, system: System) -> list[Queue]:
    if wanted.queue:
        named = system.queue(wanted.queue)
        if named is None:
            raise Refusal(
                400,
                f"Invalid batchQueue. No batch queue named {wanted.queue} is defined on system "
                f"{system.name}",
            )
        return [named]
    preferred = [system.queue(wanted.app_queue), system.default_queue]
    return [queue for queue in preferred if queue is not None] + list(system.queues)


def _fits(wanted: Wanted, queue: Queue) -> bool:
    run_time = wanted.max_run_time
    return (
        _within(wanted.node_count, queue.max_nodes)
        and _within(wanted.processors_per_node, queue.max_processors_per_node)
        and _within(wanted.memory or 0, queue.max_memory)
        and (run_time is None or run_seconds(run_time) <= run_seconds(queue.max_run_time))
    )


def _within(value: float, limit: float | None) -> bool:
    return limit is None or value <= limit


def _placed(wanted: Wanted, queue: Queue) -> Placement:
    memory = wanted.memory if wanted.memory is not None else queue.max_memory or 0.0
    return Placement(
        queue,
        wanted.node_count,
        wanted.processors_per_node,
        memory,
        wanted.max_run_time or queue.max_run_time,
    )
