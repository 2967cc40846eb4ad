"""Each change of a plan as a block of text, in Terraform's phrases (product §3).

Headings are kept free of anything behind them, because tools match ``# ADDRESS will be created`` to
the end of the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from jobsync.model import (
    NO_ACCESS,
    SUBMITS,
    AccessChange,
    Action,
    Address,
    Change,
    EffectiveAccess,
    FieldChange,
    GrantChange,
    JobChange,
    OutputChange,
    Plan,
    Reason,
    Value,
)
from jobsync.plan import node_hours
from jobsync.render.escape import terminal
from jobsync.render.natural import natural
from jobsync.render.options import Palette
from jobsync.render.values import counted, place, request_value, shown, size

_SIGNS: Mapping[Action, tuple[str, str, str]] = {
    Action.CREATE: ("+", "create", "green"),
    Action.RETRY: ("+", "create", "green"),
    Action.REPLACE: ("-/+", "replace (the old run is kept)", "yellow"),
    Action.RESTORE: ("~", "update", "yellow"),
    Action.STOP: ("~", "update", "yellow"),
    Action.UPDATE: ("~", "update", "yellow"),
    Action.DELETE: ("-", "destroy", "red"),
    Action.FETCH: ("<=", "fetch", "cyan"),
}
"""The sign of each action, what it means, and the field of the palette with its colour."""

_PHRASES: Mapping[Action, str] = {
    Action.CREATE: "will be created",
    Action.RETRY: "will be created",
    Action.REPLACE: "must be replaced",
    Action.DELETE: "will be destroyed",
}


def action_blocks(plan: Plan, palette: Palette) -> list[str]:
    """One block of text for each change that is shown on its own, in the order of people."""
    found = sequels(plan)
    blocks = [one_block(plan, change, found, palette) for change in in_order(plan)]
    return [*filter(None, blocks), *restored(plan, palette)]


def one_block(
    plan: Plan, change: Change, found: Mapping[Address, Mapping[str, Value]], palette: Palette
) -> str:
    """*change* as a block; empty where it is told with another one. *found* are the sequels."""
    if isinstance(change, JobChange):
        return _job(change, found.get(change.address, {}), palette)
    if isinstance(change, AccessChange):
        if change.run is None:
            return ""
        return access_block(
            change, change.address, change.run.id, side_effects(plan, change), palette
        )
    return _outputs(change, palette) if change.files is not None else ""


def in_order(plan: Plan) -> list[Change]:
    """The changes of *plan*, numbers in addresses sorted as numbers."""
    return sorted(plan.changes, key=lambda change: natural(change.address))


def legend(plan: Plan, palette: Palette) -> str:
    """``+ create   ~ update``: the signs that *plan* needs."""
    used = {
        _SIGNS[change.action]
        for change in plan.changes
        if not (isinstance(change, AccessChange) and change.run is None)
        and not (isinstance(change, OutputChange) and change.files is None)
    }
    signs = [sign for sign in dict.fromkeys(_SIGNS.values()) if sign in used]
    return "   ".join(
        f"{palette.paint(getattr(palette, colour), sign)} {word}" for sign, word, colour in signs
    )


def opening(action: Action, what: str, palette: Palette) -> str:
    """``  + job tree {``"""
    sign, _, colour = _SIGNS[action]
    return f"{palette.paint(getattr(palette, colour), sign.rjust(3))} {what} {{"


def phrase(action: Action) -> str:
    """``will be created``"""
    return _PHRASES.get(action, "will be updated in-place")


def sequels(plan: Plan) -> dict[Address, dict[str, Value]]:
    """By address what a submit or restore brings with it: the grants of a new run, and where the
    outputs go that are known when it has finished."""
    all_of_them: dict[Address, dict[str, Value]] = {}
    for change in plan.changes:
        found = all_of_them.setdefault(change.address, {})
        if isinstance(change, AccessChange) and change.run is None:
            found["permissions"] = {grant.user: str(grant.after) for grant in change.grants}
        elif isinstance(change, OutputChange) and change.files is None and change.rules:
            found["outputs"] = [rule.to for rule in change.rules]
    return all_of_them


# --- jobs ------------------------------------------------------------------------------


def _job(change: JobChange, sequel: Mapping[str, Value], palette: Palette) -> str:
    lines = [heading(change.address, phrase(change.action), palette)]
    lines += [f"  # ({terminal(note)})" for note in (*_because(change), *change.notes)]
    first = opening(change.action, f"job {terminal(change.address)}", palette)
    if change.action is Action.REPLACE and change.before:
        first = commented(first, f"run {terminal(change.before.id)} is kept")
    lines += [first, *_body(change, sequel, palette)]
    lines.append(commented("    }", _hours(change)))
    return "\n".join(lines)


def _because(change: JobChange) -> tuple[str, ...]:
    run = change.before
    if change.action is Action.RETRY and run:
        ended = "failed" if change.reason is Reason.RUN_FAILED else f"is {run.status}"
        of = f" of {change.retries + 1}" if change.attempt <= change.retries + 1 else ""
        return (f"attempt {change.attempt}{of}: run {run.id} {ended}",)
    if change.action is Action.DELETE:
        return ("no job declares it; apply hides it, and you can restore it",)
    if change.action is Action.RESTORE:
        return ("a finished run of it is hidden; apply makes it visible, at no cost",)
    if change.action is Action.STOP:
        return ("superseded and still active",)
    return ()


def _body(change: JobChange, sequel: Mapping[str, Value], palette: Palette) -> list[str]:
    run = change.before
    if change.action is Action.DELETE and run:
        return [assigned(palette.paint(palette.red, "-"), "run", shown(run.id))]
    if change.action is Action.RESTORE and run:
        sign = palette.paint(palette.yellow, "~")
        visible = assigned(sign, "visible", "false -> true")
        return [commented(visible, f"run {terminal(run.id)}"), *added(sequel, palette)]
    if change.action is Action.STOP and run:
        sign = palette.paint(palette.yellow, "~")
        value = f"{shown(run.status)} -> stopped"
        return [commented(assigned(sign, "status", value), f"run {terminal(run.id)}")]
    if change.action is Action.REPLACE:
        return [*fields_of(change.fields, palette), *added(sequel, palette)]
    request = {name: value for name, value in sorted(change.request.items()) if value is not None}
    return added({**request, **sequel}, palette)


def added(values: Mapping[str, Value], palette: Palette) -> list[str]:
    """A line for each field that is set."""
    width = max(map(len, values), default=0)
    plus = palette.paint(palette.green, "+")
    return [
        assigned(plus, field.ljust(width), request_value(value)) for field, value in values.items()
    ]


def fields_of(fields: Iterable[FieldChange], palette: Palette) -> list[str]:
    """A line for each field that changes."""
    rows = []
    for change in fields:
        if change.before is None:
            sign, value = palette.paint(palette.green, "+"), shown(change.after)
        elif change.after is None:
            sign, value = palette.paint(palette.red, "-"), shown(change.before)
        else:
            sign = palette.paint(palette.yellow, "~")
            value = f"{shown(change.before)} -> {shown(change.after)}"
        comment = ", ".join(part for part in (terminal(change.note), place(change.where)) if part)
        rows.append((assigned(sign, terminal(change.path), value), comment))
    return aligned(rows)


def _hours(change: JobChange) -> str:
    if change.action not in SUBMITS:
        return ""
    if change.node_hours is None:
        return "node-hours unknown"
    runs = node_hours.attempts(change.attempt, change.retries)
    of = f" in {runs} attempts" if runs > 1 else ""
    return f"at most {node_hours.shown(change.node_hours)} node-hours{of}"


# --- permissions -----------------------------------------------------------------------


def access_block(
    change: AccessChange,
    name: str,
    run: str,
    effects: tuple[EffectiveAccess, ...],
    palette: Palette,
) -> str:
    """The grants of *change* under the name *name*, for the run or runs *run*."""
    lines = [heading(f"{name}.permissions", "will be updated in-place", palette)]
    if change.image is None:
        lines.append("  # (its present permissions can be read only once it is visible)")
    first = opening(Action.UPDATE, f"permissions {terminal(name)}", palette)
    lines.append(commented(first, f"run {terminal(run)}"))
    width = max((len(terminal(grant.user)) for grant in change.grants), default=0)
    rows = [(_grant(grant, width, palette), _grant_comment(grant)) for grant in change.grants]
    rows += [
        (
            f"      {palette.paint(palette.cyan, '=')} {terminal(effect.user).ljust(width)} : "
            f"{effect.before} -> {effect.after}",
            "through another entry: world overrides those after it",
        )
        for effect in effects
    ]
    return "\n".join([*lines, *aligned(rows), "    }"])


def _grant(grant: GrantChange, width: int, palette: Palette) -> str:
    user = terminal(grant.user).ljust(width)
    if grant.after == NO_ACCESS:
        return f"      {palette.paint(palette.red, '-')} {user} : {grant.before}"
    if grant.before == NO_ACCESS:
        return f"      {palette.paint(palette.green, '+')} {user} : {grant.after}"
    return f"      {palette.paint(palette.yellow, '~')} {user} : {grant.before} -> {grant.after}"


def _grant_comment(grant: GrantChange) -> str:
    parts = (terminal(grant.note), terminal(grant.via), place(grant.where))
    return ", ".join(part for part in parts if part)


def side_effects(plan: Plan, change: AccessChange) -> tuple[EffectiveAccess, ...]:
    """Users whose access changes although their own row does not."""
    named = {grant.user for grant in change.grants}
    run_id = change.run.id if change.run else ""
    return tuple(
        effect
        for effect in plan.effective
        if effect.address == change.address
        and effect.run_id == run_id
        and effect.user not in named
        and effect.before != effect.after
    )


# --- outputs ---------------------------------------------------------------------------


def _outputs(change: OutputChange, palette: Palette) -> str:
    run = terminal(change.run.id) if change.run else ""
    lines = [heading(f"{change.address}.outputs", "will be fetched", palette)]
    first = opening(Action.FETCH, f"outputs {terminal(change.address)}", palette)
    lines.append(commented(first, f"run {run}"))
    rows = [
        (f"      {palette.paint(palette.green, '+')} {terminal(file.to)}", size(file.length))
        for file in change.files or ()
        if not file.available
    ]
    rows += [(f"      ! {terminal(missing)}", "") for missing in change.missing]
    rows += [
        (f"      ! {terminal(path)} is refused: {terminal(why)}", "")
        for path, why in change.refused
    ]
    if not rows and change.files:
        return ""
    if not rows:
        rows = [(f"      ? {terminal(glob)}", "expected") for glob in change.expect]
    return "\n".join([*lines, *aligned(rows), "    }"])


def restored(plan: Plan, palette: Palette) -> list[str]:
    """One line for all outputs that were fetched before: a new machine has none of them."""
    files = [
        file
        for change in plan.changes
        if isinstance(change, OutputChange)
        for file in change.files or ()
        if file.available
    ]
    if not files:
        return []
    what = f"{counted(len(files), 'output')} fetched before and missing here"
    total = size(sum(file.length for file in files))
    return [palette.paint(palette.bold, f"  # {what} will be restored ({total})")]


def heading(address: str, phrase: str, palette: Palette) -> str:
    """``# ADDRESS will be created``"""
    return palette.paint(palette.bold, f"  # {terminal(address)} {phrase}")


def assigned(sign: str, path: str, value: str) -> str:
    """``+ path = value``"""
    return f"      {sign} {path} = {value}"


_COMMENT_COLUMN = 50
_PAINT = re.compile(r"\x1b\[\d*m")


def commented(line: str, comment: str) -> str:
    """*line* with a comment behind it, in one column where that is possible."""
    if not comment:
        return line
    width = len(_PAINT.sub("", line))
    return f"{line}{' ' * (_COMMENT_COLUMN - width)} # {comment}"


def aligned(rows: list[tuple[str, str]]) -> list[str]:
    """Pairs of a line and its comment."""
    return [commented(line, comment) for line, comment in rows]
