"""Which runs the words of a command line mean: addresses, globs, and ids of runs of the set.

A shortened id counts only here, among the runs of one set: never where an operation
of the service is called.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jobsync.cli.options import named, unknown
from jobsync.errors import Problem, SettingsError, Usage
from jobsync.structs import Struct

if TYPE_CHECKING:
    from jobsync.model import Address, DesiredState, Run, Snapshot
    from jobsync.plan.history import History
    from jobsync.render.advice import Call


_ID = re.compile(r"(?=.*[0-9])[0-9A-Za-z-]{4,}")
"""What may be an id, or its beginning."""


class Chosen(Struct, frozen=True):
    """A run, and the address that it belongs to."""

    address: Address
    run: Run


def addresses_of(text: str, desired: DesiredState) -> list[Address]:
    """The declared addresses that *text* selects; empty where it may be the id of a run.

    Raises :class:`Usage` when it can be neither.
    """
    try:
        return named(text, desired.jobs)
    except Usage:
        if _ID.fullmatch(text):
            return []
        raise


def run_of_id(text: str, desired: DesiredState, seen: Snapshot) -> Chosen:
    """The one run whose id is *text* or begins with it, declared or not.

    Raises :class:`Usage` when there is none, or several.
    """
    from jobsync.plan.history import histories

    found: dict[str, Chosen] = {}
    for address, history in histories(desired, seen).items():
        found.update({run.id: Chosen(address, run) for run in history.all})
    for run in seen.runs:
        mark = desired.platform.read_mark(run.name)
        if mark and mark.project == desired.project and run.owner == seen.owned_by:
            found.setdefault(run.id, Chosen(mark.address, run))
    if text in found:
        return found[text]
    fits = sorted(run_id for run_id in found if run_id.startswith(text))
    if len(fits) > 1:
        listed = ", ".join(fits[:5]) + (f" and {len(fits) - 5} more" if fits[5:] else "")
        raise Usage(f"the ids of {len(fits)} runs begin with {text!r}: {listed}")
    if not fits:
        error = unknown(f"the manifests declare no job {text!r}", text, desired.jobs)
        raise Usage(f"{error}, and no run has an id that begins with it", hint=error.hint)
    return found[fits[0]]


def chosen_runs(
    text: str, attempt: int | None, desired: DesiredState, seen: Snapshot, call: Call
) -> list[Chosen]:
    """The run of each address that *text* selects: the newest one, or that of *attempt*; or the
    run whose id it is.

    Addresses without a run are left out when others have one. Raises :class:`Usage` when *text*
    selects nothing, and :class:`SettingsError` when there is no such run; *call* is for its advice.
    """
    from jobsync.plan.history import histories

    known = histories(desired, seen)
    addresses = addresses_of(text, desired)
    if not addresses:
        return [run_of_id(text, desired, seen)]
    found = [
        Chosen(address, run)
        for address in addresses
        if (run := _newest(known[address], attempt, desired)) is not None
    ]
    if not found:
        raise _nothing(addresses, attempt, known, desired, seen, call)
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


def ask(owner: str) -> str:
    """What somebody does who needs a run that *owner* does not share."""
    return f"ask {owner} to list you under permissions of the job"


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
    seen: Snapshot,
    call: Call,
) -> SettingsError:
    """The error for jobs of which no run was found."""
    from jobsync.plan.decide import decide_pinned
    from jobsync.plan.history import attempt_of
    from jobsync.plan.viewing import nothing_visible

    first = addresses[0]
    pin = desired.jobs[first]
    if pin.pinned is not None:
        found = decide_pinned(pin, known[first], desired.platform)
        if isinstance(found, Problem):
            return SettingsError(found.message, hint=found.hint)
    some = first if len(addresses) == 1 else f"{first} and {len(addresses) - 1} more"
    runs = [run for address in addresses for run in known[address].exact if run.visible]
    if attempt is not None and runs:
        numbers = sorted({attempt_of(desired.platform, run) for run in runs})
        hint = f"there are: {', '.join(map(str, numbers))}"
        return SettingsError(f"{some}: there is no attempt {attempt}", hint=hint)
    if seen.owner:
        return SettingsError(f"{some}: {nothing_visible(seen.owner)}", hint=ask(seen.owner))
    if any(not run.visible for address in addresses for run in known[address].exact):
        hint = f"see whether apply makes it visible: {call.command('plan')}"
        return SettingsError(f"{some}: the run is hidden", hint=hint)
    verb = "has" if len(addresses) == 1 else "have"
    return SettingsError(f"{some} {verb} no run yet", hint=submit_with(call))


def submit_with(call: Call) -> str:
    """What somebody does who needs a run of a job that has none."""
    return f"submit it with: {call.command('apply')}"
