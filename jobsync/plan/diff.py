"""Field by field: what a declaration says and what a run was submitted with.

The only door to deepdiff. Equality of canonical values comes first; DeepDiff sees only top-level
fields that differ, and its answer is translated to :class:`~jobsync.model.FieldChange`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from jobsync.errors import Location
from jobsync.identity import leaf_text
from jobsync.model import (
    App,
    DeclaredJob,
    FieldChange,
    IdRef,
    JsonValue,
    OutputRef,
    Run,
    Sealed,
    Value,
)
from jobsync.plan.records import as_request, request_of
from jobsync.plan.references import References
from jobsync.platform import Platform
from jobsync.secret import HIDDEN, Sensitive
from jobsync.sensitive import at, holds, mentions, revealed
from jobsync.structs import Struct

Leaf = Callable[[Value, Value], bool]
PathLeaf = Callable[[str, Value, Value], bool]


def semantic_changes(
    job: DeclaredJob, run: Run, references: References, app: App | None
) -> tuple[FieldChange, ...]:
    """The fields in which *run* differs from *job*, by path; empty without a full record.

    Values are compared by meaning first. When nothing differs, differences in spelling and fields
    that only the run has are shown, because the fingerprint depends on both.
    """
    platform = references.platform
    record = request_of(run, platform)
    if record is None:
        return ()
    declared = {**platform.defaults, **_in_clear(job)}
    settable = _removed(job, run, app, platform)
    loose = _changes(job, declared, record, settable, references, platform.same)
    if loose:
        return loose
    return _changes(
        job, declared, record, _undeclared(job, run, platform), references, _spelled_alike
    )


def drift(
    job: DeclaredJob, run: Run, references: References, app: App | None
) -> tuple[tuple[FieldChange, ...], tuple[FieldChange, ...]]:
    """The fields in which a pinned run differs from its declaration, and values that the service
    may have dropped.

    A service drops what *app* does not know; nothing is said of that when the app is unknown
    (None). Only declared fields count: a field that is absent expresses no opinion.
    """
    declared, platform = _in_clear(job), references.platform
    changes = _changes(
        job, declared, as_request(run.request), frozenset(), references, platform.same
    )
    droppable = lacking(job, run, platform) - (
        set() if app is None else platform.app_fields(app).keys()
    )
    dropped = tuple(change for change in changes if change.path in droppable)
    return tuple(change for change in changes if change not in dropped), dropped


def lacking(job: DeclaredJob, run: Run, platform: Platform) -> frozenset[str]:
    """The declared paths passed to an app that the record of *run* does not show."""
    if platform.records_are_requests:
        return frozenset()
    return platform.given(job.request) - platform.given(as_request(run.request))


class FieldView(Struct, frozen=True):
    """One field, as declared and as the run has it. ``same`` is by the platform's rules."""

    path: str
    declared: JsonValue
    actual: JsonValue
    same: bool
    where: Location | None = None


def side_by_side(job: DeclaredJob, run: Run, references: References) -> tuple[FieldView, ...]:
    """Every declared field that can be compared, and those that only the run has, by path.

    Fields that the service does not return are left out.
    """
    declared, platform = _in_clear(job), references.platform
    record = request_of(run, platform)
    if record is None:
        return ()
    views = [
        FieldView(
            path,
            *_sides_shown(job, path, value, was),
            value is None
            or _reconciled(value, was, references, partial(platform.same, path)) == value,
            _place(job, path) if value is not None else None,
        )
        for path, (was, value) in platform.sides(
            declared, record, _undeclared(job, run, platform)
        ).items()
    ]
    views += [
        FieldView(
            field,
            *_sides_shown(job, field, at(declared, field), at(record, field)),
            at(declared, field) is None
            or platform.same_placement(field, at(declared, field), at(record, field)),
            job.places.get(field),
        )
        for field in platform.placement
        if at(declared, field) is not None or at(record, field) is not None
    ]
    return tuple(sorted(views, key=lambda view: view.path))


def placement_changes(job: DeclaredJob, run: Run, platform: Platform) -> tuple[FieldChange, ...]:
    """Declared placement that differs from that of *run*; empty without its full record."""
    record = request_of(run, platform)
    if record is None:
        return ()
    declared = _in_clear(job)
    return tuple(
        FieldChange(
            field,
            *_sides_shown(job, field, at(record, field), at(declared, field)),
            where=_place(job, field),
        )
        for field in platform.placement
        if at(declared, field) is not None
        and not platform.same_placement(field, at(declared, field), at(record, field))
    )


