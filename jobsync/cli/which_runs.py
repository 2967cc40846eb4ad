"""Which runs the words of a command line mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobsync.cli.options import named
from jobsync.errors import SettingsError
from jobsync.structs import Struct

if TYPE_CHECKING:
    from jobsync.model import Address, DesiredState, Run, Snapshot
    from jobsync.plan.history import History


class Chosen(Struct, frozen=True):
    """A run, and the address that it belongs to."""

    address: Address
    run: Run


def chosen_runs(
    text: str, attempt: int | None, desired: DesiredState, seen: Snapshot
) -> list[Chosen]:
    """The run of each address that *text* selects: the newest one, or that of *attempt*.

    Addresses without a run are left out when others have one. Raises :class:`Usage` when *text*
    selects no declared job, and :class:`SettingsError` when there is no such run.
    """
    from jobsync.plan.history import histories

    known = histories(desired, seen)
    addresses = named(text, desired.jobs)
    found = [
        Chosen(address, run)
        for address in addresses
        if (run := _newest(known[address], attempt, desired)) is not None
    ]
    if not found:
        raise _nothing(addresses, attempt, known, desired)
    return found


def active_runs(desired: DesiredState, seen: Snapshot) -> list[Chosen]:
    """The active runs of the acting user, and pinned ones, of each job of *desired*."""
    from jobsync.model import RunState
    from jobsync.plan.history import histories

    return [
        Chosen(address, run)
        for address, history in histories(desired, seen).items()
        for run in history.all
        if run.state is RunState.ACTIVE and run.visible
    ]


def _newest(history: History, attempt: int | None, desired: DesiredState) -> Run | None:
    """The newest visible run of the job as it is declared, else of what it was before."""
    from jobsync.plan.history import attempt_of

    if attempt is not None:
        runs = [run for run in history.exact if attempt_of(desired.platform, run) == attempt]
        return next((run for run in reversed(runs) if run.visible), None)
    newest_first = (*reversed(history.exact), *reversed(history.older))
    return next((run for run in newest_first if run.visible), None)


def _nothing(
    addresses: list[Address],
    attempt: int | None,
    known: dict[Address, History],
    desired: DesiredState,
) -> SettingsError:
    """The error for jobs of which no run was found."""
    from jobsync.plan.history import attempt_of

    first = addresses[0]
    some = first if len(addresses) == 1 else f"{first} and {len(addresses) - 1} more"
    runs = [run for address in addresses for run in known[address].exact if run.visible]
    if attempt is not None and runs:
        numbers = sorted({attempt_of(desired.platform, run) for run in runs})
        hint = f"there are: {', '.join(map(str, numbers))}"
        return SettingsError(f"{some}: there is no attempt {attempt}", hint=hint)
    if any(not run.visible for address in addresses for run in known[address].exact):
        hint = "jobsync plan shows whether apply makes it visible"
        return SettingsError(f"{some}: the run is hidden", hint=hint)
    return SettingsError(f"{some}: there is no run yet", hint="jobsync apply submits it")
