"""How the cost of commands grows with one dimension of the work, on the embedded service.

    python benchmarks/growth.py [--dimension NAME] [--sizes N,N,...] [--rounds N] [--folder DIR]

Each size is a set of its own, made and brought to where the measuring begins; then the commands of
the dimension run one after the other, each a process of its own. Printed are the medians of the
rounds: seconds, milliseconds a unit, the peak of memory, and the exponent: how the seconds above
those of an empty command grow when the size doubles (1.0: as the work does, 2.0: as its square).
Prints JSON at the end.
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


class Dimension(NamedTuple):
    """What grows. ``prepare`` makes the set of a size in an empty folder; nothing of it counts.

    ``steps`` are what is measured, by name: the arguments of one command each, in their order.
    """

    unit: str
    sizes: tuple[int, ...]
    prepare: Callable[[Path, int], None]
    steps: dict[str, tuple[str, ...]]


_APPLY = ("apply", "--auto-approve", "-q")


def prepare_files(folder: Path, size: int) -> None:
    """A finished job whose output folder holds *size* empty files, none of them fetched."""
    make_app(folder, f'for i in $(seq {size}); do echo "f$i.txt"; done | xargs touch')
    write_set(folder, "")
    run(folder, *_APPLY)
    write_set(folder, 'outputs: [{path: "*.txt", to: results/}]')


DIMENSIONS = {
    "files": Dimension(
        "file of a folder",
        (1000, 2000, 4000, 8000),
        prepare_files,
        {"plan": ("plan",), "fetch": _APPLY, "plan, nothing to do": ("plan",)},
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


def run(folder: Path, *arguments: str) -> dict[str, float]:
    """Run one command of jobsync in *folder*: its seconds and its peak of memory in MiB."""
    environ = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("TAPIS_", "AGAVE_", "JOBSYNC_")) and key != "CI"
    }
    environ |= {"HOME": str(folder), "JOBSYNC_STATE_DIR": str(folder / "state")}
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "jobsync", *arguments, "--target", "local"],
        cwd=folder,
        env=environ,
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
    return {"seconds": seconds, "mib": used.ru_maxrss / 1024}


def measure(dimension: Dimension, size: int, rounds: int, work: str) -> dict[str, dict[str, float]]:
    """The medians of each step at one size."""
    found: dict[str, list[dict[str, float]]] = {step: [] for step in dimension.steps}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=work) as name:
            folder = Path(name)
            dimension.prepare(folder, size)
            for step, arguments in dimension.steps.items():
                found[step].append(run(folder, *arguments))
    return {
        step: {key: statistics.median(one[key] for one in rows) for key in rows[0]}
        for step, rows in found.items()
    }


def exponent(smaller: float, larger: float, start: float, times: float) -> float:
    """The power of the size that the seconds beyond *start* grow with; *times* the size."""
    return math.log(max(larger - start, 1e-3) / max(smaller - start, 1e-3)) / math.log(times)


def report(name: str, sizes: list[int], rounds: int, work: str) -> dict[str, Any]:
    """Measure one dimension, a set of size 1 first, and print a table for each step."""
    dimension = DIMENSIONS[name]
    found = {size: measure(dimension, size, rounds, work) for size in (1, *sizes)}
    for step in dimension.steps:
        start = found[1][step]["seconds"]
        print(f"{name}: {step} ({start:.2f} s with one {dimension.unit})")
        before = 0
        for size in sizes:
            seconds, mib = found[size][step]["seconds"], found[size][step]["mib"]
            line = f"{size:>9,}  {seconds:8.2f} s  {1000 * (seconds - start) / size:8.3f} ms each"
            line += f"  {mib:6.0f} MiB"
            if before:
                power = exponent(found[before][step]["seconds"], seconds, start, size / before)
                found[size][step]["exponent"] = round(power, 2)
                line += f"  exponent {power:.2f}"
            print(line, flush=True)
            before = size
    return {str(size): steps for size, steps in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dimension", choices=sorted(DIMENSIONS), action="append")
    parser.add_argument("--sizes", help="for instance 1000,2000,4000; default: the dimension's own")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="where to work; default: a temporary folder")
    options = parser.parse_args()
    figures = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as work:
        for name in options.dimension or DIMENSIONS:
            sizes = [int(size) for size in (options.sizes or "").split(",") if size]
            sizes = sizes or list(DIMENSIONS[name].sizes)
            figures[name] = report(name, sizes, options.rounds, work)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
