"""What two states of the manifests declare differently. No service is asked, so it is no plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jobsync.errors import Location
from jobsync.model import (
    NO_ACCESS,
    Address,
    DeclaredJob,
    DesiredState,
    PermissionsMode,
    Value,
    Word,
)
from jobsync.structs import Struct


class Edit(Word):
    """What happened to a declaration."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class DeclaredField(Struct, frozen=True):
    """A declared value before and after; None where it is not declared."""

    path: str
    before: Value
    after: Value
    where: Location | None = None


class Declaration(Struct, frozen=True):
    """One job that is declared otherwise than before.

    ``runs_anew`` is whether the change makes another run of it; ``node_hours`` is the most that one
    may use, None when unknown; ``public`` is whether everybody gets more access.
    """

    address: Address
    edit: Edit
    fields: tuple[DeclaredField, ...] = ()
    runs_anew: bool = False
    public: bool = False
    node_hours: float | None = None
    where: Location | None = None


def compare(before: DesiredState | None, after: DesiredState) -> tuple[Declaration, ...]:
    """The declarations that differ, by address; with no state *before*, all of *after*."""
    old = before.jobs if before else {}
    found = []
    for address in sorted({*old, *after.jobs}):
        was, now = old.get(address), after.jobs.get(address)
        if declaration := _compared(address, was, now, after):
            found.append(declaration)
    return tuple(found)


def _compared(
    address: Address, was: DeclaredJob | None, now: DeclaredJob | None, after: DesiredState
) -> Declaration | None:
    if now is None:
        return Declaration(address, Edit.REMOVED, where=was.where if was else None)
    fields = tuple(_differences(_values(was) if was else {}, _values(now), now))
    if was and not fields and was.fingerprint == now.fingerprint:
        return None
    return Declaration(
        address,
        Edit.CHANGED if was else Edit.ADDED,
        fields,
        runs_anew=was is None or was.fingerprint != now.fingerprint,
        public=_is_public(was, now, after),
        node_hours=after.platform.node_hours(now.request, None),
        where=now.where,
    )


def _differences(
    before: Mapping[str, Value], after: Mapping[str, Value], job: DeclaredJob
) -> Iterator[DeclaredField]:
    for path in sorted({*before, *after}):
        was, now = before.get(path), after.get(path)
        if was != now:
            user = path.removeprefix("permissions.")
            grant = (job.permissions or {}).get(user) if user != path else None
            yield DeclaredField(path, was, now, grant.where if grant else job.places.get(path))


def _values(job: DeclaredJob) -> dict[str, Value]:
    """Every declared value of *job* by its path."""
    found: dict[str, Value] = dict(_flat("", job.request))
    if job.permissions is not None:
        found["permissions"] = "declared" if job.permissions else "nobody"
    for user, grant in (job.permissions or {}).items():
        found[f"permissions.{user}"] = str(grant.access)
    for rule in job.outputs:
        found[f"outputs.{rule.path}"] = rule.to if rule.required else f"{rule.to} (optional)"
    found |= {f"content of {uri}": digest[:12] for uri, digest in job.digests.items()}
    rest: dict[str, tuple[Value, Value]] = {
        "expect": ([*job.expect], []),
        "needs": ([*job.needs], []),
        "formerly": ([*job.formerly], []),
        "permissionsMode": (str(job.permissions_mode), str(PermissionsMode.EXACT)),
        "onFailure.retries": (job.retries, 0),
        "rerun": (job.rerun, 1),
        "id": (job.pinned, None),
        "protect": (job.protect, False),
        "content of the app": (job.app.digest[:12] if job.app else None, None),
    }
    return found | {path: value for path, (value, default) in rest.items() if value != default}


def _flat(above: str, values: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
    for key, value in values.items():
        path = f"{above}{key}"
        if isinstance(value, dict) and value:
            yield from _flat(f"{path}.", value)
        else:
            yield path, value


def _is_public(was: DeclaredJob | None, now: DeclaredJob, after: DesiredState) -> bool:
    model = after.platform.permissions
    for user, grant in (now.permissions or {}).items():
        if model.everybody and model.folded(user) == model.everybody:
            before = (was.permissions or {}).get(user) if was else None
            return not grant.access.gives <= (before.access if before else NO_ACCESS).gives
    return False
