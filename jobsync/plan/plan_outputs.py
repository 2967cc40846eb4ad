"""Outputs of one address: what is still to fetch from its current run, by listing and by lock.

A finished run's files do not change, so what ``jobsync.lock`` has is not listed again when every
rule names one file. A rule with a wildcard needs the listing: the lock cannot show what it never
matched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jobsync import filenames
from jobsync.destinations import Destinations
from jobsync.model import (
    Address,
    DeclaredJob,
    DesiredState,
    Fetch,
    FetchedFile,
    OutputChange,
    OutputRule,
    Presence,
    RemoteFile,
    Run,
    RunState,
    Snapshot,
    Unavailable,
)
from jobsync.plan.history import History, ref
from jobsync.plan.output_rules import ChosenFiles, choose_files, compile_glob, is_wild, lacks
from jobsync.structs import Struct, replace

_SHOWN = 5

_EDITED = "edited here after jobsync fetched it; apply does not replace it: move it away first"
_ALTERED = (
    "changed on the service since jobsync fetched it, as its size shows; apply does not fetch it "
    "again while jobsync.lock has a line for it"
)

Lines = Mapping[tuple[Address, str], tuple[FetchedFile, ...]]


class Places(Struct, frozen=True):
    """Where files may be put. ``owners`` has the address that owns each place, by collision key."""

    owners: Mapping[str, Address]
    destinations: Destinations | None = None

    def refusal(self, address: Address, to: str) -> str:
        """Why a file of *address* may not go to *to*, or ``""``."""
        owner = self.owners.get(filenames.collision_key(to), address)
        if owner != address:
            return f"would go to {to}, which belongs to {owner}"
        return self.destinations.refusal(to) if self.destinations else ""


class OutputState(Struct, frozen=True):
    """The state of the outputs of one finished run.

    ``change`` is None when there is nothing to fetch or to check. ``missing`` names what the run
    must have produced and has not; ``unread`` is the reason when that cannot be determined.
    ``problems`` says why the files to fetch cannot be determined, or which files no apply will ever
    fetch. Refused files are named in the change itself.
    """

    change: OutputChange | None = None
    missing: tuple[str, ...] = ()
    unread: str = ""
    problems: tuple[str, ...] = ()


def renamed(
    lines: Iterable[FetchedFile], addresses: Mapping[str, Address]
) -> tuple[FetchedFile, ...]:
    """*lines* under the present addresses of their runs; *addresses* maps job ids to addresses.

    A job that was renamed keeps the files that were fetched from its runs.
    """
    return tuple(
        line
        if (address := addresses.get(line.job_id, line.address)) == line.address
        else replace(line, address=address)
        for line in lines
    )


def with_present_addresses(snapshot: Snapshot, histories: Mapping[Address, History]) -> Snapshot:
    """*snapshot*, with the lock's lines of each run moved to the address that the run belongs
    to."""
    recorded = {line.job_id for line in snapshot.fetched} | {i for _, i in snapshot.expectations}
    if not recorded:
        return snapshot
    addresses = {
        run.id: address
        for address, history in histories.items()
        for run in history.all
        if run.id in recorded
    }
    return replace(
        snapshot,
        fetched=renamed(snapshot.fetched, addresses),
        expectations=frozenset(
            (addresses.get(run_id, address), run_id) for address, run_id in snapshot.expectations
        ),
    )


def fetched_lines(snapshot: Snapshot) -> Lines:
    """The lock's lines by address and run."""
    lines: dict[tuple[Address, str], list[FetchedFile]] = {}
    for line in snapshot.fetched:
        lines.setdefault((line.address, line.job_id), []).append(line)
    return {key: tuple(group) for key, group in lines.items()}


def places(snapshot: Snapshot, desired: DesiredState) -> Places:
    """The places that are taken: each belongs to the declared address that fetched a file to it."""
    owners = {
        filenames.collision_key(line.to): line.address
        for line in snapshot.fetched
        if line.address in desired.jobs
    }
    return Places(owners, desired.destinations)


