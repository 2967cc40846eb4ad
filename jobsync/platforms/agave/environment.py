"""What the environment variables of this platform say of the service that they are for."""

from __future__ import annotations

from collections.abc import Mapping

from jobsync.platform import Clue


def clue(environ: Mapping[str, str]) -> Clue:
    """How surely the credentials in *environ* are for a service of this platform.

    A token may have any form here, and other services use the same variable for theirs. Only this
    platform has an API key and secret (clients §1.2).
    """

    def has(*names: str) -> bool:
        return all(environ.get(f"TAPIS_{name}", "").strip() for name in names)

    if has("TOKEN") or has("API_KEY", "API_SECRET"):
        return Clue.LIKELY
    return Clue.POSSIBLE if has("USERNAME", "PASSWORD") else Clue.NONE
