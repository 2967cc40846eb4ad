"""What came of an apply as Markdown, for the comment on a pull request or the page of a step."""

from __future__ import annotations

from collections.abc import Sequence

from jobsync.model import Outcome, Plan, Result
from jobsync.plan.decisions import digest
from jobsync.render.advice import Call
from jobsync.render.escape import cell, comment, markdown
from jobsync.render.options import RenderOptions
from jobsync.render.outcome import about, counts, next_steps, sorted_rows, what

_WELL = (Result.DONE, Result.WAITING)


def as_markdown(plan: Plan, outcomes: Sequence[Outcome], options: RenderOptions) -> str:
    """A row for each change of *plan*, ending with a line break.

    What does not fit into ``options.budget`` characters is left out, first of all what went well.
    """
    rows = sorted_rows(outcomes)
    bad = [row for row in rows if row.result not in _WELL]
    for shown in (rows, bad, bad[:100], []):
        text = _document(plan, rows, shown, options)
        if len(text) <= options.budget:
            break
    return text


def _document(
    plan: Plan, rows: Sequence[Outcome], shown: Sequence[Outcome], options: RenderOptions
) -> str:
    title = f"### jobsync apply of {markdown(plan.project)} on {markdown(plan.target)}"
    parts = [comment(options.marker), title]
    if not rows:
        parts.append("**Nothing was done.**" if plan.changes else "**There was nothing to do.**")
    else:
        parts.append(f"**{counts(rows)}**\nDigest of the plan: `{digest(plan)}`")
    if shown:
        head = ["| job | what | result | |", "| --- | --- | --- | --- |"]
        parts.append("\n".join([*head, *(_row(row, options.call) for row in shown)]))
    if len(shown) < len(rows):
        parts.append(f"{len(rows) - len(shown)} more changes are in the log.")
    steps = [f"- {markdown(line)}" for line in next_steps(plan, rows, options.call)]
    if steps:
        parts.append("\n".join(steps))
    return "\n\n".join(parts) + "\n"


def _row(row: Outcome, call: Call) -> str:
    result = str(row.result) if row.result in _WELL else f"**{row.result}**"
    said = about(row, call)
    return f"| {cell(row.address)} | {what(row)} | {result} | {cell(said) if said else ''} |"