def finished(runs: Iterable[Run]) -> tuple[Run, ...]:
    """The visible runs among *runs* that have finished."""
    return tuple(run for run in runs if run.visible and run.state is RunState.FINISHED)


def declares_outputs(job: DeclaredJob) -> bool:
    """Whether *job* declares files to fetch or files that it must produce."""
    return bool(job.outputs or job.expect)


def is_recorded(job: DeclaredJob, run: Run, snapshot: Snapshot, lines: Lines) -> bool:
    """Whether the lock shows that *run* has produced everything it must.

    True as well for a job that must produce nothing.
    """
    return not _open_expectations(job, run, snapshot) and not any(
        rule.required for rule in _open_rules(job, run, lines)
    )


def is_incomplete(job: DeclaredJob, run: Run, snapshot: Snapshot, lines: Lines) -> bool:
    """Whether the outputs of *run* were listed and lack something that it must have produced.

    Files recorded in the lock existed, whatever a listing says now. Outputs that were not listed,
    or cannot be, prove nothing.
    """
    listing = snapshot.outputs.get(run.id)
    if listing is None or isinstance(listing, Unavailable):
        return False
    return lacks(_open_rules(job, run, lines), _open_expectations(job, run, snapshot), listing)


def to_list(job: DeclaredJob, run: Run, snapshot: Snapshot, lines: Lines) -> bool:
    """Whether the outputs of *run* must be listed to determine what is to fetch."""
    if not declares_outputs(job):
        return False
    if any(is_wild(rule.path) for rule in job.outputs):
        return True
    return _from_lock(job, run, snapshot, lines) is None


def of_finished(
    job: DeclaredJob, run: Run, snapshot: Snapshot, lines: Lines, places: Places
) -> OutputState:
    """The state of the outputs of the finished *run*: what is to fetch and what is missing."""
    if not declares_outputs(job):
        return OutputState()
    listing = snapshot.outputs.get(run.id)
    known = _lines(job, run, lines)
    if isinstance(listing, Unavailable):
        return _unread(job, run, snapshot, lines, f"outputs cannot be read: {listing.reason}")
    if listing is None:
        chosen = _from_lock(job, run, snapshot, lines)
        if chosen is None:
            return _unread(job, run, snapshot, lines, "outputs were not listed")
    else:
        rules, expect = _open_rules(job, run, lines), _open_expectations(job, run, snapshot)
        chosen = choose_files(rules, expect, listing)
    return _compared(job, run, chosen, known, snapshot, places)


def _unread(job: DeclaredJob, run: Run, snapshot: Snapshot, lines: Lines, why: str) -> OutputState:
    recorded = is_recorded(job, run, snapshot, lines)
    return OutputState(unread="" if recorded else why, problems=(why,))


def of_hidden(
    job: DeclaredJob, run: Run, snapshot: Snapshot, lines: Lines, places: Places
) -> OutputChange | None:
    """The outputs of a hidden run that is restored, which cannot be listed before that."""
    if not declares_outputs(job):
        return None
    if (chosen := _from_lock(job, run, snapshot, lines)) is not None:
        known = _lines(job, run, lines)
        return _compared(job, run, chosen, known, snapshot, places).change
    return later(job, run)


def later(job: DeclaredJob, run: Run | None) -> OutputChange | None:
    """The outputs of a run that has not finished, or does not exist yet (None)."""
    if not declares_outputs(job):
        return None
    return OutputChange(
        job.address,
        ref(run) if run else None,
        rules=job.outputs,
        expect=job.expect,
        where=job.where,
    )


