"""Sensitive values in a saved plan: what tells whether a value is the one that was planned.

The URL of a notification is one, because it may hold a key; its host is still shown.

A value is replaced by its scrypt, salted with what the plan was made for, so that equal plans have
equal bytes and no table made for one plan serves for another. A short value can still be guessed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import lru_cache

from jobsync.model import Address, Change, DeclaredJob, JobChange, Plan, Sealed, Value
from jobsync.secret import Sensitive
from jobsync.sensitive import at, holds, public_url, replaced
from jobsync.structs import replace

_COST = {"n": 2**13, "r": 8, "p": 1}
"""About 20 ms and 8 MiB for each value of each address."""


def sealed(plan: Plan) -> Plan:
    """*plan* without its sensitive values."""
    return replace(plan, changes=tuple(_sealed(plan, change) for change in plan.changes))


def unsealed(plan: Plan, jobs: Mapping[Address, DeclaredJob]) -> tuple[Plan, frozenset[Address]]:
    """*plan* with the sensitive values of *jobs*, which have to be those that were planned.

    Also returns the addresses where they are not: what is sealed there stays so.
    """
    stale = set()
    changes: list[Change] = []
    for change in plan.changes:
        if isinstance(change, JobChange) and _holds(change):
            job = jobs.get(change.address)
            try:
                change = _unsealed(plan, change, job.request if job else {})
            except _OtherValue:
                stale.add(change.address)
        changes.append(change)
    return replace(plan, changes=tuple(changes)), frozenset(stale)


class _OtherValue(Exception):
    """Something else stands there, or has another value."""


def _holds(change: Change) -> bool:
    return isinstance(change, JobChange) and any(map(holds, change.request.values()))


def _sealed(plan: Plan, change: Change) -> Change:
    if not isinstance(change, JobChange):
        return change
    seal = _sealer(plan, change.address)
    return replace(change, request={k: seal(k, v) for k, v in change.request.items()})


def _unsealed(plan: Plan, change: JobChange, request: Mapping[str, Value]) -> JobChange:
    seal = _sealer(plan, change.address)
    for field, value in change.request.items():
        if holds(value) and seal(field, at(request, field)) != value:
            raise _OtherValue(field)
    known = {k: request[k] if holds(v) else v for k, v in change.request.items()}
    return replace(change, request=known)


def _sealer(plan: Plan, address: Address) -> Callable[[str, Value], Value]:
    """What seals the value of a field of the request of *address*."""
    salt = json.dumps([plan.manifest_digest, plan.target, address])

    def leaf(value: Value) -> Value:
        return Sealed(_digest(value, salt)) if isinstance(value, Sensitive) else value

    def notification(item: Value) -> Value:
        if not (isinstance(item, dict) and isinstance(url := item.get("url"), str)):
            return item
        if (shown := public_url(url)) == url:
            return item
        return {**item, "url": Sealed(_digest(Sensitive(url), salt), shown)}

    def seal(field: str, value: Value) -> Value:
        if isinstance(value, list):
            value = [notification(item) for item in value]
        return replaced(value, leaf)

    return seal


@lru_cache(maxsize=1024)
def _digest(leaf: Sensitive, salt: str) -> str:
    value = json.dumps(leaf.reveal()).encode("ascii")
    made = hashlib.scrypt(value, salt=hashlib.sha256(salt.encode()).digest(), dklen=32, **_COST)
    return made.hex()
