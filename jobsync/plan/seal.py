"""Sensitive values in a saved plan: what tells whether a value is the one that was planned.

The URL of a notification is one, because it may hold a key; its host is still shown.

A value is replaced by its scrypt, salted with what the plan was made for, so that equal plans have
equal bytes and no table made for one plan serves for another. A short value can still be guessed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import lru_cache

from jobsync.model import Address, Change, JobChange, Plan, Sealed, Value
from jobsync.secret import Sensitive
from jobsync.sensitive import public_url, replaced
from jobsync.structs import replace

_COST = {"n": 2**13, "r": 8, "p": 1}
"""About 20 ms and 8 MiB for each value of each address."""


def sealed(plan: Plan) -> Plan:
    """*plan*, with a seal in place of each sensitive value."""
    return replace(plan, changes=tuple(_sealed(plan, change) for change in plan.changes))


def _sealed(plan: Plan, change: Change) -> Change:
    if not isinstance(change, JobChange):
        return change
    seal = _sealer(plan, change.address)
    return replace(change, request={k: seal(k, v) for k, v in change.request.items()})


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
