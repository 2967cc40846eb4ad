"""Build a plan: decide every address, then say what has to change. Pure, sorted, byte-stable.

The parts are elsewhere: ``history`` (whose run is it), ``decide`` (the table), ``reasons`` (why),
``access``, ``fetching`` (outputs) and ``guards``. Here they are put together: one pass over the
addresses, upstream first, and one over their permissions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from jobsync.errors import PlanError, Problem
from jobsync.model import (
    AccessChange,
    Action,
    Address,
    Basis,
    Change,
    DesiredState,
    Fetch,
    Gate,
    JobChange,
    OutputChange,
    Plan,
    PlanOptions,
    Reason,
    Scope,
    Snapshot,
    Standing,
    UndeclaredRun,
)
from jobsync.plan import plan_outputs
from jobsync.plan.address_access import plan_access
from jobsync.plan.builder import PlanDraft, on_run
from jobsync.plan.conflicts import conflicts
from jobsync.plan.doubts import doubtful_outputs
from jobsync.plan.fetching import chosen
from jobsync.plan.guards import hazards
from jobsync.plan.history import by_address, by_base, histories, undeclared
from jobsync.plan.output_rules import clashes
from jobsync.plan.overwriting import Writers
from jobsync.plan.plan_job import note_needs, plan_address
from jobsync.plan.renames import advice
from jobsync.plan.retrying import refuse_idle, refuse_unknown
from jobsync.plan.selection import selected, upstream_first
from jobsync.plan.viewing import refuse_decisions, view_of
from jobsync.structs import replace


def build(desired: DesiredState, snapshot: Snapshot, options: PlanOptions | None = None) -> Plan:
    """Decide what has to change so that *snapshot* becomes *desired*.

    An empty ``changes`` means that nothing has to be done and nothing else. Raises
    :class:`PlanError` with every declaration that cannot be planned, and :class:`Usage` for options
    that name what is not there.
    """
    options = options or PlanOptions()
    named = by_address(desired, snapshot)
    names = {address for project, address in named if project == desired.project}
    refuse_unknown(desired.jobs, options)
    refuse_decisions(options, snapshot)
    known = histories(desired, snapshot, named)
    snapshot = plan_outputs.with_present_addresses(snapshot, known)
    draft = PlanDraft(
        desired,
        snapshot,
        options,
        selected(desired.jobs, names, options),
        known,
        plan_outputs.fetched_lines(snapshot),
        plan_outputs.places(snapshot, desired),
        by_base(desired.platform, snapshot.foreign),
        undeclared(desired, named),
        Writers(desired.platform, snapshot.archived),
    )
    draft.warnings.extend(advice(desired, known))
    draft.warnings.extend(doubtful_outputs(desired))
    draft.problems.extend(conflicts(desired, snapshot))
    for address in upstream_first(desired.jobs):
        plan_address(draft, desired.jobs[address])
    refuse_idle(options, desired.jobs, draft.decisions, draft.scope, draft.retried)
    note_needs(draft)
    if options.prune and options.plans("jobs"):
        _plan_deletes(draft)
    for job in desired.jobs.values() if not snapshot.owner else ():
        plan_access(draft, job)
    if draft.problems:
        raise PlanError(draft.problems)
    return _finished(draft)


# --- what no address declares ----------------------------------------------------------


def _plan_deletes(draft: PlanDraft) -> None:
    protected = {job.address.split(".")[0] for job in draft.desired.jobs.values() if job.protect}
    for run in draft.undeclared:
        mark = draft.desired.platform.read_mark(run.name)
        if mark is None or mark.address not in draft.scope:
            continue
        if mark.address.split(".")[0] in protected:
            draft.problems.append(
                Problem(
                    None,
                    f"{mark.address}: run {run.id} is protected and would be deleted by --prune",
                    "remove protect, or exclude it with --exclude",
                )
            )
            continue
        change = on_run(mark.address, Action.DELETE, Reason.UNDECLARED, run, None)
        draft.jobs.append(change)
        basis = draft.basis.get(mark.address, Basis((), {}))
        draft.basis[mark.address] = Basis(
            tuple(sorted({*basis.names, run.name})),
            dict(sorted({**basis.runs, run.id: (run.state, run.visible)}.items())),
        )


# --- the whole -------------------------------------------------------------------------


def _finished(draft: PlanDraft) -> Plan:
    desired, snapshot = draft.desired, draft.snapshot
    mode = draft.options.outputs
    outputs = chosen(_without_clashes(draft), mode, snapshot)
    changes: tuple[Change, ...] = tuple(
        sorted([*draft.jobs, *draft.access, *outputs], key=_change_order)
    )
    deleted = {c.before.id for c in draft.jobs if c.action is Action.DELETE and c.before}
    return Plan(
        api=desired.platform.name,
        project=desired.project,
        target=snapshot.target,
        base_url=snapshot.base_url,
        user=snapshot.user,
        manifest_digest=desired.digest,
        root=desired.root,
        outputs_root=desired.outputs_root,
        changes=changes,
        awaiting=tuple(sorted(chosen(draft.awaiting, mode, snapshot), key=_change_order)),
        states=tuple(draft.states[address] for address in sorted(draft.states)),
        hazards=()
        if snapshot.owner
        else hazards(desired, snapshot, draft.histories, changes, draft.options.allow),
        basis=dict(sorted(draft.basis.items())),
        gates=_gates(draft),
        effective=tuple(sorted(draft.effective, key=lambda e: (e.address, e.run_id, e.user))),
        superseded=sum(1 for change in draft.jobs if change.action is Action.REPLACE),
        undeclared=tuple(_undeclared(draft, deleted)),
        duplicates=dict(sorted(draft.duplicates.items())),
        warnings=tuple(sorted({*draft.warnings, *_unseen(draft), *_unknown_users(draft)})),
        scope=Scope(
            draft.options.kinds,
            len(desired.jobs),
            tuple(sorted(desired.jobs.keys() - draft.scope)),
        ),
        options=replace(draft.options, allow=frozenset()),
        sources=desired.sources,
        view=view_of(draft),
    )


def _unseen(draft: PlanDraft) -> Iterator[str]:
    """That a run may be there that nobody can find, where one is to be submitted of which no run is
    recorded whose id could be asked for."""
    if draft.desired.platform.finds_hidden:
        return
    new = {c.address for c in draft.jobs if c.action in (Action.CREATE, Action.REPLACE)}
    unseen = sorted(new - draft.snapshot.asked_by_id)
    if unseen:
        more = f" and {len(unseen) - _SHOWN} more" if len(unseen) > _SHOWN else ""
        which = f" (here: {', '.join(unseen[:_SHOWN])}{more})" if new - {*unseen} else ""
        yield (
            "this service does not show hidden runs, so a job whose run was hidden runs again"
            f"{which}"
        )


def _unknown_users(draft: PlanDraft) -> Iterator[str]:
    """That a user who is to get access may not exist: the service grants it all the same."""
    known = draft.snapshot.users
    gaining = {g.user for c in draft.access for g in c.grants if g.after.gives > g.before.gives}
    for user in sorted(user for user in gaining if known.get(user, True) is False):
        yield f"the service has no user {user}, but would accept the share: check the name"
    if untold := sorted(user for user in gaining if known.get(user, True) is None):
        yield f"this service does not say whether these users exist: {', '.join(untold)}"


def _undeclared(draft: PlanDraft, deleted: Collection[str]) -> Iterator[UndeclaredRun]:
    for run in draft.undeclared:
        mark = draft.desired.platform.read_mark(run.name)
        if mark is not None and run.id not in deleted:
            yield UndeclaredRun(run.id, run.name, run.status, mark.address)


def _gates(draft: PlanDraft) -> dict[Address, Gate]:
    """What is to be seen of the runs that have not finished, or are hidden now."""
    gates: dict[Address, Gate] = {}
    for address in sorted(draft.states.keys() & draft.decisions.keys()):
        job, decision = draft.desired.jobs[address], draft.decisions[address]
        if decision.standing not in (Standing.PENDING, Standing.IN_PROGRESS):
            continue
        hidden = decision.before if decision.action is Action.RESTORE else None
        if hidden and plan_outputs.is_recorded(job, hidden, draft.snapshot, draft.lines):
            continue
        required = tuple(rule for rule in job.outputs if rule.required)
        if required or job.expect:
            gates[address] = Gate(required, job.expect)
    return gates


def _without_clashes(draft: PlanDraft) -> list[OutputChange]:
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


_SHOWN = 5
_KINDS: tuple[type, ...] = (JobChange, AccessChange, OutputChange)


def _change_order(change: Change) -> tuple[Address, int, str, str]:
    if isinstance(change, JobChange):
        run_id = change.before.id if change.before else ""
    else:
        run_id = change.run.id if change.run else ""
    return change.address, _KINDS.index(type(change)), str(change.action), run_id
