"""How long to wait, as it is written on the command line."""

from __future__ import annotations

import math
import re
from pathlib import Path

import click

FOREVER = "forever"
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_TIME = re.compile(
    rf"(?P<plain>{_NUMBER})|(?=.)" + "".join(rf"(?:(?P<{u}>{_NUMBER}){u})?" for u in _UNITS)
)


def seconds(text: str) -> float | None:
    """The seconds in *text*: a number, or days, hours, minutes and seconds in this order.

    None for text that is no time. ``1h30`` is none, because it could mean 30 seconds or 30 minutes.
    """
    if text == FOREVER:
        return math.inf
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    if found["plain"]:
        return float(found["plain"])
    return sum(float(found[unit] or 0) * length for unit, length in _UNITS.items())


def duration(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """The callback of an option that takes a time."""
    if value is None:
        return None
    found = seconds(value)
    if found is None:
        name = max(param.opts, key=len)
        raise click.BadParameter(
            f"{value!r} is not a time; write {name}=90 (seconds), {name}=30m or {name}=1h30m"
        )
    return found


class WaitingCommand(click.Command):
    """A command with ``--wait[=TIME]`` and paths: the word after ``--wait`` is its time or a path.

    A word that reads as a time is the time, so a file named ``90`` is written ``./90``. Any other
    word is a path when something lies there. What follows ``=`` is always the time.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read ``--wait PATH`` as ``--wait`` without a duration, followed by a path."""
        options = args[: args.index("--")] if "--" in args else args
        for index, word in enumerate(options[:-1]):
            after = options[index + 1]
            if word == "--wait" and not after.startswith("-") and _is_path(after):
                args[index] = f"--wait={FOREVER}"
        return super().parse_args(ctx, args)


def _is_path(word: str) -> bool:
    try:
        return seconds(word) is None and Path(word).exists()
    except (OSError, ValueError):  # too long for a path, or with a NUL: then it is none
        return False


def in_words(seconds: float) -> str:
    """A time in its two largest units: ``3 h 20 min``."""
    minutes = int(seconds // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    parts = [(days, "d"), (hours, "h"), (0 if days else minutes % 60, "min")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "less than 1 min"
