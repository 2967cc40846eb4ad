"""Identity: the name of a job on the service says which declaration it is a run of.

    <project>.<address>.<fingerprint>[.r<attempt>]      phylo.tree.lg.1.bh4txw5qcd.r2

Floor 1, pure. The service has no idempotency key and no labels; a job's name is free text of at
most 64 characters that cannot be changed and stands in every list row (agave-v2 §3.2, §2.4).
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
from jobsync.structs import Struct

NAME_LIMIT = 63
"""The service's texts disagree whether 64 characters still fit (agave-v2 §3.2): one less."""

ADDRESS_LIMIT = 47
"""The most that ``project`` and address may take together; leaves room for ``.rNN``."""

SCHEME = "b"
"""The letter of the fingerprint scheme in use. A new scheme gets a new letter."""

SCHEME_SINCE = "0.1.0"
"""The first version of jobsync that knows the scheme (the one before refuses ``requires``)."""

OLD_SCHEME = "a"
"""The scheme before: upstream jobs stand in it with their addresses, and apps do not count."""

KEY = re.compile(r"[a-z][a-z0-9_-]*")
_SLUG = re.compile(r"[a-z0-9_-]+")
_FINGERPRINT = re.compile(r"[a-z][a-z2-7]{9}")
_ATTEMPT = re.compile(r"r([1-9][0-9]{0,2})")
_SLUG_LIMIT = 16

_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = tuple(one + other for one in _BASE32 for other in _BASE32)
_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode
"""One encoder for all: making one costs more than a fingerprint."""


class RunName(Struct, frozen=True):
    """A job name taken apart. ``attempt`` counts from 1; the first is not written."""

    project: str
    address: Address
    fingerprint: str
    attempt: int = 1

    def __str__(self) -> str:
        base = f"{self.project}.{self.address}.{self.fingerprint}"
        return base if self.attempt == 1 else f"{base}.r{self.attempt}"

    @property
    def base(self) -> str:
        """The name of the first attempt."""
        return f"{self.project}.{self.address}.{self.fingerprint}"

    @staticmethod
    @lru_cache(maxsize=65_536)
    def parse(text: str) -> RunName | None:
        """Take *text* apart, or None when it is not wholly of the grammar."""
        parts = text.split(".")
        attempt = 1
        if len(parts) >= 4 and (match := _ATTEMPT.fullmatch(parts[-1])):
            attempt = int(match[1])
            parts.pop()
            if attempt == 1:
                return None
        if len(parts) < 3 or not _FINGERPRINT.fullmatch(parts[-1]):
            return None
        project, key, *slugs = parts[:-1]
        if not (KEY.fullmatch(project) and KEY.fullmatch(key)):
            return None
        if not all(_SLUG.fullmatch(slug) for slug in slugs):
            return None
        return RunName(project, ".".join([key, *slugs]), parts[-1], attempt)


def slug(value: JsonValue) -> str:
    """The form of a matrix value in an address: itself where that loses nothing.

    A value with other characters, of more than 16, or that only differs from its slug by case
    becomes its first characters, ``-`` and 6 characters of hash: stable and unambiguous.
    """
    text = scalar_text(value)
    if _SLUG.fullmatch(text) and len(text) <= _SLUG_LIMIT:
        return text
    head = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:9].rstrip("-")
    tail = hashlib.sha256(text.encode()).hexdigest()[:6]
    return f"{head}-{tail}" if head else tail


def scalar_text(value: JsonValue) -> str:
    """One text for a scalar however it was typed: ``2``, ``2.0`` and ``"2"`` are the same.

    A string stays as it is (``"1.10"`` is a version, not a number), so only numbers are made
    canonical. The service echoes numbers as numbers or as text (agave-v2 §3.4).
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
        return format(Decimal(repr(value)).normalize(), "f") if value else "0"
    return str(value)


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
        "request": platform.canonical(_renamed(request, upstream)),
        "upstream": [*sorted(upstream.values())],
        "digests": dict(digests),
        "rerun": rerun,
    }
    if app:
        document["app"] = app
    return SCHEME + _digest(document)


def old_fingerprint(
    platform: Platform,
    request: Mapping[str, Value],
    *,
    upstream: Mapping[Address, tuple[Address, str]],
    digests: Mapping[str, str],
    rerun: int = 1,
) -> str:
    """The fingerprint under :data:`OLD_SCHEME`, to recognise the runs that were made with it.

    *upstream* maps each address to the one that the job had then, and its fingerprint or id.
    """
    canonical = platform.canonical_before(
        _renamed(request, {address: was for address, (was, _) in upstream.items()})
    )
    document: dict[str, JsonValue] = {
        "request": canonical,
        "upstream": dict(upstream.values()),
        "digests": dict(digests),
        "rerun": rerun,
    }
    return OLD_SCHEME + _digest(document)


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


def _renamed(request: Mapping[str, Value], names: Mapping[Address, str]) -> Mapping[str, Value]:
    """*request* with *names* in its references in place of addresses."""
    if not names:
        return request
    return {key: _renamed_value(value, names) for key, value in request.items()}


def _renamed_value(value: Value, names: Mapping[Address, str]) -> Value:
    if isinstance(value, OutputRef):
        return OutputRef(names.get(value.address, value.address), value.path)
    if isinstance(value, IdRef):
        return IdRef(names.get(value.address, value.address))
    if isinstance(value, list):
        return [_renamed_value(item, names) for item in value]
    if isinstance(value, dict):
        return {key: _renamed_value(item, names) for key, item in value.items()}
    return value
