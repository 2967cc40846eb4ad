"""How long ``jobsync --help`` and others take, beside the bare interpreter and click.

    python benchmarks/startup.py [--rounds 40]

Processes in turns, medians and the median of the ratios within a round. The aim: ``--help`` within
1.3 of ``import click``. CPU seconds stand beside the wall clock, which other work disturbs more.
With ``--imports`` the slowest imports of ``--help`` are listed, from ``python -X importtime``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = {
    "python": ["-c", "pass"],
    "import click": ["-c", "import click"],
    "jobsync --help": ["-m", "jobsync", "--help"],
    "jobsync --version": ["-m", "jobsync", "--version"],
    "jobsync validate": ["-m", "jobsync", "validate", "manifests/wordcount"],
}
BASE = "import click"


def once(arguments: list[str]) -> tuple[float, float]:
    """Seconds on the wall and of CPU of one process."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, env=_environ()
    )
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{arguments} exited with {process.returncode}")
    return wall, used.ru_utime + used.ru_stime


def _environ() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def imports() -> None:
    """The slowest imports of ``--help``, their own time in milliseconds."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "jobsync", "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True, env=_environ(),
    )  # fmt: skip
    rows = [line.removeprefix("import time:").split("|") for line in done.stderr.splitlines()[1:]]
    for own, _, name in sorted(rows, key=lambda row: -int(row[0]))[:20]:
        print(f"{int(own) / 1000:7.2f} ms {name.rstrip()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--imports", action="store_true")
    options = parser.parse_args()
    if options.imports:
        imports()
        return
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for _ in range(options.rounds):
        for name, arguments in COMMANDS.items():
            took[name].append(once(arguments))
    for name, rounds in took.items():
        wall, cpu = (statistics.median(one) * 1000 for one in zip(*rounds, strict=True))
        pairs = list(zip(rounds, took[BASE], strict=True))
        ratio = statistics.median(ours[0] / theirs[0] for ours, theirs in pairs)
        cpus = statistics.median(ours[1] / theirs[1] for ours, theirs in pairs)
        print(f"{name:18} {wall:6.0f} ms  {cpu:6.0f} ms cpu  {ratio:.2f}x  {cpus:.2f}x cpu")


if __name__ == "__main__":
    main()
