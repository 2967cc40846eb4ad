"""Load a manifest set for the platforms that there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from jobsync import manifest
from jobsync.model import DesiredState, Target
from jobsync.platforms import PLATFORMS


def load(
    paths: Sequence[str | Path],
    *,
    target: str | Target | None = None,
    variables: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    permitted: Collection[str] | None = None,
) -> DesiredState:
    """All that the manifests under *paths* declare: see :func:`jobsync.manifest.load`."""
    return manifest.load(
        paths,
        platforms=PLATFORMS,
        target=target,
        variables=variables,
        environ=environ,
        permitted=permitted,
    )
