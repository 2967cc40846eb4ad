"""SIGKILL before and after every step of git of an apply; the next one runs on a fresh runner.

    python -m tests.campaigns.runner_kills [--points N] [--api tapis/v3]

A real service, a real bare repository with a shared journal, real processes. The ``git`` that the
apply finds kills it at the N-th call, before or after the real git has run. Then a runner with
nothing but a clone applies the same commit, while the service shows a new job late. What is left
open is settled by hand after a look into the service's own books. Counted are jobs that were made
twice and jobs that got lost: both must be 0. Prints a line of JSON; ends with 1 when something is
wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from jobsync.local.store.statuses import STATUSES
from jobsync.testing import LocalService, local_service
from tests.campaigns.apis import APIS, CHOICES

RUNNER = """
import sys
from jobsync.structs import replace
from jobsync.apply import SubmitLimits, manual_resolution
from jobsync.cli import pipeline

settings = pipeline.settings

def shorter(*arguments, **options):
    limits = SubmitLimits(settle=1.5, visible=3.0, pause=0.05, longest_pause=0.2)
    return replace(settings(*arguments, **options), submits=limits)

pipeline.settings = shorter
manual_resolution.YOUNG = 0.0
from jobsync.cli.main import main
sys.exit(main())
"""

GIT = """#!/bin/sh
count=$(cat {folder}/count 2>/dev/null || echo 0)
count=$((count + 1))
echo $count > {folder}/count
if [ $count = {before} ]; then kill -9 $PPID; exit 1; fi
{git} "$@"
code=$?
if [ $count = {after} ]; then kill -9 $PPID; fi
exit $code
"""

MANIFEST = """\
apiVersion: jobsync/v1
project: {project}
target: lab
targets:
  lab: {{api: {api.name}, baseUrl: "{url}"}}
jobs:
  one: {{{api.app}}}
  two: {{{api.three}}}
"""


class Bench:
    """A bare repository with a journal, a service, and runners made when they are needed."""

    def __init__(self, folder: Path, service: LocalService) -> None:
        self.folder, self.service, self.number = folder, service, 0
        self.bare = folder / "remote.git"
        self.real = shutil.which("git") or "git"
        subprocess.run([self.real, "init", "-q", "--bare", self.bare], check=True)
        done = self.run(self.runner("none"), "journal", "init")
        assert done.returncode == 0, done.stderr

    def runner(self, project: str) -> Path:
        self.number += 1
        home = self.folder / f"runner{self.number}"
        clone = [self.real, "clone", "-q", str(self.bare), str(home / "checkout")]
        subprocess.run(clone, check=True, capture_output=True)
        api = APIS[self.service.api]
        text = MANIFEST.format(project=project, url=self.service.url, api=api)
        (home / "checkout" / "jobs.yaml").write_text(text)
        return home

    def run(self, home: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
        environ = {
            "PATH": path + os.environ["PATH"],
            "HOME": str(home),
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "JOBSYNC_STATE_DIR": str(home / "state"),
            "JOBSYNC_JOURNAL": "git:origin#refs/jobsync/journal",
            "TAPIS_BASE_URL": self.service.url,
            APIS[self.service.api].variable: APIS[self.service.api].token(self.service),
        }
        return subprocess.run(
            [sys.executable, "-c", RUNNER, *arguments],
            cwd=home / "checkout",
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )

    def jobs(self, project: str) -> Counter[str]:
        rows = self.service.service.store.jobs_in(STATUSES)
        return Counter(r.name.split(".")[1] for r in rows if r.name.startswith(f"{project}."))

    def killed_at(self, project: str, before: int, after: int) -> tuple[int, bool]:
        """An apply that is killed at one call of git: how many there were, and whether it was."""
        home = self.runner(project)
        tools = home / "bin"
        tools.mkdir()
        script = GIT.format(folder=tools, before=before, after=after, git=self.real)
        (tools / "git").write_text(script)
        (tools / "git").chmod(0o755)
        done = self.run(home, "apply", "--auto-approve", path=f"{tools}:")
        return int((tools / "count").read_text()), done.returncode == -9

    def point(self, project: str, before: int, after: int) -> tuple[str, list[str]]:
        """What the next runner made of it, in a word, and what is wrong."""
        self.service.arm("late,seconds=0.7,times=4")
        _, killed = self.killed_at(project, before, after)
        wrong, settled = [], False
        home = self.runner(project)
        for _ in range(3):
            done = self.run(home, "apply", "--auto-approve")
            if done.returncode != 6:
                break
            settled = True
            there = self.jobs(project)
            for address in ("one", "two"):
                if not there[address]:  # else the next apply finds it
                    self.run(home, "resolve", address, "--not-submitted")
        self.service.disarm()
        if done.returncode != 0:
            wrong.append(f"{project}: exit {done.returncode}: {done.stderr[-400:]}")
        if (there := self.jobs(project)) != {"one": 1, "two": 1}:
            wrong.append(f"{project}: jobs {dict(there)}")
        if "Traceback" in done.stderr:
            wrong.append(f"{project}: {done.stderr[-400:]}")
        word = "by hand" if settled else "by itself"
        return (word if killed else "not killed"), wrong


def sweep(points: int | None, api: str = CHOICES[0]) -> tuple[dict[str, object], list[str]]:
    """The figures of *points* kills, chosen at random; None: one at every call."""
    with (
        tempfile.TemporaryDirectory() as folder,
        local_service(folder=Path(folder) / "service", api=api) as service,
    ):
        bench = Bench(Path(folder), service)
        calls, _ = bench.killed_at("count", 0, 0)
        every = [(n, 0) for n in range(1, calls + 1)] + [(0, n) for n in range(1, calls + 1)]
        chosen = every if points is None else random.Random(points).sample(every, points)
        words, wrong = Counter[str](), list[str]()
        for number, (before, after) in enumerate(chosen):
            word, found = bench.point(f"kill{number}", before, after)
            words[word] += 1
            wrong += [f"{text} (killed at {before or after})" for text in found]
        service.stop_jobs()
    return {"calls of git": calls, "kills": len(chosen), **words, "wrong": len(wrong)}, wrong


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int)
    parser.add_argument("--api", choices=CHOICES, default=CHOICES[0])
    options = parser.parse_args()
    figures, wrong = sweep(options.points, options.api)
    print(json.dumps(figures))
    for what in wrong:
        print(what, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
