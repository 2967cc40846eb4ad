"""What permissions mean on Tapis v3, and whom they are given to.

A run is shared resource by resource, and READ is all there is (tapis-v3 §9). Two of the four
resources open something; the others are stored and never looked at. So a row is what of these two
it gives, and only a row without any of them is the resources that it names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

from jobsync.manifest.messages import quoted
from jobsync.model import NO_ACCESS, Access, JsonValue
from jobsync.permission_model import PermissionModel

HISTORY = "JOB_HISTORY"
OUTPUT = "JOB_OUTPUT"
RESOURCES = (HISTORY, "JOB_RESUBMIT_REQUEST", OUTPUT, "JOB_INPUT")
"""Every resource of a run that can be shared (tapis-v3 §9)."""

OPENING = frozenset({HISTORY, OUTPUT})
"""The resources that open something: the run and its history, and its outputs."""

READ = Access(OPENING, "READ")


def access_of(resources: Iterable[str]) -> Access:
    """The access that the rows of one user give together."""
    named = frozenset(resources)
    gives = named & OPENING or named
    if gives == OPENING:
        return READ
    return Access(gives, f"[{', '.join(_in_order(gives))}]") if gives else NO_ACCESS


def resources_of(access: Access) -> tuple[str, ...]:
    """The resources to share so that a user has *access*: all four for READ, as other clients do.

    Empty for no access, which nothing can be shared for.
    """
    return RESOURCES if access == READ else tuple(_in_order(access.gives))


def _in_order(resources: Collection[str]) -> list[str]:
    known = [name for name in RESOURCES if name in resources]
    return known + sorted(set(resources) - {*RESOURCES})


_LISTS = (
    (HISTORY,), (OUTPUT,), ("JOB_RESUBMIT_REQUEST",), ("JOB_INPUT",),
    ("JOB_RESUBMIT_REQUEST", "JOB_INPUT"),
)  # fmt: skip

LEVELS: Mapping[str, Access] = {
    "READ": READ,
    **{access.word: access for access in map(access_of, _LISTS)},
    "NONE": NO_ACCESS,
}
"""Every access that a row can give, by its word."""

_USER = re.compile(r"[^\s/,()~'\x00-\x1f\x7f]{1,64}")
_EVERYBODY = frozenset({"world", "public", "*", "~public", "~public_no_authn"})
_WIDER = frozenset({"WRITE", "READ_WRITE", "ALL", "EXECUTE"})


_ONE_OF = f"{', '.join(RESOURCES[:-1])} or {RESOURCES[-1]}"


class TapisPermissions(PermissionModel):
    """See :class:`~jobsync.permission_model.PermissionModel` for what each name means."""

    levels = LEVELS
    narrows_in_place = False

    @property
    def seeing(self) -> str:
        """Only the owner, the creator and a tenant's admin read the list (tapis-v3 §9)."""
        return ""

    def access(self, gives: frozenset[str]) -> Access:
        return access_of(gives)

    def level(self, written: JsonValue) -> Access:
        """A word, or a list of resources."""
        if isinstance(written, list):
            return access_of(map(str, written))
        return LEVELS[str(written)]

    def written(self, access: Access) -> JsonValue:
        return access.word if access.word in ("READ", "NONE") else [*_in_order(access.gives)]

    def level_schema(self) -> dict[str, Any]:
        """READ and NONE, or a list of resources."""
        return {
            "type": ["string", "array"],
            "pattern": "^(READ|NONE)$",
            "x-options": ["READ", "NONE"],
            "minItems": 1,
            "uniqueItems": True,
            "items": {"enum": [*RESOURCES], "x-expected": _ONE_OF},
            "x-expected": "READ, NONE or a list of resources like [JOB_OUTPUT]",
        }

    def level_hint(self, written: JsonValue) -> str:
        if written == []:
            return "write NONE"
        if isinstance(written, str) and written.upper() in _WIDER:
            return "this service shares a job for reading only: write READ"
        if isinstance(written, str) and written in RESOURCES:
            return f"write [{written}]"
        return ""

    def wrong_user(self, name: str) -> tuple[str, str] | None:
        return _wrong_user(name)


@lru_cache(maxsize=4096)
def _wrong_user(name: str) -> tuple[str, str] | None:
    if name in _EVERYBODY:
        return f"{quoted(name)}: this service shares a job with users, not with everybody", (
            "name each user, or a team"
        )
    if _USER.fullmatch(name) and name.isprintable():
        return None
    rule = "1 to 64 printable characters without blanks and / , ( ) ~ '"
    return f"{quoted(name)} cannot be a user name", rule
