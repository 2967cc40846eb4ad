"""Where everything in a manifest file was written, kept small.

The lines and columns of all keys and values of a file stand in one array. Those of a container lie
side by side there, and are found by the identity of the container. A :class:`Location` is only
made when somebody asks.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import Union

from jobsync.errors import Location
from jobsync.model import Scalar

Raw = Union[Scalar, list["Raw"], dict[str, "Raw"]]
"""A value as it stands in a file, before anything is filled in."""

Spot = int
"""A place in a file: where its line (from 0) stands in the array, with its column behind it."""

_INDEX_FROM = 16
_KEY, _VALUE, _PAIR = 0, 2, 4
_ITEM = 2


class Places:
    """The places in one file, by container. Containers are looked up by identity, not by value."""

    __slots__ = ("_index", "_starts", "_table", "path", "root", "within")

    def __init__(self, path: str, within: str) -> None:
        self.path = path
        self.within = within
        self._table = array("I", (0, 0))
        self.root: Spot = 0
        self._starts: dict[int, Spot] = {}
        self._index: dict[int, dict[str, int]] = {}

    def record(self, container: object, numbers: list[int]) -> None:
        """Keep where the parts of *container* stand: a line and a column each.

        A mapping has those of a key, of its value, of the next key; a list those of its items.
        """
        self._starts[id(container)] = len(self._table)
        self._table.fromlist(numbers)

    def record_root(self, line: int, column: int) -> None:
        """Keep where the value of the file begins."""
        self._table[self.root] = line
        self._table[self.root + 1] = column

    def recorded(self, spot: Spot) -> array[int]:
        """The four numbers that :meth:`record` was given for the key at *spot* and its value."""
        return self._table[spot : spot + _PAIR]

    def spots(self, mapping: Mapping[str, Raw]) -> Iterable[tuple[str, Spot]]:
        """Every key of *mapping* with its spot."""
        start = self._starts[id(mapping)]
        return zip(mapping, range(start, start + _PAIR * len(mapping), _PAIR), strict=True)

    def key_spot(self, mapping: Mapping[str, Raw], key: str) -> Spot:
        """The spot of *key*; of the file's beginning when the key is not there."""
        return self._part(mapping, key, _KEY)

    def value_spot(self, mapping: Mapping[str, Raw], key: str) -> Spot:
        """The spot of the value of *key*; of the file's beginning when the key is not there."""
        return self._part(mapping, key, _VALUE)

    def item_spot(self, items: list[Raw], number: int) -> Spot:
        """The spot of item *number* of a list; of the file's beginning for a list that is
        unknown."""
        start = self._starts.get(id(items))
        return self.root if start is None else start + _ITEM * number

    def locate(self, spot: Spot) -> Location:
        """The file, line and column of *spot*."""
        table = self._table
        return Location(self.path, table[spot] + 1, table[spot + 1] + 1, self.within)

    def key(self, mapping: Mapping[str, Raw], key: str) -> Location:
        """Where *key* of *mapping* is written."""
        return self.locate(self.key_spot(mapping, key))

    def value(self, mapping: Mapping[str, Raw], key: str) -> Location:
        """Where the value of *key* begins."""
        return self.locate(self.value_spot(mapping, key))

    def item(self, items: list[Raw], number: int) -> Location:
        """Where an item of a list begins."""
        return self.locate(self.item_spot(items, number))

    def _part(self, mapping: Mapping[str, Raw], key: str, part: int) -> Spot:
        start = self._starts.get(id(mapping))
        number = None if start is None else self._number(mapping, key)
        if start is None or number is None:
            return self.root
        return start + _PAIR * number + part

    def _number(self, mapping: Mapping[str, Raw], key: str) -> int | None:
        if len(mapping) < _INDEX_FROM:
            return next((n for n, other in enumerate(mapping) if other == key), None)
        index = self._index.get(id(mapping))
        if index is None:
            index = self._index[id(mapping)] = {name: n for n, name in enumerate(mapping)}
        return index.get(key)
