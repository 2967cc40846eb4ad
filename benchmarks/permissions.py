"""Permissions at scale on the local service: one grant has drifted among 1,000 jobs x 20 grants.

    python benchmarks/permissions.py [--jobs 1000] [--grants 20]

A person takes one grant away; ``jobsync plan`` finds it and ``jobsync apply`` puts it back. The
requests are counted by the service, from its side: apply must write exactly once. Both commands are
processes of their own, so wall, CPU and memory are those of the whole command; the service and
its processor time are not in them. Prints JSON; exits 1 when the drift was not found, or was
repaired with anything but one write.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from jobsync.local.api.agave.wsgi_app import Front
from jobsync.local.store.rows import JobRow
from jobsync.platforms import loading
from jobsync.testing import Drive, LocalService, local_service

OWNER = "alice"
MAIN = "import sys; from jobsync.cli.main import main; sys.argv[0] = 'jobsync'; main()"


def declared(jobs: int, grants: int) -> str:
    """A set with *jobs* jobs, each shared with *grants* users."""
    lines = ["apiVersion: jobsync/v1", "project: bench", "jobs:"]
    users = ", ".join(f"user{number:03}: READ" for number in range(grants))
    for number in range(jobs):
        lines += [f"  job{number:05}:", "    appId: wc-demo-1.00"]
        lines += [f"    parameters: {{lines: {number + 1}}}", f"    permissions: {{{users}}}"]
    return "\n".join(lines) + "\n"


def fill(service: LocalService, folder: Path, grants: int) -> list[str]:
    """Finished jobs with everything as it is declared; their ids."""
    store = service.service.store
    desired = loading.load((folder,))
    rows = [
        JobRow(
            id=f"{number:019d}-bench-0001-007",
            owner=OWNER,
            name=job.name,
            app_id="wc-demo-1.00",
            status="FINISHED",
            created=1_500_000_000.0 + number,
            request={"inputs": {}, "parameters": {"lines": number + 1}},
        )
        for number, job in enumerate(desired.jobs.values())
    ]
    store.insert_jobs(rows, "accepted")
    table = [(row.id, f"user{n:03}", "READ") for row in rows for n in range(grants)]
    with store._write() as db:  # one by one it takes minutes, and is not what is measured
        db.executemany("INSERT INTO pems VALUES (?, ?, ?)", table)
    return [row.id for row in rows]


def count_requests() -> Counter[str]:
    """What the service is asked from now on, by method."""
    count: Counter[str] = Counter()
    carried_out = Front._carried_out

    def counted(self: Front, operation: Any, call: Any) -> Any:
        count[operation.name if call.request.method != "GET" else "GET"] += 1
        return carried_out(self, operation, call)

    Front._carried_out = counted  # type: ignore[method-assign]
    return count


def command(folder: Path, service: LocalService, *arguments: str) -> dict[str, Any]:
    """Run ``jobsync ARGUMENTS``: exit code, output, and what it took."""
    environ = {
        **os.environ,
        "TAPIS_BASE_URL": service.url,
        "TAPIS_TOKEN": service.tokens[OWNER],
        "JOBSYNC_STATE_DIR": str(folder / "state"),
    }
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments, "--target", "env"],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "out": out,
        "wall_s": round(time.perf_counter() - began, 2),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "memory_mib": round(usage.ru_maxrss / 1024),
    }


def measured(
    name: str, count: Counter[str], folder: Path, service: LocalService, *arguments: str
) -> dict[str, Any]:
    count.clear()
    found = {"step": name, **command(folder, service, *arguments), "requests": dict(count)}
    out = found.pop("out")
    found["says"] = next((line for line in out.splitlines() if line.startswith(SAYS)), out[-300:])
    print(json.dumps(found), file=sys.stderr, flush=True)
    return found


SAYS = ("Plan:", "No changes", "Applied", "Apply")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--jobs", type=int, default=1_000)
    options.add_argument("--grants", type=int, default=20)
    chosen = options.parse_args()
    count = count_requests()
    with (
        tempfile.TemporaryDirectory(prefix="jobsync-bench-") as place,
        local_service(Path(place) / "service", users=(OWNER,), drive=Drive.NONE) as service,
    ):
        folder = Path(place) / "set"
        folder.mkdir()
        (folder / "jobs.yaml").write_text(declared(chosen.jobs, chosen.grants))
        ids = fill(service, folder, chosen.grants)

        def step(name: str, *arguments: str) -> dict[str, Any]:
            return measured(name, count, folder, service, *arguments)

        steps = [step("nothing has drifted", "plan", "--detailed-exitcode")]
        service.service.store.set_grant(ids[len(ids) // 2], "user000", None, OWNER)
        steps.append(step("one grant is gone", "plan", "--detailed-exitcode"))
        steps.append(step("repaired", "apply", "--auto-approve"))
        steps.append(step("and that was all", "plan", "--detailed-exitcode"))
        whole = sum(len(service.service.store.grants(job)) for job in ids)
    writes = {name: n for name, n in steps[2]["requests"].items() if name != "GET"}
    good = [step["code"] for step in steps] == [0, 2, 0, 0] and writes == {"pems-grant": 1}
    good = good and whole == chosen.jobs * chosen.grants
    print(json.dumps({"jobs": chosen.jobs, "grants": chosen.grants, "steps": steps, "good": good}))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
