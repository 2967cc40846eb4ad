"""What is the same for several jobs of one matrix, said once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from jobsync.model import Address

FEWEST = 3
"""Fewer than this are shown one by one."""

NAMES = 3
"""How many addresses of several are named."""

T = TypeVar("T")


def grouped(items: Iterable[T], likeness: Callable[[T], Hashable | None]) -> list[list[T]]:
    """*items* in their order, those with the same *likeness* together, where the first of them
    stands. One whose likeness is None stays alone."""
    groups: dict[Hashable, list[T]] = {}
    for number, item in enumerate(items):
        groups.setdefault(_or(likeness(item), number), []).append(item)
    return list(groups.values())


def _or(likeness: Hashable | None, number: int) -> Hashable:
    return (likeness,) if likeness is not None else number


def without_values(text: str, address: Address) -> str:
    """*text* with a star for the matrix values of *address*: ``takes outputs of sort.*``."""
    suffix = address.partition(".")[2]
    return text.replace(f".{suffix}", ".*") if suffix else text


def together(addresses: Sequence[Address]) -> str:
    """``calc (12 jobs)``: the name of several jobs of one matrix."""
    return f"{addresses[0].partition('.')[0]} ({len(addresses)} jobs)"


def few(texts: Iterable[str], most: int = NAMES) -> str:
    """``a, b, c and 9 more``."""
    listed = list(texts)
    more = len(listed) - most
    shown_here = ", ".join(listed[:most])
    return f"{shown_here} and {more} more" if more > 0 else shown_here
