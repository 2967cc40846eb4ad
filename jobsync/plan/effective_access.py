"""Who may really do what: the rule by which the rows of a list decide.

The service keeps one row a user. It lets somebody in by the first row, in username order, that is
theirs or ``world`` (agave-v2 §5.1), so a row can hide another one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from jobsync.model import NO_ACCESS, WORLD, Access

Rows = Mapping[str, Access]
Order = tuple[str, str]

ALL_ACCESS = Access(read=True, write=True)

_SORTED_ALIKE = re.compile(r"[0-9A-Za-z_.@+-]*")
"""Names of which code points, and collations with and without case, tell all that can differ."""


@lru_cache(4096)
def orders(user: str) -> tuple[Order, ...]:
    """The two rows that may decide for *user*, their own and that of ``world``, first one first.

    Both orders where it is not known which comes first: databases mostly sort names without case
    and ``_`` after letters or before them, and this one does not say how it does. That is so for
    ``Zoe`` and ``w_smith``, and for names with letters that are not ASCII.
    """
    own, world = (user, WORLD), (WORLD, user)
    if user == WORLD:
        return (own,)
    if not _SORTED_ALIKE.fullmatch(user) or user.lower() == WORLD:
        return (own, world)
    seen = {user < WORLD, user.lower() < WORLD, user.upper() < WORLD.upper()}
    return tuple(order for order, is_first in ((own, True), (world, False)) if is_first in seen)


def decided(grants: Rows, order: Order) -> Access:
    """What the first row of *order* allows that is there."""
    return next((grants[name] for name in order if name in grants), NO_ACCESS)


def effective(grants: Rows, owner: str, user: str) -> Access:
    """What *user* can really do: the owner everything, others by the first row that matches.

    Where the order of names is not known, it is what either order allows. Somebody who can write
    can also share the run further, themselves included (agave-v2 §5.1).
    """
    if user == owner:
        return ALL_ACCESS
    allowed = NO_ACCESS
    for order in orders(user):
        allowed = either(allowed, decided(grants, order))
    return allowed


def holders(grants: Rows) -> frozenset[str]:
    """The users (and ``world``) that hold any access by a row of their own."""
    return frozenset(user for user, access in grants.items() if access != NO_ACCESS)


def either(one: Access, other: Access) -> Access:
    """What at least one of them allows."""
    return Access(read=one.read or other.read, write=one.write or other.write)


def both(one: Access, other: Access) -> Access:
    """What each of them allows."""
    return Access(read=one.read and other.read, write=one.write and other.write)
