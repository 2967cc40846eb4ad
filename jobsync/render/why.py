"""``jobsync why ADDRESS``: the rule, the runs and each field on both sides. Plain text."""

from __future__ import annotations

from collections.abc import Iterable

from jobsync.model import JobChange, OpenSubmit, Standing
from jobsync.plan.diff import FieldView
from jobsync.plan.explain import Explanation
from jobsync.render.advice import NO_CALL, Call, what_next
from jobsync.render.escape import terminal
from jobsync.render.open_submits import question
from jobsync.render.values import place, shown


def why(
    explanation: Explanation, call: Call = NO_CALL, open_submits: Iterable[OpenSubmit] = ()
) -> str:
    """The whole story of one address, ending with a line break."""
    job, state = explanation.job, explanation.state
    lines = [
        f"{terminal(job.address)}: {state.standing.replace('_', ' ')}",
        f"  declared at {place(job.where) or 'an unknown location'}",
        f"  name        {terminal(job.name)}",
        f"  rule        {explanation.rule}",
    ]
    if job.pinned is None:
        again = f"rerun: {job.rerun + 1} in the manifest runs it again"
        lines.append(f"  rerun       {job.rerun}; {again}")
    for change in explanation.changes:
        if isinstance(change, JobChange):
            lines.append(f"  action      {change.action} because {change.reason}")
            lines += [f"  note        {terminal(note)}" for note in change.notes]
    lines += [f"  note        {terminal(note)}" for note in state.notes]
    if advice := what_next(state, call):
        lines.append(f"  next        {advice}")
    lines += [f"  not read    {terminal(problem)}" for problem in state.problems]
    for submit in open_submits:
        lines.append(f"  held        {terminal(question(submit))}; settle it with one of:")
        lines += [f"              {terminal(command)}" for command in submit.settle]
    return "\n".join([*lines, *_runs(explanation), *_fields(explanation)]) + "\n"


def _runs(explanation: Explanation) -> list[str]:
    if not explanation.runs:
        if explanation.state.standing is Standing.NOT_VISIBLE:
            return []
        return ["", "The service has no run of this job."]
    rows = [
        (terminal(seen.run.id), terminal(seen.run.status), seen.role, terminal(seen.run.name))
        for seen in explanation.runs
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  " + "  ".join([*(c.ljust(w) for c, w in zip(row[:3], widths, strict=True)), row[3]])
        for row in rows
    ]
    return ["", "Runs:", *lines]


def _fields(explanation: Explanation) -> list[str]:
    run = explanation.compared
    if run is None:
        return []
    if not explanation.fields:
        return ["", f"The record of run {terminal(run.id)} was not read."]
    rows = [_row(view) for view in explanation.fields]
    width = max(len(path) for path, _, _ in rows)
    lines = [
        f"  {path.ljust(width)}  {text}" + (f"   # {comment}" if comment else "")
        for path, text, comment in rows
    ]
    return ["", f"Declared values, and those of run {terminal(run.id)}:", *lines]


def _row(view: FieldView) -> tuple[str, str, str]:
    path, where = terminal(view.path), place(view.where)
    if view.declared is None:
        return path, f"(not declared), run has {shown(view.actual)}", "not compared"
    if view.same:
        spelled = "" if view.declared == view.actual else f", run has {shown(view.actual)}"
        return path, f"{shown(view.declared)}{spelled}", ", ".join(filter(None, ["same", where]))
    text = f"{shown(view.declared)}, run has {shown(view.actual)}"
    return path, text, ", ".join(filter(None, ["differs", where]))
