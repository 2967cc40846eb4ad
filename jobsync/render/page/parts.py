"""What stands on the page, as texts and numbers, not yet escaped: the template does that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from types import MappingProxyType

from jobsync.backend import HistoryEvent
from jobsync.model import (
    Address,
    AddressState,
    DesiredState,
    EffectiveAccess,
    FetchedFile,
    Hazard,
    OutputChange,
    Plan,
    Run,
    Snapshot,
)
from jobsync.plan.access_matrix import matrix
from jobsync.plan.decisions import digest
from jobsync.plan.history import histories
from jobsync.plan.longest import Longest, longest_chain
from jobsync.render.advice import what_next
from jobsync.render.blocks import action_blocks
from jobsync.render.graph.jobs import Graph, graph_of, kind_of
from jobsync.render.graph.svg import drawing
from jobsync.render.markdown import MOST_NODES
from jobsync.render.natural import natural
from jobsync.render.options import PLAIN, RenderOptions
from jobsync.render.page.timeline import Bar, Lane, timeline
from jobsync.render.summary import also, headline
from jobsync.render.values import counted, size
from jobsync.render.viewing import view_lines
from jobsync.structs import Struct, replace

_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)$")
Events = Mapping[str, Sequence[HistoryEvent]]
"""The histories of runs, by id."""
NO_EVENTS: Events = MappingProxyType({})


class Line(Struct, frozen=True):
    """A line of a change. ``kind`` is ``add``, ``change``, ``remove``, or empty."""

    text: str
    kind: str = ""


class Job(Struct, frozen=True):
    """A row of the table of jobs. ``kind`` colours ``state``."""

    address: Address
    state: str
    kind: str
    run: str = ""
    status: str = ""
    created: str = ""
    took: str = ""
    notes: tuple[str, ...] = ()


class AccessCell(Struct, frozen=True):
    """What a user has before and after; ``sign`` is ``+``, ``-``, ``~``, or empty for no change."""

    before: str = ""
    after: str = ""
    sign: str = ""


class AccessRow(Struct, frozen=True):
    """The cells, a user each, that all of ``runs`` (address and id) have in common."""

    runs: tuple[tuple[Address, str], ...]
    cells: tuple[AccessCell, ...]


class OutputFile(Struct, frozen=True):
    """A file that was fetched or is to be. ``state`` is in words."""

    address: Address
    to: str
    size: str
    sha256: str
    state: str


class Page(Struct, frozen=True):
    """Everything that the page shows, in its order. ``graph`` and ``timeline`` are SVG of ours."""

    project: str
    target: str
    service: str
    user: str
    made: str
    headline: str
    also: str
    digest: str
    view: tuple[str, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    warnings: tuple[str, ...] = ()
    graph: str = ""
    graph_size: str = ""
    critical: str = ""
    blocks: tuple[tuple[Line, ...], ...] = ()
    users: tuple[str, ...] = ()
    access: tuple[AccessRow, ...] = ()
    jobs: tuple[Job, ...] = ()
    outputs: tuple[OutputFile, ...] = ()
    timeline: str = ""


def page_of(plan: Plan, options: RenderOptions) -> Page:
    """The page of *plan* alone: what a saved plan tells."""
    changed, graph = plan.effective, options.graph
    return Page(
        project=plan.project,
        target=plan.target,
        service=plan.base_url,
        user=plan.user,
        made="",
        headline=headline(plan),
        also=also(plan),
        digest=digest(plan),
        view=tuple(view_lines(plan)),
        hazards=plan.hazards,
        warnings=plan.warnings,
        graph=drawing(graph) if graph and graph.nodes else "",
        graph_size=_graph_size(graph) if graph else "",
        blocks=tuple(_lines(block) for block in action_blocks(plan, PLAIN)),
        users=_users(changed),
        access=_access(changed),
        jobs=_jobs(plan, options, {}),
        outputs=tuple(_planned(plan.changes)),
    )


def with_runs(
    page: Page,
    plan: Plan,
    desired: DesiredState,
    seen: Snapshot,
    options: RenderOptions,
    now: datetime,
    events: Events = NO_EVENTS,
) -> Page:
    """*page* with what the manifests and the service tell beyond the plan, as it was at *now*.

    *events* are those of the runs whose histories were read, by id.
    """
    runs = {run.id: run for run in seen.runs}
    known = matrix(desired, seen, plan)
    listed = {(row.address, row.run_id) for row in known}
    coming = (row for row in plan.effective if (row.address, row.run_id) not in listed)
    rows = (*known, *coming)
    graph = options.graph or graph_of(desired, plan, MOST_NODES)
    return replace(
        page,
        made=_time(now),
        critical=_critical(longest_chain(desired, seen.apps)),
        users=_users(rows),
        access=_access(rows),
        jobs=_jobs(plan, options, runs),
        outputs=(*_planned(plan.changes), *_fetched(seen.fetched)),
        timeline=timeline(_lanes(desired, seen, graph, events), now),
    )


def _graph_size(graph: Graph) -> str:
    jobs, drawn = sum(len(node.jobs) for node in graph.nodes), len(graph.nodes)
    return counted(jobs, "job") + ("" if drawn == jobs else f", drawn as {drawn} groups")


def _lines(block: str) -> tuple[Line, ...]:
    return tuple(Line(text, _kind(text)) for text in block.split("\n"))


def _kind(text: str) -> str:
    bare = text.lstrip()
    if bare.startswith(("+ ", "-/+ ")):
        return "add" if bare.startswith("+") else "change"
    if bare.startswith("- "):
        return "remove"
    return "change" if bare.startswith("~ ") else ""


def _jobs(plan: Plan, options: RenderOptions, runs: Mapping[str, Run]) -> tuple[Job, ...]:
    states = sorted(plan.states, key=lambda state: natural(state.address))
    return tuple(_job(state, options, runs) for state in states)


def _job(state: AddressState, options: RenderOptions, runs: Mapping[str, Run]) -> Job:
    word = str(state.standing).replace("_", " ")
    notes = tuple(filter(None, (*state.problems, *state.notes, what_next(state, options.call))))
    if state.run is None:
        return Job(state.address, word, kind_of(state.standing), notes=notes)
    run = runs.get(state.run.id)
    return Job(
        state.address,
        word,
        kind_of(state.standing),
        state.run.id,
        state.run.status,
        _time(run.created) if run and run.created else "",
        duration((run.ended - run.created).total_seconds())
        if run and run.created and run.ended
        else "",
        (*filter(None, (run.message if run else "",)), *notes),
    )


def _users(rows: Iterable[EffectiveAccess]) -> tuple[str, ...]:
    return tuple(sorted({row.user for row in rows}, key=natural))


def _access(rows: Sequence[EffectiveAccess]) -> tuple[AccessRow, ...]:
    """The matrix, with the runs together on which everybody has and gets the same."""
    users = _users(rows)
    cells: dict[tuple[Address, str], dict[str, AccessCell]] = {}
    for row in sorted(rows, key=lambda row: natural(row.address)):
        run = (row.address, row.run_id or "new run")
        cells.setdefault(run, {})[row.user] = _cell(row)
    alike: dict[tuple[AccessCell, ...], list[tuple[Address, str]]] = {}
    for run, found in cells.items():
        pattern = tuple(found.get(user, AccessCell()) for user in users)
        alike.setdefault(pattern, []).append(run)
    changed_first = sorted(alike.items(), key=lambda one: not any(cell.sign for cell in one[0]))
    return tuple(AccessRow(tuple(runs), pattern) for pattern, runs in changed_first)


def _cell(row: EffectiveAccess) -> AccessCell:
    before, after = row.before.gives, row.after.gives
    if before == after:
        return AccessCell(str(row.before), str(row.after))
    sign = "+" if before < after else "-" if after < before else "~"
    return AccessCell(str(row.before), str(row.after), sign)


def _planned(changes: Iterable[object]) -> Iterable[OutputFile]:
    for change in changes:
        if isinstance(change, OutputChange):
            for file in change.files or ():
                yield OutputFile(change.address, file.to, size(file.length), "", "to be fetched")


def _fetched(files: Iterable[FetchedFile]) -> Iterable[OutputFile]:
    for file in files:
        yield OutputFile(
            file.address, file.to, size(file.size), file.sha256, f"fetched, {file.presence}"
        )


def _critical(longest: Longest | None) -> str:
    if longest is None:
        return ""
    return f"{' → '.join(longest.addresses)}: at most {duration(longest.seconds)}"


def _lanes(desired: DesiredState, seen: Snapshot, graph: Graph, events: Events) -> tuple[Lane, ...]:
    """A lane for each node of the graph that has runs, with a bar for each of them."""
    known = histories(desired, seen)
    return tuple(
        Lane(node.label, bars)
        for node in graph.nodes
        if (bars := tuple(_bars((run for job in node.jobs for run in known[job].all), events)))
    )


def _bars(runs: Iterable[Run], events: Events) -> Iterable[Bar]:
    for run in runs:
        if run.created:
            until = f" to {_time(run.ended)}" if run.ended else ""
            told = f"{run.id}, {run.status}, {_time(run.created)}{until}"
            marks = tuple(
                (when, f"{event.status}, {_time(when)} {event.description}")
                for event in events.get(run.id, ())
                if (when := _moment(event.created))
            )
            yield Bar(run.created, run.started, run.ended, str(run.state), told, marks)


def _moment(text: str) -> datetime | None:
    """An ISO time of a history; None for one that is none, which is then not drawn."""
    match = _ISO.match(text)
    if match is None:
        return None
    offset = match[2].replace("Z", "+00:00")
    try:
        return datetime.fromisoformat(f"{match[1]}{offset}").astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def _time(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def duration(seconds: float) -> str:
    """``2 h 5 min``, ``3 min 20 s``, ``10 min`` or ``4 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (0 if hours else rest, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"
