"""What has to change in the list of a run so that it is as declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jobsync.model import (
    NO_ACCESS,
    WORLD,
    Access,
    AccessChange,
    Action,
    DeclaredJob,
    EffectiveAccess,
    Grant,
    GrantChange,
    PermissionsMode,
    Run,
    RunRef,
)
from jobsync.plan.effective_access import Rows, both, decided, effective, orders
from jobsync.plan.write_order import Aim, in_safe_order, left_out


def declared_grants(job: DeclaredJob, owner: str) -> dict[str, Grant]:
    """The declared rows without the owner, whose access nobody can change."""
    grants = job.permissions or {}
    return {user: grant for user, grant in grants.items() if user.lower() != owner.lower()}


def is_as_declared(job: DeclaredJob, image: Rows) -> bool:
    """Whether the rows are the declared ones to the letter: then there is nothing to look into."""
    declared = job.permissions or {}
    return len(image) == len(declared) and all(
        image.get(user) == grant.access for user, grant in declared.items()
    )


def held_to(job: DeclaredJob, image: Rows, owner: str) -> dict[str, Access]:
    """The rows that the current run is to have, spelled as the service spells them."""
    declared = declared_grants(job, owner)
    spelled = _spelled(declared, image)
    rows = {user: grant.access for user, grant in spelled.items()}
    for user, access in image.items():
        if user not in rows and _stays(job, user, owner):
            rows[user] = access
    return _kept(rows, image)


def reduced_to(job: DeclaredJob, image: Rows, owner: str) -> dict[str, Access]:
    """The rows that an old run is to keep: never more than it has or than is declared."""
    declared = _spelled(declared_grants(job, owner), image)
    rows = {}
    for user, access in image.items():
        if user in declared:
            rows[user] = both(access, declared[user].access)
        elif access == NO_ACCESS or _stays(job, user, owner):
            rows[user] = access
    return _kept(rows, image)


def other_spellings(job: DeclaredJob, image: Rows) -> tuple[tuple[str, str], ...]:
    """(row, declared name) where they differ by case only. The row is changed under its own name,
    since the service refuses a second one; it may let in only who is spelled so (agave-v2 §5.3)."""
    declared = {user.lower(): user for user in job.permissions or {}}
    return tuple(
        (row, name)
        for row, access in sorted(image.items())
        if (name := declared.get(row.lower(), row)) != row and access != NO_ACCESS
    )


def change_current(job: DeclaredJob, run: Run, image: Rows, me: str) -> AccessChange | None:
    """Grants and revokes of the current run; None when it is as declared."""
    return _change(job, run, image, held_to(job, image, run.owner), me)


def change_reduced(job: DeclaredJob, run: Run, image: Rows, me: str) -> AccessChange | None:
    """Revokes and reductions of a superseded, failed or duplicate run; None when none are due."""
    return _change(job, run, image, reduced_to(job, image, run.owner), me)


def change_new(job: DeclaredJob, owner: str, run: RunRef | None = None) -> AccessChange | None:
    """The grants of a run that does not exist yet, or of a hidden one that is restored (*run*).

    A new run starts private. The list of a hidden run cannot be read: its ``image`` is None.
    """
    declared = declared_grants(job, owner)
    after = {user: grant.access for user, grant in declared.items() if grant.access != NO_ACCESS}
    wanted = _grant_changes(job, owner, {}, after)
    grants = in_safe_order(Aim({}, after, owner, owner), wanted)
    if run is not None and job.permissions_mode is PermissionsMode.ADDITIVE:
        grants += tuple(
            GrantChange(user, NO_ACCESS, NO_ACCESS, grant.via, "if there is an entry", grant.where)
            for user, grant in sorted(declared.items())
            if grant.access == NO_ACCESS
        )
    needless = not grants and (run is None or job.permissions_mode is PermissionsMode.ADDITIVE)
    if needless:
        return None
    return AccessChange(
        address=job.address,
        action=Action.CREATE if run is None else Action.UPDATE,
        run=run,
        grants=grants,
        owner=owner,
        image={} if run is None else None,
        mode=job.permissions_mode,
        left_out=tuple(sorted(grant.user for grant in left_out(wanted, grants))),
        where=job.places.get("permissions", job.where),
    )


def outcome(image: Rows, grants: Iterable[GrantChange]) -> dict[str, Access]:
    """The rows that are there once *grants* are carried out."""
    rows = dict(image)
    for grant in grants:
        if grant.after == NO_ACCESS:
            rows.pop(grant.user, None)
        else:
            rows[grant.user] = grant.after
    return rows


def compare(
    address: str, run_id: str, owner: str, before: Rows, after: Rows
) -> tuple[EffectiveAccess, ...]:
    """What each user with a row on either side could do, and will be able to, by user name."""
    users = sorted({*before, *after})
    return tuple(
        EffectiveAccess(
            address,
            run_id,
            user,
            effective(before, owner, user),
            effective(after, owner, user),
        )
        for user in users
    )


def _change(job: DeclaredJob, run: Run, image: Rows, after: Rows, me: str) -> AccessChange | None:
    wanted = _grant_changes(job, run.owner, image, after)
    if not wanted:
        return None
    grants = in_safe_order(Aim(image, outcome(image, wanted), run.owner, me), wanted)
    return AccessChange(
        address=job.address,
        action=Action.UPDATE,
        run=RunRef(run.id, run.name, run.status),
        grants=grants,
        owner=run.owner,
        image=dict(sorted(image.items())),
        mode=job.permissions_mode,
        left_out=tuple(sorted(grant.user for grant in left_out(wanted, grants))),
        where=job.places.get("permissions", job.where),
    )


def _grant_changes(
    job: DeclaredJob, owner: str, image: Rows, after: Rows
) -> tuple[GrantChange, ...]:
    declared = _spelled(declared_grants(job, owner), image)
    changes = []
    for user in {*image, *after}:
        was, will = image.get(user, NO_ACCESS), after.get(user, NO_ACCESS)
        is_same = was == will and not (user not in after and _hides(user, after))
        if is_same:
            continue
        grant = declared.get(user)
        changes.append(
            GrantChange(
                user=user,
                before=was,
                after=will,
                via=grant.via if grant else "",
                note=_note(image, after, owner, user),
                where=grant.where if grant else None,
            )
        )
    return tuple(changes)


def _hides(user: str, after: Rows) -> bool:
    """Whether a row of *user* without access would keep others, or *user*, from what is declared.

    Such a row (EXECUTE reads back so) is no difference to ask about, but for this (agave-v2 §5.1).
    """
    if user == WORLD:
        return any(
            access != NO_ACCESS and (WORLD, name) in orders(name) for name, access in after.items()
        )
    return (user, WORLD) in orders(user) and after.get(WORLD, NO_ACCESS) != NO_ACCESS


def _note(image: Rows, after: Rows, owner: str, user: str) -> str:
    was, will = effective(image, owner, user), effective(after, owner, user)
    row = after.get(user, NO_ACCESS)
    if row == image.get(user, NO_ACCESS):
        return "an entry without access that overrides others"
    if user == WORLD:
        return _world_note(image.get(user, NO_ACCESS), row)
    decisions = {decided(after, order) for order in orders(user)}
    if WORLD in after and decisions != {row}:
        return f"{'but world decides' if len(decisions) == 1 else 'or as world'}: {after[WORLD]}"
    if will == NO_ACCESS:
        return "loses all access"
    if will.write and not was.write:
        return "may now share it further"
    if was.write and not will.write:
        return "may no longer share it"
    if will.write and not will.read:
        return "cannot read it"
    return ""


def _world_note(was: Access, will: Access) -> str:
    if will == NO_ACCESS:
        return "no longer for everybody"
    if will.write and not was.write:
        return "everybody may change and share it"
    return "everybody"


def _spelled(declared: Mapping[str, Grant], image: Rows) -> dict[str, Grant]:
    """Declared grants under the spelling of the rows: names match whatever their case, and the
    service refuses a second spelling (agave-v2 §5.3)."""
    spelling = {user.lower(): user for user in sorted(image)}
    return {
        user if user in image else spelling.get(user.lower(), user): grant
        for user, grant in declared.items()
    }


def _stays(job: DeclaredJob, user: str, owner: str) -> bool:
    return job.permissions_mode is PermissionsMode.ADDITIVE or user.lower() == owner.lower()


def _kept(rows: Rows, image: Rows) -> dict[str, Access]:
    """Rows that exist: one with access, or one that is there without any (EXECUTE reads back so,
    agave-v2 §5.1) and is not worth a write, though it still hides ``world``."""
    return {
        user: access
        for user, access in rows.items()
        if access != NO_ACCESS or image.get(user) == NO_ACCESS
    }
