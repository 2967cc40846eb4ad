"""What values are made of: records, frozen where they are shared. The door to msgspec; floor 0.

They are defined and made in C. A command defines eighty of them at every start, which with
dataclasses took it a tenth of a second.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct, field
from msgspec.structs import asdict, astuple, replace

__all__ = ["Placed", "Struct", "asdict", "astuple", "field", "replace"]


class Placed(Struct, frozen=True, eq=False):
    """A record with fields that take no part in comparisons: ``ASIDE``."""

    ASIDE: ClassVar[frozenset[str]] = frozenset({"where", "places"})

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._compared() == self._compared()

    def __ne__(self, other: object) -> bool:  # that of a struct would not ask __eq__
        return not self == other

    def __hash__(self) -> int:
        return hash(self._compared())

    def _compared(self) -> tuple[object, ...]:
        names = self.__struct_fields__
        return tuple(getattr(self, name) for name in names if name not in self.ASIDE)
