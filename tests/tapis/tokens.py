"""Tokens as a tenant issues them, but for the signature, which no client can check."""

from __future__ import annotations

import base64
import json
import time


def part(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def jwt(base_url: str, user: str = "alice", seconds: float = 3600, **claims: object) -> str:
    """A token of *user* from *base_url* that ends in *seconds*."""
    said = {
        "iss": f"{base_url}/v3/tokens",
        "sub": f"{user}@t",
        "exp": int(time.time() + seconds),
        "tapis/username": user,
        "tapis/token_type": "access",
        **claims,
    }
    return f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(said)}.c2lnbmVk"
