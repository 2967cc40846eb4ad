"""A plan as Markdown for a pull request comment or a step summary, within a size.

Full first; if that is too long, the changes folded and without bodies, with the first of what is
wrong; if that is still too long, the counts. A hidden marker lets a bot find and replace its own
comment. All that comes from outside stands in code spans or fences, so it is never structure, a
mention or a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from jobsync.model import (
    AccessChange,
    Action,
    Change,
    JobChange,
    OpenSubmit,
    OutputChange,
    Plan,
    Standing,
)
from jobsync.plan.decisions import digest
from jobsync.render.advice import Call, what_next
from jobsync.render.blocks import in_order
from jobsync.render.escape import block, cell, comment, markdown
from jobsync.render.graph.jobs import Graph
from jobsync.render.graph.mermaid import as_mermaid
from jobsync.render.natural import natural
from jobsync.render.open_submits import question
from jobsync.render.options import RenderOptions
from jobsync.render.summary import also, headline
from jobsync.render.text import Alike, alike_states, name_of, notes_of, shown_blocks
from jobsync.render.values import counted
from jobsync.render.viewing import view_lines
from jobsync.structs import replace

_SIGNS = {
    Action.CREATE: "create",
    Action.RETRY: "retry",
    Action.REPLACE: "replace",
    Action.RESTORE: "restore",
    Action.UPDATE: "update",
    Action.DELETE: "**destroy**",
    Action.STOP: "**stop**",
    Action.FETCH: "fetch",
}
_TROUBLED = (
    Standing.FAILED,
    Standing.STOPPED,
    Standing.INCOMPLETE,
    Standing.BLOCKED,
    Standing.NOT_VISIBLE,
)
MOST_NODES = 40
"""A graph with more nodes is not shown: it could not be read."""
_FIRST = 10
"""How many troubles, and how many warnings, are shown when not all fits."""


def as_markdown(plan: Plan, options: RenderOptions) -> str:
    """The most that fits into ``options.budget`` characters, ending with a line break."""
    sizes = (_full, _folded, _counts)
    for size in sizes:
        text = _document(plan, options, size(plan, options))
        if len(text) <= options.budget or size is _counts:
            break
    return text


def _document(plan: Plan, options: RenderOptions, body: list[str]) -> str:
    first = comment(options.marker, digest(plan) if options.names_digest else "")
    view = _listed(f"**View:** {markdown(line)}" for line in view_lines(plan))
    head = [first, f"### {_title(plan)}", *view, _summary(plan, options)]
    held = [*_broken(options.broken), *_held(options.open_submits)]
    return "\n\n".join([*head, *held, *body]) + "\n"


def _broken(policies: tuple[str, ...]) -> list[str]:
    """The first lines of what breaks policies."""
    lines = [f"**Policy:** {markdown(one)}" for one in policies[:_FIRST]]
    return [*_listed(lines), *_more([*policies])]


def _held(submits: tuple[OpenSubmit, ...]) -> list[str]:
    """A row for each of the first submits whose outcome is open, with the commands that settle."""
    if not submits:
        return []
    rows = [
        f"| {cell(one.address)} | {cell(question(one))} | {' or '.join(map(cell, one.settle))} |"
        for one in submits[:_FIRST]
    ]
    head = ["| held | why | settle with |", "| --- | --- | --- |"]
    return ["\n".join([*head, *rows]), *_more([one.name for one in submits])]


def _title(plan: Plan) -> str:
    return f"jobsync plan for {markdown(plan.project)} on {markdown(plan.target)}"


def _summary(plan: Plan, options: RenderOptions) -> str:
    lines = [headline(plan), also(plan), f"Digest: `{digest(plan)}`"]
    if folder := options.outputs_root:
        lines.append(f"Outputs go to {markdown(folder)}, seen from the folder of the set.")
    lines += [_not_declared(plan)] if plan.undeclared else []
    return "\n".join(
        f"**{line}**" if index == 0 else line for index, line in enumerate(lines) if line
    )


def _not_declared(plan: Plan) -> str:
    names = sorted({run.address for run in plan.undeclared}, key=natural)
    more = f" and {len(names) - _FIRST} more" if names[_FIRST:] else ""
    listed = ", ".join(map(markdown, names[:_FIRST]))
    prune = "" if plan.view else " `--prune` deletes them."
    return f"Not declared and left unchanged: {listed}{more}.{prune}"


def _full(plan: Plan, options: RenderOptions) -> list[str]:
    blocks = shown_blocks(plan, replace(options, color=False))
    diff = [block("\n\n".join(_as_diff(text) for text in blocks), "diff")] if blocks else []
    return [
        *_hazards(plan),
        *_troubles(_all_troubles(plan, options)),
        *_listed(_all_warnings(plan)),
        *_graph(options.graph),
        *(_legend(blocks) if blocks else ()),
        *diff,
    ]


_LEGEND = {"+": "create", "!": "update or replace", "-": "destroy", "<=": "fetch"}


def _legend(blocks: Iterable[str]) -> list[str]:
    """What the signs mean that open the blocks."""
    signs = {_opening_sign(_as_diff(text)) for text in blocks}
    told = ", ".join(f"`{sign}` {word}" for sign, word in _LEGEND.items() if sign in signs)
    return [f"Signs: {told}."] if told else []


def _opening_sign(text: str) -> str:
    """The sign on the line that ends in a brace, or is followed by a comment."""
    lines = (line for line in text.split("\n") if not line.lstrip().startswith("#"))
    return next(lines, "").split(" ", 1)[0] or "<="


def _graph(graph: Graph | None) -> list[str]:
    """What the jobs wait for, folded, for a forge that draws it; none for jobs on their own."""
    if graph is None or not graph.edges or len(graph.nodes) > MOST_NODES:
        return []
    jobs = counted(sum(len(node.jobs) for node in graph.nodes), "job")
    drawn = block(as_mermaid(graph).rstrip("\n"), "mermaid")
    return [f"<details><summary>Graph of {jobs}</summary>\n\n{drawn}\n\n</details>"]


def _folded(plan: Plan, options: RenderOptions) -> list[str]:
    """One row of a table for each change, folded, and the first of what is wrong."""
    troubles, warnings = _all_troubles(plan, options), _all_warnings(plan)
    rows = ["| action | what | run |", "| --- | --- | --- |", *map(_row, in_order(plan))]
    table = "\n".join(rows)
    summary = f"<details><summary>{len(plan.changes)} changes</summary>"
    return [
        *_hazards(plan),
        *_troubles(troubles[:_FIRST]),
        *_more(troubles),
        *_listed(warnings[:_FIRST]),
        *_more(warnings),
        f"{summary}\n\n{table}\n\n</details>",
        "Too long to be shown in full: run `jobsync plan`.",
    ]


def _counts(plan: Plan, options: RenderOptions) -> list[str]:
    names = ", ".join(f"`{h.name}`" for h in plan.hazards if not h.accepted)
    hazards = [f"Hazards to accept: {names}."] if names else []
    return [*hazards, "Too long to be shown here: run `jobsync plan`."]


def _row(change: Change) -> str:
    if isinstance(change, JobChange):
        what, run = change.address, change.before.id if change.before else ""
    elif isinstance(change, AccessChange):
        what, run = f"{change.address}.permissions", change.run.id if change.run else ""
    else:
        what, run = _output_name(change), change.run.id if change.run else ""
    return f"| {_SIGNS[change.action]} | {cell(what)} | {cell(run) if run else ''} |"


def _output_name(change: OutputChange) -> str:
    return f"{change.address}.outputs"


def _as_diff(text: str) -> str:
    """The sign of a line moved to its start, where a ``diff`` block colours it."""
    return "\n".join(_signed(line) for line in text.split("\n"))


def _signed(line: str) -> str:
    match = re.match(r"^( +)(\+|-|~|!)( .*)$", line)
    if match is None:
        return "!   " + line[3:] if line.startswith("-/+ ") else line
    sign = "!" if match[2] == "~" else match[2]
    return f"{sign}{match[1]}{match[3]}"


def _hazards(plan: Plan) -> list[str]:
    if not plan.hazards:
        return []
    rows = [
        f"| `{h.name}` | {cell(h.message)} | {cell(h.limit)} | {cell(h.actual)} | "
        f"{'accepted' if h.accepted else cell(h.accept)} |"
        for h in plan.hazards
    ]
    head = ["| hazard | what | limit | actual | accept with |", "| --- | --- | --- | --- | --- |"]
    return ["\n".join([*head, *rows])]


def _all_troubles(plan: Plan, options: RenderOptions) -> list[str]:
    """A row of a table each, the worst first: of what could not be planned nothing is sure."""
    rows = [
        f"| {cell(state.address)} | could not be planned | {cell('; '.join(state.problems))} |"
        for state in sorted(
            (state for state in plan.states if state.problems),
            key=lambda state: natural(state.address),
        )
    ]
    for standing in _TROUBLED:
        states = (state for state in plan.states if state.standing is standing)
        rows += [_trouble(group, options.call) for group in alike_states(states, options)]
    return rows


def _troubles(rows: list[str]) -> list[str]:
    if not rows:
        return []
    return ["\n".join(["| job | state | notes |", "| --- | --- | --- |", *rows])]


def _more(items: list[str]) -> list[str]:
    return [f"and {len(items) - _FIRST} more"] if len(items) > _FIRST else []


def _trouble(group: Alike, call: Call) -> str:
    state = group[0]
    notes = "; ".join(filter(None, [*notes_of(group), what_next(state, call)]))
    return f"| {cell(name_of(group))} | {state.standing} | {cell(notes) if notes else ''} |"


def _all_warnings(plan: Plan) -> list[str]:
    return [f"Warning: {markdown(warning)}" for warning in plan.warnings]


def _listed(lines: Iterable[str]) -> list[str]:
    text = "\n".join(f"- {line}" for line in lines)
    return [text] if text else []
