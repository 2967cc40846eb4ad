"""SIGKILL, or an error, at every system call of a real apply; and what the next one makes of it.

    python -m tests.campaigns.kill_sweep [--points N] [--mode kill|error|both] [--api tapis/v3]

A real service runs real jobs; ``jobsync apply --wait`` runs under strace, which kills it at the
N-th call of one kind of a thread of the apply, or lets that call fail with ENOSPC, EIO, EROFS,
ECONNRESET or EPIPE. Then apply runs again, undisturbed, until it ends with 0; a submit that is left
open (sent or not, nobody can tell) is looked up in the service's own books and resolved by hand.
Counted are jobs that were made twice, jobs that got lost, and tracebacks: all must be 0.

Prints a line of JSON; ends with 1 when something is wrong, 2 where ptrace is not allowed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobsync.local.store.statuses import STATUSES
from jobsync.testing import LocalService, local_service
from tests.campaigns.apis import APIS, CHOICES

CALLS = "%file,%desc,%network"
ERRORS = {
    "openat": ("ENOSPC", "EROFS", "EIO"),
    "write": ("ENOSPC", "EIO", "EPIPE"),
    "pwrite64": ("ENOSPC", "EIO"),
    "fsync": ("EIO", "ENOSPC", "EROFS"),
    "ftruncate": ("EIO", "EROFS"),
    "rename": ("ENOSPC", "EROFS"),
    "mkdir": ("ENOSPC", "EROFS"),
    "sendto": ("ECONNRESET", "EPIPE"),
    "recvfrom": ("ECONNRESET",),
    "connect": ("ECONNRESET", "ECONNREFUSED"),
}

RUNNER = """
import os, subprocess, sys, time
from jobsync.structs import replace
from pathlib import Path
from jobsync.apply import SubmitLimits, apply
from jobsync.cli import connect, pipeline

settings, how = pipeline.settings, connect.how

def impatient(*arguments):
    # A send that fails leaves the client waiting for an answer: 60 s by default.
    return replace(how(*arguments), idle_timeout=2.0, total_timeout=6.0)

def shorter(*arguments, **options):
    limits = SubmitLimits(settle=1.0, visible=3.0, pause=0.05, longest_pause=0.2)
    return replace(settings(*arguments, **options), submits=limits, poll=(0.05, 0.2), patience=5.0)

def attached():
    try:
        return not any("TracerPid:\\t0\\n" in t.joinpath("status").read_text()
                       for t in Path("/proc/self/task").iterdir())
    except OSError:  # the injected one, when it comes early
        return False

def traced(*arguments):
    words = os.environ.get("STRACE", "").split()
    if words:
        quiet = subprocess.DEVNULL
        me = str(os.getpid())
        subprocess.Popen(["strace", "-f", "-qq", *words, "-p", me], stdin=quiet, stderr=quiet)
        while not attached():
            time.sleep(0.01)
    return apply(*arguments)

connect.how, pipeline.settings = impatient, shorter
sys.modules["jobsync.apply"].apply = traced
from jobsync.cli.main import main
sys.exit(main())
"""

MANIFEST = """\
apiVersion: jobsync/v1
project: {project}
target: kill
targets:
  kill: {{api: {api.name}, baseUrl: "{url}"}}
jobs:
  one:
    {{{api.app}, permissions: {{bob: READ}},
     outputs: [{{path: counts.txt, to: results/one.txt}}]}}
  two: {{{api.three}}}
  three: {{{api.after}, permissions: {{bob: {api.shared}}}}}
