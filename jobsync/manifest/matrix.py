"""The runs that a job stands for: one, or one for every combination of its matrix."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from types import MappingProxyType

from jobsync import identity
from jobsync.errors import Location, Problem
from jobsync.manifest.merge import JobEntry
from jobsync.manifest.messages import did_you_mean, one_of, quoted
from jobsync.manifest.references import NOT_HERE, BadReference, Filler
from jobsync.manifest.source_map import Raw
from jobsync.model import Address, Scalar
from jobsync.secret import Sensitive
from jobsync.structs import Struct

LIMIT = 1000
"""The most combinations of one matrix, unless its ``limit`` raises it."""

_RESERVED = ("include", "exclude", "limit")

_NOTHING: Mapping[str, Scalar] = MappingProxyType({})

Values = tuple[Scalar, ...]
Texts = tuple[str, ...]


class Member(Struct, frozen=True):
    """One run of a job: its address and the value of every axis."""

    address: Address
    values: Mapping[str, Scalar]


class Family(Struct, frozen=True):
    """All runs of one job in address order; ``by_values`` finds one by its values as text.

    ``matrix`` is the matrix as it was written, None for a job without one.
    """

    key: str
    axes: tuple[str, ...]
    members: tuple[Member, ...]
    by_values: Mapping[Texts, Member]
    matrix: Matrix | None = None


def single(key: str) -> Family:
    """The family of a job without a matrix."""
    return Family(key, (), (Member(key, _NOTHING),), {})


def family(
    entry: JobEntry, matrix: dict[str, Raw], filler: Filler, problems: list[Problem]
) -> Family | None:
    """The runs of a job with a matrix, or None when there are problems with it."""
    before = len(problems)
    key = entry.key
    building = Matrix(entry, matrix, filler, problems)
    combinations = building.combinations()
    if len(problems) > before:
        return None
    members = {}
    for texts, values in combinations.items():
        address = ".".join([key, *(identity.slug(value) for value in values)])
        members[texts] = Member(address, dict(zip(building.axes, values, strict=True)))
    ordered = tuple(sorted(members.values(), key=lambda member: member.address))
    return Family(key, building.axes, ordered, members, building)


class Matrix:
    """One matrix on its way from what is written to its combinations."""

    def __init__(
        self,
        entry: JobEntry,
        matrix: dict[str, Raw],
        filler: Filler,
        problems: list[Problem],
    ) -> None:
        body = entry.value if isinstance(entry.value, dict) else {}
        self.path = f"jobs.{entry.key}.matrix"
        self.matrix = matrix
        self.where = entry.places.value(body, "matrix")
        self.places = entry.places
        self.filler = filler
        self.problems = problems
        self.included = self._entries("include")
        named = [name for name in matrix if name not in _RESERVED]
        self.lists = {name: self._axis(name) for name in sorted(named)}
        first = self.included[0][0] if self.included else {}
        self.axes = tuple(self.lists or sorted(first))

    def combinations(self) -> dict[Texts, Values]:
        """Every combination by its values as text; empty when there are problems."""
        raised = self.matrix.get("limit")
        limit = raised if isinstance(raised, int) else LIMIT
        count = math.prod(len(values) for values in self.lists.values()) if self.lists else 0
        if count + len(self.included) > limit:
            count += len(self.included)
            hint = "if you mean that many jobs, raise limit: in the matrix"
            message = f"{self.path} has {count:,} combinations, more than {limit:,}"
            self._say(self.where, message, hint)
            return {}
        product = itertools.product(*self.lists.values()) if self.lists else ()
        found = {_texts(values): values for values in product}
        self._exclude(found)
        self._include(found)
        if not found:
            message = f"{self.path} has no combinations"
            self._say(self.where, message, "add an axis, or exclude fewer of them")
        return found

    def where_of(self, axis: str, member: Member) -> Location | None:
        """Where the value is written that *member* has on *axis*."""
        text = identity.scalar_text(member.values[axis])
        items = self.matrix.get(axis)
        for number, value in enumerate(self.lists.get(axis, ())):
            if isinstance(items, list) and identity.scalar_text(value) == text:
                return self.places.item(items, number)
        for entry, where in self.included:
            if axis in entry and identity.scalar_text(entry[axis]) == text:
                return where
        return None

    def _axis(self, name: str) -> list[Scalar]:
        items = self.matrix[name]
        found: dict[str, Scalar] = {}
        for number, item in enumerate(items if isinstance(items, list) else []):
            where = self.places.item(items, number) if isinstance(items, list) else None
            value = self._filled(item, where)
            text = identity.scalar_text(value)
            if text in found:
                self._say(where, f"{self.path}.{name} has {quoted(text)} twice")
            found[text] = value
        return list(found.values())

    def _entries(self, kind: str) -> list[tuple[dict[str, Scalar], Location]]:
        items = self.matrix.get(kind)
        found = []
        for number, item in enumerate(items if isinstance(items, list) else []):
            if isinstance(items, list) and isinstance(item, dict):
                where = self.places.item(items, number)
                filled = {axis: self._filled(value, where) for axis, value in item.items()}
                found.append((filled, where))
        return found

    def _filled(self, value: Raw, where: Location | None) -> Scalar:
        if isinstance(value, str) and "${" in value:
            try:
                filled = self.filler.fill(value)
            except BadReference as error:
                self._say(where, f"{self.path}: {error.message}", error.hint)
                return value
            if isinstance(filled, Sensitive):
                self._say(where, f"{self.path}: {NOT_HERE}", self.filler.scope.platform.hiding_hint)
                return value
            return filled if isinstance(filled, (str, int, float, bool)) else value
        return value if isinstance(value, (str, int, float, bool)) else None

    def _exclude(self, found: dict[Texts, Values]) -> None:
        for entry, where in self._entries("exclude"):
            if not self._known(entry, where):
                continue
            wanted = {
                self.axes.index(axis): identity.scalar_text(value) for axis, value in entry.items()
            }
            out = [t for t in found if all(t[at] == text for at, text in wanted.items())]
            if not out:
                self._say(where, f"{self.path}.exclude matches no combination")
            for texts in out:
                del found[texts]

    def _include(self, found: dict[Texts, Values]) -> None:
        for entry, where in self.included:
            if not self._known(entry, where):
                continue
            missing = [axis for axis in self.axes if axis not in entry]
            if missing:
                names = ", ".join(missing)
                self._say(where, f"{self.path}.include lacks a value for {names}")
                continue
            values = tuple(entry[axis] for axis in self.axes)
            if _texts(values) in found:
                self._say(where, f"{self.path}.include: this combination already exists")
            found[_texts(values)] = values

    def _known(self, entry: Mapping[str, Scalar], where: Location) -> bool:
        for axis in entry:
            if axis not in self.axes:
                hint = did_you_mean(axis, self.axes) or one_of(self.axes)
                self._say(where, f"{self.path}: there is no axis {quoted(axis)}", hint)
                return False
        return True

    def _say(self, where: Location | None, message: str, hint: str = "") -> None:
        self.problems.append(Problem(where, message, hint))


def _texts(values: Values) -> Texts:
    return tuple(identity.scalar_text(value) for value in values)
