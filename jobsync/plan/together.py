"""Several jobs of one matrix, named together."""

from __future__ import annotations

from collections.abc import Sequence

from jobsync.model import Address

FEWEST = 3
"""Fewer than this are named one by one."""


def together(addresses: Sequence[Address]) -> str:
    """``calc (12 jobs)``: the name of several jobs of one matrix."""
    return f"{addresses[0].partition('.')[0]} ({len(addresses)} jobs)"
