"""The fields of a job laid over the defaults of its set, with where each part was written.

Scalars and lists of a job replace those of the defaults. What a platform names is merged: mappings
key by key, lists of mappings by the key that names an entry, and lists of words as one set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Union

from jobsync.errors import Location
from jobsync.manifest.merge import JobEntry, Section
from jobsync.manifest.messages import did_you_mean, dotted, one_of, quoted
from jobsync.manifest.schema import merged_fields
from jobsync.manifest.source_map import Places, Raw
from jobsync.platform import Platform
from jobsync.structs import Struct

REMOVE = "remove"
"""The key of a list's entry that takes a default away."""

Container = Union[dict[str, Raw], list[Raw]]
Origin = tuple[Places, Container, Union[str, int]]
"""The file, and the container in it, and the key or index there, of a part of a merged value."""

Report = Callable[[Location, str, str], None]
"""Told of a problem: where, what is wrong with the field, what to do."""


class Layers(Struct, frozen=True):
    """The fields of a job, and the origins of the parts of values that were merged.

    ``origins`` maps the ``id`` of a merged container to the origin of each key or index in it.
    """

    fields: dict[str, Raw]
    origins: dict[int, dict[str | int, Origin]]


def layered(entry: JobEntry, defaults: Section, platform: Platform, report: Report) -> Layers:
    """The fields of *entry* over *defaults*; null in the place of a field removes it.

    A name that stands twice in a list of the job that defaults touch, and a removal of what no
    default has, are reported. What is wrong with the defaults themselves
    :func:`check_defaults` reports.
    """
    body = entry.value if isinstance(entry.value, dict) else {}
    fields = body
    if defaults:
        fields = {name: default.value for name, default in defaults.items()}
        fields.update(body)
    elif not platform.named_entries and not _removes_something(body, platform.merged):
        return Layers(body, {})
    merged = merged_fields(platform)
    merging = _Merging(platform, entry.places, report)
    out: dict[str, Raw] = {}
    for name, value in fields.items():
        if value is None:
            continue
        if name in merged and isinstance(value, (dict, list)):
            default = defaults.get(name)
            if name not in body:
                value = merging.alone(name, value, defaults[name])
            elif default is None:
                value = merging.alone(name, value, None)
            else:
                value = merging.both(name, default, value, entry.places)
        out[name] = value
    return Layers(out, merging.origins)


def _removes_something(body: dict[str, Raw], merged: Iterable[str]) -> bool:
    """Whether null stands in the place of a field, or of an entry of one that is *merged*."""
    if None in body.values():
        return True
    for name in merged:
        value = body.get(name)
        if isinstance(value, dict) and None in value.values():
            return True
    return False


def check_defaults(defaults: Section, platform: Platform, report: Report) -> None:
    """Report each name that stands twice in a list of the defaults, and each removal there."""
    for name, default in defaults.items():
        _check_lists((name,), default.value, default.places, platform, report)


def _check_lists(
    path: tuple[str, ...], value: Raw, places: Places, platform: Platform, report: Report
) -> None:
    where = ".".join(path)
    if where in platform.merged and isinstance(value, dict):
        for key, item in value.items():
            _check_lists((*path, key), item, places, platform, report)
    if where not in platform.named_entries or not isinstance(value, list):
        return
    _by_name(path, platform.named_entries[where], value, places, report)
    for number, item in enumerate(value):
        if _removes(item):
            text = f"{dotted(path)}: only a job can remove a default"
            report(places.item(value, number), text, "delete this entry")


def _by_name(
    path: tuple[str, ...], key: str, items: list[Raw], places: Places, report: Report
) -> dict[str, int]:
    """Where each name is in *items*. A second entry of one name is reported."""
    found: dict[str, int] = {}
    for number, item in enumerate(items):
        name = _name(item, key)
        if name is not None and found.setdefault(name, number) != number:
            text = f"{dotted(path)} has two entries with the {key} {quoted(name)}"
            hint = f"entries merge with the defaults by {key}, so each {key} can occur only once"
            report(places.item(items, number), text, hint)
    return found


