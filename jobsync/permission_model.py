"""What a kind of service means by the permissions of a run: a part of its platform. Pure.

Floor 1. A run has a list of rows, one for each user, and each row gives some access. The owner of
the run has all access. For any other user, the first existing row among those that may decide gives
the access.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from jobsync.model import NO_ACCESS, Access, JsonValue

Rows = Mapping[str, Access]
"""A list of permissions by user name, without the owner's row."""

Order = tuple[str, ...]
"""Rows that may decide for somebody; the first of them that is there does."""


class PermissionModel(Protocol):
    """The words for permissions, and the access that a list of them gives.

    A model inherits from this class. A method with a body here gives the answer of a service whose
    rows do not affect each other, and on which only the owner changes a list.
    """

    @property
    def levels(self) -> Mapping[str, Access]:
        """The words with which a manifest grants access, and the access that each of them gives.

        ``NONE`` is one of them, and means :data:`~jobsync.model.NO_ACCESS`.
        """

    def access(self, gives: frozenset[str]) -> Access:
        """The access that gives this, with the word for it. Raises :class:`KeyError` for none."""
        return {level.gives: level for level in self.levels.values()}[gives]

    @property
    def managing(self) -> str:
        """The level with which a user other than the owner may change the list; empty for none."""
        return ""

    @property
    def seeing(self) -> str:
        """The level with which a user other than the owner may read the list; empty for none."""

    @property
    def everybody(self) -> str:
        """The user name whose row decides for others too; empty where there is no such name."""
        return ""

    def deciders(self, user: str) -> tuple[Order, ...]:
        """The rows that may decide for *user*: several orders where it is not known which holds."""
        return ((user,),)

    def folded(self, user: str) -> str:
        """What all spellings of one user name have in common."""
        return user

    def wrong_user(self, name: str) -> tuple[str, str] | None:
        """Why *name* cannot be a user that a manifest names, and what to do; None when it can."""
        return None

    @property
    def narrows_in_place(self) -> bool:
        """Whether a row that gives less than before is written at once; else it is gone for a
        moment, and stays so when the second half fails."""
        return True

    def level(self, written: JsonValue) -> Access:
        """The access that *written*, a value that :meth:`level_schema` takes, grants."""
        return self.levels[str(written)]

    def written(self, access: Access) -> JsonValue:
        """What a manifest writes for *access*: the inverse of :meth:`level`."""
        return str(access)

    def level_schema(self) -> dict[str, Any]:
        """The JSON Schema of a level in a manifest; empty where it is one of the words of
        :attr:`levels`."""
        return {}

    def level_hint(self, written: JsonValue) -> str:
        """What to do about what is *written* and is no level; empty where nothing is known."""
        return ""

    def note(self, user: str, before: Access, after: Access) -> str:
        """What people should know of a change of what *user* can do, besides the words."""
        return ""


def decided(rows: Rows, order: Order) -> Access:
    """What the first row of *order* allows that is there."""
    return next((rows[name] for name in order if name in rows), NO_ACCESS)


def effective(model: PermissionModel, rows: Rows, owner: str, user: str) -> Access:
    """What *user* can really do: the owner everything, others by the first row that matches.

    Where it is not known which row is first, it is what either allows.
    """
    if user == owner:
        return model.access(frozenset().union(*(level.gives for level in model.levels.values())))
    allowed = [decided(rows, order) for order in model.deciders(user)]
    if len(allowed) == 1:
        return allowed[0]
    return model.access(frozenset().union(*(access.gives for access in allowed)))


def holders(rows: Rows) -> frozenset[str]:
    """The users (everybody among them) that hold any access by a row of their own."""
    return frozenset(user for user, access in rows.items() if access != NO_ACCESS)


def manages(model: PermissionModel, access: Access) -> bool:
    """Whether who has *access* may change the list."""
    return bool(model.managing) and model.levels[model.managing].gives <= access.gives


def is_named(model: PermissionModel, access: Access) -> bool:
    """Whether the word of *access* is that of what it gives."""
    try:
        return model.access(access.gives) == access
    except KeyError:
        return False
