"""Field by field: what a declaration says and what a run was submitted with.

The only door to deepdiff. Equality of canonical values comes first; DeepDiff sees only top-level
fields that differ, and its answer is translated to :class:`~jobsync.model.FieldChange`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobsync.errors import Location
from jobsync.model import (
    App,
    AppField,
    DeclaredJob,
    FieldChange,
    IdRef,
    JsonValue,
    OutputRef,
    Run,
    Sealed,
    Value,
)
from jobsync.plan.canonical import (
    Leaf,
    as_request,
    input_items,
    is_true,
    mapping,
    parameter_items,
    same_folder,
    same_leaf,
    same_text,
)
from jobsync.plan.references import References
from jobsync.platform import Platform
from jobsync.secret import HIDDEN, Sensitive
from jobsync.sensitive import at, holds, mentions, revealed
from jobsync.structs import Struct


def semantic_changes(
    job: DeclaredJob, run: Run, references: References, app: App | None
) -> tuple[FieldChange, ...]:
    """Why *run* is not a run of *job*, by path; empty when its record does not tell.

    Loose equality first (agave-v2 §3.7). When nothing differs then, spelling is compared and what
    only the run has is shown, because a fingerprint sees both.
    """
    if run.request is None:
        return ()
    declared = {"archive": True, **_in_clear(job)}
    settable = _removed(job, run, app)
    record = as_request(run.request)
    loose = _changes(job, declared, record, settable, references, same_leaf)
    if loose:
        return loose
    return _changes(job, declared, record, _undeclared(job, run), references, same_text)


def drift(
    job: DeclaredJob, run: Run, references: References, app: App | None
) -> tuple[tuple[FieldChange, ...], tuple[FieldChange, ...]]:
    """What a pinned run has otherwise than declared, and what the service may have dropped (N11).

    It drops what *app* does not know; of an app that is not known (None) that cannot be told. Only
    declared fields count: absent means no opinion.
    """
    declared = _in_clear(job)
    changes = _changes(job, declared, as_request(run.request), frozenset(), references, same_leaf)
    droppable = lacking(job, run) - (set() if app is None else _fields(app).keys())
    dropped = tuple(change for change in changes if change.path in droppable)
    return tuple(change for change in changes if change not in dropped), dropped


def lacking(job: DeclaredJob, run: Run) -> frozenset[str]:
    """The paths of declared inputs and parameters of which the record of *run* says nothing."""
    return _given(job.request) - _given(as_request(run.request))


class FieldView(Struct, frozen=True):
    """One field, as declared and as the run has it. ``same`` follows the rules of agave-v2 §3.7."""

    path: str
    declared: JsonValue
    actual: JsonValue
    same: bool
    where: Location | None = None


def side_by_side(job: DeclaredJob, run: Run, references: References) -> tuple[FieldView, ...]:
    """Every declared field that can be compared, and what only the run has; by path.

    Notifications are never compared: the service does not give them back (N16).
    """
    if run.request is None:
        return ()
    record = as_request(run.request)
    declared = _in_clear(job)
    views = [
        FieldView(
            path,
            *_sides_shown(job, path, value, was),
            value is None or _reconciled(value, was, references, _leaf(path, same_leaf)) == value,
            _place(job, path) if value is not None else None,
        )
        for path, (was, value) in _sides(declared, record, _undeclared(job, run)).items()
    ]
    views += [
        FieldView(
            field,
            *_sides_shown(job, field, declared.get(field), record.get(field)),
            declared.get(field) is None
            or references.platform.same_placement(field, declared[field], record.get(field)),
            job.places.get(field),
        )
        for field in references.platform.placement
    ]
    return tuple(sorted(views, key=lambda view: view.path))


def placement_changes(job: DeclaredJob, run: Run, platform: Platform) -> tuple[FieldChange, ...]:
    """Placement that is declared otherwise than this run had it; empty without its record."""
    if run.request is None:
        return ()
    record, declared = as_request(run.request), _in_clear(job)
    return tuple(
        FieldChange(
            field,
            *_sides_shown(job, field, record.get(field), declared[field]),
            where=_place(job, field),
        )
        for field in platform.placement
        if field in declared
        and not platform.same_placement(field, declared[field], record.get(field))
    )


def _changes(
    job: DeclaredJob,
    declared: Mapping[str, Value],
    request: Mapping[str, Value],
    keep: frozenset[str],
    references: References,
    leaf: Leaf,
) -> tuple[FieldChange, ...]:
    """Changes of the declared fields, and of the paths in *keep* that only the run may have."""
    sides = _sides(declared, request, keep)
    after = {path: value for path, (_, value) in sides.items()}
    before = {
        path: _reconciled(value, was, references, _leaf(path, leaf))
        for path, (was, value) in sides.items()
    }
    differing = [path for path in sorted(sides) if before[path] != after[path]]
    return tuple(
        change for path in differing for change in _deep(job, path, before[path], after[path])
    )


def _sides(
    declared: Mapping[str, Value], request: Mapping[str, Value], keep: frozenset[str]
) -> dict[str, tuple[Value, Value]]:
    """(before, after) of every path that is compared, in one shape: a scalar, or a list of many."""
    sides: dict[str, tuple[Value, Value]] = {
        "appId": (request.get("appId"), declared.get("appId")),
    }
    if "archive" in declared:
        sides["archive"] = (is_true(request.get("archive")), is_true(declared["archive"]))
    if is_true(declared.get("archive")):
        for field in ("archiveSystem", "archivePath"):
            value = declared.get(field)
            if isinstance(value, str) and "${" not in value:
                sides[field] = (_trimmed(request.get(field)), _trimmed(value))
    for group, items in (("inputs", input_items), ("parameters", parameter_items)):
        ours, theirs = mapping(declared.get(group)), mapping(request.get(group))
        for key in ours.keys() | {key for key in theirs if f"{group}.{key}" in keep}:
            sides[f"{group}.{key}"] = (_shape(items(theirs.get(key))), _shape(items(ours.get(key))))
    return sides


def _leaf(path: str, leaf: Leaf) -> Leaf:
    """What compares the leaves of a field: folders are compared as folders, unless by spelling."""
    return same_folder if path == "archivePath" and leaf is same_leaf else leaf


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


def _removed(job: DeclaredJob, run: Run, app: App | None) -> frozenset[str]:
    """Paths that the run has, the declaration has not, and the app lets people set (N10)."""
    if app is None:
        return frozenset()
    settable = {path for path, field in _fields(app).items() if field.visible}
    return _undeclared(job, run) & settable


def _fields(app: App) -> dict[str, AppField]:
    """Every input and parameter of *app*, by path."""
    groups = (("inputs", app.inputs), ("parameters", app.parameters))
    return {f"{group}.{key}": field for group, fields in groups for key, field in fields.items()}


def _undeclared(job: DeclaredJob, run: Run) -> frozenset[str]:
    return _given(as_request(run.request)) - _given(job.request)


def _given(request: Mapping[str, Value]) -> frozenset[str]:
    """The paths of all inputs and parameters in *request*."""
    return frozenset(
        f"{group}.{key}"
        for group in ("inputs", "parameters")
        for key in mapping(request.get(group))
    )


def _shape(items: list[Value]) -> Value:
    if not items:
        return None
    return items[0] if len(items) == 1 else items


def _trimmed(value: Value) -> Value:
    return (value.rstrip("/") or "/") if isinstance(value, str) else value


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
