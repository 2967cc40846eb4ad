"""The whole line on a cluster: same manifests, same commands, another execution system."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jobsync.cli.state import owner
from jobsync.local.state import prepare
from jobsync.local.store.database import Store
from jobsync.local.store.statuses import STATUSES
from tests.engine.engine_lab import cluster_size, need_cluster

pytestmark = pytest.mark.slurm
KEY = "the key of the tests"
EXAMPLES = Path(__file__).parents[2] / "manifests"
CLUSTER = """\
systems:
  cluster:
    engine: slurm
    gracePeriod: 10
    queues:
      debug: {maxRequestedTime: "00:30:00", maxNodes: 3}
"""


@pytest.fixture(autouse=True)
def cluster() -> None:
    need_cluster()


def folder(root: Path, example: str, systems: str = "") -> Path:
    made = root / (f"{example}-cluster" if systems else example)
    ignored = shutil.ignore_patterns(".jobsync", "results", "jobsync.lock")
    shutil.copytree(EXAMPLES / example, made, ignore=ignored)
    if systems:
        prepare(made / ".jobsync", owner({"JOBSYNC_STATE_KEY": KEY}))
        (made / ".jobsync" / "systems.yaml").write_text(systems)
    return made


def jobsync(where: Path, *arguments: str, code: int = 0, seconds: float = 100) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TAPIS_", "JOBSYNC_"))}
    kept.pop("CI", None)
    kept["JOBSYNC_STATE_KEY"] = KEY
    done = subprocess.run(
        [str(Path(sys.executable).with_name("jobsync")), *arguments],
        cwd=where,
        env={**kept, "HOME": str(where), "JOBSYNC_STATE_DIR": str(where / "journal")},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_phylogeny_gives_the_same_tree(tmp_path: Path) -> None:
    pytest.importorskip("pyfamsa")
    pytest.importorskip("veryfasttree")
    trees = []
    for systems in ("", CLUSTER):
        where = folder(tmp_path, "phylogeny", systems)
        jobsync(where, "apply", "--wait", "--auto-approve")
        jobsync(where, "plan", "--detailed-exitcode")
        trees.append((where / "results" / "tree.nwk").read_bytes())
    assert trees[0] == trees[1]
    assert "started running on n" in jobsync(where, "history", "tree")


MATRIX = """\
apiVersion: jobsync/v1
project: many
target: local
jobs:
  count:
    appId: wordcount-1.0
    matrix: {seconds: [%s]}
    inputs: {text: agave://local/data/text.txt}
    parameters: {seconds: "${matrix.seconds}"}
    permissions: {bob: READ}
    outputs:
      - {path: counts.txt, to: "results/${matrix.seconds}.txt"}
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_matrix_over_the_nodes(tmp_path: Path) -> None:
    """200 jobs where there are several nodes, 40 on one: all ran once, are shared and fetched."""
    nodes, _ = cluster_size()
    count = 200 if nodes > 1 else 40
    where = folder(tmp_path, "wordcount", CLUSTER)
    (where / "wordcount.yaml").unlink()
    values = ", ".join(f'"0.{number:03}"' for number in range(count))
    (where / "many.yaml").write_text(MATRIX % values)
    allowed = ("--allow", "mass-submit") if count > 100 else ()
    jobsync(where, "apply", "--wait", "--auto-approve", *allowed, seconds=500)
    assert len(list((where / "results").iterdir())) == count
    jobsync(where, "plan", "--detailed-exitcode")
    store = Store(where / ".jobsync" / "jobs.db")
    jobs = store.jobs_in(STATUSES)
    assert [job.status for job in jobs] == ["FINISHED"] * count
    assert len({job.name for job in jobs}) == count
    used = set()
    for job in jobs:
        used |= {event.description.split()[-1] for event in store.events(job.id)
                 if event.status == "RUNNING" and event.description}  # fmt: skip
        assert store.grants(job.id) == {"bob": "READ"}
        assert [event.status for event in store.events(job.id)].count("RUNNING") == 1
    store.close()
    assert used == {f"n{number}." for number in range(1, nodes + 1)}