class _Merging:
    """Merges the values of one job with those of its defaults."""

    def __init__(self, platform: Platform, places: Places, report: Report) -> None:
        self.upper_places = self.lower_places = self._own_places = places
        self.origins: dict[int, dict[str | int, Origin]] = {}
        self._merged = platform.merged
        self._named = platform.named_entries
        self._united = platform.united
        self._report = report

    def both(self, name: str, default: JobEntry, value: Raw, places: Places) -> Raw:
        """*value* of the job over that of the defaults."""
        self.lower_places, self.upper_places = default.places, places
        return self.value((name,), default.value, value)

    def alone(self, name: str, value: Raw, default: JobEntry | None) -> Raw:
        """*value*, which only one of both says: the *default*, or the job where that is None."""
        if not self._named:  # then there is nothing below a mapping that could be wrong
            has_null = isinstance(value, dict) and None in value.values()
            if not (has_null and isinstance(value, dict)):
                return value
            return {key: item for key, item in value.items() if item is not None}
        if default is not None:
            return self._default((name,), value, default.places)
        self.lower_places = self.upper_places = self._own_places
        return self.value((name,), None, value)

    def value(self, path: tuple[str, ...], lower: Raw, upper: Raw) -> Raw:
        """*upper* over *lower*; each may be None for nothing there."""
        where = ".".join(path)
        if where in self._merged and isinstance(upper, dict):
            return self._mapping(path, lower if isinstance(lower, dict) else {}, upper)
        if where in self._named and isinstance(upper, list):
            found = lower if isinstance(lower, list) else []
            return self._entries(path, self._named[where], found, upper)
        if where in self._united and isinstance(upper, list) and isinstance(lower, list):
            return lower + [item for item in upper if item not in lower]
        return upper

    def _mapping(
        self, path: tuple[str, ...], lower: dict[str, Raw], upper: dict[str, Raw]
    ) -> dict[str, Raw]:
        found: dict[str, Raw] = {}
        origins: dict[str | int, Origin] = {}
        for key in {**lower, **upper}:
            if key in upper:
                if upper[key] is not None:
                    found[key] = self.value((*path, key), lower.get(key), upper[key])
                    origins[key] = (self.upper_places, upper, key)
            elif lower[key] is not None:
                found[key] = self._default((*path, key), lower[key], self.lower_places)
                origins[key] = (self.lower_places, lower, key)
        self.origins[id(found)] = origins
        return found

    def _default(self, path: tuple[str, ...], value: Raw, places: Places) -> Raw:
        """A part of the defaults of which the job says nothing."""
        where = ".".join(path)
        is_mapping = where in self._merged and isinstance(value, dict)
        if not is_mapping and not (where in self._named and isinstance(value, list)):
            return value
        own = (self.lower_places, self.upper_places)
        self.lower_places = self.upper_places = places
        try:
            return self.value(path, value, {} if is_mapping else [])
        finally:
            self.lower_places, self.upper_places = own

    def _entries(
        self, path: tuple[str, ...], key: str, lower: list[Raw], upper: list[Raw]
    ) -> list[Raw]:
        """The entries of *upper* in the places of those of *lower* that have their names."""
        if not (lower and upper) and not any(map(_removes, lower or upper)):
            return lower or upper
        own = _by_name(path, key, upper, self.upper_places, self._report)
        known = {
            name for name in (_name(item, key) for item in lower if not _removes(item)) if name
        }
        found: list[Raw] = []
        origins: dict[str | int, Origin] = {}
        used: set[int] = set()
        for number, item in enumerate(lower):
            name = _name(item, key)
            above = own.get(name) if name is not None else None
            if _removes(item):
                continue  # reported once, where it stands
            if above is None:
                origins[len(found)] = (self.lower_places, lower, number)
                found.append(item)
                continue
            used.add(above)
            if not _removes(upper[above]):
                origins[len(found)] = (self.upper_places, upper, above)
                found.append(upper[above])
        for number, item in enumerate(upper):
            if number in used:
                continue
            if _removes(item):
                name = _name(item, key) or ""
                text = f"{dotted(path)}: the defaults have no entry with the {key} {quoted(name)}"
                hint = did_you_mean(name, known) or one_of(known) or "delete this entry"
                self._report(self.upper_places.item(upper, number), text, hint)
                continue
            origins[len(found)] = (self.upper_places, upper, number)
            found.append(item)
        self.origins[id(found)] = origins
        return found


def _name(item: Raw, key: str) -> str | None:
    name = item.get(key) if isinstance(item, dict) else None
    return name if isinstance(name, str) else None


def _removes(item: Raw) -> bool:
    return isinstance(item, dict) and item.get(REMOVE) is True
