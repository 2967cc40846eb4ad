"""The order in which the rows of a list are written.

One call changes one row, and any call may fail, or take effect although it failed. From call to
call nobody may have more than they had before and are to have after, and whoever acts must keep
what the next call needs. Only the row of everybody reaches others than its own user: so what has to
be found is who is written before it and who after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from jobsync.model import NO_ACCESS, Access, GrantChange
from jobsync.permission_model import Order, PermissionModel, Rows, decided, manages
from jobsync.structs import Struct

Known = Mapping[str, frozenset[Access | None]]
"""What each row may be: None for no row, several where a write has not been seen to take."""

NO_ROW: frozenset[Access | None] = frozenset({None})


class Aim(Struct, frozen=True):
    """The list before and after the writes, the owner of the run, and the user who writes.

    ``model`` says what the rows mean.
    """

    model: PermissionModel
    before: Rows
    after: Rows
    owner: str
    me: str


def certain(rows: Rows) -> dict[str, frozenset[Access | None]]:
    """A list whose rows are all known."""
    return {user: frozenset({access}) for user, access in rows.items()}


def level(grant: GrantChange) -> Access | None:
    """The access that *grant* leaves in the row: none where it revokes."""
    return None if grant.after == NO_ACCESS else grant.after


def in_safe_order(aim: Aim, grants: Iterable[GrantChange]) -> tuple[GrantChange, ...]:
    """*grants* in the order in which to write them, without those that have no safe place.

    Gains come before changes and changes before revokes where that is safe; the acting user's own
    gain is first and own loss last. A write has no safe place when the acting user gives up the
    access to change the list that comes from everybody's row, and, where it is not known which row
    is first, for rows of which neither includes the other.
    """
    listed = list(grants)
    most: tuple[GrantChange, ...] = ()
    for writes in _candidates(aim, listed):
        done = _carried_out(aim, writes)
        if done is not None and len(done) == len(listed):
            return done
        most = max(most, done or (), key=len)
    return most


def left_out(grants: Iterable[GrantChange], writes: Iterable[GrantChange]) -> list[GrantChange]:
    """The *grants*, at most one for each user, that are not among *writes*."""
    users = {grant.user for grant in writes}
    return [grant for grant in grants if grant.user not in users]


def exposed(aim: Aim, known: Known, user: str) -> tuple[str, ...]:
    """The users who may have more than before and after, once the row of *user* is written.

    The word for everybody stands for users without a row of their own.
    """
    reached = {*aim.before, *aim.after, *known} if user == aim.model.everybody else {user}
    users = sorted(reached)
    return tuple(name for name in users if name != aim.owner and _has_more(aim, known, name))


def can_write(aim: Aim, known: Known) -> bool:
    """Whether the acting user can still change the list, in each possible order of its rows."""
    return aim.me == aim.owner or all(
        all(manages(aim.model, access) for access in _possible(known, order))
        for order in aim.model.deciders(aim.me)
        if manages(aim.model, decided(aim.before, order))
    )


def surely(known: Known, order: Order) -> frozenset[str]:
    """The access that the first row of *order* gives, whichever of the writes took effect."""
    return frozenset.intersection(*(access.gives for access in _possible(known, order)))


def _has_more(aim: Aim, known: Known, user: str) -> bool:
    for order in aim.model.deciders(user):
        bound = decided(aim.before, order).gives | decided(aim.after, order).gives
        if any(not access.gives <= bound for access in _possible(known, order)):
            return True
    return False


def _possible(known: Known, order: Order) -> Iterator[Access]:
    for name in order:
        rows = known.get(name, NO_ROW)
        yield from (row for row in rows if row is not None)
        if None not in rows:
            return
    yield NO_ACCESS


def _carried_out(aim: Aim, writes: Iterable[GrantChange]) -> tuple[GrantChange, ...] | None:
    """As many of *writes* as whoever acts can make; None when one gives somebody too much."""
    known = certain(aim.before)
    done = []
    for grant in writes:
        if not can_write(aim, known):
            break
        known[grant.user] = frozenset({level(grant)})
        if exposed(aim, known, grant.user):
            return None
        done.append(grant)
    return tuple(done)


def _candidates(aim: Aim, grants: list[GrantChange]) -> Iterator[list[GrantChange]]:
    """Orders to try; of those with the most writes, the first is taken."""
    up = sorted(grants, key=lambda grant: grant.user)
    ordered = [grant for stage in (0, 1) for grant in up if _stage(grant) == stage]
    ordered += [grant for grant in reversed(up) if _stage(grant) == 2]
    everybody = aim.model.everybody
    world = next((grant for grant in ordered if grant.user == everybody), None)
    own = next((grant for grant in ordered if grant.user == aim.me != aim.owner), None)
    others = [grant for grant in ordered if grant is not own and grant is not world]
    if world is None:
        yield from _with_own(others, own, ())
        return
    early = [grant for grant in others if not _has_more(aim, _halfway(aim, grant), grant.user)]
    usual = [grant for grant in early if _goes_first(aim, grant, world)]
    for front in (usual, early):
        back = left_out(others, front)
        yield from _with_own([*front, world, *back], own, (len(front) + 1, len(front)))
    yield from _with_own(early, own, ())


def _goes_first(aim: Aim, grant: GrantChange, world: GrantChange) -> bool:
    """Whether *grant*, which may be made before everybody's row, is not better made after it.

    Then its user has just what they had or are to have in between, where that can be.
    """
    first, second = _halfway(aim, grant), _halfway(aim, world, grant.user)
    if _has_more(aim, second, grant.user):
        return True
    usual = _stage(grant) <= _stage(world) or not _is_one_of_both(aim, second, grant.user)
    return usual and _is_one_of_both(aim, first, grant.user)


def _is_one_of_both(aim: Aim, known: Known, user: str) -> bool:
    return all(
        access in (decided(aim.before, order), decided(aim.after, order))
        for order in aim.model.deciders(user)
        for access in _possible(known, order)
    )


def _with_own(
    writes: list[GrantChange], own: GrantChange | None, between: tuple[int, ...]
) -> Iterator[list[GrantChange]]:
    """*writes* with my *own* row first where it gains, last where it loses, or at a place
    *between*; or without it."""
    if own is not None:
        places = [len(writes), *between, 0]
        gains = own.before.gives <= own.after.gives
        for place in reversed(places) if gains else places:
            yield [*writes[:place], own, *writes[place:]]
    yield writes


def _halfway(aim: Aim, written: GrantChange, other: str = "") -> Known:
    """The list once *written* is, as far as that row and the one of *other*, or everybody, go."""
    other = other or aim.model.everybody
    rows = {other: aim.before[other]} if other in aim.before else {}
    return {**certain(rows), written.user: frozenset({level(written)})}


def _stage(grant: GrantChange) -> int:
    return 2 if grant.after == NO_ACCESS else int(grant.before != NO_ACCESS)
