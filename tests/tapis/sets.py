"""Sets of Tapis v3 read from text, with the two platforms that a file may name."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobsync.errors import ManifestError
from jobsync.manifest import load
from jobsync.model import DeclaredJob, DesiredState
from jobsync.platform import Platform
from jobsync.platforms.agave.platform import AGAVE
from jobsync.platforms.tapis.platform import TAPIS

PLATFORMS: dict[str, Platform] = {one.name: one for one in (AGAVE, TAPIS)}
HEAD = "apiVersion: jobsync/v1\napi: tapis/v3\nproject: p\n"


def load_text(folder: Path, body: str, *, head: str = HEAD, target: str = "local") -> DesiredState:
    """The set of one file, read for *target*."""
    (folder / "set.yaml").write_text(head + body)
    return load([folder], platforms=PLATFORMS, target=target)


def one_job(folder: Path, body: str) -> DeclaredJob:
    """The only job of a set."""
    (job,) = load_text(folder, body).jobs.values()
    return job


def problems(folder: Path, body: str, *, head: str = HEAD) -> list[str]:
    """Everything that is wrong with a set, without the name of its file."""
    with pytest.raises(ManifestError) as caught:
        load_text(folder, body, head=head)
    return [str(one).split("set.yaml:", 1)[-1] for one in caught.value.problems]
