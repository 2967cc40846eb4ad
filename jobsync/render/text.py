"""A plan as text, in Terraform's phrases: people and pull request bots read them (product §3).

Joined strings, nothing measured by a library.
"""

from __future__ import annotations

from collections.abc import Iterable

from jobsync.model import Address, Plan, Standing
from jobsync.plan.decisions import digest
from jobsync.render.advice import Call, what_next
from jobsync.render.blocks import action_blocks, legend
from jobsync.render.escape import terminal
from jobsync.render.folding import folded_blocks
from jobsync.render.natural import natural
from jobsync.render.open_submits import block_of
from jobsync.render.options import Palette, RenderOptions
from jobsync.render.summary import also, headline
from jobsync.render.values import counted
from jobsync.render.viewing import view_lines

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
        *_view(plan, palette),
        *block_of(options.open_submits),
        *(states if is_wrong else ()),
        *_actions(plan, options),
        *(() if is_wrong else states),
        *_hazards(plan, palette),
        *_warnings(plan, palette),
        *_broken(options.broken, palette),
    ]
    parts += not_declared(plan)
    if folder := options.outputs_root:
        parts.append(f"Outputs go to {terminal(folder)}, seen from the folder of the set.")
    last = (headline(plan), also(plan), f"Digest: {digest(plan)}")
    parts.append("\n".join(line for line in last if line))
    return "\n\n".join(parts) + "\n"


def not_declared(plan: Plan) -> list[str]:
    """Which runs are there that no manifest declares."""
    if not plan.undeclared:
        return []
    names = sorted({run.address for run in plan.undeclared}, key=natural)
    runs = counted(len(plan.undeclared), "run")
    prune = "" if plan.view else " --prune deletes them."
    return [f"Not declared and left unchanged: {_some(tuple(names))} ({runs}).{prune}"]


def _broken(policies: Iterable[str], palette: Palette) -> list[str]:
    lines = [f"{palette.paint(palette.red, 'Policy:')} {terminal(one)}" for one in policies]
    return ["\n".join(lines)] if lines else []


def _actions(plan: Plan, options: RenderOptions) -> list[str]:
    blocks = shown_blocks(plan, options)
    if not blocks:
        return []
    head = "jobsync will perform the following actions:"
    if plan.view:
        head = "Shared with you and not fetched (fetch with: jobsync outputs get ADDRESS):"
    return [f"{head}\n  {legend(plan, options.palette)}", *blocks]


def shown_blocks(plan: Plan, options: RenderOptions) -> list[str]:
    """The blocks of the changes, those of one matrix that are alike as one, unless all are asked
    for."""
    if options.expand:
        return action_blocks(plan, options.palette)
    return folded_blocks(plan, options.palette)


def _standings(plan: Plan, palette: Palette, call: Call) -> list[str]:
    lines = []
    for state in sorted(plan.states, key=lambda state: natural(state.address)):
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
    lines += [*_noted(plan), *_not_visible(plan)]
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


def _not_visible(plan: Plan) -> list[str]:
    """Of which jobs nothing is to be seen, once for all of which the same is said."""
    same: dict[tuple[str, ...], list[Address]] = {}
    for state in sorted(plan.states, key=lambda state: natural(state.address)):
        if state.standing is Standing.NOT_VISIBLE:
            same.setdefault(state.notes, []).append(state.address)
    return [
        f"  ? {_some(tuple(addresses))}: {'; '.join(terminal(note) for note in notes)}"
        for notes, addresses in same.items()
    ]


def _view(plan: Plan, palette: Palette) -> list[str]:
    lines = [palette.paint(palette.yellow, terminal(line)) for line in view_lines(plan)]
    return ["\n".join(lines)] if lines else []


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
