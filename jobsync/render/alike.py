"""What is the same for several jobs of one matrix, said once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from jobsync.model import Address

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


def of_one_matrix(address: Address, notes: Iterable[str]) -> tuple[str, tuple[str, ...]] | None:
    """What is the same of jobs of one matrix of which the same is noted; None without a matrix."""
    key, _, suffix = address.partition(".")
    return (key, tuple(without_values(note, address) for note in notes)) if suffix else None


def few(texts: Iterable[str], most: int = NAMES) -> str:
    """``a, b, c and 9 more``."""
    listed = list(texts)
    more = len(listed) - most
    shown_here = ", ".join(listed[:most])
    return f"{shown_here} and {more} more" if more > 0 else shown_here
