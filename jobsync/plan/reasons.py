"""Why a run is replaced: the fields that differ, or what else changes a fingerprint.

The record of a run does not carry the content of its inputs, the fingerprints of what it took
files from, or ``rerun``. Those are told apart by computing the fingerprint again with one of them
as it may have been.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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

_RERUNS_TRIED = 20


@dataclass(frozen=True, slots=True)
class Why:
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
    replaced = _replaced_upstream(job, was, fingerprints, histories, decisions)
    if replaced:
        notes = tuple(f"takes outputs of {address}, which was run anew" for address in replaced)
        return Why(Reason.UPSTREAM_REPLACED, placement, notes)
    if job.digests:
        notes = tuple(f"the content of {uri} has changed" for uri in sorted(job.digests))
        if len(notes) > 1:
            notes = (f"the content of one of {', '.join(sorted(job.digests))} has changed",)
        return Why(Reason.CONTENT_CHANGED, placement, notes)
    note = (
        f"the record of run {old.id} was not read"
        if old.request is None
        else f"the record of run {old.id} does not tell what differs"
    )
    return Why(Reason.FIELDS_CHANGED, placement, (note,))


def _replaced_upstream(
    job: DeclaredJob,
    was: str,
    fingerprints: Mapping[Address, str],
    histories: Mapping[Address, History],
    decisions: Mapping[Address, Decision],
) -> tuple[Address, ...]:
    proven = tuple(
        address
        for address in job.upstream
        for run in histories[address].older
        if (name := RunName.parse(run.name))
        and was == _fingerprint(job, {**fingerprints, address: name.fingerprint}, job.rerun)
    )
    if proven:
        return proven[:1]
    return tuple(
        address
        for address in job.upstream
        if decisions[address].action in SUBMITS or histories[address].older
    )


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
