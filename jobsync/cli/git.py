"""The commit that a set was at, for the audit file."""

from __future__ import annotations

import subprocess


def commit(root: str) -> str:
    """The commit checked out at *root*, or empty where there is none or no git."""
    try:
        done = subprocess.run(  # noqa: S603 -- a folder of the set, after -C, is all that varies
            ["git", "-C", root, "rev-parse", "--verify", "HEAD"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
