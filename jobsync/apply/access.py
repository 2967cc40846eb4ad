"""Carries out the access changes of one run: re-read, write, read back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jobsync.apply.audit import AuditLine
from jobsync.apply.report import Kind
from jobsync.apply.session import Session
from jobsync.errors import Forbidden, ServiceError
from jobsync.model import (
    NO_ACCESS,
    Access,
    AccessChange,
    GrantChange,
    Outcome,
    PermissionsMode,
    Result,
)
from jobsync.plan.access import in_order
from jobsync.records import replace

_UNSEEN = "without READ what was written cannot be read back"


def carry_out(session: Session, change: AccessChange, run_id: str) -> Outcome:
    """Bring the grants of run *run_id* to what *change* says.

    The list is read just before: where it is not what the plan was decided on, nothing is written
    and the address is stale. One call per user, then the list is read: what has not taken fails.
    """
    began = session.started(change, run_id)
    result, detail = _held_to(session, change, run_id)
    outcome = Outcome(change.address, str(Kind.PERMISSION), change.action, result, detail, run_id)
    return session.ended(outcome, began)


def from_list(
    change: AccessChange, now: Mapping[str, Access], owner: str
) -> tuple[GrantChange, ...]:
    """What *change* comes to for a run whose list could not be seen when it was decided.

    That is a run just submitted, found or restored. Rows keep the service's spelling; where the
    mode is exact, rows that are not declared go; one like the *owner*'s stays.
    """
    spelled = {user.lower(): user for user in now if user.lower() != owner.lower()}
    grants = []
    for grant in change.grants:
        user = spelled.pop(grant.user.lower(), grant.user)
        before = _level(now, user)
        if before != grant.after or (user in now and grant.after == NO_ACCESS):
            grants.append(replace(grant, user=user, before=before))
    if change.mode is PermissionsMode.EXACT:
        grants += [GrantChange(user, now[user], NO_ACCESS) for user in spelled.values()]
    return tuple(grants)


def _held_to(session: Session, change: AccessChange, run_id: str) -> tuple[Result, str]:
    try:
        now = session.backend.access(run_id)
    except ServiceError as error:
        if change.run is not None and getattr(error, "status", 0) == 404:
            return Result.STALE, f"the run is gone since the plan: {error}"
        return Result.FAILED, f"nothing was changed: {error}"
    if change.run is None or change.image is None:
        change = replace(change, grants=from_list(change, now, session.plan.user))
    elif now != dict(change.image):
        return Result.STALE, f"the list has moved since the plan: {_moved(change.image, now)}"
    after, troubles = _written(session, change, run_id)
    lost = _audited(session, change, run_id, after)
    if after is None:
        return Result.FAILED, f"written, but it could not be read back: {troubles['']}"
    missed = [grant for grant in change.grants if not _taken(grant, after)]
    if missed or lost:
        return Result.FAILED, "; ".join([*(_miss(g, after, troubles) for g in missed), *lost])
    return Result.DONE, _summary(change.grants)


def _written(
    session: Session, change: AccessChange, run_id: str
) -> tuple[Mapping[str, Access] | None, dict[str, str]]:
    """Write, read back, then write my own row: the list after that, and what went wrong by user.

    The list is None, and the trouble under no name, when it could not be read back. My own row is
    left alone when anything else did not take: I may be needed to mend it.
    """
    me, grants = session.plan.user, in_order(change.grants, session.plan.user)
    own = [grant for grant in grants if grant.user.lower() == me.lower()]
    others = [grant for grant in grants if grant not in own]
    troubles = _send(session, others, run_id)
    try:
        after = session.backend.access(run_id)
        if not own:
            return after, troubles
        mine = own[0].user
        if not all(_taken(grant, after) for grant in others):
            return after, {**troubles, mine: "left as it was, since other changes failed"}
        troubles = _send(session, own, run_id)
        try:
            return session.backend.access(run_id), troubles
        except Forbidden:  # which proves that my own READ is gone, and no more
            if own[0].after.write:
                troubles[mine] = _UNSEEN
            return {name: access for name, access in after.items() if name != mine}, troubles
    except ServiceError as error:
        return None, {"": str(error)}


def _send(session: Session, grants: Iterable[GrantChange], run_id: str) -> dict[str, str]:
    """One call per user; what went wrong, by user. The list read back decides."""
    troubles: dict[str, str] = {}
    for grant in grants:
        try:
            session.backend.grant(run_id, grant.user, grant.after)
        except ServiceError as error:
            troubles[grant.user] = str(error)
    return troubles


def _level(grants: Mapping[str, Access], user: str) -> Access:
    return grants.get(user, NO_ACCESS)


def _taken(grant: GrantChange, after: Mapping[str, Access]) -> bool:
    """Whether *after* shows it. Of a row without access that was to go, it must be gone."""
    is_gone = grant.user not in after or grant.before != NO_ACCESS
    return _level(after, grant.user) == grant.after and (is_gone or grant.after != NO_ACCESS)


def _miss(grant: GrantChange, after: Mapping[str, Access], troubles: Mapping[str, str]) -> str:
    if troubles.get(grant.user) == _UNSEEN:
        return f"{grant.user} may have {grant.after} or not: {_UNSEEN}"
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
    for grant in in_order(change.grants, session.plan.user):
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
