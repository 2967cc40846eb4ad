"""What the manifests declare, without a service: text, Markdown and JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator

from jobsync.plan import node_hours
from jobsync.plan.declarations import Declaration, DeclaredField, Edit
from jobsync.render.escape import block, comment, in_json, markdown, terminal
from jobsync.render.options import RenderOptions
from jobsync.render.values import place, request_value
from jobsync.structs import Struct

HEADING = "Not compared with the service"
FORMAT_VERSION = "1.0"
_SIGNS = {Edit.ADDED: "+", Edit.CHANGED: "~", Edit.REMOVED: "-"}
_ASIDE = {"permissions"}
"""Said by what stands below it."""


class Declarations(Struct, frozen=True):
    """The *changes* of a set with ``jobs`` declared jobs against ``base``, empty for none.

    ``warning`` says why the base could not be read, so that everything counts as added.
    """

    project: str
    base: str
    jobs: int
    changes: tuple[Declaration, ...]
    warning: str = ""


def text(said: Declarations) -> str:
    """The whole, ending with a line break."""
    parts = [f"{HEADING}: {_about(said)}."]
    if said.warning:
        parts.append(f"Warning: {terminal(said.warning)}")
    parts += ["\n".join(_block(change)) for change in said.changes]
    return "\n\n".join([*parts, counts(said)]) + "\n"


def as_markdown(said: Declarations, options: RenderOptions) -> str:
    """The same for a comment, within ``options.budget`` characters."""
    head = [
        comment(options.marker),
        f"### {HEADING}: declarations of {markdown(said.project)}",
        f"**{counts(said)}**",
    ]
    if said.base:
        head.append(f"Against {markdown(said.base)}. A plan needs credentials, which are not here.")
    if said.warning:
        head.append(f"Warning: {markdown(said.warning)}")
    full = "\n\n".join("\n".join(_block(change)) for change in said.changes)
    short = "\n".join(f"{_SIGNS[c.edit]} {terminal(c.address)}" for c in said.changes)
    for body in (full, short, ""):
        shown = [block(body, "diff")] if body else []
        page = "\n\n".join([*head, *shown]) + "\n"
        if len(page) <= options.budget:
            break
    return page


def as_json(said: Declarations) -> str:
    """One object on a line, with everything."""
    document = {
        "format_version": FORMAT_VERSION,
        "compared_with_service": False,
        "project": said.project,
        "base": said.base or None,
        "warning": said.warning or None,
        "jobs": said.jobs,
        "declarations": [_record(change) for change in said.changes],
    }
    return in_json(json.dumps(document)) + "\n"


def counts(said: Declarations) -> str:
    """What it comes to, on one line."""
    edits = [change.edit for change in said.changes]
    same = said.jobs - edits.count(Edit.ADDED) - edits.count(Edit.CHANGED)
    parts = [f"{edits.count(edit)} {edit}" for edit in Edit]
    anew = [change for change in said.changes if change.runs_anew]
    hours = [change.node_hours for change in anew if change.node_hours is not None]
    told = f"Declared: {', '.join(parts)}, {same} as before."
    if anew:
        told += f" {len(anew)} to run, {_hours(hours, len(anew) - len(hours))}."
    if public := [terminal(change.address) for change in said.changes if change.public]:
        told += f" Access for everybody: {', '.join(public)}."
    return told


def _hours(known: list[float], unknown: int) -> str:
    rest = node_hours.unknown_for(unknown)
    if not known:
        return f"node-hours {rest}"
    most = f"at most {node_hours.shown(sum(known))} node-hours"
    return f"{most} ({rest})" if unknown else most


def _about(said: Declarations) -> str:
    against = f", against {terminal(said.base)}" if said.base else ""
    return f"what the manifests of {terminal(said.project)} declare{against}"


def _block(change: Declaration) -> Iterator[str]:
    notes = [place(change.where)]
    if change.edit is Edit.CHANGED and change.runs_anew:
        notes.append("runs anew")
    if change.edit is Edit.REMOVED:
        notes = ["its runs are kept"]
    said = ", ".join(filter(None, notes))
    yield f"{_SIGNS[change.edit]} job {terminal(change.address)}  # {said}"
    for field in change.fields:
        if field.path not in _ASIDE or field.after == "nobody":
            yield _field(field)
        elif field.after is None:
            yield "    # permissions are no longer declared: whoever has access keeps it"
            yield "    # (to end that, write permissions: {})"


def _field(field: DeclaredField) -> str:
    path = terminal(field.path)
    if field.before is None:
        return f"    + {path} = {request_value(field.after)}"
    if field.after is None:
        return f"    - {path} = {request_value(field.before)}"
    return f"    ~ {path} = {request_value(field.before)} -> {request_value(field.after)}"


def _record(change: Declaration) -> dict[str, object]:
    where = change.where
    return {
        "address": change.address,
        "action": str(change.edit),
        "runs_anew": change.runs_anew,
        "public": change.public,
        "node_hours": change.node_hours,
        "where": f"{where.within or where.path}:{where.line}:{where.column}" if where else None,
        "fields": [
            {
                "path": field.path,
                "before": None if field.before is None else request_value(field.before),
                "after": None if field.after is None else request_value(field.after),
            }
            for field in change.fields
        ],
    }
