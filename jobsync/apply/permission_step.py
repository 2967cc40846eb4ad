"""Carries out the access changes of one run: re-read, write, read back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from jobsync.apply.audit import AuditLine
from jobsync.apply.permission_writes import ListWriter
from jobsync.apply.report import OutcomeKind
from jobsync.apply.session import Session
from jobsync.errors import NotFound, ServiceError
from jobsync.model import (
    NO_ACCESS,
    Access,
    AccessChange,
    GrantChange,
    Outcome,
    PermissionsMode,
    Result,
)
from jobsync.permission_model import PermissionModel, Rows
from jobsync.plan.plan_permissions import outcome
from jobsync.plan.write_order import Aim
from jobsync.structs import replace

_NOTHING = "nothing was changed"


def carry_out(session: Session, change: AccessChange, run_id: str) -> Outcome:
    """Bring the grants of run *run_id* to what *change* says.

    The list is read just before: where it is not what the plan was decided on, nothing is written
    and the address is stale. One call per user, then the list is read: what has not taken fails.
    """
    began = session.started(change, run_id)
    result, detail = _held_to(session, change, run_id)
    # Where access is narrowed by taking it away first, a half of a change may have taken.
    halves = not session.backend.platform.permissions.narrows_in_place
    in_part = result is Result.FAILED and halves and not detail.startswith(_NOTHING)
    outcome = Outcome(
        change.address, str(OutcomeKind.PERMISSION), change.action, result, detail, run_id, in_part
    )
    return session.ended(outcome, began)


def from_list(
    model: PermissionModel, change: AccessChange, now: Rows, owner: str
) -> tuple[GrantChange, ...]:
    """What *change* comes to for a run whose list could not be seen when it was decided.

    That is a run just submitted, found or restored. Rows keep the service's spelling; where the
    mode is exact, rows that are not declared go; one like the *owner*'s stays.
    """
    spelled = {model.folded(user): user for user in now}
    spelled.pop(model.folded(owner), None)
    grants = []
    for grant in change.grants:
        user = spelled.pop(model.folded(grant.user), grant.user)
        before = _level(now, user)
        if before != grant.after or (user in now and grant.after == NO_ACCESS):
            grants.append(replace(grant, user=user, before=before))
    if change.mode is PermissionsMode.EXACT:
        grants += [GrantChange(user, now[user], NO_ACCESS) for user in spelled.values()]
    return tuple(grants)


def _held_to(session: Session, change: AccessChange, run_id: str) -> tuple[Result, str]:
    try:
        now = session.backend.access(run_id)
    except NotFound as error:
        if change.run is None:
            return Result.FAILED, f"{_NOTHING}: {error}"
        return Result.STALE, f"the run no longer exists: {error}"
    except ServiceError as error:
        return Result.FAILED, f"{_NOTHING}: {error}"
    model = session.backend.platform.permissions
    if change.run is None or change.image is None:
        change = replace(change, grants=from_list(model, change, now, session.plan.user))
    elif now != dict(change.image):
        return (
            Result.STALE,
            f"the permissions have changed since the plan: {_moved(change.image, now)}",
        )
    aim = Aim(model, now, outcome(now, change.grants), change.owner, session.plan.user)
    writer = ListWriter(session.backend, run_id, aim)
    try:
        after = writer.write(change.grants)
    except ServiceError as error:
        _audited(session, change, run_id, None)
        return Result.FAILED, f"written, but could not be read back: {error}"
    lost = _audited(session, change, run_id, after)
    missed = [grant for grant in change.grants if not _taken(grant, after)]
    if missed or lost:
        misses = (_miss(grant, after, writer.troubles, writer.unseen) for grant in missed)
        return Result.FAILED, "; ".join([*misses, *lost])
    return Result.DONE, _summary(change.grants)


def _level(grants: Mapping[str, Access], user: str) -> Access:
    return grants.get(user, NO_ACCESS)


def _taken(grant: GrantChange, after: Mapping[str, Access]) -> bool:
    """Whether *after* shows it. Of a row without access that was to go, it must be gone."""
    is_gone = grant.user not in after or grant.before != NO_ACCESS
    return _level(after, grant.user) == grant.after and (is_gone or grant.after != NO_ACCESS)


def _miss(
    grant: GrantChange, after: Rows, troubles: Mapping[str, str], unseen: Collection[str]
) -> str:
    if grant.user in unseen:
        return f"it is not known whether {grant.user} has {grant.after}: {troubles[grant.user]}"
    text = f"{grant.user} has {_level(after, grant.user)}, not {grant.after}"
    return f"{text}: {troubles[grant.user]}" if grant.user in troubles else text


def _moved(before: Mapping[str, Access], now: Mapping[str, Access]) -> str:
    users = sorted(set(before) | set(now))
    return ", ".join(
        f"{user} {_level(before, user)} -> {_level(now, user)}"
        for user in users
        if _level(before, user) != _level(now, user) or (user in before) != (user in now)
    )


def _summary(grants: Iterable[GrantChange]) -> str:
    return ", ".join(f"{grant.user}: {grant.before} -> {grant.after}" for grant in grants)


def _audited(
    session: Session, change: AccessChange, run_id: str, after: Mapping[str, Access] | None
) -> list[str]:
    """Write a line per user; why lines could not be written."""
    troubles = []
    for grant in change.grants:
        taken = after is not None and _taken(grant, after)
        troubles.append(
            session.audited(
                AuditLine(
                    address=change.address,
                    job=run_id,
                    user=grant.user,
                    before=str(grant.before),
                    after=str(grant.after),
                    result=Result.DONE if taken else Result.FAILED,
                    action=str(change.action),
                )
            )
        )
    return sorted({trouble for trouble in troubles if trouble})
