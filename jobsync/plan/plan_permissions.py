"""What has to change in the list of a run so that it is as declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jobsync.model import (
    NO_ACCESS,
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
from jobsync.permission_model import PermissionModel, Rows, decided, effective
from jobsync.plan.write_order import Aim, in_safe_order, left_out


def declared_grants(model: PermissionModel, job: DeclaredJob, owner: str) -> dict[str, Grant]:
    """The declared grants without the owner's: nobody can change the access of the owner."""
    grants, owning = job.permissions or {}, model.folded(owner)
    return {user: grant for user, grant in grants.items() if model.folded(user) != owning}


def is_as_declared(job: DeclaredJob, image: Rows) -> bool:
    """Whether the rows equal the declared ones exactly, so that nothing has to be compared."""
    declared = job.permissions or {}
    return len(image) == len(declared) and all(
        image.get(user) == grant.access for user, grant in declared.items()
    )


def held_to(model: PermissionModel, job: DeclaredJob, image: Rows, owner: str) -> dict[str, Access]:
    """The rows that the current run shall have, in the service's spelling of user names."""
    spelled = _spelled(model, declared_grants(model, job, owner), image)
    rows = {user: grant.access for user, grant in spelled.items()}
    for user, access in image.items():
        if user not in rows and _stays(model, job, user, owner):
            rows[user] = access
    return _kept(rows, image)


def reduced_to(
    model: PermissionModel, job: DeclaredJob, image: Rows, owner: str
) -> dict[str, Access]:
    """The rows that an old run keeps: never more than it has now, and never more than declared."""
    declared = _spelled(model, declared_grants(model, job, owner), image)
    rows = {}
    for user, access in image.items():
        if user in declared:
            rows[user] = model.access(access.gives & declared[user].access.gives)
        elif access == NO_ACCESS or _stays(model, job, user, owner):
            rows[user] = access
    return _kept(rows, image)


def other_spellings(
    model: PermissionModel, job: DeclaredJob, image: Rows
) -> tuple[tuple[str, str], ...]:
    """Pairs (row, declared name) of two spellings of one user name.

    The row is changed under its own spelling, because the service accepts no second one beside it.
    It may give access only to the user who is spelled so.
    """
    declared = {model.folded(user): user for user in job.permissions or {}}
    return tuple(
        (row, name)
        for row, access in sorted(image.items())
        if (name := declared.get(model.folded(row), row)) != row and access != NO_ACCESS
    )


def change_current(
    model: PermissionModel, job: DeclaredJob, run: Run, image: Rows, me: str
) -> AccessChange | None:
    """The grants and revokes for the current run; None when it is as declared."""
    return _change(model, job, run, image, held_to(model, job, image, run.owner), me)


def change_reduced(
    model: PermissionModel, job: DeclaredJob, run: Run, image: Rows, me: str
) -> AccessChange | None:
    """The revokes and reductions for a superseded, failed or duplicate run; None when there are
    none."""
    return _change(model, job, run, image, reduced_to(model, job, image, run.owner), me)


def change_new(
    model: PermissionModel, job: DeclaredJob, owner: str, run: RunRef | None = None
) -> AccessChange | None:
    """The grants of a run that does not exist yet, or of a hidden one that is restored (*run*).

    A new run starts private. The list of a hidden run cannot be read: its ``image`` is None.
    """
    declared = declared_grants(model, job, owner)
    after = {user: grant.access for user, grant in declared.items() if grant.access != NO_ACCESS}
    # From no rows at all, also where the run is hidden: what its list has is found out by apply,
    # which works the change out again from what it reads.
    wanted = _grant_changes(model, job, owner, {}, after)
    grants = in_safe_order(Aim(model, {}, after, owner, owner), wanted)
    if run is not None and job.permissions_mode is PermissionsMode.ADDITIVE:
        # ADDITIVE takes nothing away that is not named. Who is named with NONE may have a row in
        # the list that nobody can read yet: the plan says that it would go.
        grants += tuple(
            GrantChange(user, NO_ACCESS, NO_ACCESS, grant.via, "if there is an entry", grant.where)
            for user, grant in sorted(declared.items())
            if grant.access == NO_ACCESS
        )
    # EXACT on a hidden run is a change even without a grant: rows that nobody can read yet may have
    # to go.
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
    """The rows of a list once *grants* have been carried out."""
    rows = dict(image)
    for grant in grants:
        if grant.after == NO_ACCESS:
            rows.pop(grant.user, None)
        else:
            rows[grant.user] = grant.after
    return rows


