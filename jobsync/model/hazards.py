"""The names of the hazards that a plan may have."""

from __future__ import annotations

HAZARDS = frozenset(
    {
        "public-access",
        "mass-revoke",
        "self-lockout",
        "delete-jobs",
        "stop-running",
        "mass-submit",
        "over-budget",
        "rerun-finished",
        "overwrite-archive",
        "foreign-owner",
        "empty",
        "no-journal",
    }
)
"""The names that ``--allow`` and ``guards.allow`` know."""