def _changes(
    job: DeclaredJob,
    declared: Mapping[str, Value],
    request: Mapping[str, Value],
    keep: frozenset[str],
    references: References,
    leaf: PathLeaf,
) -> tuple[FieldChange, ...]:
    """Changes of the declared fields, and of the paths in *keep* that only the run may have."""
    sides = references.platform.sides(declared, request, keep)
    after = {path: value for path, (_, value) in sides.items()}
    before = {
        path: _reconciled(value, was, references, partial(leaf, path))
        for path, (was, value) in sides.items()
    }
    differing = [path for path in sorted(sides) if before[path] != after[path]]
    return tuple(
        change for path in differing for change in _deep(job, path, before[path], after[path])
    )


def _reconciled(value: Value, was: Value, references: References, leaf: Leaf) -> Value:
    """*was* with every leaf that means the same as in *value* replaced by it."""
    if isinstance(value, (OutputRef, IdRef)):
        remote = was if isinstance(was, str) else None
        return value if references.same(value, remote) else was
    if isinstance(value, list) and isinstance(was, list):
        paired = [
            _reconciled(ours, theirs, references, leaf)
            for ours, theirs in zip(value, was, strict=False)
        ]
        return [*paired, *was[len(paired) :]]
    if isinstance(value, (list, dict)) or isinstance(was, (list, dict, OutputRef, IdRef)):
        return was
    if value is None or was is None:
        return was
    return value if leaf(value, was) else was


def _deep(job: DeclaredJob, path: str, before: Value, after: Value) -> list[FieldChange]:
    one, other = _sides_shown(job, path, before, after)
    if not (isinstance(one, list) and isinstance(other, list)):
        return [FieldChange(path, one, other, where=_place(job, path))]
    return [
        FieldChange(f"{path}[{index}]", was, will, where=_place(job, path))
        for index, was, will in _list_changes(one, other)
    ]


def _in_clear(job: DeclaredJob) -> dict[str, Value]:
    """What *job* declares, as it is compared."""
    return {key: revealed(value) for key, value in job.request.items() if value is not None}


def _sides_shown(
    job: DeclaredJob, path: str, one: Value, other: Value
) -> tuple[JsonValue, JsonValue]:
    """Both sides of a compared field as they may be shown: neither, where either is sensitive."""
    if holds(at(job.request, path)) or mentions([one, other], job.secrets):
        one, other = (None if side is None else HIDDEN for side in (one, other))
    return _shown(one), _shown(other)


def _list_changes(
    before: list[JsonValue], after: list[JsonValue]
) -> list[tuple[int, JsonValue, JsonValue]]:
    """What differs between two lists: (position, before, after), by position.

    ``threshold_to_diff_deeper=0`` keeps DeepDiff from calling two unlike lists one change, order
    counts, and a value that only changes its type is a change like any other.
    """
    from deepdiff import DeepDiff  # heavy: paid for only when something differs

    tree: Any = DeepDiff(before, after, view="tree", ignore_order=False, threshold_to_diff_deeper=0)
    found: list[tuple[int, JsonValue, JsonValue]] = []
    for report, levels in tree.items():
        for level in levels:
            position = level.path(output_format="list")[0]
            was = None if report == "iterable_item_added" else level.t1
            will = None if report == "iterable_item_removed" else level.t2
            found.append((int(position), was, will))
    return sorted(found, key=lambda item: (item[0], repr(item)))


def _removed(job: DeclaredJob, run: Run, app: App | None, platform: Platform) -> frozenset[str]:
    """Paths that the run has, the declaration has not, and the app lets people set."""
    if platform.records_are_requests:
        return _undeclared(job, run, platform)
    if app is None:
        return frozenset()
    settable = {path for path, field in platform.app_fields(app).items() if field.visible}
    return _undeclared(job, run, platform) & settable


def _undeclared(job: DeclaredJob, run: Run, platform: Platform) -> frozenset[str]:
    return platform.given(as_request(run.request)) - platform.given(job.request)


def _shown(value: Value) -> JsonValue:
    if isinstance(value, (OutputRef, IdRef, Sensitive, Sealed)):
        return str(value)
    if isinstance(value, list):
        return [_shown(item) for item in value]
    if isinstance(value, dict):
        return {key: _shown(item) for key, item in value.items()}
    return value


def _place(job: DeclaredJob, path: str) -> Location | None:
    """Where *path* was written, or the nearest thing around it."""
    while path:
        if path in job.places:
            return job.places[path]
        path = path.rpartition(".")[0]
    return job.where


def _spelled_alike(_path: str, declared: Value, remote: Value) -> bool:
    """Whether two leaves are spelled alike once types are gone: what a fingerprint sees."""
    return leaf_text(declared) == leaf_text(remote)
