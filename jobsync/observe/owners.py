"""Whose runs a target has: only their owner changes anything, everybody else may look."""

from __future__ import annotations

from jobsync.errors import SettingsError
from jobsync.model import Target


def shared_by(user: str, target: Target) -> str:
    """Whose runs *user* can only look at on *target*; empty where *user* may apply."""
    return target.owner if target.owner and target.owner != user else ""


def refuse_others(user: str, target: Target) -> None:
    """Raise :class:`SettingsError` when only somebody else than *user* changes what is there."""
    if owner := shared_by(user, target):
        raise SettingsError(
            f"target {target.name} is for {owner}, but the credentials are {user}'s: only {owner} "
            "changes anything there",
            hint=f"nothing was sent; to look at what {owner} shares with you: jobsync plan, "
            "status, logs, outputs, access",
        )