def compare(
    model: PermissionModel, address: str, run_id: str, owner: str, before: Rows, after: Rows
) -> tuple[EffectiveAccess, ...]:
    """What each user with a row before or after can do, before and after, sorted by user name."""
    users = sorted({*before, *after})
    return tuple(
        EffectiveAccess(
            address,
            run_id,
            user,
            effective(model, before, owner, user),
            effective(model, after, owner, user),
        )
        for user in users
    )


def _change(
    model: PermissionModel, job: DeclaredJob, run: Run, image: Rows, after: Rows, me: str
) -> AccessChange | None:
    wanted = _grant_changes(model, job, run.owner, image, after)
    if not wanted:
        return None
    grants = in_safe_order(Aim(model, image, outcome(image, wanted), run.owner, me), wanted)
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
    model: PermissionModel, job: DeclaredJob, owner: str, image: Rows, after: Rows
) -> tuple[GrantChange, ...]:
    declared = _spelled(model, declared_grants(model, job, owner), image)
    changes = []
    for user in {*image, *after}:
        was, will = image.get(user, NO_ACCESS), after.get(user, NO_ACCESS)
        is_same = was == will and not (user not in after and _hides(model, user, after))
        if is_same:
            continue
        grant = declared.get(user)
        changes.append(
            GrantChange(
                user=user,
                before=was,
                after=will,
                via=grant.via if grant else "",
                note=_note(model, image, after, owner, user),
                where=grant.where if grant else None,
            )
        )
    return tuple(changes)


def _hides(model: PermissionModel, user: str, after: Rows) -> bool:
    """Whether a row of *user* without access would keep others, or *user*, from what is declared.

    A row that is there and gives nothing is no difference to ask about, but for this.
    """
    reached = after if user == model.everybody else (user,)
    return any(
        after.get(name, NO_ACCESS) != NO_ACCESS
        for one in reached
        for order in model.deciders(one)
        if user in order
        for name in order[order.index(user) + 1 :]
    )


def _note(model: PermissionModel, image: Rows, after: Rows, owner: str, user: str) -> str:
    everybody, row = model.everybody, after.get(user, NO_ACCESS)
    if row == image.get(user, NO_ACCESS):
        return "an entry without access that overrides others"
    if user == everybody:
        was = image.get(user, NO_ACCESS)
        return "no longer for everybody" if row == NO_ACCESS else model.note(user, was, row)
    decisions = {decided(after, order) for order in model.deciders(user)}
    if everybody in after and decisions != {row}:
        which = f"but {everybody} decides" if len(decisions) == 1 else f"or as {everybody}"
        return f"{which}: {after[everybody]}"
    will = effective(model, after, owner, user)
    if will == NO_ACCESS:
        return "loses all access"
    is_less = user in image and user in after and not image[user].gives <= row.gives
    if is_less and not model.narrows_in_place:
        return "has no access for a moment"
    return model.note(user, effective(model, image, owner, user), will)


def _spelled(
    model: PermissionModel, declared: Mapping[str, Grant], image: Rows
) -> dict[str, Grant]:
    """Declared grants under the spelling of the rows, beside which the service takes no other."""
    spelling = {model.folded(user): user for user in sorted(image)}
    return {
        user if user in image else spelling.get(model.folded(user), user): grant
        for user, grant in declared.items()
    }


def _stays(model: PermissionModel, job: DeclaredJob, user: str, owner: str) -> bool:
    is_owner = model.folded(user) == model.folded(owner)
    return job.permissions_mode is PermissionsMode.ADDITIVE or is_owner


def _kept(rows: Rows, image: Rows) -> dict[str, Access]:
    """Rows that exist: one with access, or one that is there without any and is not worth a write,
    though it still hides others."""
    return {
        user: access
        for user, access in rows.items()
        if access != NO_ACCESS or image.get(user) == NO_ACCESS
    }
