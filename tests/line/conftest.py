"""A folder with one of the examples, to run commands in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.testing import LocalService, local_service
from tests.line.linebench import ECHO, Bench, Lab, add_app

EXAMPLES = Path(__file__).parents[2] / "manifests"


def _bench(example: str, folder: Path) -> Iterator[Bench]:
    shutil.copytree(
        EXAMPLES / example,
        folder / example,
        ignore=shutil.ignore_patterns(".jobsync", "results", "jobsync.lock"),
    )
    bench = Bench(folder / example)
    yield bench
    bench.close()


@pytest.fixture
def phylogeny_v3(tmp_path: Path) -> Iterator[Bench]:
    """A copy of ``manifests/phylogeny-v3``."""
    yield from _bench("phylogeny-v3", tmp_path / "v3")


@pytest.fixture
def phylogeny(tmp_path: Path) -> Iterator[Bench]:
    pytest.importorskip("pyfamsa")
    pytest.importorskip("veryfasttree")
    yield from _bench("phylogeny", tmp_path)


@pytest.fixture
def wordcount(tmp_path: Path) -> Iterator[Bench]:
    yield from _bench("wordcount", tmp_path)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """An otherwise empty folder with the app ``echo``."""
    made = Bench(tmp_path)
    add_app(made, ECHO)
    yield made
    made.close()


@pytest.fixture(scope="module")
def service() -> Iterator[LocalService]:
    """A service in this process, for commands that run as alice with ``--target env``."""
    with local_service(users=("alice", "bob")) as running:
        yield running


@pytest.fixture
def lab(tmp_path: Path, service: LocalService) -> Iterator[Lab]:
    """An empty folder whose commands go to ``service``; its sets have a project of their own."""
    made = Lab(tmp_path, service)
    yield made
    made.close()
