"""What a shell completes besides commands and options: names from the files of the set.

No service is asked, and nothing heavy is imported: a person waits for each of these.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from jobsync.manifest.outline import Outline


def addresses(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The addresses that the set declares, and the keys of jobs with a matrix."""
    return _beginning(_outline(ctx).addresses, incomplete)


def targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The targets that the set declares, and those that always exist."""
    from jobsync.cli.target import BUILT_IN

    return _beginning((*_outline(ctx).targets, *BUILT_IN), incomplete)


def hazards(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The names of hazards."""
    from jobsync.model.hazards import HAZARDS

    return _beginning(sorted(HAZARDS), incomplete)


def variables(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The variables that the set declares, each with ``=``."""
    return _beginning((f"{name}=" for name in _outline(ctx).variables), incomplete)


def _beginning(words: Iterable[str], incomplete: str) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]


def _outline(ctx: click.Context) -> Outline:
    """The names in the set that the command line means so far; none where it cannot be read."""
    from jobsync.manifest.finding import find_set
    from jobsync.manifest.outline import Outline, outline

    given = ctx.params.get("paths") or ctx.params.get("manifests") or ()
    paths = (given,) if isinstance(given, str) else tuple(given)
    try:
        return outline(paths or (find_set(),))
    except (OSError, ValueError, RecursionError):
        return Outline()
