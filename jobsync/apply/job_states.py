"""How every address stands while an apply goes on. Pure; only the coordinating thread uses it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jobsync.model import (
    HOW_STUCK,
    SUBMITS,
    Action,
    Address,
    JobChange,
    Plan,
    Result,
    RunRef,
    Standing,
    Word,
)
from jobsync.structs import Struct


class Stage(Word):
    """How far a job is.

    ``due``       this plan submits or restores it.
    ``active``    it runs.
    ``ended``     it has finished; whether it has produced what it must is being looked at.
    ``unread``    it has finished, and that cannot be told.
    ``finished``  it has, and has produced what it must.
    ``broken``    it never will.
    """

    DUE = "due"
    ACTIVE = "active"
    ENDED = "ended"
    UNREAD = "unread"
    FINISHED = "finished"
    BROKEN = "broken"


THERE = frozenset({Stage.ACTIVE, Stage.ENDED, Stage.UNREAD, Stage.FINISHED})
"""Where a job has a run that did not come to nothing."""


class JobState(Struct, frozen=True):
    """Where one address stands. ``result`` is what that means to a job that needs it."""

    stage: Stage
    run: RunRef | None = None
    why: str = ""
    result: Result = Result.SKIPPED


class JobStates:
    """The addresses of a plan and where they stand."""

    def __init__(self, plan: Plan) -> None:
        self._states: dict[Address, JobState] = {}
        self._active: dict[Address, RunRef] = {}
        self._moved: set[Address] = set()
        for state in plan.states:
            how = HOW_STUCK.get(state.standing, f"is {state.standing}")
            why = f"{state.address} {how}"
            self.put(state.address, JobState(_STAGES[state.standing], state.run, why))
        for change in plan.changes:
            if isinstance(change, JobChange) and change.action in (*SUBMITS, Action.RESTORE):
                self.put(change.address, JobState(Stage.DUE))

    def __getitem__(self, address: Address) -> JobState:
        missing = JobState(Stage.BROKEN, why=f"{address} is not part of this plan")
        return self._states.get(address, missing)

    def put(self, address: Address, state: JobState) -> None:
        """Set the state of *address*."""
        self._states[address] = state
        self._moved.add(address)
        if state.stage is Stage.ACTIVE and state.run is not None:
            self._active[address] = state.run
        else:
            self._active.pop(address, None)

    def take_moved(self) -> set[Address]:
        """The addresses whose state was set since the last call."""
        moved, self._moved = self._moved, set()
        return moved

    def active(self) -> Mapping[Address, RunRef]:
        """The runs that have not ended, by address. The mapping follows every later change."""
        return self._active

    def ready(self, needs: Iterable[Address]) -> bool:
        """Whether all of *needs* have finished."""
        return all(self[address].stage is Stage.FINISHED for address in needs)

    def broken(self, needs: Iterable[Address]) -> JobState | None:
        """The first of *needs* that will not finish, if any."""
        states = (self[address] for address in needs)
        return next((state for state in states if state.stage is Stage.BROKEN), None)

    def unfinished(self, needs: Iterable[Address]) -> str:
        """The jobs among *needs* that have not finished, in words."""
        left = [address for address in needs if self[address].stage is not Stage.FINISHED]
        unread = [self[address].why for address in left if self[address].stage is Stage.UNREAD]
        names = ", ".join(left)
        return "; ".join(unread) or f"waits for {names} to finish; apply again after that"


_STAGES = {
    Standing.CURRENT: Stage.FINISHED,
    Standing.IN_PROGRESS: Stage.ACTIVE,
    Standing.FAILED: Stage.BROKEN,
    Standing.STOPPED: Stage.BROKEN,
    Standing.PENDING: Stage.BROKEN,
    Standing.BLOCKED: Stage.BROKEN,
    Standing.INCOMPLETE: Stage.BROKEN,
    Standing.NOT_VISIBLE: Stage.BROKEN,
}
"""``pending`` without a change of the job in the plan (``--only permissions``) will not run."""
