"""SIGKILL before every file-system call of a fetch: what is there afterwards, and how it goes on.

    python tests/campaigns/download_kills.py

For every point: a process fetches two files and is killed just before its N-th call that touches
the file system. Then a final name must be absent or whole, a second process must finish the work,
and no byte that lay in a part file may be asked for again beyond the overlap. Prints one line of
JSON; exit 1 when anything is wrong.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.fakes.hostile_service import JOB, HostileService, Remote

OVERLAP = 65_536
CALLS = ("open", "pwrite", "ftruncate", "fsync", "rename", "replace", "unlink", "mkdir")
ENDLESS = 10_000
LARGE = 12_000_000
"""Bytes of a file that is hashed by a thread beside."""


def zygote() -> None:
    """Fork a fetching process for each line ``POINT JOBS URL FOLDER`` on stdin; say how it ended.

    0 JOBS are as many as the client likes: then the small file comes on its way beside the large.
    """
    from jobsync.outputs.fetch import fetch_all  # noqa: F401

    for line in sys.stdin:
        point, jobs, url, folder = line.split()
        child = os.fork()
        if child == 0:
            kill_before(int(point))
            fetch(url, folder, int(jobs) or None)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) else os.WEXITSTATUS(status), flush=True)


def kill_before(point: int) -> None:
    """Make the *point*-th file-system call of this process its last."""
    left, mutex = [point], threading.Lock()

    def wrapped(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            with mutex:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return counted

    for name in CALLS:
        setattr(os, name, wrapped(getattr(os, name)))


def fetch(url: str, folder: str, jobs: int | None) -> None:
    from jobsync.model import OutputChange, OutputRule, Run, RunState
    from jobsync.outputs.fetch import fetch_all
    from jobsync.outputs.fetch_record import Ledger
    from jobsync.outputs.result import FetchLimits
    from jobsync.platforms.agave import connections as agave
    from jobsync.platforms.agave.credentials import explicit

    run = Run(JOB, "p.a.aaaaaaaaaa", "alice", "app", "FINISHED", RunState.FINISHED)
    with agave.connect_reader(url, explicit(url, "token")) as reader:
        result = fetch_all(
            reader,
            OutputChange("a", None, (OutputRule("**", "out/"),)),
            run,
            ledger=Ledger(folder, folder, ["a"]),
            limits=FetchLimits(jobs=jobs),
            report=lambda progress: None,
            stop=lambda: False,
        )
    if result.failed or result.refused or len(result.fetched) != 2:
        os._exit(3)


class Sweep:
    """One zygote; :meth:`_point` tries one kill."""

    def __init__(self, jobs: int, large: int) -> None:
        self._jobs = jobs
        rng = random.Random(1)
        self.contents = {"large": rng.randbytes(large), "d/small": rng.randbytes(20_000)}
        self.counts = Counter[str]()

    def run(self, points: range) -> Counter[str]:
        """Kill at each of *points*, until a process gets through alive."""
        with subprocess.Popen(
            [sys.executable, __file__, "--zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            for point in points:
                if not self._point(process, point):
                    break
            assert process.stdin is not None
            process.stdin.close()
        return self.counts

    def _point(self, process: subprocess.Popen[str], point: int) -> bool:
        with tempfile.TemporaryDirectory() as folder:
            ended, _ = self._fetch(process, point, folder)
            if ended != "killed":
                self.counts["wrong"] += ended != "0"
                return False
            self.counts["points"] += 1
            self.counts["wrong"] += not self._whole_or_absent(Path(folder))
            kept = self._kept(Path(folder))
            ended, asked = self._fetch(process, ENDLESS, folder)
            self.counts["not finished"] += ended != "0"
            self.counts["wrong"] += not self._is_whole(Path(folder))
            self._count_again(kept, asked)
        return True

    def _fetch(
        self, process: subprocess.Popen[str], point: int, folder: str
    ) -> tuple[str, list[int]]:
        """How a process that is killed at *point* ended, and where it began to read the large file.

        Each has its own service, which may read a request only after the process was killed.
        """
        remotes = {path: Remote(data) for path, data in self.contents.items()}
        with HostileService(remotes) as service:
            ended = ask(process, f"{point} {self._jobs} {service.url} {folder}")
        return ended, remotes["large"].asked

    def _kept(self, root: Path) -> int:
        """How many bytes of the large file lie there."""
        if (root / "out" / "large").exists():
            return len(self.contents["large"])
        return max((path.stat().st_size for path in root.glob("out/*.part")), default=0)

    def _count_again(self, kept: int, asked: list[int]) -> None:
        """What the next process may ask for: nothing, or all from the overlap on."""
        expected = [] if kept == len(self.contents["large"]) else [max(0, kept - OVERLAP)]
        self.counts["fetched twice"] += asked != expected
        self.counts["resumed"] += bool(expected and expected[0])
        self.counts["nothing to fetch"] += not expected

    def _whole_or_absent(self, root: Path) -> bool:
        return all(
            not (root / "out" / path).exists() or (root / "out" / path).read_bytes() == data
            for path, data in self.contents.items()
        )

    def _is_whole(self, root: Path) -> bool:
        left = {
            str(path.relative_to(root / "out"))
            for path in (root / "out").rglob("*")
            if path.is_file()
        }
        return left == set(self.contents) and self._whole_or_absent(root)


def ask(process: subprocess.Popen[str], line: str) -> str:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def main() -> int:
    if sys.argv[1:] == ["--zygote"]:
        zygote()
        return 0
    began = time.monotonic()
    counts = Counter[str]()
    for sweep in (Sweep(1, 1_500_000), Sweep(0, 1_500_000), Sweep(1, LARGE)):
        counts += sweep.run(range(1, ENDLESS))
    print(json.dumps({**counts, "seconds": round(time.monotonic() - began, 1)}))
    return 1 if counts["wrong"] or counts["not finished"] or counts["fetched twice"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