def kept_back(change: OutputChange, lines: Lines) -> tuple[str, ...]:
    """The files of *change* that apply will not put in their places, as far as is known, and why.

    They were fetched from this run and have changed since, here or on the service.
    """
    known = lines.get((change.address, change.run.id), ()) if change.run else ()
    by_file = {(line.path, line.to): line for line in known}
    pairs = [(file, by_file.get((file.path, file.to))) for file in change.files or ()]
    edited = [file.to for file, line in pairs if line and line.presence is Presence.CHANGED]
    other = [file.to for file, line in pairs if line and line.size != file.length]
    return tuple(
        f"{_listed(places)} {'was' if len(places) == 1 else 'were'} {why}"
        for places, why in ((edited, _EDITED), (other, _ALTERED))
        if places
    )


def _listed(places: list[str]) -> str:
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    return f"{', '.join(places[:_SHOWN])}{more}"


def _compared(
    job: DeclaredJob,
    run: Run,
    chosen: ChosenFiles,
    known: tuple[FetchedFile, ...],
    snapshot: Snapshot,
    places: Places,
) -> OutputState:
    lines = {(line.path, line.to): line for line in known}
    refused, files = dict(chosen.refused), list[Fetch]()
    for item in chosen.fetches:
        if (fetch := _due(item, lines)) is None:
            continue
        if why := places.refusal(job.address, fetch.to):
            refused[fetch.path] = why
        else:
            files.append(fetch)
    told = tuple(sorted(refused.items()))
    unchecked = bool(job.expect) and (job.address, run.id) not in snapshot.expectations
    if not files and (not unchecked or chosen.missing):
        return OutputState(missing=chosen.missing, problems=_refusals(told))
    change = OutputChange(
        job.address,
        ref(run),
        rules=job.outputs,
        expect=job.expect,
        files=tuple(files),
        missing=chosen.missing,
        refused=told,
        where=job.where,
    )
    return OutputState(change, missing=chosen.missing)


def _refusals(refused: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """What to say of refused files when nothing else is left to do about their run."""
    told = tuple(f"output {path} is refused: {why}" for path, why in refused[:_SHOWN])
    more = len(refused) - _SHOWN
    return (*told, f"{more} more of its outputs are refused") if more > 0 else told


def _due(item: Fetch, lines: Mapping[tuple[str, str], FetchedFile]) -> Fetch | None:
    """*item* when it is still to fetch, marked as available when it was fetched and is absent."""
    line = lines.get((item.path, item.to))
    if line is None or line.size != item.length:
        return item
    if line.presence is Presence.HERE:
        return None
    return replace(item, available=line.presence is Presence.ABSENT)


def _from_lock(job: DeclaredJob, run: Run, snapshot: Snapshot, lines: Lines) -> ChosenFiles | None:
    """The selection when the lock alone proves that everything was fetched; None otherwise."""
    if any(is_wild(rule.path) for rule in job.outputs):
        return None
    if job.expect and (job.address, run.id) not in snapshot.expectations:
        return None
    files = {line.path: RemoteFile(line.path, line.size, "") for line in _lines(job, run, lines)}
    if any(not _has(files, rule.path) for rule in job.outputs):
        return None
    return choose_files(job.outputs, (), files.values())


def _has(files: Mapping[str, RemoteFile], path: str) -> bool:
    glob = compile_glob(path)
    return any(glob.matches(name) for name in files)


def _open_expectations(job: DeclaredJob, run: Run, snapshot: Snapshot) -> tuple[str, ...]:
    return () if (job.address, run.id) in snapshot.expectations else job.expect


def _open_rules(job: DeclaredJob, run: Run, lines: Lines) -> tuple[OutputRule, ...]:
    """The rules of *job*; what the lock has a file of is not required any more: it was there."""
    known = {line.path: RemoteFile(line.path, line.size, "") for line in _lines(job, run, lines)}
    return tuple(
        replace(rule, required=False) if rule.required and _has(known, rule.path) else rule
        for rule in job.outputs
    )


def _lines(job: DeclaredJob, run: Run, lines: Lines) -> tuple[FetchedFile, ...]:
    """What the lock has of *run*."""
    return lines.get((job.address, run.id), ())
