"""Where everything in a manifest file was written, kept small.

A place is one integer (line and column); the places of a container's keys and values are a slice
of one array per file, found by the identity of the container. A :class:`Location` is only made
when somebody asks.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from typing import Union

from jobsync.errors import Location
from jobsync.model import Scalar

Raw = Union[Scalar, list["Raw"], dict[str, "Raw"]]
"""A value as it stands in a file, before anything is filled in."""

Spot = int
"""A place in a file: the line (from 0) in the upper bits, the column (from 0) in the lower."""

COLUMN_BITS = 26
_COLUMN_MASK = (1 << COLUMN_BITS) - 1
_INDEX_FROM = 16


class Places:
    """The places in one file, by container. Containers are looked up by identity, not by value."""

    __slots__ = ("_index", "_starts", "_table", "path", "root", "within")

    def __init__(self, path: str, within: str) -> None:
        self.path = path
        self.within = within
        self.root: Spot = 0
        self._table = array("Q")
        self._starts: dict[int, int] = {}
        self._index: dict[int, dict[str, int]] = {}

    def open(self) -> tuple[dict[int, int], array[int]]:
        """The two tables to which :meth:`record` writes, for the loop of the reader."""
        return self._starts, self._table

    def record(self, container: object, spots: list[Spot]) -> None:
        """Keep *spots*: a key and a value each for a mapping, a value each for a list."""
        self._starts[id(container)] = len(self._table)
        self._table.extend(spots)

    def spots(self, mapping: Mapping[str, Raw]) -> Iterator[tuple[str, Spot, Spot]]:
        """Every key of *mapping* with the spots of the key and of its value."""
        start = self._starts[id(mapping)]
        table = self._table
        for number, key in enumerate(mapping):
            yield key, table[start + 2 * number], table[start + 2 * number + 1]

    def key_spot(self, mapping: Mapping[str, Raw], key: str) -> Spot:
        """The spot of *key*; of the file's beginning when the key is not there."""
        return self._pair(mapping, key, 0)

    def value_spot(self, mapping: Mapping[str, Raw], key: str) -> Spot:
        """The spot of the value of *key*; of the file's beginning when the key is not there."""
        return self._pair(mapping, key, 1)

    def item_spot(self, items: list[Raw], number: int) -> Spot:
        """The spot of item *number* of a list; of the file's beginning for a list that is
        unknown."""
        start = self._starts.get(id(items))
        return self.root if start is None else self._table[start + number]

    def locate(self, spot: Spot) -> Location:
        """The file, line and column of *spot*."""
        line, column = (spot >> COLUMN_BITS) + 1, (spot & _COLUMN_MASK) + 1
        return Location(self.path, line, column, self.within)

    def key(self, mapping: Mapping[str, Raw], key: str) -> Location:
        """Where *key* of *mapping* is written."""
        return self.locate(self.key_spot(mapping, key))

    def value(self, mapping: Mapping[str, Raw], key: str) -> Location:
        """Where the value of *key* begins."""
        return self.locate(self.value_spot(mapping, key))

    def item(self, items: list[Raw], number: int) -> Location:
        """Where an item of a list begins."""
        return self.locate(self.item_spot(items, number))

    def _pair(self, mapping: Mapping[str, Raw], key: str, offset: int) -> Spot:
        start = self._starts.get(id(mapping))
        number = None if start is None else self._number(mapping, key)
        if start is None or number is None:
            return self.root
        return self._table[start + 2 * number + offset]

    def _number(self, mapping: Mapping[str, Raw], key: str) -> int | None:
        if len(mapping) < _INDEX_FROM:
            return next((n for n, other in enumerate(mapping) if other == key), None)
        index = self._index.get(id(mapping))
        if index is None:
            index = self._index[id(mapping)] = {name: n for n, name in enumerate(mapping)}
        return index.get(key)