"""
JOBS = ("one", "two", "three")


@dataclass(frozen=True)
class Point:
    """The *number*-th call named *call*; ``error`` is what it fails with, empty for SIGKILL."""

    call: str
    number: int
    error: str = ""

    @property
    def injection(self) -> str:
        what = f"error={self.error}" if self.error else "signal=SIGKILL"
        return f"inject={self.call}:{what}:when={self.number}"


class Lab:
    """One set of manifests with a project, a folder and a state of its own."""

    def __init__(self, service: LocalService, root: Path, project: str) -> None:
        api = APIS[service.api]
        self.service = service
        self.project = project
        self.folder = root / project
        self.folder.mkdir()
        text = MANIFEST.format(project=project, url=service.url, api=api)
        (self.folder / "jobs.yaml").write_text(text)
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "JOBSYNC_STATE_DIR": str(self.folder / ".state"),
            "TAPIS_BASE_URL": service.url,
            api.variable: api.token(service),
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def jobsync(self, *words: str, strace: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", RUNNER, *words],
            cwd=self.folder,
            env={**self.environ, "STRACE": strace},
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
        )

    def apply(self, strace: str = "") -> subprocess.CompletedProcess[str]:
        return self.jobsync("apply", "--auto-approve", "--wait=60", strace=strace)

    def jobs(self) -> Counter[str]:
        """How many jobs the service has by address."""
        rows = self.service.service.store.jobs_in(STATUSES)
        names = [row.name.split(".") for row in rows]
        return Counter(parts[1] for parts in names if parts[0] == self.project)


def watched(log: Path) -> str:
    return f"-e trace={CALLS} -o {log}"


def injected(point: Point) -> str:
    return f"-e trace={point.call} -e {point.injection} -o /dev/null"


def calls_in(log: Path) -> dict[str, int]:
    """Per call, how often the thread that makes it most often makes it."""
    counts: Counter[tuple[str, str]] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        if match := re.match(r"(\d+)\s+(\w+)\(", line):
            counts[match[1], match[2]] += 1
    most: dict[str, int] = {}
    for (_, call), count in counts.items():
        most[call] = max(count, most.get(call, 0))
    return most


def points(most: dict[str, int], mode: str) -> Iterator[Point]:
    for call, count in sorted(most.items()):
        for number in range(1, count + 1):
            if mode in ("kill", "both"):
                yield Point(call, number)
            if mode in ("error", "both"):
                for error in ERRORS.get(call, ()):
                    yield Point(call, number, error)


def broken(run: subprocess.CompletedProcess[str]) -> bool:
    return any(word in run.stderr for word in ("Traceback", "a defect in jobsync"))


def settle(lab: Lab) -> tuple[int, bool, list[str]]:
    """Apply until nothing is left to do: how often, whether by hand as well, what was wrong."""
    by_hand, wrong = False, []
    for attempt in range(1, 6):
        done = lab.apply()
        if broken(done):
            wrong.append(f"traceback in a run without faults: {done.stderr[-800:]}")
        if done.returncode == 0:
            return attempt, by_hand, wrong
        if done.returncode == 6:
            by_hand = True
            for address in JOBS:
                if lab.jobs()[address] == 0:
                    lab.jobsync("resolve", address, "--not-submitted")
    wrong.append(f"does not converge: {done.returncode} {done.stdout[-500:]} {done.stderr[-1500:]}")
    return attempt, by_hand, wrong


def try_point(service: LocalService, root: Path, number: int, point: Point) -> dict[str, object]:
    lab = Lab(service, root, f"k{number}")
    wrong = []
    try:
        first = lab.apply(injected(point))
    except subprocess.TimeoutExpired as hang:
        said = (hang.stderr or b"").decode(errors="replace")
        first = subprocess.CompletedProcess([], -1, "", said.replace("Traceback", "traceback"))
        wrong.append(f"hangs: {said[-600:]}")
    if broken(first):
        wrong.append(f"traceback: {first.stderr[-1500:]}")
    _, by_hand, more = settle(lab)
    wrong += more
    jobs = lab.jobs()
    wrong += [f"{a} was made {jobs[a]} times" for a in JOBS if jobs[a] != 1]
    if not (lab.folder / "results" / "one.txt").exists():
        wrong.append("the output is not there")
    shutil.rmtree(lab.folder)
    struck = point.error != "" or first.returncode == -9
    return {
        "point": point,
        "struck": struck,
        "code": first.returncode,
        "by_hand": by_hand,
        "wrong": wrong,
    }


@contextmanager
def lab_service(root: Path, api: str) -> Iterator[LocalService]:
    with local_service(users=("alice", "bob"), folder=root / "service", api=api) as service:
        yield service


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=60, help="how many, spread over all; 0: all")
    parser.add_argument("--mode", choices=("kill", "error", "both"), default="both")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--skip", type=int, default=0, help="leave so many out at the start")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--api", choices=CHOICES, default=CHOICES[0])
    options = parser.parse_args()
    began = time.monotonic()
    if shutil.which("strace") is None or not may_trace():
        print(json.dumps({"skipped": "strace is missing, or ptrace is not allowed here"}))
        return 2
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with lab_service(root, options.api) as service:
            lab = Lab(service, root, "calm")
            calm = lab.apply(watched(root / "log"))
            if calm.returncode != 0:
                print(calm.stdout, calm.stderr)
                return 1
            every = list(points(calls_in(root / "log"), options.mode))[options.skip :]
            chosen = every
            if 0 < options.points < len(every):
                chosen = random.Random(options.seed).sample(every, options.points)
            with ThreadPoolExecutor(options.processes) as pool:
                tries = list(
                    pool.map(lambda job: try_point(service, root, *job), enumerate(chosen))
                )
    wrong = [(str(t["point"]), w) for t in tries for w in t["wrong"]]  # type: ignore[attr-defined]
    for place, what in wrong:
        print(f"{place}: {what}", file=sys.stderr)
    print(
        json.dumps(
            {
                "points possible": len(every),
                "points tried": len(chosen),
                "killed": sum(bool(t["struck"]) for t in tries if not t["point"].error),  # type: ignore[attr-defined]
                "errors injected": sum(bool(t["point"].error) for t in tries),  # type: ignore[attr-defined]
                "exit codes": dict(Counter(str(t["code"]) for t in tries)),
                "resolved by hand": sum(bool(t["by_hand"]) for t in tries),
                "wrong": len(wrong),
                "seconds": round(time.monotonic() - began),
            }
        )
    )
    return 1 if wrong else 0


def may_trace() -> bool:
    return subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
