"""What permissions mean on Agave v2, and whom they are given to.

The service keeps one row a user. It lets somebody in by the first row, in username order, that is
theirs or ``world`` (agave-v2 §5.1), so a row can hide another one. EXECUTE is never told: a row of
it alone reads back as one without access, which hides ``world`` all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from jobsync.manifest.messages import quoted
from jobsync.model import NO_ACCESS, Access, JsonValue
from jobsync.permission_model import Order, PermissionModel

READ = Access(frozenset({"read"}), "READ")
WRITE = Access(frozenset({"write", "share"}), "WRITE")
"""Whoever can write can share the run further, with themselves too (agave-v2 §5.1)."""
READ_WRITE = Access(READ.gives | WRITE.gives, "READ_WRITE")

LEVELS: Mapping[str, Access] = {
    "READ": READ,
    "WRITE": WRITE,
    "READ_WRITE": READ_WRITE,
    "ALL": READ_WRITE,
    "NONE": NO_ACCESS,
}
"""The levels a manifest may grant. ``ALL`` reads back as ``READ_WRITE``."""

WORLD = "world"
"""The user name whose grant reaches everybody."""

USERNAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
"""The user names a manifest may name: safe in every URL and column (agave-v2 §5.3, §5.4)."""

_SORTED_ALIKE = re.compile(r"[0-9A-Za-z_.@+-]*")
"""Names of which code points, and collations with and without case, tell all that can differ."""

_BY_GIFT = {level.gives: level for level in LEVELS.values()}


def access(*, read: bool, write: bool) -> Access:
    """The pair that the service tells of a row."""
    return _BY_GIFT[(READ if read else NO_ACCESS).gives | (WRITE if write else NO_ACCESS).gives]


class AgavePermissions(PermissionModel):
    """See :class:`~jobsync.permission_model.PermissionModel` for what each name means."""

    levels = LEVELS
    managing = "WRITE"
    seeing = "READ"
    everybody = WORLD

    def access(self, gives: frozenset[str]) -> Access:
        return _BY_GIFT[gives]

    def deciders(self, user: str) -> tuple[Order, ...]:
        return _deciders(user)

    def folded(self, user: str) -> str:
        """The service refuses a second spelling of a name (agave-v2 §5.3)."""
        return user.lower()

    def wrong_user(self, name: str) -> tuple[str, str] | None:
        return _wrong_user(name)

    def level_hint(self, written: JsonValue) -> str:
        if "EXECUTE" not in str(written).upper():
            return ""
        return "the service never reports EXECUTE back, so it cannot be kept in step"

    def note(self, user: str, before: Access, after: Access) -> str:
        gains = WRITE.gives <= after.gives and not WRITE.gives <= before.gives
        if user == WORLD:
            return "everybody may change and share it" if gains else "everybody"
        if gains:
            return "may now share it further"
        if WRITE.gives <= before.gives and not WRITE.gives <= after.gives:
            return "may no longer share it"
        return "cannot read it" if after == WRITE else ""


@lru_cache(4096)
def _deciders(user: str) -> tuple[Order, ...]:
    """The own row of *user* and that of ``world``.

    Both orders where it is not known which comes first: databases mostly sort names without case
    and ``_`` after letters or before them, and this one does not say how it does. That is so for
    ``Zoe`` and ``w_smith``, and for names with letters that are not ASCII.
    """
    own, world = (user, WORLD), (WORLD, user)
    if user == WORLD:
        return ((user,),)
    if not _SORTED_ALIKE.fullmatch(user) or user.lower() == WORLD:
        return (own, world)
    seen = {user < WORLD, user.lower() < WORLD, user.upper() < WORLD.upper()}
    return tuple(order for order, is_first in ((own, True), (world, False)) if is_first in seen)


@lru_cache(maxsize=4096)
def _wrong_user(name: str) -> tuple[str, str] | None:
    if name in ("public", "*"):
        return f"{quoted(name)} is not a user for the service", "write world for everybody"
    if USERNAME.fullmatch(name):
        return None
    lowered = name.lower()
    hint = f"the service folds case: write {lowered}" if USERNAME.fullmatch(lowered) else ""
    rule = "lower-case letters, digits, _ and -, at most 32"
    return f"{quoted(name)} cannot be a user name", hint or rule
