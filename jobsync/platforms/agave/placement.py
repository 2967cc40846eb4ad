"""When two values of a field that says where and how long mean the same."""

from __future__ import annotations

from jobsync.model import Value
from jobsync.platforms.agave.compare import NUMBER, same_leaf
from jobsync.platforms.agave.node_hours import seconds
from jobsync.platforms.agave.sizes import size_of


def same_placement(field: str, declared: Value, remote: Value) -> bool:
    """Whether a placement field asks for what the run had (agave-v2 §3.7)."""
    if field == "maxRunTime":
        return declared == remote or (
            seconds(declared) is not None and seconds(declared) == seconds(remote)
        )
    if field == "memoryPerNode":
        one, other = gigabytes(declared), gigabytes(remote)
        return one is not None and other is not None and abs(one - other) <= 1e-6
    return same_leaf(declared, remote)


def gigabytes(value: Value) -> float | None:
    """``4``, ``"4GB"`` and ``"0.5 TB"`` in GB; None for what the service cannot read either."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value) if abs(value) < 1e15 else None
    if not isinstance(value, str):
        return None
    if NUMBER.fullmatch(value.strip()):
        return float(value)
    size = size_of(value)
    return float(size.gigabytes) if size and size.unit and size.unit not in "KM" else None
