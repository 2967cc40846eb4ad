"""Submits whose outcome is open, each with the commands that settle it. Plain text."""

from __future__ import annotations

from collections.abc import Iterable

from jobsync.model import OpenSubmit
from jobsync.render.escape import terminal

_MEANINGS = ("it was not sent and cannot arrive later", "it was sent: this is the job")


def question(submit: OpenSubmit) -> str:
    """What is not known, on one line."""
    reason = f" ({submit.reason})" if submit.reason else ""
    return f"it is not known whether {submit.name} was submitted{reason}"


def lines_of(submit: OpenSubmit) -> list[str]:
    """``# ADDRESS is held`` and why, then a command on a line of its own for each answer."""
    width = max((len(command) for command in submit.settle), default=0)
    return [
        f"  # {terminal(submit.address)} is held: {terminal(question(submit))}",
        *(
            f"      {terminal(command.ljust(width))}   # {meaning}"
            for command, meaning in zip(submit.settle, _MEANINGS, strict=False)
        ),
    ]


def block_of(submits: Iterable[OpenSubmit]) -> list[str]:
    """One paragraph, or none."""
    lines = [line for submit in submits for line in lines_of(submit)]
    head = (
        "The outcome of a submit is unknown. The next apply searches for it again. If you know "
        "what happened, run one of these commands:"
    )
    return ["\n".join([head, "", *lines])] if lines else []
