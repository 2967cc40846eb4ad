"""A plan as text, in Terraform's phrases: people and pull request bots read them (product §3).

Joined strings, nothing measured by a library. Headings are kept free of anything behind them,
because tools match ``# ADDRESS will be created`` to the end of the line.
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
    EffectiveAccess,
    FieldChange,
    GrantChange,
    JobChange,
    OutputChange,
    Plan,
    Reason,
    Standing,
    Value,
)
from jobsync.plan import node_hours
from jobsync.plan.decisions import digest
from jobsync.render.advice import Call, what_next
from jobsync.render.escape import terminal
from jobsync.render.open_submits import block_of
from jobsync.render.options import Palette, RenderOptions
from jobsync.render.summary import also, headline
from jobsync.render.values import counted, place, request_value, shown, size

_SHOWN_STANDINGS = {
    Standing.FAILED: "has failed",
    Standing.STOPPED: "was stopped",
    Standing.INCOMPLETE: "did not produce what it must",
    Standing.BLOCKED: "will not run",
}


def text(plan: Plan, options: RenderOptions) -> str:
    """The whole plan, ending with a line break."""
    palette = options.palette
    states = _standings(plan, palette, options.call)
    is_wrong = any(s.problems or s.standing in _SHOWN_STANDINGS for s in plan.states)
    parts = [
        *block_of(options.open_submits),
        *(states if is_wrong else ()),
        *_actions(plan, palette),
        *(() if is_wrong else states),
        *_hazards(plan, palette),
        *_warnings(plan, palette),
        *_broken(options.broken, palette),
    ]
    if folder := options.outputs_root:
        parts.append(f"Outputs go to {terminal(folder)}, seen from the folder of the set.")
    last = (headline(plan), also(plan), f"Digest: {digest(plan)}")
    parts.append("\n".join(line for line in last if line))
    return "\n\n".join(parts) + "\n"


def _broken(policies: Iterable[str], palette: Palette) -> list[str]:
    lines = [f"{palette.paint(palette.red, 'Policy:')} {terminal(one)}" for one in policies]
    return ["\n".join(lines)] if lines else []


def action_blocks(plan: Plan, palette: Palette) -> list[str]:
    """One block of text for each change that is shown on its own, in plan order."""
    sequels = _sequels(plan)
    blocks = []
    for change in plan.changes:
        if isinstance(change, JobChange):
            blocks.append(_job(change, sequels.get(change.address, {}), palette))
        elif isinstance(change, AccessChange):
            if change.run is not None:
                blocks.append(_access(change, _side_effects(plan, change), palette))
        elif change.files is not None and (block := _outputs(change, palette)):
            blocks.append(block)
    return [*blocks, *_restored(plan, palette)]


def _sequels(plan: Plan) -> dict[Address, dict[str, Value]]:
    """By address what a submit or restore brings with it: the grants of a new run, and where the
    outputs go that are known when it has finished."""
    sequels: dict[Address, dict[str, Value]] = {}
    for change in plan.changes:
        found = sequels.setdefault(change.address, {})
        if isinstance(change, AccessChange) and change.run is None:
            found["permissions"] = {grant.user: str(grant.after) for grant in change.grants}
        elif isinstance(change, OutputChange) and change.files is None and change.rules:
            found["outputs"] = [rule.to for rule in change.rules]
    return sequels


def _actions(plan: Plan, palette: Palette) -> list[str]:
    blocks = action_blocks(plan, palette)
    if not blocks:
        return []
    return ["jobsync will perform the following actions:", *blocks]


# --- jobs ------------------------------------------------------------------------------


def _job(change: JobChange, sequel: Mapping[str, Value], palette: Palette) -> str:
    phrase, sign, code = {
        Action.CREATE: ("will be created", "  +", palette.green),
        Action.RETRY: ("will be created", "  +", palette.green),
        Action.REPLACE: ("must be replaced", "-/+", palette.yellow),
        Action.DELETE: ("will be destroyed", "  -", palette.red),
    }.get(change.action, ("will be updated in-place", "  ~", palette.yellow))
    lines = [_heading(change.address, phrase, palette)]
    lines += [f"  # ({terminal(note)})" for note in (*_because(change), *change.notes)]
    opening = f"{palette.paint(code, sign)} job {terminal(change.address)} {{"
    if change.action is Action.REPLACE and change.before:
        opening = _commented(opening, f"run {terminal(change.before.id)} is kept")
    lines += [opening, *_body(change, sequel, palette)]
    lines.append(_commented("    }", _hours(change)))
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
        return [_assigned(palette.paint(palette.red, "-"), "run", shown(run.id))]
    if change.action is Action.RESTORE and run:
        sign = palette.paint(palette.yellow, "~")
        visible = _assigned(sign, "visible", "false -> true")
        return [_commented(visible, f"run {terminal(run.id)}"), *_added(sequel, palette)]
    if change.action is Action.STOP and run:
        sign = palette.paint(palette.yellow, "~")
        value = f"{shown(run.status)} -> stopped"
        return [_commented(_assigned(sign, "status", value), f"run {terminal(run.id)}")]
    if change.action is Action.REPLACE:
        return [*_fields(change.fields, palette), *_added(sequel, palette)]
    request = {name: value for name, value in sorted(change.request.items()) if value is not None}
    return _added({**request, **sequel}, palette)


def _added(values: Mapping[str, Value], palette: Palette) -> list[str]:
    width = max(map(len, values), default=0)
    plus = palette.paint(palette.green, "+")
    return [
        _assigned(plus, field.ljust(width), request_value(value)) for field, value in values.items()
    ]


def _fields(fields: Iterable[FieldChange], palette: Palette) -> list[str]:
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
        rows.append((_assigned(sign, terminal(change.path), value), comment))
    return _aligned(rows)


def _hours(change: JobChange) -> str:
    if change.action not in SUBMITS:
        return ""
    if change.node_hours is None:
        return "node-hours unknown"
    runs = node_hours.attempts(change.attempt, change.retries)
    of = f" in {runs} attempts" if runs > 1 else ""
    return f"at most {node_hours.shown(change.node_hours)} node-hours{of}"


# --- permissions -----------------------------------------------------------------------


def _access(
    change: AccessChange, side_effects: tuple[EffectiveAccess, ...], palette: Palette
) -> str:
    run = terminal(change.run.id) if change.run else ""
    lines = [
        _heading(f"{change.address}.permissions", "will be updated in-place", palette),
    ]
    if change.image is None:
        lines.append("  # (its present permissions can be read only once it is visible)")
    opening = f"  {palette.paint(palette.yellow, '~')} permissions {terminal(change.address)} {{"
    lines.append(_commented(opening, f"run {run}"))
    width = max((len(terminal(grant.user)) for grant in change.grants), default=0)
    rows = [(_grant(grant, width, palette), _grant_comment(grant)) for grant in change.grants]
    rows += [
        (
            f"      {palette.paint(palette.cyan, '=')} {terminal(effect.user).ljust(width)} : "
            f"{effect.before} -> {effect.after}",
            "through another entry: world overrides those after it",
        )
        for effect in side_effects
    ]
    return "\n".join([*lines, *_aligned(rows), "    }"])


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


def _side_effects(plan: Plan, change: AccessChange) -> tuple[EffectiveAccess, ...]:
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
    lines = [_heading(f"{change.address}.outputs", "will be fetched", palette)]
    opening = f" {palette.paint(palette.cyan, '<=')} outputs {terminal(change.address)} {{"
    lines.append(_commented(opening, f"run {run}"))
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
    return "\n".join([*lines, *_aligned(rows), "    }"])


def _restored(plan: Plan, palette: Palette) -> list[str]:
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


# --- the rest --------------------------------------------------------------------------


def _standings(plan: Plan, palette: Palette, call: Call) -> list[str]:
    lines = []
    for state in plan.states:
        if not (state.notes or state.problems or state.standing in _SHOWN_STANDINGS):
            continue
        told = [*map(terminal, state.notes), what_next(state, call)]
        notes = "; ".join(filter(None, told))
        address = terminal(state.address)
        if state.standing in _SHOWN_STANDINGS:
            run = f" (run {terminal(state.run.id)})" if state.run else ""
            words = f"{address} {_SHOWN_STANDINGS[state.standing]}{run}"
            line = f"  ! {words}: {notes}" if notes else f"  ! {words}"
            lines.append(palette.paint(palette.red, line))
        lines += [f"  ! {address}: {terminal(problem)}" for problem in state.problems]
    lines += _noted(plan)
    return ["Job states:\n" + "\n".join(lines)] if lines else []


def _noted(plan: Plan) -> list[str]:
    """What there is to say of runs that are well, once for all of one job."""
    same: dict[tuple[str, tuple[str, ...]], list[Address]] = {}
    for state in plan.states:
        if state.notes and state.standing in (Standing.CURRENT, Standing.IN_PROGRESS):
            key = state.address.split(".")[0]
            same.setdefault((key, state.notes), []).append(state.address)
    return [
        f"  . {_some(tuple(addresses))}: {'; '.join(terminal(note) for note in notes)}"
        for (_, notes), addresses in same.items()
    ]


def _hazards(plan: Plan, palette: Palette) -> list[str]:
    if not plan.hazards:
        return []
    lines = ["This plan has hazards. Accept each one by name to continue:"]
    for hazard in plan.hazards:
        accept = "accepted" if hazard.accepted else f"accept with {hazard.accept}"
        line = (
            f"  ! {hazard.name}: {terminal(hazard.message)} "
            f"(limit {terminal(hazard.limit)}, actual {terminal(hazard.actual)}); {accept}"
        )
        if hazard.addresses:
            line += f"\n      {_some(hazard.addresses)}"
        lines.append(line if hazard.accepted else palette.paint(palette.red, line))
    lines.append("  To accept a hazard permanently, list its name under guards.allow.")
    return ["\n".join(lines)]


def _some(addresses: tuple[Address, ...]) -> str:
    shown_here = ", ".join(terminal(address) for address in addresses[:5])
    more = len(addresses) - 5
    return f"{shown_here} and {more} more" if more > 0 else shown_here


def _warnings(plan: Plan, palette: Palette) -> list[str]:
    lines = [
        palette.paint(palette.yellow, f"Warning: {terminal(warning)}") for warning in plan.warnings
    ]
    return ["\n".join(lines)] if lines else []


def _heading(address: str, phrase: str, palette: Palette) -> str:
    return palette.paint(palette.bold, f"  # {terminal(address)} {phrase}")


def _assigned(sign: str, path: str, value: str) -> str:
    return f"      {sign} {path} = {value}"


_COMMENT_COLUMN = 50
_PAINT = re.compile(r"\x1b\[\d*m")


def _commented(line: str, comment: str) -> str:
    if not comment:
        return line
    width = len(_PAINT.sub("", line))
    return f"{line}{' ' * (_COMMENT_COLUMN - width)} # {comment}"


def _aligned(rows: list[tuple[str, str]]) -> list[str]:
    return [_commented(line, comment) for line, comment in rows]
