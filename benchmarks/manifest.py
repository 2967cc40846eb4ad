"""How fast a manifest set loads, side by side with what it could at best be.

    python benchmarks/manifest.py [--jobs 1000 10000 100000] [--rounds 3]

Every figure comes from a process of its own. *floor* is the bare walk over libyaml's events of the
same bytes, which any YAML reader has to pay; *load* is all of ``manifest.load``: read, validate,
expand, check, fingerprint; *load in a command* is the same with the garbage collector set as every
command sets it (``cli/main.py``), which in somebody else's program is theirs to set. Memory is the
peak beyond what the imports take. The ratios are of CPU time, which other work on the machine
disturbs less than the wall clock.
"""

from __future__ import annotations

import argparse
import gc
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

FILE_OF = 10_000
"""Jobs in one file: a file may have 32 MiB."""


def write(folder: Path, jobs: int) -> None:
    """A set of *jobs* jobs in *folder*, and the same values as JSON."""
    from jobsync.manifest.yaml_reader import read

    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, jobs, FILE_OF):
        text = manifest(start, min(jobs, start + FILE_OF))
        path = folder / f"set-{start:09}.yaml"
        path.write_text(text)
        path.with_suffix(".json").write_text(json.dumps(read(text.encode(), "x").value))


def manifest(start: int, end: int) -> str:
    """Jobs of 25 lines each, in chains of ten that take each other's outputs."""
    out = ["apiVersion: jobsync/v1\n"]
    if start == 0:
        out.append("project: bench\ntarget: local\n")
    out.append("jobs:\n")
    for number in range(start, end):
        upstream = "agave://data.tacc/alice/in.fa"
        if number % 10:
            upstream = f"${{jobs.job-{number - 1}.outputs/aligned.fa}}"
        out.append(
            f"""\
  job-{number}:
    appId: famsa-2.2
    inputs:
      sequences: {upstream}
      guide: agave://data.tacc/alice/guide-{number}.nwk
    parameters:
      threads: {number % 16 + 1}
      gap: 0.5
      label: sample {number}
      sorted: true
    batchQueue: normal
    maxRunTime: "00:10:00"
    nodeCount: 1
    memoryPerNode: 4GB
    archive: true
    permissions:
      bob: READ
      carol: READ_WRITE
    outputs:
      - path: "*.aln"
        to: results/job-{number}/
    expect:
      - aligned.fa
    onFailure:
      retries: 1
"""
        )
    return "".join(out)


def floor(path: Path) -> object:
    import yaml

    for file in sorted(path.glob("*.yaml")):
        for _ in yaml.parse(file.read_bytes(), Loader=yaml.CLoader):
            pass
    return None


def load(path: Path) -> object:
    from jobsync.platforms.loading import load

    return load([path])


def load_in_a_command(path: Path) -> object:
    from jobsync.cli.main import YOUNG

    gc.set_threshold(YOUNG)
    return load(path)


def safe_loader(path: Path) -> object:
    import jsonschema_rs
    import yaml

    from jobsync.manifest import schema
    from jobsync.platforms import PLATFORMS

    validator = jsonschema_rs.Draft202012Validator(json.loads(schema.text(PLATFORMS)))
    values = []
    for file in sorted(path.glob("*.yaml")):
        values.append(yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader))
        list(validator.iter_errors(values[-1]))
    return values


def json_loads(path: Path) -> object:
    return [json.loads(file.read_bytes()) for file in sorted(path.glob("*.json"))]


METHODS: dict[str, Callable[[Path], object]] = {
    "floor": floor,
    "load": load,
    "load in a command": load_in_a_command,
    "CSafeLoader + jsonschema-rs": safe_loader,
    "json.loads": json_loads,
}


KEYS = ("seconds", "cpu", "bytes")


def measure(name: str, path: Path) -> None:
    """Run one method in this process, imports first, and print seconds and bytes."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), 1)
        METHODS[name](Path(folder))
    gc.collect()
    before = peak_memory()
    started, worked = time.perf_counter(), time.process_time()
    kept = METHODS[name](path)
    also = [[] for _ in range(1000)]  # a walk of the collector that was put off counts too
    seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    print(json.dumps({"seconds": seconds, "cpu": cpu, "bytes": peak_memory() - before}))
    del kept, also


def peak_memory() -> int:
    """The most memory this process has had, in bytes. ``ru_maxrss`` would count its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s*([0-9]+)", status)[1]) * 1024  # type: ignore[index]


def compare(jobs: int, rounds: int) -> dict[str, dict[str, float]]:
    """The median of *rounds* of every method on one set, measured in turn."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        write(path, jobs)
        found: dict[str, list[dict[str, float]]] = {name: [] for name in METHODS}
        for _ in range(rounds):
            for name in METHODS:
                command = [sys.executable, __file__, "--measure", name, "--path", str(path)]
                result = subprocess.run(command, capture_output=True, text=True, check=True)
                found[name].append(json.loads(result.stdout))
    return {
        name: {key: statistics.median(run[key] for run in runs) for key in KEYS}
        for name, runs in found.items()
    }


def report(jobs: int, figures: dict[str, dict[str, float]]) -> None:
    least = figures["floor"]["cpu"]
    print(f"\n{jobs:,} jobs")
    for name, figure in figures.items():
        seconds, cpu = figure["seconds"], figure["cpu"]
        print(
            f"  {name:30} {seconds:8.3f} s wall {cpu:8.3f} s cpu {cpu / least:6.2f}x floor "
            f"{cpu / jobs * 1e6:7.1f} us a job {figure['bytes'] / jobs / 1000:7.2f} kB a job"
        )
    other = figures["CSafeLoader + jsonschema-rs"]["cpu"]
    for name in ("load", "load in a command"):
        ours = figures[name]["cpu"]
        print(
            f"  {name}: {ours / least:.2f}x the floor, {other / ours:.2f}x faster than CSafeLoader"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", choices=list(METHODS))
    parser.add_argument("--path", type=Path)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure, arguments.path)
        return
    for jobs in arguments.jobs:
        report(jobs, compare(jobs, arguments.rounds))


if __name__ == "__main__":
    main()
