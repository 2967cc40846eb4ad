"""The question before something is changed."""

from __future__ import annotations

import sys

import click

from jobsync.errors import Blocked


def confirm(question: str, what: str, hint: str) -> None:
    """Go on only after somebody at a terminal has typed "yes".

    Raises :class:`Blocked` otherwise; without a terminal, it names *what* there is to confirm and
    gives *hint*.
    """
    if not sys.stdin.isatty():
        raise Blocked(
            f"there is no terminal to confirm {what} on, so nothing was changed", hint=hint
        )
    answer = click.prompt(f"{question} Only 'yes' will be accepted", default="no", err=True)
    if answer != "yes":
        raise Blocked("not confirmed, so nothing was changed")
