"""Where the fields of one job were written, looked up when somebody asks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import cast

from jobsync.errors import Location
from jobsync.manifest.layers import Container, Layers
from jobsync.manifest.matrix import Matrix, Member
from jobsync.manifest.merge import JobEntry, Section
from jobsync.manifest.source_map import Places, Raw

_PATH = re.compile(r"([^.\[]+)(?:\.(.*)|\[([0-9]+)\](?:\.(.*))?)?", re.DOTALL)


class JobPlaces(Mapping[str, Location]):
    """Dotted paths (``parameters.threads``, ``outputs[0]``) to places, in the job or the defaults.

    All runs of a matrix share one. Nothing is kept but what the file gave.
    """

    __slots__ = ("_defaults", "_entry", "_layers_of", "_merged")

    def __init__(
        self, entry: JobEntry, defaults: Section, merged: frozenset[str], layers: Layers
    ) -> None:
        self._entry = entry
        self._defaults = defaults
        self._merged = merged
        self._layers_of = layers

    def __getitem__(self, path: str) -> Location:
        match = _PATH.fullmatch(path)
        if match is None:
            raise KeyError(path)
        field, key, number, below = match.groups()
        try:
            if number is not None:
                return self._item(field, int(number), below)
            return self._field(field) if key is None else self._key(field, key, strict=True)
        except LookupError:
            if key is None:
                raise KeyError(path) from None
        try:
            return self._entry_named(field, key)
        except (LookupError, StopIteration):
            raise KeyError(path) from None

    def __iter__(self) -> Iterator[str]:
        body = self._body()
        fields = dict.fromkeys([*self._defaults, *body])
        for field in fields:
            value = body[field] if field in body else self._defaults[field].value
            if value is None:
                continue
            yield field
            keys = dict.fromkeys(
                [*_keys(self._default(field) if field in self._merged else None), *_keys(value)]
            )
            yield from (f"{field}.{key}" for key in keys)
            if isinstance(value, list):
                yield from (f"{field}[{number}]" for number in range(len(value)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def key(self, field: str, key: str) -> Location:
        """Where ``field.key`` is written; else the place of the field, or of the job."""
        return self._key(field, key, strict=False)

    def value(self, field: str, path: tuple[str | int, ...] = ()) -> Location:
        """Where a value begins; the nearest thing above it that can be found."""
        for parent, places in self._layers(field):
            if field in parent:
                return self._below(parent, field, path, places)
        return self._entry.where

    def written(self, field: str, path: tuple[str | int, ...] = ()) -> Raw:
        """The value at *path* below *field* as it is written, with its references; None where there
        is none."""
        value: Raw = next((p[field] for p, _ in self._layers(field) if field in p), None)
        if field in self._layers_of.fields:
            value = self._layers_of.fields[field]
        for step in path:
            if not _has(value, step):
                return None
            value = value[step]  # type: ignore[index]
        return value

    def _below(
        self, parent: dict[str, Raw], field: str, path: tuple[str | int, ...], places: Places
    ) -> Location:
        """The place at *path* below *field* of *parent*; the nearest thing above it."""
        where = places.value(parent, field)
        value, origins = self._merged_value(parent, field), self._layers_of.origins
        for step in path:
            if not _has(value, step):
                break
            container = cast("Container", value)
            if (known := origins.get(id(value))) is not None:
                places, container, at = known[step]
            else:
                at = step
            if isinstance(container, dict):
                where = places.value(container, str(at))
            else:
                where = places.item(container, cast("int", at))
            value = value[step]  # type: ignore[index]
        return where

    def _merged_value(self, parent: dict[str, Raw], field: str) -> Raw:
        """The value of *field* as it was merged, or that of *parent* where it was not."""
        merged = self._layers_of.fields.get(field)
        return merged if id(merged) in self._layers_of.origins else parent[field]

    def _entry_named(self, field: str, path: str) -> Location:
        """Where the entry of a list is written that *path* below *field* ends with, by its name."""
        parent = next(parent for parent, _ in self._layers(field) if field in parent)
        value = self._merged_value(parent, field)
        steps: list[str | int] = []
        while isinstance(value, dict):
            step, _, path = path.partition(".")
            steps.append(step)
            value = value[step]
        entries = value if isinstance(value, list) else []
        number = next((n for n, one in enumerate(entries) if _is_named(one, path)), None)
        if number is None:
            raise KeyError(path)
        return self.value(field, (*steps, number))

    def _body(self) -> dict[str, Raw]:
        return self._entry.value if isinstance(self._entry.value, dict) else {}

    def _default(self, field: str) -> Raw:
        entry = self._defaults.get(field)
        return entry.value if entry else None

    def _layers(self, field: str) -> Iterator[tuple[dict[str, Raw], Places]]:
        yield self._body(), self._entry.places
        if field in self._defaults:
            yield self._defaults[field].parent, self._defaults[field].places

    def _field(self, field: str) -> Location:
        for parent, places in self._layers(field):
            if field in parent:
                return places.key(parent, field)
        raise KeyError(field)

    def _key(self, field: str, key: str, *, strict: bool) -> Location:
        for parent, places in self._layers(field):
            inner = parent.get(field)
            if isinstance(inner, dict) and key in inner:
                return places.key(inner, key)
        if strict:
            raise KeyError(key)
        return self._entry.where

    def _item(self, field: str, number: int, below: str | None) -> Location:
        for parent, places in self._layers(field):
            items = parent.get(field)
            if isinstance(items, list):
                item = items[number]
                if below is not None and isinstance(item, dict) and below in item:
                    return places.key(item, below)
                return places.item(items, number)
        raise KeyError(field)


def _has(value: Raw, step: str | int) -> bool:
    if isinstance(value, dict):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and step < len(value)


def _is_named(item: Raw, name: str) -> bool:
    return isinstance(item, dict) and name in (item.get("name"), item.get("key"))


def _keys(value: Raw) -> list[str]:
    return list(value) if isinstance(value, dict) else []


_OF_AXIS = re.compile(r"\$\{matrix\.([A-Za-z0-9_-]+)\}")


class RunPlaces(Mapping[str, Location]):
    """The places of one run of a matrix: a value that is one of an axis is written there."""

    __slots__ = ("_matrix", "_member", "job")

    def __init__(self, job: JobPlaces, matrix: Matrix, member: Member) -> None:
        self.job = job
        self._matrix = matrix
        self._member = member

    def __getitem__(self, path: str) -> Location:
        where = self.job[path]
        field, _, key = path.partition(".")
        return self._of_axis(field, (key,) if key else ()) or where

    def __iter__(self) -> Iterator[str]:
        return iter(self.job)

    def __len__(self) -> int:
        return len(self.job)

    def key(self, field: str, key: str) -> Location:
        """As :meth:`JobPlaces.key`."""
        return self.job.key(field, key)

    def value(self, field: str, path: tuple[str | int, ...] = ()) -> Location:
        """As :meth:`JobPlaces.value`; the place on the axis for a value that is one of it."""
        return self._of_axis(field, path) or self.job.value(field, path)

    def _of_axis(self, field: str, path: tuple[str | int, ...]) -> Location | None:
        text = self.job.written(field, path)
        found = _OF_AXIS.fullmatch(text) if isinstance(text, str) else None
        if found is None or found[1] not in self._member.values:
            return None
        return self._matrix.where_of(found[1], self._member)
