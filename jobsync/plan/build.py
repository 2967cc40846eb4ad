"""Build a plan: decide every address, then say what has to change. Pure, sorted, byte-stable.

The parts are elsewhere: ``history`` (whose run is it), ``decide`` (the table), ``reasons`` (why),
``access``, ``fetching`` (outputs) and ``guards``. Here they are put together in one pass over the
addresses, upstream first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from jobsync.errors import PlanError, Problem, Usage
from jobsync.identity import RunName
from jobsync.model import (
    SUBMITS,
    AccessChange,
    Action,
    Address,
    AddressState,
    Basis,
    Change,
    DeclaredJob,
    DesiredState,
    EffectiveAccess,
    Fetch,
    JobChange,
    OutputChange,
    Plan,
    Reason,
    Run,
    RunState,
    Snapshot,
    Standing,
    Unavailable,
)
from jobsync.plan import access, fetching
from jobsync.plan.decide import Decision, decide, decide_pinned, unconfirmed
from jobsync.plan.diff import drift, placement_changes
from jobsync.plan.guards import hazards, literal_archive
from jobsync.plan.history import History, former_names, histories, live, ref, undeclared
from jobsync.plan.hours import node_hours
from jobsync.plan.options import PlanOptions
from jobsync.plan.outputs import clashes
from jobsync.plan.reasons import why_replaced
from jobsync.plan.references import References
from jobsync.plan.scope import selected, upstream_first

_STUCK = frozenset({Standing.FAILED, Standing.STOPPED, Standing.INCOMPLETE, Standing.BLOCKED})


@dataclass(slots=True)
class _Draft:
    """What is put together while the addresses are passed over. Lives in :func:`build` only."""

    desired: DesiredState
    snapshot: Snapshot
    options: PlanOptions
    scope: frozenset[Address]
    histories: Mapping[Address, History]
    lines: fetching.Lines
    decisions: dict[Address, Decision] = field(default_factory=dict)
    jobs: list[JobChange] = field(default_factory=list)
    access: list[AccessChange] = field(default_factory=list)
    outputs: list[OutputChange] = field(default_factory=list)
    awaiting: list[OutputChange] = field(default_factory=list)
    states: dict[Address, AddressState] = field(default_factory=dict)
    basis: dict[Address, Basis] = field(default_factory=dict)
    effective: list[EffectiveAccess] = field(default_factory=list)
    duplicates: dict[Address, tuple[str, ...]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def build(desired: DesiredState, snapshot: Snapshot, options: PlanOptions | None = None) -> Plan:
    """Decide what has to change so that *snapshot* becomes *desired*.

    An empty ``changes`` means that nothing has to be done and nothing else. Raises
    :class:`PlanError` with every declaration that cannot be planned, and :class:`Usage` for options
    that name what is not there.
    """
    options = options or PlanOptions()
    others = undeclared(desired, snapshot)
    names = [name.address for run in others if (name := RunName.parse(run.name))]
    _check_options(desired, options)
    draft = _Draft(
        desired,
        snapshot,
        options,
        selected(desired.jobs, names, options),
        histories(desired, snapshot),
        fetching.fetched_lines(snapshot),
    )
    draft.problems.extend([*_shared_archives(desired), *_shared_runs(desired)])
    for address in upstream_first(desired.jobs):
        _plan_address(draft, desired.jobs[address])
    if options.prune and options.plans("jobs"):
        _plan_deletes(draft, others)
    if draft.problems:
        raise PlanError(draft.problems)
    return _finished(draft, others)


def _check_options(desired: DesiredState, options: PlanOptions) -> None:
    for address in sorted(options.retry):
        if address not in desired.jobs:
            raise Usage(f"--retry {address}: nothing of this name is declared")
        if desired.jobs[address].pinned is not None:
            raise Usage(
                f"--retry {address}: it is pinned to a job by id", hint="remove id to run it anew"
            )


# --- one address -----------------------------------------------------------------------


def _plan_address(draft: _Draft, job: DeclaredJob) -> None:
    history = draft.histories[job.address]
    decision = _decision(draft, job, history)
    if decision is None:
        return
    draft.decisions[job.address] = decision
    if job.address in draft.scope:
        decision = _plan_run(draft, job, history, decision)
        decision = _plan_outputs(draft, job, decision)
        _plan_access(draft, job, history, decision)
        _plan_stops(draft, job, history, decision)
        _note_duplicates(draft, job, history)
        draft.basis[job.address] = _basis(decision, history)
        _set_state(draft, job, decision)
    draft.decisions[job.address] = decision


def _decision(draft: _Draft, job: DeclaredJob, history: History) -> Decision | None:
    if job.pinned is None:
        asked = job.address in draft.options.retry
        decision = decide(job, history, retry_asked=asked)
        if asked and decision.action is not Action.RETRY:
            draft.warnings.append(f"--retry {job.address}: it has not failed and was not stopped")
        return decision
    found = decide_pinned(job, history)
    if isinstance(found, Problem):
        draft.problems.append(found)
        return None
    return _checked_pin(draft, job, found)


def _checked_pin(draft: _Draft, job: DeclaredJob, decision: Decision) -> Decision:
    """A pinned run that is not what is declared is an error; what the service dropped is a note."""
    run = decision.run
    if run is None or not job.request:
        return decision
    if run.request is None:
        note = f"the record of run {run.id} was not read, so it is not compared"
        return replace(decision, notes=(*decision.notes, note))
    upstream = {up: draft.histories[up].all for up in job.upstream if up in draft.histories}
    drifted, dropped = drift(job, run, References(upstream))
    for change in drifted:
        draft.problems.append(
            Problem(
                change.where,
                f"{job.address}: {change.path} is {change.after!r}, but run {run.id} was made with "
                f"{change.before!r}",
                "remove id to run it anew",
            )
        )
    notes = tuple(f"{change.path} was dropped by the service" for change in dropped)
    return replace(decision, notes=(*decision.notes, *notes))


def _plan_run(draft: _Draft, job: DeclaredJob, history: History, decision: Decision) -> Decision:
    """Add the submit or restore that *decision* asks for, unless something stands in its way."""
    if decision.action is None:
        if decision.run is not None:
            notes = tuple(
                f"{change.path} {_plain(change.before)} -> {_plain(change.after)} "
                "applies to the next run"
                for change in placement_changes(job, decision.run)
            )
            decision = replace(decision, notes=(*decision.notes, *notes))
        return decision
    if not draft.options.plans("jobs"):
        return replace(decision, action=None)
    if decision.action in SUBMITS and (blockers := _blockers(draft, job)):
        return replace(decision, action=None, standing=Standing.BLOCKED, notes=blockers)
    for name in unconfirmed(decision, draft.snapshot):
        draft.problems.append(
            Problem(
                job.where,
                f"{job.address}: the service was not asked whether it has a run named {name}",
                "this is a fault of what observed the service; nothing was submitted",
            )
        )
    draft.jobs.append(_job_change(draft, job, decision))
    return decision


def _blockers(draft: _Draft, job: DeclaredJob) -> tuple[str, ...]:
    """Why a job cannot be submitted: what it needs has failed, or is not run by this plan."""
    notes = []
    for need in sorted(set(job.needs) & draft.desired.jobs.keys()):
        decision = draft.decisions.get(need)
        if decision is None:
            continue
        if decision.standing in _STUCK:
            notes.append(f"needs {need}, which is {decision.standing}")
        elif decision.standing is Standing.PENDING and need not in draft.scope:
            notes.append(f"needs {need}, which has not run and is excluded")
    return tuple(notes)


def _job_change(draft: _Draft, job: DeclaredJob, decision: Decision) -> JobChange:
    before = decision.before
    change = JobChange(
        address=job.address,
        action=decision.action or Action.CREATE,
        reason=decision.reason,
        name=before.name if decision.action is Action.RESTORE and before else decision.names[-1],
        attempt=decision.attempt,
        upstream=job.upstream,
        needs=job.needs,
        before=ref(before) if before else None,
        retries=job.retries,
        notes=decision.notes,
        where=job.where,
    )
    if decision.action is Action.RESTORE:
        return change
    app = draft.snapshot.apps.get(str(job.request.get("appId")))
    change = replace(change, request=job.request, node_hours=node_hours(job.request, app))
    if decision.action is not Action.REPLACE or before is None:
        return change
    why = why_replaced(
        job, before, draft.desired.jobs, draft.histories, draft.decisions, draft.snapshot
    )
    notes = (*change.notes, *why.notes, *_still_active(draft, job))
    return replace(change, reason=why.reason, fields=why.fields, notes=notes)


def _still_active(draft: _Draft, job: DeclaredJob) -> tuple[str, ...]:
    if draft.options.stop_superseded:
        return ()
    return tuple(
        f"run {run.id} is still {run.status}; --stop-superseded stops it"
        for run in draft.histories[job.address].older
        if run.state is RunState.ACTIVE
    )


def _plan_outputs(draft: _Draft, job: DeclaredJob, decision: Decision) -> Decision:
    """Add what is to fetch; a finished run that misses something becomes ``incomplete``."""
    wanted = draft.options.plans("outputs")
    change: OutputChange | None = None
    if decision.action is Action.RESTORE and decision.before is not None:
        change = fetching.of_hidden(job, decision.before, draft.snapshot, draft.lines)
    elif decision.action is not None:
        change = fetching.later(job, None)
    elif decision.standing is Standing.IN_PROGRESS and decision.run is not None:
        if (awaited := fetching.later(job, decision.run)) and wanted:
            draft.awaiting.append(awaited)
    elif decision.standing is Standing.CURRENT and decision.run is not None:
        found = fetching.of_finished(job, decision.run, draft.snapshot, draft.lines)
        change = found.change
        if found.missing:
            decision = replace(
                decision,
                standing=Standing.INCOMPLETE,
                notes=(*decision.notes, *found.missing),
            )
        if found.problem:
            _problem(draft, job, found.problem)
    if change is not None and wanted:
        draft.outputs.append(change)
    return decision


def _plan_access(draft: _Draft, job: DeclaredJob, history: History, decision: Decision) -> None:
    """Hold every visible run of the address to the declared grants (product 5)."""
    if job.permissions is None or not draft.options.plans("permissions"):
        return
    me = draft.snapshot.user
    if decision.action is Action.RESTORE and decision.before is not None:
        _add_access(draft, access.change_new(job, me, ref(decision.before)), me, {})
    elif decision.action is not None:
        _add_access(draft, access.change_new(job, me), me, {})
    for run in history.all:
        if not run.visible:
            continue
        image = draft.snapshot.access.get(run.id)
        if image is None or isinstance(image, Unavailable):
            reason = f"cannot be read: {image.reason}" if image else "were not read"
            _problem(draft, job, f"permissions of run {run.id} {reason}")
            continue
        is_current = (
            decision.action is None
            and decision.run is not None
            and (
                run.id == decision.run.id
                and decision.standing not in (Standing.FAILED, Standing.STOPPED)
            )
        )
        change = (
            access.change_current(job, run, image, me)
            if is_current or job.pinned == run.id
            else access.change_reduced(job, run, image, me)
        )
        _add_access(draft, change, run.owner, image)


def _add_access(draft: _Draft, change: AccessChange | None, owner: str, image: access.Rows) -> None:
    if change is None:
        return
    draft.access.append(change)
    run_id = change.run.id if change.run else ""
    after = access.outcome(image, change.grants)
    draft.effective.extend(access.compare(change.address, run_id, owner, image, after))


def _plan_stops(draft: _Draft, job: DeclaredJob, history: History, decision: Decision) -> None:
    """Stop superseded runs that are still active, when that was asked for."""
    if not (draft.options.stop_superseded and draft.options.plans("jobs")):
        return
    if decision.standing is Standing.BLOCKED or job.pinned is not None:
        return
    for run in history.older:
        if run.state is RunState.ACTIVE:
            draft.jobs.append(_on_run(job.address, Action.STOP, Reason.SUPERSEDED, run, job))


def _note_duplicates(draft: _Draft, job: DeclaredJob, history: History) -> None:
    twins = live(history.exact)
    if job.pinned is None and len(twins) > 1:
        ids = tuple(run.id for run in twins)
        draft.duplicates[job.address] = ids
        draft.warnings.append(
            f"{job.address}: {len(ids)} live runs of one name: {', '.join(ids)} (first is current)"
        )
    theirs = [run for run in draft.snapshot.foreign if _base(run.name) == job.name]
    for run in theirs:
        draft.warnings.append(f"{job.address}: run {run.id} of {run.owner} has exactly this name")


def _base(text: str) -> str:
    name = RunName.parse(text)
    return name.base if name else text


def _basis(decision: Decision, history: History) -> Basis:
    return Basis(
        decision.names,
        {run.id: (run.state, run.visible) for run in sorted(history.all, key=lambda r: r.id)},
    )


def _problem(draft: _Draft, job: DeclaredJob, text: str) -> None:
    state = draft.states.get(job.address) or AddressState(job.address, Standing.PENDING, None)
    draft.states[job.address] = replace(state, problems=(*state.problems, text))


def _set_state(draft: _Draft, job: DeclaredJob, decision: Decision) -> None:
    known = draft.states.get(job.address)
    draft.states[job.address] = AddressState(
        job.address,
        decision.standing,
        ref(decision.run) if decision.run else None,
        notes=decision.notes,
        problems=known.problems if known else (),
    )


# --- what no address declares ----------------------------------------------------------


def _plan_deletes(draft: _Draft, others: tuple[Run, ...]) -> None:
    protected = {job.address.split(".")[0] for job in draft.desired.jobs.values() if job.protect}
    for run in others:
        name = RunName.parse(run.name)
        if name is None or name.address not in draft.scope:
            continue
        if name.address.split(".")[0] in protected:
            draft.problems.append(
                Problem(
                    None,
                    f"{name.address}: run {run.id} is protected and would be deleted by --prune",
                    "remove protect, or exclude it with --exclude",
                )
            )
            continue
        change = _on_run(name.address, Action.DELETE, Reason.UNDECLARED, run, None)
        draft.jobs.append(change)
        basis = draft.basis.get(name.address, Basis((), {}))
        draft.basis[name.address] = Basis(
            tuple(sorted({*basis.names, run.name})),
            dict(sorted({**basis.runs, run.id: (run.state, run.visible)}.items())),
        )


def _on_run(
    address: Address, action: Action, reason: Reason, run: Run, job: DeclaredJob | None
) -> JobChange:
    return JobChange(
        address, action, reason, run.name, before=ref(run), where=job.where if job else None
    )


def _shared_archives(desired: DesiredState) -> list[Problem]:
    """Two addresses that archive to one literal path would overwrite each other."""
    paths = {
        address: path
        for address, job in desired.jobs.items()
        if job.pinned is None and (path := literal_archive(job.request)) is not None
    }
    counted = Counter(paths.values())
    return [
        Problem(
            desired.jobs[address].places.get("archivePath", desired.jobs[address].where),
            f"{address}: archivePath {path[1]!r} is also that of "
            + ", ".join(a for a, p in sorted(paths.items()) if p == path and a != address),
            "leave archivePath out, or put ${matrix...} or a macro such as ${JOB_ID} into it",
        )
        for address, path in sorted(paths.items())
        if counted[path] > 1
    ]


def _shared_runs(desired: DesiredState) -> list[Problem]:
    """Two addresses that claim the same runs would each hold them to their own grants."""
    claims: dict[str, list[Address]] = {}
    for address, job in sorted(desired.jobs.items()):
        for project, former in former_names(desired.project, job):
            if project != desired.project or former not in desired.jobs:
                claims.setdefault(f"formerly {project}/{former}", []).append(address)
        if job.pinned is not None:
            claims.setdefault(f"id {job.pinned}", []).append(address)
    return [
        Problem(
            desired.jobs[addresses[-1]].where,
            f"{' and '.join(addresses)} all say {claim}",
            "leave it with one of them",
        )
        for claim, addresses in claims.items()
        if len(addresses) > 1
    ]


# --- the whole -------------------------------------------------------------------------


def _finished(draft: _Draft, others: tuple[Run, ...]) -> Plan:
    desired, snapshot = draft.desired, draft.snapshot
    outputs = _without_clashes(draft)
    changes: tuple[Change, ...] = tuple(
        sorted([*draft.jobs, *draft.access, *outputs], key=_change_order)
    )
    deleted = {c.before.id for c in draft.jobs if c.action is Action.DELETE and c.before}
    return Plan(
        project=desired.project,
        target=snapshot.target,
        base_url=snapshot.base_url,
        user=snapshot.user,
        manifest_digest=desired.digest,
        root=desired.root,
        outputs_root=desired.outputs_root,
        changes=changes,
        awaiting=tuple(sorted(draft.awaiting, key=_change_order)),
        states=tuple(draft.states[address] for address in sorted(draft.states)),
        hazards=hazards(desired, snapshot, draft.histories, changes, draft.options.allow),
        basis=dict(sorted(draft.basis.items())),
        effective=tuple(
            sorted(draft.effective, key=lambda e: (e.address, e.run_id, e.user.lower(), e.user))
        ),
        superseded=sum(1 for change in draft.jobs if change.action is Action.REPLACE),
        undeclared=tuple(ref(run) for run in others if run.id not in deleted),
        duplicates=dict(sorted(draft.duplicates.items())),
        warnings=tuple(sorted(set(draft.warnings))),
    )


def _without_clashes(draft: _Draft) -> list[OutputChange]:
    """Refuse files that would land on those of an earlier address (one file, one owner)."""
    known: dict[Address, tuple[Fetch, ...]] = {
        change.address: change.files for change in draft.outputs if change.files
    }
    refused: dict[Address, list[tuple[str, str]]] = {}
    for address, path, reason in clashes(known):
        refused.setdefault(address, []).append((path, reason))
    result = []
    for change in draft.outputs:
        if lost := refused.get(change.address):
            paths = {path for path, _ in lost}
            files = tuple(f for f in change.files or () if f.path not in paths)
            change = replace(change, files=files, refused=tuple(sorted({*change.refused, *lost})))
        result.append(change)
    return result


_KINDS: tuple[type, ...] = (JobChange, AccessChange, OutputChange)


def _change_order(change: Change) -> tuple[Address, int, str, str]:
    if isinstance(change, JobChange):
        run_id = change.before.id if change.before else ""
    else:
        run_id = change.run.id if change.run else ""
    return change.address, _KINDS.index(type(change)), str(change.action), run_id


def _plain(value: object) -> str:
    return "unset" if value is None else str(value)


__all__ = ["build"]
