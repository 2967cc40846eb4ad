"""Why a run is replaced: the fields that differ, or what else changes a fingerprint.

The record of a run does not carry the content of its inputs, the fingerprints of what it took
files from, or ``rerun``. Those are told apart by computing the fingerprint again with one of them
as it may have been.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice, product

from jobsync.identity import RunName, fingerprint
from jobsync.model import (
    SUBMITS,
    Address,
    DeclaredJob,
    FieldChange,
    Reason,
    Run,
    Snapshot,
)
from jobsync.plan.decide import Decision
from jobsync.plan.diff import placement_changes, semantic_changes
from jobsync.plan.history import History
from jobsync.plan.references import References
from jobsync.records import Struct

_RERUNS_TRIED = 20
_COMBINATIONS_TRIED = 256


class Why(Struct, frozen=True):
    """The reason, the fields that show it and words for what no field shows."""

    reason: Reason
    fields: tuple[FieldChange, ...] = ()
    notes: tuple[str, ...] = ()


def why_replaced(
    job: DeclaredJob,
    old: Run,
    jobs: Mapping[Address, DeclaredJob],
    histories: Mapping[Address, History],
    decisions: Mapping[Address, Decision],
    snapshot: Snapshot,
) -> Why:
    """Why *job* does not go on with its run *old*."""
    name = RunName.parse(old.name)
    was = name.fingerprint if name else ""
    placement = placement_changes(job, old)
    if was == job.fingerprint:
        note = f"was {name.address if name else old.name} of project {name.project if name else ''}"
        return Why(Reason.RENAMED, placement, (note,))
    references = References({up: histories[up].all for up in job.upstream if up in histories})
    fields = semantic_changes(
        job, old, references, snapshot.apps.get(str(job.request.get("appId")))
    )
    if fields:
        return Why(Reason.FIELDS_CHANGED, (*fields, *placement))
    fingerprints = _upstream_fingerprints(job, jobs)
    for earlier in range(1, job.rerun + _RERUNS_TRIED):
        if was == _fingerprint(job, fingerprints, earlier):
            change = FieldChange(
                "rerun", earlier, job.rerun, where=job.places.get("rerun", job.where)
            )
            return Why(Reason.FIELDS_CHANGED, (change, *placement))
    replaced = _other_upstream(job, was, fingerprints, histories)
    if replaced:
        return Why(Reason.UPSTREAM_REPLACED, placement, _anew(replaced))
    if job.digests:
        some = "" if len(job.digests) == 1 else "one of "
        note = f"the content of {some}{', '.join(sorted(job.digests))} has changed"
        return Why(Reason.CONTENT_CHANGED, placement, (note,))
    replaced = tuple(
        address
        for address in job.upstream
        if decisions[address].action in SUBMITS or histories[address].older
    )
    if replaced:
        return Why(Reason.UPSTREAM_REPLACED, placement, _anew(replaced))
    note = (
        f"the record of run {old.id} was not read"
        if old.request is None
        else f"the record of run {old.id} does not tell what differs"
    )
    return Why(Reason.FIELDS_CHANGED, placement, (note,))


def _anew(addresses: tuple[Address, ...]) -> tuple[str, ...]:
    return tuple(f"takes outputs of {address}, which was run anew" for address in addresses)


def _other_upstream(
    job: DeclaredJob,
    was: str,
    fingerprints: Mapping[Address, str],
    histories: Mapping[Address, History],
) -> tuple[Address, ...]:
    """The jobs whose earlier fingerprints, put in, make the fingerprint of the old run."""
    choices = [dict.fromkeys([fingerprints[up], *_earlier(histories[up])]) for up in fingerprints]
    for chosen in islice(product(*choices), _COMBINATIONS_TRIED):
        tried = dict(zip(fingerprints, chosen, strict=True))
        if tried != fingerprints and was == _fingerprint(job, tried, job.rerun):
            return tuple(up for up in tried if tried[up] != fingerprints[up])
    return ()


def _earlier(history: History) -> list[str]:
    names = (RunName.parse(run.name) for run in reversed(history.older))
    return [name.fingerprint for name in names if name]


def _fingerprint(job: DeclaredJob, upstream: Mapping[Address, str], rerun: int) -> str:
    return fingerprint(job.request, upstream=upstream, digests=job.digests, rerun=rerun)


def _upstream_fingerprints(
    job: DeclaredJob, jobs: Mapping[Address, DeclaredJob]
) -> dict[Address, str]:
    return {
        address: jobs[address].pinned or jobs[address].fingerprint
        for address in job.upstream
        if address in jobs
    }
