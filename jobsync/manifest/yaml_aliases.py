"""What ``&anchors`` name in a YAML file, and how much its ``*aliases`` may stand for."""

from __future__ import annotations

from jobsync.manifest.source_map import Raw

DEPTH_LIMIT = 64
"""The most containers inside one another, aliases followed."""

ALIAS_BUDGET = 1_000_000
"""The most values that the aliases of one file may stand for together."""


class BadAlias(Exception):
    """An alias that cannot be followed; ``hint`` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Anchors:
    """The anchors of one file, as far as it has been read."""

    def __init__(self) -> None:
        self._values: dict[str, Raw] = {}
        self._open: set[str] = set()
        self._sizes: dict[int, tuple[int, int]] = {}
        self._kept: list[Raw] = []
        self._budget = ALIAS_BUDGET

    def name(self, anchor: str, value: Raw) -> None:
        """Let *anchor* stand for a text, a number, true, false or null."""
        self._values[anchor] = value

    def open(self, anchor: str) -> None:
        """*anchor* names a collection that begins: until its end it would contain itself."""
        self._values.pop(anchor, None)
        self._open.add(anchor)

    def close(self, anchor: str, value: Raw) -> None:
        """The collection that *anchor* names is whole."""
        self._open.discard(anchor)
        self._values[anchor] = value
        self._sizes[id(value)] = self._measure(value)
        self._kept.append(value)

    def follow(self, anchor: str, depth: int) -> Raw:
        """What an alias stands for inside *depth* collections. Raises :class:`BadAlias`."""
        if anchor in self._open and anchor not in self._values:
            raise BadAlias(f"the alias *{anchor} refers to itself")
        if anchor not in self._values:
            hint = f"write &{anchor} where it is defined, above this line"
            raise BadAlias(f"there is no anchor &{anchor}", hint)
        value = self._values[anchor]
        size, height = self._measure(value)
        if depth + height > DEPTH_LIMIT:
            raise BadAlias(f"nested more than {DEPTH_LIMIT} levels deep")
        self._budget -= size
        if self._budget < 0:
            raise BadAlias(f"the aliases of this file expand to more than {ALIAS_BUDGET:,} values")
        return value

    def _measure(self, value: Raw) -> tuple[int, int]:
        """How many values *value* stands for and how deep it is, aliases followed."""
        if not isinstance(value, (dict, list)):
            return 1, 0
        known = self._sizes.get(id(value))
        if known is not None:
            return known
        size, height = 1, 0
        for child in value.values() if isinstance(value, dict) else value:
            child_size, child_height = self._measure(child)
            size += child_size
            height = max(height, child_height)
        return size, height + 1
