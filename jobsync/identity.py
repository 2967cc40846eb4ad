"""Identity: what a declared job is called, and what tells whether a run is still of it.

Floor 1, pure. How a run on a service is marked with both is the platform's business.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

from jobsync.model import Address, IdRef, JsonValue, OutputRef, Sealed, Value
from jobsync.platform import Platform
from jobsync.secret import Sensitive

KEY = re.compile(r"[a-z][a-z0-9_-]*")
SLUG = re.compile(r"[a-z0-9_-]+")
FINGERPRINT = re.compile(r"[a-z][a-z2-7]{9}")
_SLUG_LIMIT = 16

_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = tuple(one + other for one in _BASE32 for other in _BASE32)
_ENCODE = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=True, check_circular=False
).encode
"""One encoder for all: making one costs more than a fingerprint. What it gets has no circles."""


def slug(value: JsonValue) -> str:
    """The form of a matrix value in an address: itself where that loses nothing.

    A value with other characters, of more than 16, or that only differs from its slug by case
    becomes its first characters, ``-`` and 6 characters of hash: stable and unambiguous.
    """
    text = scalar_text(value)
    if SLUG.fullmatch(text) and len(text) <= _SLUG_LIMIT:
        return text
    head = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:9].rstrip("-")
    tail = hashlib.sha256(text.encode()).hexdigest()[:6]
    return f"{head}-{tail}" if head else tail


def scalar_text(value: JsonValue) -> str:
    """One text for a scalar however it was typed: ``2``, ``2.0`` and ``"2"`` are the same.

    A string stays as it is (``"1.10"`` is a version, not a number), so only numbers are made
    canonical. A service may echo a number as text.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number_text(value)
    return str(value)


@lru_cache(maxsize=4096)
def _number_text(value: float) -> str:
    return format(Decimal(repr(value)).normalize(), "f") if value else "0"


def leaf_text(value: Value) -> str:
    """One text for a leaf of a request, in which nothing sensitive is in clear."""
    if isinstance(value, (OutputRef, IdRef, Sensitive, Sealed)):
        return str(value)
    if isinstance(value, (list, dict)):
        return repr(value)
    return scalar_text(value)


def fingerprint(
    platform: Platform,
    request: Mapping[str, Value],
    *,
    upstream: Mapping[Address, str],
    digests: Mapping[str, str],
    rerun: int = 1,
    app: str = "",
) -> str:
    """Ten characters that change when a run would mean something else.

    *upstream* maps the address of every job it takes something from to that job's fingerprint,
    or to its id when it is pinned: these stand for the jobs, so that an address means nothing.
    *digests* maps workspace inputs to the SHA-256 of their content; *app* is the digest of the app
    where the workspace holds it.
    """
    document: dict[str, JsonValue] = {
        "request": platform.canonical(_renamed(platform, request, upstream)),
        "upstream": [*sorted(upstream.values())],
        "digests": dict(digests),
        "rerun": rerun,
    }
    if app:
        document["app"] = app
    return platform.scheme + _digest(document)


def old_fingerprint(
    platform: Platform,
    request: Mapping[str, Value],
    *,
    upstream: Mapping[Address, tuple[Address, str]],
    digests: Mapping[str, str],
    rerun: int = 1,
) -> str:
    """The fingerprint under the scheme before, to recognise the runs that were made with it.

    *upstream* maps each address to the one that the job had then, and its fingerprint or id.
    """
    canonical = platform.canonical_before(
        _renamed(platform, request, {address: was for address, (was, _) in upstream.items()})
    )
    document: dict[str, JsonValue] = {
        "request": canonical,
        "upstream": dict(upstream.values()),
        "digests": dict(digests),
        "rerun": rerun,
    }
    return platform.scheme_before + _digest(document)


def _digest(document: Mapping[str, JsonValue]) -> str:
    digest = hashlib.sha256(_ENCODE(document).encode("ascii")).digest()
    # Nine characters of lower-case RFC 4648 base32 are 45 bits, taken two characters at a time.
    bits = int.from_bytes(digest[:7], "big") >> 6
    return (
        _PAIRS[bits >> 40]
        + _PAIRS[bits >> 30 & 1023]
        + _PAIRS[bits >> 20 & 1023]
        + _PAIRS[bits >> 10 & 1023]
        + _PAIRS[bits & 1023][0]
    )


def _renamed(
    platform: Platform, request: Mapping[str, Value], names: Mapping[Address, str]
) -> Mapping[str, Value]:
    """*request* with *names* in its references in place of addresses."""
    if not names:
        return request
    fields = platform.referring.intersection(request)
    return {**request, **{name: _renamed_value(request[name], names) for name in fields}}


_LEAVES = frozenset((str, int, float, bool))
"""The types of most values: looked at first."""


def _renamed_value(value: Value, names: Mapping[Address, str]) -> Value:
    if isinstance(value, dict):
        return {
            key: item if type(item) in _LEAVES else _renamed_value(item, names)
            for key, item in value.items()
        }
    if isinstance(value, OutputRef):
        return OutputRef(names.get(value.address, value.address), value.path)
    if isinstance(value, IdRef):
        return IdRef(names.get(value.address, value.address))
    if isinstance(value, list):
        return [_renamed_value(item, names) for item in value]
    return value
