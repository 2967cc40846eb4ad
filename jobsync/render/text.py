"""A plan as text, in Terraform's phrases: people and pull request bots read them (product §3).

Joined strings, nothing measured by a library.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

from jobsync.model import Address, AddressState, Plan, Standing
from jobsync.plan.decisions import digest
from jobsync.plan.together import FEWEST, together
from jobsync.render.advice import what_next
from jobsync.render.alike import few, grouped, of_one_matrix, without_values
from jobsync.render.blocks import action_blocks, legend
from jobsync.render.escape import terminal
from jobsync.render.folding import folded_blocks
from jobsync.render.natural import natural
from jobsync.render.open_submits import block_of
from jobsync.render.options import Palette, RenderOptions
from jobsync.render.summary import also, headline
from jobsync.render.values import counted
from jobsync.render.viewing import view_lines

Alike = Sequence[AddressState]
"""One state, or several of one matrix of which the same is said."""

_SHOWN_STANDINGS = {
    Standing.FAILED: "has failed",
    Standing.STOPPED: "was stopped",
    Standing.INCOMPLETE: "did not produce what it must",
    Standing.BLOCKED: "will not run",
}


def text(plan: Plan, options: RenderOptions) -> str:
    """The whole plan, ending with a line break."""
    palette = options.palette
    states = _standings(plan, options)
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


def _standings(plan: Plan, options: RenderOptions) -> list[str]:
    lines: list[str] = []
    for group in alike_states(plan.states, options):
        state, palette = group[0], options.palette
        if state.standing in _SHOWN_STANDINGS:
            run = f" (run {terminal(state.run.id)})" if state.run else ""
            notes = [terminal(note) for note in notes_of(group)]
            words = f"{terminal(name_of(group))} {_SHOWN_STANDINGS[state.standing]}{run}"
            told = "; ".join(filter(None, (*notes, what_next(state, options.call))))
            line = f"  ! {words}: {told}" if told else f"  ! {words}"
            lines.append(palette.paint(palette.red, line))
        address = terminal(state.address)
        lines += [f"  ! {address}: {terminal(problem)}" for problem in state.problems]
    lines += [*_noted(plan), *_not_visible(plan)]
    return ["Job states:\n" + "\n".join(lines)] if lines else []


def alike_states(states: Iterable[AddressState], options: RenderOptions) -> list[Alike]:
    """*states* in natural order; of those of one matrix that have no run and are alike, a group,
    unless all are to be shown one by one."""
    ordered = sorted(states, key=lambda state: natural(state.address))
    groups = grouped(ordered, lambda state: None if options.expand else _likeness(state))
    return [
        part
        for group in groups
        for part in ([group] if len(group) >= FEWEST else [[state] for state in group])
    ]


def _likeness(state: AddressState) -> Hashable | None:
    alike = of_one_matrix(state.address, state.notes)
    if state.run or state.problems or alike is None:
        return None
    return *alike, state.standing, state.retriable


def name_of(group: Alike) -> str:
    """The address of the one in *group*; of several ``calc (12 jobs: calc.1, ... and 9 more)``."""
    addresses = [state.address for state in group]
    return addresses[0] if len(group) == 1 else f"{together(addresses)[:-1]}: {few(addresses)})"


def notes_of(group: Alike) -> tuple[str, ...]:
    """What there is to say of all in *group*."""
    notes, address = group[0].notes, group[0].address
    return notes if len(group) == 1 else tuple(without_values(note, address) for note in notes)


def _noted(plan: Plan) -> list[str]:
    """What there is to say of runs that are well, once for all of one job."""
    noted = [
        state
        for state in plan.states
        if state.notes and state.standing in (Standing.CURRENT, Standing.IN_PROGRESS)
    ]
    groups = _by(noted, lambda state: (state.address.split(".")[0], state.notes))
    return [f"  . {line}" for line in groups]


def _not_visible(plan: Plan) -> list[str]:
    """Of which jobs nothing is to be seen, once for all of which the same is said."""
    unseen = [state for state in plan.states if state.standing is Standing.NOT_VISIBLE]
    return [f"  ? {line}" for line in _by(unseen, lambda state: state.notes)]


def _by(states: Sequence[AddressState], likeness: Callable[[AddressState], Hashable]) -> list[str]:
    """The notes of each group, behind the addresses that they are about."""
    ordered = sorted(states, key=lambda state: natural(state.address))
    return [
        f"{_some(tuple(state.address for state in group))}: "
        + "; ".join(terminal(note) for note in group[0].notes)
        for group in grouped(ordered, likeness)
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
            line += f"\n      {_some(tuple(sorted(hazard.addresses, key=natural)))}"
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
