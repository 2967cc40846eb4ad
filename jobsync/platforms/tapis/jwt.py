"""What a token says of itself (tapis-v3 §1.2), unverified: only the service can verify it."""

from __future__ import annotations

from urllib.parse import urlsplit

from jobsync.base_url import base_url as one_spelling
from jobsync.base_url import is_loopback
from jobsync.errors import SettingsError
from jobsync.platforms.token_expiry import expiry_of, unverified_claims
from jobsync.secret import Secret
from jobsync.structs import Struct

_ISSUED_AT = "/v3/tokens"


class Claims(Struct, frozen=True):
    """A token's own words. ``base_url`` is the service that issued it, ``expires`` seconds since
    1970; None for a token that does not say it."""

    base_url: str
    username: str = ""
    expires: float | None = None


def claims_of(token: Secret) -> Claims | None:
    """The claims of a token of this platform; None for every other text."""
    claims = unverified_claims(token)
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or not issuer.endswith(_ISSUED_AT):
        return None
    try:
        issued_by = one_spelling(issuer.removesuffix(_ISSUED_AT))
    except SettingsError:
        return None
    user = claims.get("tapis/username")
    return Claims(issued_by, user if isinstance(user, str) else "", expiry_of(token))


def is_for(claims: Claims, base_url: str) -> bool:
    """Whether a token may be sent to *base_url*: only to the host of its issuer.

    Services of this machine have many spellings and ports. There a token goes wherever the place
    in which it was found says.
    """
    issuer, wanted = urlsplit(claims.base_url), urlsplit(base_url)
    if is_loopback(issuer.hostname or "") and is_loopback(wanted.hostname or ""):
        return True
    return issuer.netloc == wanted.netloc
