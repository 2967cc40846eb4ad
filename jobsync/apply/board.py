"""How every address stands while an apply goes on. Pure; only the coordinating thread uses it."""

from __future__ import annotations

from collections.abc import Iterable

from jobsync.model import (
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
from jobsync.records import Struct


class Stage(Word):
    """``due``: this plan submits or restores it. ``active``: it runs. ``finished``, ``broken``."""

    DUE = "due"
    ACTIVE = "active"
    FINISHED = "finished"
    BROKEN = "broken"


class Square(Struct, frozen=True):
    """Where one address stands. ``result`` is what that means to a job that needs it."""

    stage: Stage
    run: RunRef | None = None
    why: str = ""
    result: Result = Result.SKIPPED


class Board:
    """The addresses of a plan and where they stand."""

    def __init__(self, plan: Plan) -> None:
        self._squares: dict[Address, Square] = {}
        for state in plan.states:
            why = f"{state.address} is {state.standing}"
            self._squares[state.address] = Square(_STAGES[state.standing], state.run, why)
        for change in plan.changes:
            if isinstance(change, JobChange) and change.action in (*SUBMITS, Action.RESTORE):
                self._squares[change.address] = Square(Stage.DUE)

    def __getitem__(self, address: Address) -> Square:
        missing = Square(Stage.BROKEN, why=f"{address} is not part of this plan")
        return self._squares.get(address, missing)

    def put(self, address: Address, square: Square) -> None:
        """*address* stands there now."""
        self._squares[address] = square

    def active(self) -> dict[Address, RunRef]:
        """The runs that have not ended, by address."""
        return {
            address: square.run
            for address, square in self._squares.items()
            if square.stage is Stage.ACTIVE and square.run is not None
        }

    def ready(self, needs: Iterable[Address]) -> bool:
        """Whether all of *needs* have finished."""
        return all(self[address].stage is Stage.FINISHED for address in needs)

    def broken(self, needs: Iterable[Address]) -> Square | None:
        """The first of *needs* that will not finish, if any."""
        squares = (self[address] for address in needs)
        return next((square for square in squares if square.stage is Stage.BROKEN), None)

    def unfinished(self, needs: Iterable[Address]) -> tuple[Address, ...]:
        """Those of *needs* that have not finished."""
        return tuple(address for address in needs if self[address].stage is not Stage.FINISHED)


_STAGES = {
    Standing.CURRENT: Stage.FINISHED,
    Standing.IN_PROGRESS: Stage.ACTIVE,
    Standing.FAILED: Stage.BROKEN,
    Standing.STOPPED: Stage.BROKEN,
    Standing.PENDING: Stage.BROKEN,
    Standing.BLOCKED: Stage.BROKEN,
    Standing.INCOMPLETE: Stage.BROKEN,
}
"""``pending`` without a change of the job in the plan (``--only permissions``) will not run."""
