"""The environment variables in which people keep the credentials of this platform.

Other services use some of the same names, so a token is known by its form (tapis-v3 §1.5).
"""

from __future__ import annotations

from collections.abc import Mapping

from jobsync.platform import Clue
from jobsync.platforms.tapis.jwt import claims_of
from jobsync.secret import Secret

PREFIX = "TAPIS_"
ADDRESS = "TAPIS_BASE_URL"
API = "TAPIS_API"
TOKEN = "TAPIS_ACCESS_TOKEN"  # noqa: S105
TOKENS = (TOKEN, "TAPIS_JWT", "TAPIS_TOKEN")
"""The variables that may hold a token, the one that only this platform uses first."""
DESIGNSAFE = "https://designsafe.tapis.io"
USERNAME, PASSWORD = "TAPIS_USERNAME", "TAPIS_PASSWORD"


def tokens_in(environ: Mapping[str, str]) -> dict[str, Secret]:
    """The tokens in *environ*, of whatever platform, by the names of their variables."""
    given = {name: environ.get(name, "").strip() for name in TOKENS}
    return {name: Secret(text) for name, text in given.items() if text}


def user_in(environ: Mapping[str, str]) -> tuple[str, Secret] | None:
    """The user and password in *environ*; None unless both are there."""
    user, password = environ.get(USERNAME, "").strip(), environ.get(PASSWORD, "")
    return (user, Secret(password)) if user and password else None


def tenant_user_in(environ: Mapping[str, str], base_url: str) -> tuple[str, Secret] | None:
    """The user and password of the one tenant that has variables of its own, for it alone."""
    user = environ.get("DESIGNSAFE_USERNAME", "").strip()
    password = environ.get("DESIGNSAFE_PASSWORD", "")
    is_there = base_url.rstrip("/") == DESIGNSAFE
    return (user, Secret(password)) if is_there and user and password else None


def clue(environ: Mapping[str, str]) -> Clue:
    """How surely the credentials in *environ* are for a service of this platform."""
    if any(claims_of(token) for token in tokens_in(environ).values()):
        return Clue.CERTAIN
    if tenant_user_in(environ, environ.get(ADDRESS, "").strip()):
        return Clue.CERTAIN
    return Clue.POSSIBLE if user_in(environ) else Clue.NONE
