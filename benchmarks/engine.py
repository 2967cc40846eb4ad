"""How many jobs that do nothing the engine carries from PENDING to FINISHED each second.

    python benchmarks/engine.py [--jobs 500] [--cap 8]

Real processes: each job is a bash that claims, runs a wrapper, leaves its record, and is archived.
Prints the rate, and how much of the time of one processor the engine itself and the jobs took: on
a busy machine the second says more than the first.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from jobsync.local.api.agave.submission import new_id
from jobsync.local.service import Drive
from jobsync.local.store.statuses import STATUSES, TERMINAL
from jobsync.structs import replace
from jobsync.testing import LocalService, local_service

APP = {"name": "nothing", "version": "1.0", "templatePath": "wrapper.sh"}
OPEN = STATUSES - TERMINAL


def measure(folder: Path, *, jobs: int, cap: int) -> dict[str, float]:
    """One run in *folder*: jobs, seconds, and processor seconds of the engine and of the jobs."""
    app = folder / "apps" / "nothing"
    app.mkdir(parents=True)
    (app / "app.json").write_text(json.dumps(APP))
    (app / "wrapper.sh").write_text("true\n")
    with local_service(folder, drive=Drive.NONE, cpus=cap) as service:
        began = time.monotonic()
        enqueue(service, jobs)
        enqueued = time.monotonic() - began
    before, began = os.times(), time.monotonic()
    with local_service(folder, cpus=cap) as service:
        store = service.service.store
        while store.jobs_in(OPEN):
            time.sleep(0.1)
        seconds = time.monotonic() - began
        ended = [row.status for row in store.jobs_in(STATUSES)]
    after = os.times()
    if ended != ["FINISHED"] * jobs:
        raise AssertionError(f"not all finished: {set(ended)}")
    return {
        "jobs": jobs,
        "seconds": seconds,
        "enqueued": enqueued,
        "engine": after.user + after.system - before.user - before.system,
        "processes": (
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        ),
    }


def enqueue(service: LocalService, jobs: int) -> None:
    """Put jobs into the database as the service itself stores them, without the HTTP of each."""
    store = service.service.store
    first = store.job(service.submit("alice", name="nothing", appId="nothing-1.0")["id"])
    assert first is not None
    rows = [
        replace(first, id=new_id("agave"), archive_path=f"alice/archive/{number}")
        for number in range(jobs - 1)
    ]
    for row in rows:
        (service.state / "archive" / row.archive_path).mkdir(parents=True)
    store.insert_jobs(rows, "accepted")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--cap", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jobsync-rate-") as folder:
        found = measure(Path(folder), jobs=options.jobs, cap=options.cap)
    each = 1000 / found["jobs"]
    print(
        f"{options.jobs} jobs at cap {options.cap}: {found['jobs'] / found['seconds']:.0f} jobs/s"
    )
    print(f"enqueued {found['jobs'] / found['enqueued']:.0f} jobs/s")
    print(
        f"processor time of a job: engine {found['engine'] * each:.1f} ms,"
        f" its processes {found['processes'] * each:.1f} ms"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
