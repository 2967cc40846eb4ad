"""Many files made into one set: what is said twice is an error that names both places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from jobsync.errors import Location, Problem
from jobsync.manifest.messages import dotted, shown
from jobsync.manifest.schema import Platforms, violations
from jobsync.manifest.source_map import Places, Raw, Spot
from jobsync.manifest.yaml_reader import Document
from jobsync.platform import Platform
from jobsync.structs import Struct, field

VERSION = "jobsync/v1"
"""The only version of the language so far."""

ENVIRONMENT = "env"
LOCAL_TARGETS = ("local", ENVIRONMENT)
"""The targets that exist without being declared."""

_ONCE = ("project", "requires", "target", "env", "ignore", "outputsRoot", "journal")
_BY_KEY = ("targets", "variables", "teams", "defaults", "guards", "jobs")
_KEYS = frozenset({"api", *_ONCE, *_BY_KEY})


class JobEntry(Struct, frozen=True):
    """A value, the mapping it stands in under ``key``, and the places of its file."""

    key: str
    value: Raw
    parent: dict[str, Raw]
    places: Places
    spot: Spot
    sound: bool = True

    @property
    def where(self) -> Location:
        """Where the key is written."""
        return self.places.locate(self.spot)

    @property
    def at_value(self) -> Location:
        """Where the value begins."""
        return self.places.value(self.parent, self.key)


Section = dict[str, JobEntry]


class RawSet(Struct):
    """All that the files say, not yet filled in. ``once`` has the keys that stand in one file.

    ``apis`` are the platforms that files name, whether they take part or not.
    """

    once: Section = field(default_factory=dict)
    targets: Section = field(default_factory=dict)
    variables: Section = field(default_factory=dict)
    teams: Section = field(default_factory=dict)
    defaults: Section = field(default_factory=dict)
    guards: Section = field(default_factory=dict)
    jobs: Section = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unread: set[Location | None] = field(default_factory=set)
    apis: tuple[str, ...] = ()

    def reported(self) -> list[Problem]:
        """The problems to show: what could not be read at a place hides what follows from it."""
        seen: set[Location | None] = set()
        out = []
        for problem in self.problems:
            if problem.where not in self.unread or problem.where not in seen:
                out.append(problem)
            seen.add(problem.where)
        return out

    def text(self, key: str) -> str | None:
        """A text that stands once in the set, or None."""
        entry = self.once.get(key)
        return entry.value if entry and isinstance(entry.value, str) else None

    def texts(self, key: str) -> list[str]:
        """A list of texts that stands once in the set."""
        entry = self.once.get(key)
        items = entry.value if entry and isinstance(entry.value, list) else []
        return [item for item in items if isinstance(item, str)]

    def section(self, name: str) -> Section:
        """The entries of a section such as ``jobs`` or ``targets``, by key."""
        return cast(Section, getattr(self, name))


def merge(documents: Sequence[Document], platform: Platform, platforms: Platforms) -> RawSet:
    """One set from the files; ``problems`` has all that breaks the schema or is said twice.

    What breaks the schema is left out, or kept as not sound where its name alone is of use. Files
    whose ``api`` names another one of *platforms* are checked and take no part; those without one
    are common, and hold no jobs where another file names an api.
    """
    merged = RawSet(apis=named_apis(documents, platforms))
    others: dict[str, RawSet] = {}
    for document in documents:
        merged.problems.extend(document.problems)
        merged.unread.update(problem.where for problem in document.problems)
        value, places = document.value, document.places
        if not isinstance(value, dict) or not is_manifest(value):
            continue
        theirs = _named(value, platforms) or platform
        if theirs is platform:
            _add(merged, value, places, platform, platforms)
        else:
            _add(others.setdefault(theirs.name, RawSet()), value, places, theirs, platforms)
        if merged.apis and "api" not in value:
            for key in [key for key in ("defaults", "jobs") if value.get(key)]:
                message = f"{key} is in a file without api:, but other files of the set have one"
                hint = f"add api: {' or '.join(merged.apis)} to this file"
                merged.problems.append(Problem(places.key(value, key), message, hint))
    for other in others.values():
        merged.problems.extend(other.problems)
    return merged


def named_apis(documents: Iterable[Document], platforms: Platforms) -> tuple[str, ...]:
    """The platforms that files name as their ``api``, each once."""
    found = (_named(document.value, platforms) for document in documents)
    return tuple(dict.fromkeys(platform.name for platform in found if platform))


def meant_target(documents: Sequence[Document]) -> str | None:
    """The target that the set names as its own, if it does."""
    values = (one.value.get("target") for one in documents if isinstance(one.value, dict))
    return next((value for value in values if isinstance(value, str)), None)


def meant_platform(
    documents: Sequence[Document], target: str | None, platforms: Platforms
) -> Platform | None:
    """The platform of *target*, or of the set's own where that is None, as files say it.

    That of a declared target is the first where it names none, and that of all others the one of
    the files, if they name only one. None where nothing says it.
    """
    values = [one.value for one in documents if isinstance(one.value, dict)]
    said = target or meant_target(documents)
    for value in values:
        declared = value.get("targets")
        if isinstance(declared, dict) and said and said in declared:
            body = declared[said]
            if (named := _named(body, platforms)) or said not in LOCAL_TARGETS:
                return named or next(iter(platforms.values()))
    apis = named_apis(documents, platforms)
    return platforms[apis[0]] if len(apis) == 1 else None


def _named(value: Raw, platforms: Platforms) -> Platform | None:
    api = value.get("api") if isinstance(value, dict) else None
    return platforms.get(api) if isinstance(api, str) else None


def is_manifest(value: Raw) -> bool:
    """Whether the value of a file claims to be a manifest at all."""
    return isinstance(value, dict) and "apiVersion" in value


def is_meant_as_manifest(value: Raw) -> bool:
    """Whether a file without ``apiVersion`` has only keys of a manifest, and some."""
    return isinstance(value, dict) and bool(value) and value.keys() <= _KEYS


def _add(
    merged: RawSet,
    value: dict[str, Raw],
    places: Places,
    platform: Platform,
    platforms: Platforms,
) -> None:
    if value.get("apiVersion") != VERSION:
        merged.problems.append(_version_problem(value, places))
        return
    broken: set[tuple[str | int, ...]] = set()
    for violation in violations(value, places, platform, platforms):
        merged.problems.append(violation.problem)
        broken.add(violation.path[:2])
    for key in _ONCE:
        if key in value and not any(path[:1] == (key,) for path in broken):
            spot = places.key_spot(value, key)
            _once(merged, merged.once, JobEntry(key, value[key], value, places, spot), key)
    for name in _BY_KEY:
        content = value.get(name)
        if not isinstance(content, dict):
            continue
        section = merged.section(name)
        for key, spot in places.spots(content):
            sound = not broken or (name, key) not in broken
            if sound or name == "jobs":
                entry = JobEntry(key, content[key], content, places, spot, sound)
                if key in section:
                    _once(merged, section, entry, name)
                else:
                    section[key] = entry


def _version_problem(value: dict[str, Raw], places: Places) -> Problem:
    found = value["apiVersion"]
    hint = ""
    if not isinstance(found, str) or not found.startswith("jobsync/"):
        hint = "if the file is not a manifest, list it under ignore:"
    message = f"apiVersion must be {VERSION}, not {shown(found)}"
    return Problem(places.value(value, "apiVersion"), message, hint)


def _once(merged: RawSet, section: Section, entry: JobEntry, name: str) -> None:
    first = section.setdefault(entry.key, entry)
    if first is not entry:
        path = entry.key if name == entry.key and section is merged.once else f"{name}.{entry.key}"
        merged.problems.append(
            Problem(entry.where, f"{dotted([path])} is defined twice", f"first at {first.where}")
        )
