"""Whose files may have been written over: a later run archived to the folder of a current one.

Such a run did not produce what it must, so it is ``incomplete``: it is shown, nothing takes its
files, and nothing is submitted for it (docs/decisions/0018).
"""

from __future__ import annotations

from collections.abc import Iterable

from jobsync.archives import is_same
from jobsync.model import Action, Archived, DeclaredJob, Run, RunState, Standing
from jobsync.plan.decide import Decision
from jobsync.plan.history import History, moment
from jobsync.platform import Platform
from jobsync.structs import replace

ACCEPTED = "overwrite-archive"
"""Who accepts this hazard shares folders on purpose: then it is a note."""


class Writers:
    """The runs of each archive folder, for asking who wrote there after a run."""

    def __init__(self, platform: Platform, archived: Iterable[Archived]) -> None:
        self._platform = platform
        self.folder_field = platform.output_folder_field
        self._folders = {one.run.id: one for one in archived}
        self._at: dict[str, list[Archived]] = {}
        for one in self._folders.values():
            self._at.setdefault(one.archive.path, []).append(one)

    def after(self, run: Run, twins: frozenset[str]) -> Run | None:
        """A run in the folder of *run* that may have written there after it.

        Runs of the same meaning, and *twins* by their ids, write the same files again.
        """
        own = self._folders.get(run.id)
        if own is None:
            return None
        for other in self._at[own.archive.path]:
            if (
                _may_write_later(other.run, own.run)
                and is_same(other.archive, own.archive)
                and other.run.id not in twins
                and self._meaning(other.run) != self._meaning(run)
            ):
                return other.run
        return None

    def _meaning(self, run: Run) -> str:
        """What a run computes, by its fingerprint; a name that is not ours tells nothing."""
        mark = self._platform.read_mark(run.name)
        return mark.fingerprint if mark else run.id


def _may_write_later(other: Run, run: Run) -> bool:
    """Whether *other* may archive after *run*: one that is as old or younger may, one that goes on
    will, and one that began earlier may have taken longer."""
    if other.number > run.number or moment(other) >= moment(run):
        return True
    if other.state is RunState.ACTIVE:
        return True
    return other.ended is not None and run.ended is not None and other.ended >= run.ended


def checked(
    job: DeclaredJob,
    history: History,
    decision: Decision,
    writers: Writers,
    accepted: frozenset[str],
) -> Decision:
    """*decision*, unless it takes a run to be current whose files may be those of another one."""
    run = decision.before if decision.action is Action.RESTORE else decision.run
    if run is None or decision.action not in (None, Action.RESTORE):
        return decision
    if decision.action is None and decision.standing not in (
        Standing.CURRENT,
        Standing.IN_PROGRESS,
    ):
        return decision
    other = writers.after(run, frozenset(twin.id for twin in history.exact))
    if other is None:
        return decision
    said = (
        f"run {other.id} ({other.name}) has archived to the folder of run {run.id} since: "
        "the files there may be those of the other run"
    )
    if ACCEPTED in accepted:
        return replace(decision, notes=(*decision.notes, said))
    advice = (
        f"give {job.address} its own {writers.folder_field} to run it again, or use the files as "
        f"they are with --allow {ACCEPTED}"
    )
    notes = (*decision.notes, said, advice)
    return Decision(Standing.INCOMPLETE, run=run, names=decision.names, notes=notes)
