"""When a token says that it ends, for people: nothing depends on it."""

from __future__ import annotations

import base64
import json

from jobsync.model import JsonValue
from jobsync.secret import Secret


def unverified_claims(token: Secret) -> dict[str, JsonValue]:
    """What a JSON Web Token says; empty for a token of another form."""
    parts = token.reveal().split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def expiry_of(token: Secret) -> float | None:
    """Seconds since 1970 from the claim ``exp`` of a JSON Web Token (RFC 7519), unverified.

    None for a token of another form.
    """
    found = unverified_claims(token).get("exp")
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return None
    return float(found) if 0 < found < 1e12 else None
