"""How fast a manifest set loads, side by side with what it could at best be.

    python benchmarks/manifest.py [--jobs 1000 10000 100000] [--rounds 3]

Every figure comes from a process of its own. *floor* is the bare walk over libyaml's events of the
same bytes, which any YAML reader has to pay; *load* is all of ``manifest.load``: read, validate,
expand, check, fingerprint. Memory is the peak beyond what the imports take.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path


def manifest(jobs: int) -> str:
    """A set of *jobs* jobs of 25 lines, in chains of ten that take each other's outputs."""
    out = ["apiVersion: jobsync/v1\nproject: bench\ntarget: local\njobs:\n"]
    for number in range(jobs):
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

    for _ in yaml.parse(path.read_bytes(), Loader=yaml.CLoader):
        pass
    return None


def load(path: Path) -> object:
    from jobsync.manifest import load

    return load([path])


def safe_loader(path: Path) -> object:
    import jsonschema_rs
    import yaml

    from jobsync.manifest import schema

    validator = jsonschema_rs.Draft202012Validator(json.loads(schema.text()))
    value = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    list(validator.iter_errors(value))
    return value


def json_loads(path: Path) -> object:
    return json.loads(path.with_suffix(".json").read_bytes())


METHODS: dict[str, Callable[[Path], object]] = {
    "floor": floor,
    "load": load,
    "CSafeLoader + jsonschema-rs": safe_loader,
    "json.loads": json_loads,
}


def measure(name: str, path: Path) -> None:
    """Run one method in this process, imports first, and print seconds and bytes."""
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.yaml"
        small.write_text(manifest(1))
        small.with_suffix(".json").write_text("{}")
        METHODS[name](small)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    kept = METHODS[name](path)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "bytes": (peak - before) * 1024}))
    del kept


def compare(jobs: int, rounds: int) -> dict[str, dict[str, float]]:
    """The median of *rounds* of every method on one set, measured in turn."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.yaml"
        path.write_text(manifest(jobs))
        from jobsync.manifest.reader import read

        path.with_suffix(".json").write_text(json.dumps(read(path.read_bytes(), "x").value))
        found: dict[str, list[dict[str, float]]] = {name: [] for name in METHODS}
        for _ in range(rounds):
            for name in METHODS:
                command = [sys.executable, __file__, "--measure", name, "--path", str(path)]
                result = subprocess.run(command, capture_output=True, text=True, check=True)
                found[name].append(json.loads(result.stdout))
    return {
        name: {key: statistics.median(run[key] for run in runs) for key in ("seconds", "bytes")}
        for name, runs in found.items()
    }


def report(jobs: int, figures: dict[str, dict[str, float]]) -> None:
    least = figures["floor"]["seconds"]
    print(f"\n{jobs:,} jobs")
    for name, figure in figures.items():
        seconds = figure["seconds"]
        print(
            f"  {name:30} {seconds:8.3f} s {seconds / least:6.2f}x floor "
            f"{seconds / jobs * 1e6:7.1f} us a job {figure['bytes'] / jobs / 1000:7.2f} kB a job"
        )
    ours = figures["load"]["seconds"]
    other = figures["CSafeLoader + jsonschema-rs"]["seconds"]
    print(f"  load is {ours / least:.2f}x the floor, {other / ours:.2f}x faster than CSafeLoader")


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
