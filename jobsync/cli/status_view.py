"""What ``jobsync status`` has seen, as a table and as documents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from jobsync.errors import ExitCode
from jobsync.model import (
    Action,
    Address,
    AddressState,
    DesiredState,
    JobChange,
    OpenSubmit,
    Plan,
    Run,
    Snapshot,
    Standing,
)
from jobsync.plan.exit_status import failing, unread
from jobsync.plan.history import attempt_of
from jobsync.render.advice import Call, next_commands
from jobsync.render.escape import terminal
from jobsync.render.natural import natural
from jobsync.render.open_submits import block_of
from jobsync.render.options import Palette
from jobsync.render.status import Look, Row, folded, queued_for, ran_for, status_table, summary
from jobsync.render.viewing import view_lines
from jobsync.structs import Struct, asdict, replace

_URGENT = (Standing.IN_PROGRESS, Standing.FAILED, Standing.STOPPED, Standing.INCOMPLETE)


class Shown(Struct, frozen=True):
    """One look at the ``addresses`` in the states ``wanted`` (any when empty), at the time ``now``
    of the service. With ``expand`` rows that are alike are not one."""

    desired: DesiredState
    plan: Plan
    seen: Snapshot
    held: tuple[OpenSubmit, ...]
    call: Call
    addresses: frozenset[Address]
    wanted: frozenset[str]
    now: datetime
    expand: bool = False

    @property
    def states(self) -> list[AddressState]:
        """The states that are asked about, with what a plan says elsewhere."""
        notes = _notes(self.plan)
        return [
            replace(state, notes=(*notes.get(state.address, ()), *state.notes))
            for state in self.plan.states
            if state.address in self.addresses
            and (not self.wanted or str(state.standing) in self.wanted)
        ]

    @property
    def is_running(self) -> bool:
        """Whether a run that is asked about has not ended."""
        return any(
            state.standing is Standing.IN_PROGRESS
            for state in self.plan.states
            if state.address in self.addresses
        )

    @property
    def exit_code(self) -> ExitCode:
        """The exit code for what is shown."""
        shown = {state.address for state in self.states}
        if shown.intersection(failing(self.plan)):
            return ExitCode.JOB_FAILED
        return ExitCode.ERROR if shown.intersection(unread(self.plan)) else ExitCode.OK

    def text(self, palette: Palette, width: int | None) -> str:
        """The whole table, a summary, and the submits whose outcome is open."""
        rows = self._rows()
        shown = rows if self.expand else folded(rows)
        table = "\n".join(status_table(shown, self._look(width), palette))
        blocks = [table, self._summary(rows)]
        held = [one for one in self.held if one.address in self.addresses]
        return "\n\n".join(filter(None, [*blocks, *self._view(), *block_of(held)]))

    def _view(self) -> list[str]:
        return ["\n".join(map(terminal, view_lines(self.plan)))] if self.plan.view else []

    def screen(self, palette: Palette, width: int, height: int) -> str:
        """As much of the table as fits, what runs and what has failed first, and the summary."""
        rows = self._rows()
        shown = rows if self.expand else folded(rows)
        bare = [replace(row, notes=(), advice=()) for row in shown]
        bare.sort(key=lambda row: (row.standing not in _URGENT, natural(row.address)))
        fit = max(1, height - 5)
        lines = status_table(bare[:fit], self._look(width), palette)
        more = [f"... and {len(bare) - fit} more"] if len(bare) > fit else []
        return "\n".join([*lines, *more, "", self._summary(rows)])

    def documents(self) -> list[dict[str, object]]:
        """One document for each address."""
        return [self._document(state) for state in self.states]

    def _rows(self) -> list[Row]:
        bad = frozenset(failing(self.plan))
        runs = self._runs()
        rows = []
        for state in self.states:
            run = runs.get(state.run.id) if state.run else None
            retries = self.desired.jobs[state.address].retries
            attempt = str(attempt_of(self.desired.platform, run)) if run else ""
            rows.append(
                Row(
                    state.address,
                    state.standing,
                    run,
                    f"{attempt} of {retries + 1}" if run and retries else attempt,
                    (*state.notes, *state.problems),
                    next_commands(state, self.call),
                    state.address in bad or bool(state.problems),
                )
            )
        return rows

    def _look(self, width: int | None) -> Look:
        return Look(self.now, width, ids=frozenset(run.id for run in self.seen.runs))

    def _summary(self, rows: list[Row]) -> str:
        is_whole = not self.wanted and len(self.addresses) == len(self.desired.jobs)
        undeclared = sorted({run.address for run in self.plan.undeclared}, key=natural)
        return summary(rows, len(self.desired.jobs), undeclared if is_whole else ())

    def _runs(self) -> Mapping[str, Run]:
        return {run.id: run for run in self.seen.runs}

    def _document(self, state: AddressState) -> dict[str, object]:
        run = self._runs().get(state.run.id) if state.run else None
        return {
            "address": state.address,
            "standing": str(state.standing),
            "run": self._run_document(run) if run else None,
            "notes": list(state.notes),
            "problems": list(state.problems),
            "open_submits": [asdict(one) for one in self.held if one.address == state.address],
        }

    def _run_document(self, run: Run) -> dict[str, object]:
        times = {"created": run.created, "started": run.started, "ended": run.ended}
        return {
            "id": run.id,
            "name": run.name,
            "status": run.status,
            "attempt": attempt_of(self.desired.platform, run),
            "message": run.message,
            **{key: moment.isoformat() if moment else None for key, moment in times.items()},
            "queued_seconds": queued_for(run, self.now),
            "ran_seconds": ran_for(run, self.now),
        }


def _notes(plan: Plan) -> dict[Address, list[str]]:
    """What a plan says elsewhere: runs that are hidden, several of one name."""
    notes: dict[str, list[str]] = {}
    for change in plan.changes:
        if isinstance(change, JobChange) and change.action is Action.RESTORE and change.before:
            text = f"its run {change.before.id} is hidden; apply makes it visible again"
            notes.setdefault(change.address, []).append(text)
    for address, ids in plan.duplicates.items():
        text = f"{len(ids)} runs with the same name: {', '.join(ids)} (the first is current)"
        notes.setdefault(address, []).append(text)
    return notes
