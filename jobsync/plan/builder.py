"""A plan while it is put together, one address after the other."""

from __future__ import annotations

from collections.abc import Mapping

from jobsync.errors import Problem
from jobsync.model import (
    AccessChange,
    Action,
    Address,
    AddressState,
    Basis,
    DeclaredJob,
    DesiredState,
    EffectiveAccess,
    JobChange,
    OutputChange,
    PlanOptions,
    Reason,
    Run,
    Snapshot,
    Standing,
)
from jobsync.plan import plan_outputs
from jobsync.plan.decide import Decision
from jobsync.plan.history import History, ref
from jobsync.plan.overwriting import Writers
from jobsync.structs import Struct, field, replace


class PlanDraft(Struct):
    """A plan under construction: what was decided for the addresses so far.

    ``scope`` has the selected addresses, ``found`` the state of the outputs of finished runs, and
    ``retried`` the addresses that are run again on request.
    """

    desired: DesiredState
    snapshot: Snapshot
    options: PlanOptions
    scope: frozenset[Address]
    histories: Mapping[Address, History]
    lines: plan_outputs.Lines
    places: plan_outputs.Places
    foreign: Mapping[str, list[Run]]
    undeclared: tuple[Run, ...]
    writers: Writers
    decisions: dict[Address, Decision] = field(default_factory=dict)
    found: dict[Address, plan_outputs.OutputState] = field(default_factory=dict)
    retried: set[Address] = field(default_factory=set)
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


def on_run(
    address: Address, action: Action, reason: Reason, run: Run, job: DeclaredJob | None
) -> JobChange:
    """The change *action* on the existing *run*, without a request.

    *job* says where it was declared; None for a run that no manifest declares.
    """
    return JobChange(
        address, action, reason, run.name, before=ref(run), where=job.where if job else None
    )


def add_problem(draft: PlanDraft, job: DeclaredJob, text: str) -> None:
    """Record that a part of *job* could not be read or cannot be changed."""
    state = draft.states.get(job.address) or AddressState(job.address, Standing.PENDING, None)
    draft.states[job.address] = replace(state, problems=(*state.problems, text))
