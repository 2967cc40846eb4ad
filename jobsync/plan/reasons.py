"""Why a run is replaced: the fields that differ, or what else changes a fingerprint.

The record of a run does not carry the content of its inputs and of its app, the fingerprints of
what it took files from, or ``rerun``. Those are told apart by computing the fingerprint again with
one of them as it may have been, and by when the files of the app were changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product

from jobsync.identity import fingerprint, old_fingerprint
from jobsync.model import (
    SUBMITS,
    Address,
    DeclaredJob,
    DesiredState,
    FieldChange,
    Reason,
    Run,
    Snapshot,
)
from jobsync.plan.decide import Decision
from jobsync.plan.diff import placement_changes, semantic_changes
from jobsync.plan.history import History, arranged_since, changed_since, is_before, is_of
from jobsync.plan.records import request_of, untold
from jobsync.plan.references import References
from jobsync.plan.together import FEWEST, together
from jobsync.structs import Struct

_RERUNS_TRIED = 20
_COMBINATIONS_TRIED = 256
_SHOWN = 5


class Why(Struct, frozen=True):
    """The reason for a replacement, the fields that show it, and notes on what no field shows."""

    reason: Reason
    fields: tuple[FieldChange, ...] = ()
    notes: tuple[str, ...] = ()


def why_replaced(
    job: DeclaredJob,
    old: Run,
    desired: DesiredState,
    histories: Mapping[Address, History],
    decisions: Mapping[Address, Decision],
    snapshot: Snapshot,
) -> Why:
    """Why *job* is not satisfied by its run *old*."""
    mark = desired.platform.read_mark(old.name)
    was = mark.fingerprint if mark else ""
    placement = placement_changes(job, old, desired.platform)
    app = _app_changed(job, old)
    # The causes are tried from what proves itself to what is only likely: the first one that holds
    # is given. An unchanged fingerprint leaves the app, whose files changed after the run.
    if is_of(desired.platform, job, was):
        return Why(Reason.APP_CHANGED, placement, app)
    references = References(
        desired.platform, {up: histories[up].all for up in job.upstream if up in histories}
    )
    fields = semantic_changes(
        job, old, references, snapshot.apps.get(desired.platform.app_id(job.request))
    )
    # A difference in a field is shown to people, so it comes before causes that no field shows.
    if fields:
        return Why(Reason.FIELDS_CHANGED, (*fields, *placement))
    # Nothing in the record shows the cause. A fingerprint computed with an earlier value proves it.
    upstream = _Upstream(job, desired, histories, is_old=is_before(desired.platform, was))
    for earlier in range(1, job.rerun + _RERUNS_TRIED):
        if was in upstream.fingerprints(earlier):
            change = FieldChange(
                "rerun", earlier, job.rerun, where=job.places.get("rerun", job.where)
            )
            return Why(Reason.FIELDS_CHANGED, (change, *placement))
    if replaced := upstream.replaced(was):
        return Why(Reason.UPSTREAM_REPLACED, placement, anew(replaced))
    # From here on nothing is proven: the most likely cause that is possible at all is given.
    if app:
        return Why(Reason.APP_CHANGED, placement, app)
    if job.digests:
        some = "" if len(job.digests) == 1 else "one of "
        note = f"the content of {some}{', '.join(sorted(job.digests))} has changed"
        if arranged_since(job, old):
            named = desired.platform.app_id(job.request)
            note += f", or a file of the app {named} in apps/ was removed or renamed"
        return Why(Reason.CONTENT_CHANGED, placement, (note,))
    replaced = tuple(
        address
        for address in job.upstream
        if decisions[address].action in SUBMITS or histories[address].older
    )
    if replaced:
        return Why(Reason.UPSTREAM_REPLACED, placement, anew(replaced))
    if job.app is not None:
        note = f"the app {desired.platform.app_id(job.request)} in apps/ may have changed"
        return Why(Reason.APP_CHANGED, placement, (note,))
    if request_of(old, desired.platform) is not None:
        note = f"the record of run {old.id} does not show what differs"
    else:
        unknown = "" if old.request is None else ", so the fields that differ are not known"
        note = untold(old) + unknown
    return Why(Reason.FIELDS_CHANGED, placement, (note,))


def _app_changed(job: DeclaredJob, old: Run) -> tuple[str, ...]:
    """The files of the app in the workspace that were changed after *old* was made, in words."""
    if not (changed := changed_since(job, old)):
        return ()
    shown = ", ".join(f"apps/{path}" for path in changed[:_SHOWN])
    more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    verb = "has" if len(changed) == 1 else "have"
    return (f"{shown}{more} {verb} changed since run {old.id}",)


def anew(addresses: tuple[Address, ...]) -> tuple[str, ...]:
    """That a job takes outputs of *addresses*; several of one matrix are named together."""
    of_job: dict[str, list[Address]] = {}
    for address in addresses:
        of_job.setdefault(address.partition(".")[0], []).append(address)
    names = [
        name
        for found in of_job.values()
        for name in (found if len(found) < FEWEST else [together(found)])
    ]
    return tuple(f"takes outputs of {name}, which will run again" for name in names)


class _Upstream:
    """What the jobs upstream of one have been, under one scheme: fingerprints, or ids of pinned."""

    def __init__(
        self,
        job: DeclaredJob,
        desired: DesiredState,
        histories: Mapping[Address, History],
        *,
        is_old: bool,
    ) -> None:
        self._job = job
        self._platform = desired.platform
        self._is_old = is_old
        self._now: dict[Address, tuple[str, ...]] = {}
        self._ever: dict[Address, tuple[str, ...]] = {}
        for address in job.upstream:
            if (found := desired.jobs.get(address)) is not None:
                marks = (found.older or ()) if self._is_old else (found.fingerprint,)
                marks = (found.pinned,) if found.pinned else marks
                read = desired.platform.read_mark
                older = (read(run.name) for run in reversed(histories[address].older))
                earlier = (mark.fingerprint for mark in older if mark)
                self._now[address] = marks
                self._ever[address] = tuple(dict.fromkeys((*marks, *earlier)))

    def fingerprints(self, rerun: int) -> set[str]:
        """Those of the job with what is upstream now."""
        return {self._fingerprint(chosen, rerun) for chosen in _choices(self._now)}

    def replaced(self, was: str) -> tuple[Address, ...]:
        """The jobs whose earlier fingerprints, put in, make the fingerprint *was*."""
        for chosen in _choices(self._ever):
            other = tuple(up for up in chosen if chosen[up] not in self._now[up])
            if other and was == self._fingerprint(chosen, self._job.rerun):
                return other
        return ()

    def _fingerprint(self, upstream: Mapping[Address, str], rerun: int) -> str:
        job = self._job
        if self._is_old:
            then = {address: (address, mark) for address, mark in upstream.items()}
            return old_fingerprint(
                self._platform, job.request, upstream=then, digests=job.digests, rerun=rerun
            )
        app = job.app.digest if job.app else ""
        return fingerprint(
            self._platform,
            job.request,
            upstream=upstream,
            digests=job.digests,
            rerun=rerun,
            app=app,
        )


def _choices(marks: Mapping[Address, tuple[str, ...]]) -> Iterator[dict[Address, str]]:
    for chosen in islice(product(*marks.values()), _COMBINATIONS_TRIED):
        yield dict(zip(marks, chosen, strict=True))
