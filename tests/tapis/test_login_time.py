"""A login that ends before the jobs can have run is told when an apply begins to wait for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.testing import LocalService, local_service
from tests.fakes.tapis_world import add_app
from tests.line.linebench import Bench

SET = """\
apiVersion: jobsync/v1
api: tapis/v3
project: {project}
defaults: {{appId: quick, appVersion: "1.0", maxMinutes: 150}}
jobs:
  first: {{}}
  beside: {{}}
"""
AFTER = "  second: {needs: [first]}\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder = tmp_path_factory.mktemp("service")
    add_app(folder, "quick", "true\n")
    with local_service(folder, api="tapis/v3") as running:
        yield running
        running.stop_jobs()


@pytest.fixture
def bench(tmp_path: Path, service: LocalService) -> Iterator[Bench]:
    made = Bench(tmp_path)
    made.environ |= {
        "TAPIS_BASE_URL": service.url,
        "JOBSYNC_STATE_DIR": str(tmp_path / "state"),
        "TAPIS_ACCESS_TOKEN": service.jwt("alice"),  # which lasts 240 minutes
    }
    yield made
    made.close()


def test_the_longest_chain_is_held_against_what_is_left(
    bench: Bench, service: LocalService
) -> None:
    place = bench.folder / "set.yaml"
    place.write_text(SET.format(project="short"))
    apply = ("apply", "set.yaml", "--wait", "--auto-approve")
    done = bench.run(*apply)
    assert done.code == 0 and "the login ends" not in done.err, "they run side by side"
    place.write_text(SET.format(project="long") + AFTER)
    done = bench.run(*apply)
    assert done.code == 0, done.err
    assert "the login ends in 3 h 59 min, and the jobs may run for 5 h" in done.err
    assert "jobsync auth login" in done.err and "jobsync wait" in done.err
    assert "the login ends" not in bench.run(*apply).err, "there is nothing to wait for"
    place.write_text(SET.format(project="renewed") + AFTER)
    user = {"TAPIS_USERNAME": "alice", "TAPIS_PASSWORD": service.tokens["alice"]}
    done = bench.run(*apply, **user)
    assert done.code == 0 and "the login ends" not in done.err, done.err
