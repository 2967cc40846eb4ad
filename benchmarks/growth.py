"""How the cost of commands grows with one dimension of the work, on the embedded service.

    python benchmarks/growth.py [--dimension NAME] [--sizes N,N,...] [--steps NAME,NAME,...]
                                [--rounds N] [--serve] [--folder DIR]

Each size is a set of its own, made and brought to where the measuring begins; then the commands of
the dimension run one after the other, each a process of its own. Printed are the medians of the
rounds: seconds on the wall and of the processor (which other work on the machine disturbs less),
milliseconds of the processor a unit, the peak of memory, and the exponent: how the processor's
seconds beyond those of a set of size 1 grow when the size does (1.0: as the work, 2.0: as its
square). With ``--serve`` the service is a process of its own, whose costs are not counted. Prints
JSON at the end.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Commands:
    """Runs commands in the folder of a set, for the embedded service or one that is served."""

    def __init__(self, folder: Path, serve: bool) -> None:
        self.folder = folder
        self._target = "env" if serve else "local"
        self._environ = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("TAPIS_", "AGAVE_", "JOBSYNC_")) and key != "CI"
        }
        self._environ |= {"HOME": str(folder), "JOBSYNC_STATE_DIR": str(folder / "state")}
        self._service: subprocess.Popen[str] | None = None

    def serve(self) -> None:
        """Start the service that the commands go to, once its apps lie there; else embed it."""
        if self._target == "local":
            return
        self._service = subprocess.Popen(
            [sys.executable, "-m", "jobsync", "serve"],
            cwd=self.folder,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._service.stdout is not None
        self._environ["TAPIS_BASE_URL"] = self._service.stdout.readline().strip()
        tokens = json.loads((self.folder / ".jobsync" / "users.json").read_text())
        self._environ["TAPIS_TOKEN"] = next(iter(tokens.values()))

    def close(self) -> None:
        if self._service is not None:
            self._service.terminate()
            self._service.communicate()

    def run(self, *arguments: str) -> dict[str, float]:
        """Run one command: its seconds, and its peak of memory in MiB."""
        began = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-m", "jobsync", *arguments, "--target", self._target],
            cwd=self.folder,
            env=self._environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stderr is not None
            said = process.stderr.read()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        if process.returncode:
            raise SystemExit(f"jobsync {' '.join(arguments)}: {said.decode()}")
        cpu = used.ru_utime + used.ru_stime
        return {"seconds": seconds, "cpu": cpu, "mib": used.ru_maxrss / 1024}


class Dimension(NamedTuple):
    """What grows. ``prepare`` makes the set of a size in an empty folder; nothing of it counts.

    ``steps`` are what is measured, by name: the arguments of one command each, in their order.
    """

    unit: str
    sizes: tuple[int, ...]
    prepare: Callable[[Commands, int], None]
    steps: dict[str, tuple[str, ...]]


_APPLY = ("apply", "--auto-approve", "--wait", "-q")


def prepare_files(commands: Commands, size: int) -> None:
    """A finished job whose output folder holds *size* empty files, none of them fetched."""
    make_app(commands.folder, f'for i in $(seq {size}); do echo "f$i.txt"; done | xargs touch')
    write_set(commands.folder, "")
    commands.serve()
    commands.run(*_APPLY)
    write_set(commands.folder, 'outputs: [{path: "*.txt", to: results/}]')


DIMENSIONS = {
    "files": Dimension(
        "file of a folder",
        (1000, 2000, 4000, 8000),
        prepare_files,
        {"plan": ("plan",), "fetch": _APPLY, "plan again": ("plan",)},
    ),
}


# --- sets ------------------------------------------------------------------------------


def make_app(folder: Path, script: str) -> None:
    """The app ``work-1.0``, which runs *script* in its output folder."""
    app = folder / "apps" / "work-1.0"
    app.mkdir(parents=True)
    (app / "app.json").write_text(
        json.dumps(
            {"name": "work", "version": "1.0", "executionSystem": "local", "templatePath": "run.sh"}
        )
    )
    (app / "run.sh").write_text(f"set -eu\n{script}\n")


def write_set(folder: Path, body: str) -> None:
    """A set of one job of that app."""
    lines = ["apiVersion: jobsync/v1", "project: growth", "jobs:", "  work:", "    appId: work-1.0"]
    lines += [f"    {body}"] if body else []
    (folder / "growth.yaml").write_text("\n".join([*lines, ""]))


# --- measuring -------------------------------------------------------------------------


def measure(
    dimension: Dimension, size: int, options: argparse.Namespace, work: str
) -> dict[str, dict[str, float]]:
    """The medians of each step at one size."""
    chosen = options.steps.split(",") if options.steps else list(dimension.steps)
    found: dict[str, list[dict[str, float]]] = {step: [] for step in chosen}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(dir=work) as name:
            commands = Commands(Path(name), options.serve)
            try:
                dimension.prepare(commands, size)
                for step in chosen:
                    found[step].append(commands.run(*dimension.steps[step]))
            finally:
                commands.close()
    return {
        step: {key: statistics.median(one[key] for one in rows) for key in rows[0]}
        for step, rows in found.items()
    }


def exponent(smaller: float, larger: float, times: float) -> float:
    """The power of the size that a cost grows with, when the size is *times* the one before."""
    return math.log(max(larger, 1e-3) / max(smaller, 1e-3)) / math.log(times)


def report(name: str, sizes: list[int], options: argparse.Namespace, work: str) -> dict[str, Any]:
    """Measure one dimension, a set of size 1 first, and print a table for each step."""
    dimension = DIMENSIONS[name]
    found = {size: measure(dimension, size, options, work) for size in (1, *sizes)}
    for step in found[1]:
        first = found[1][step]
        print(f"{name}: {step} ({first['seconds']:.2f} s, CPU {first['cpu']:.2f} s with one)")
        before = 0
        for size in sizes:
            row = found[size][step]
            beyond = row["cpu"] - first["cpu"]
            line = f"{size:>9,}  {row['seconds']:7.2f} s  CPU {row['cpu']:7.2f} s"
            line += f"  {1000 * beyond / size:7.3f} ms a {dimension.unit}  {row['mib']:5.0f} MiB"
            if before:
                smaller = found[before][step]["cpu"] - first["cpu"]
                row["exponent"] = exponent(smaller, beyond, size / before)
                line += f"  exponent {row['exponent']:.2f}"
            print(line, flush=True)
            before = size
    return {str(size): steps for size, steps in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dimension", choices=sorted(DIMENSIONS), action="append")
    parser.add_argument("--sizes", help="for instance 1000,2000,4000; default: the dimension's own")
    parser.add_argument("--steps", help="which of its commands, in their order; default: all")
    parser.add_argument("--serve", action="store_true", help="the service apart, not embedded")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="where to work; default: a temporary folder")
    options = parser.parse_args()
    figures = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as work:
        for name in options.dimension or DIMENSIONS:
            sizes = [int(size) for size in (options.sizes or "").split(",") if size]
            sizes = sizes or list(DIMENSIONS[name].sizes)
            figures[name] = report(name, sizes, options, work)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
