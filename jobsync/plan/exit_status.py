"""What a finished plan amounts to, for exit codes: something to do, something that has failed."""

from __future__ import annotations

from jobsync.model import Address, Change, OutputChange, Plan, Standing

_FAILING = frozenset({Standing.FAILED, Standing.STOPPED, Standing.INCOMPLETE})


def to_do(plan: Plan) -> tuple[Change, ...]:
    """The changes that count for the exit code (product §7): not fetches that only restore files
    recorded in the lock."""
    return tuple(change for change in plan.changes if not _only_restores(change))


def failing(plan: Plan) -> tuple[str, ...]:
    """Declared addresses whose run failed, was stopped, or did not produce what it must."""
    standing = {state.address for state in plan.states if state.standing in _FAILING}
    missing = {
        change.address
        for change in plan.changes
        if isinstance(change, OutputChange) and change.missing
    }
    return tuple(sorted(standing | missing))


def unread(plan: Plan) -> tuple[str, ...]:
    """The addresses of which something could not be read or was refused, so nothing can be done."""
    return tuple(state.address for state in plan.states if state.problems)


def not_as_declared(plan: Plan) -> tuple[Address, ...]:
    """The addresses of which somebody who may only look cannot see that they are as declared."""
    if plan.view is None:
        return ()
    unseen = {s.address for s in plan.states if s.standing is Standing.NOT_VISIBLE}
    return tuple(sorted(unseen.union(plan.view.differing, plan.view.unknown)))


def _only_restores(change: Change) -> bool:
    return (
        isinstance(change, OutputChange)
        and bool(change.files)
        and not change.missing
        and not change.refused
        and all(file.available for file in change.files or ())
    )


def addresses_of_runs(plan: Plan) -> dict[str, Address]:
    """The declared address of each run on which *plan* rests, by job id."""
    declared = {state.address for state in plan.states}
    return {
        run_id: address
        for address, basis in plan.basis.items()
        if address in declared
        for run_id in basis.runs
    }
