"""Changes of one matrix that are alike, as one block: what they share, and in what they differ."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import cast

from jobsync.model import (
    SUBMITS,
    AccessChange,
    Action,
    Address,
    Change,
    FieldChange,
    JobChange,
    OutputChange,
    Plan,
    Value,
)
from jobsync.plan import node_hours
from jobsync.plan.together import FEWEST, together
from jobsync.render.alike import few, grouped, without_values
from jobsync.render.blocks import (
    access_block,
    added,
    aligned,
    assigned,
    commented,
    fields_of,
    heading,
    in_order,
    one_block,
    opening,
    phrase,
    restored,
    sequels,
    side_effects,
)
from jobsync.render.escape import terminal
from jobsync.render.options import Palette
from jobsync.render.values import counted, place, request_value, shown, size

_VALUES, _FILES = 6, 5
"""How many differing values and files of a folded block are shown."""

Sequels = Mapping[Address, Mapping[str, Value]]


def folded_blocks(plan: Plan, palette: Palette) -> list[str]:
    """The blocks of *plan*, in the order of people; what is alike in one matrix is one block.

    Deletes, stops and restores are never folded.
    """
    found = sequels(plan)
    blocks: list[str] = []
    for group in grouped(in_order(plan), lambda change: _likeness(plan, change, found)):
        if len({change.address for change in group}) < FEWEST:
            blocks += [one_block(plan, change, found, palette) for change in group]
        else:
            blocks.append(_folded(plan, group, found, palette))
    return [*filter(None, blocks), *restored(plan, palette)]


def _likeness(plan: Plan, change: Change, found: Sequels) -> Hashable | None:
    """What changes that are folded have in common; None for a change that never is."""
    key, _, suffix = change.address.partition(".")
    if not suffix:
        return None
    if isinstance(change, JobChange):
        if change.action not in SUBMITS:
            return None
        notes = tuple(without_values(note, change.address) for note in change.notes)
        fields = tuple((one.path, one.before is None, one.after is None) for one in change.fields)
        more = tuple(sorted(found.get(change.address, {})))
        names = tuple(sorted(name for name, value in change.request.items() if value is not None))
        same = (change.action, change.reason, change.attempt, change.retries)
        return (key, "job", *same, notes, fields, more, names)
    if isinstance(change, AccessChange):
        if change.run is None:
            return (key, "later")
        effects = tuple((e.user, e.before, e.after) for e in side_effects(plan, change))
        grants = tuple((g.user, g.before, g.after, g.via, g.note) for g in change.grants)
        return (key, "access", change.image is None, grants, effects)
    if change.files and not (change.missing or change.refused):
        return None if any(file.available for file in change.files) else (key, "outputs")
    return None


def _folded(plan: Plan, group: Sequence[Change], found: Sequels, palette: Palette) -> str:
    first = group[0]
    addresses = list(dict.fromkeys(change.address for change in group))
    name = together(addresses)
    which = f"  # ({few(map(terminal, addresses))}; --expand shows each)"
    if isinstance(first, JobChange):
        jobs = cast(Sequence[JobChange], group)
        return "\n".join(_jobs(name, which, jobs, found, palette))
    if isinstance(first, AccessChange):
        if first.run is None:
            return ""
        runs = f"{len(group)} of them"
        lines = access_block(first, name, runs, side_effects(plan, first), palette).split("\n")
        return "\n".join([lines[0], which, *lines[1:]])
    outputs = cast(Sequence[OutputChange], group)
    return "\n".join(_outputs(name, which, outputs, palette))


def _jobs(
    name: str, which: str, jobs: Sequence[JobChange], found: Sequels, palette: Palette
) -> list[str]:
    first = jobs[0]
    lines = [heading(name, phrase(first.action), palette), which]
    if first.action is Action.RETRY:
        lines.append(f"  # (attempt {first.attempt} of each: its last run failed or was stopped)")
    is_same = len({job.notes for job in jobs}) == 1
    lines += [
        f"  # ({terminal(note if is_same else without_values(note, first.address))})"
        for note in first.notes
    ]
    begin = opening(first.action, f"job {terminal(name)}", palette)
    if first.action is Action.REPLACE:
        begin = commented(begin, f"{counted(len(jobs), 'run')} are kept")
    lines.append(begin)
    if first.action is Action.REPLACE:
        lines += _changed(jobs, palette)
        wanted: list[Mapping[str, Value]] = [found.get(job.address, {}) for job in jobs]
    else:
        wanted = [{**dict(sorted(j.request.items())), **found.get(j.address, {})} for j in jobs]
    lines += _set(wanted, palette)
    lines.append(commented("    }", _hours(jobs)))
    return lines


def _set(wanted: Sequence[Mapping[str, Value]], palette: Palette) -> list[str]:
    """A line for each field, and for each member of a field in which the members differ."""
    same: dict[str, Value] = {}
    differing: list[str] = []
    plus = palette.paint(palette.green, "+")
    for field in (name for name, value in wanted[0].items() if value is not None):
        values = [one.get(field) for one in wanted]
        if len({request_value(value) for value in values}) == 1:
            same[field] = values[0]
        elif all(isinstance(value, dict) for value in values):
            members = cast("list[dict[str, Value]]", values)
            for member in sorted({name for one in members for name in one}):
                text = _differing(request_value(one.get(member)) for one in members)
                path = terminal(f"{field}.{member}")
                differing.append(assigned(plus, path, text))
        else:
            differing.append(assigned(plus, field, _differing(map(request_value, values))))
    return [*added(same, palette), *differing]


def _changed(jobs: Sequence[JobChange], palette: Palette) -> list[str]:
    """A line for each field that changes; the values where the members differ in them."""
    lines: list[str] = []
    for number, one in enumerate(jobs[0].fields):
        changes = [job.fields[number] for job in jobs]
        if len({_values(change) for change in changes}) == 1:
            lines += fields_of([one], palette)
            continue
        sign = palette.paint(palette.yellow, "~")
        comment = ", ".join(filter(None, (terminal(one.note), place(one.where))))
        row = assigned(sign, terminal(one.path), _differing(map(_values, changes)))
        lines += aligned([(row, comment)])
    return lines


def _values(change: FieldChange) -> str:
    if change.before is None:
        return shown(change.after)
    if change.after is None:
        return shown(change.before)
    return f"{shown(change.before)} -> {shown(change.after)}"


def _differing(values: Iterable[str]) -> str:
    """``one of 1, 2, 3 and 9 more``; the value itself where all have the same."""
    several = list(dict.fromkeys(values))
    return several[0] if len(several) == 1 else f"one of {few(several, _VALUES)}"


def _hours(jobs: Sequence[JobChange]) -> str:
    known, unknown = node_hours.total(jobs)
    if unknown == len(jobs):
        return f"node-hours {node_hours.unknown_for(unknown)}"
    most = f"at most {node_hours.shown(known)} node-hours together"
    return f"{most}, {node_hours.unknown_for(unknown)}" if unknown else most


def _outputs(name: str, which: str, outputs: Sequence[OutputChange], palette: Palette) -> list[str]:
    files = [file for change in outputs for file in change.files or ()]
    plus = palette.paint(palette.green, "+")
    rows = [(f"      {plus} {terminal(file.to)}", size(file.length)) for file in files[:_FILES]]
    if len(files) > _FILES:
        rows.append((f"      {plus} and {len(files) - _FILES} more", ""))
    total = f"{counted(len(files), 'file')}, {size(sum(file.length for file in files))}"
    return [
        heading(f"{name}.outputs", "will be fetched", palette),
        which,
        opening(Action.FETCH, f"outputs {terminal(name)}", palette),
        *aligned(rows),
        commented("    }", total),
    ]
