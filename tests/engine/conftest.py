"""The engines that the battery runs on: processes always, Slurm where there is a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.engine_lab import Lab, need_cluster


@pytest.fixture(autouse=True)
def _nowhere_that_matters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service moves and deletes files: a mistake must not meet the repository."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(
    params=[
        pytest.param("fork", marks=pytest.mark.fork),
        pytest.param("slurm", marks=pytest.mark.slurm),
    ]
)
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "slurm":
        need_cluster()
    return str(request.param)


@pytest.fixture
def make_lab(tmp_path: Path, kind: str) -> Iterator[Callable[..., Lab]]:
    labs: list[Lab] = []

    def make(**settings: object) -> Lab:
        labs.append(Lab(tmp_path / f"lab{len(labs)}", kind, **settings))
        return labs[-1]

    yield make
    for lab in labs:
        lab.close()


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    return make_lab()
