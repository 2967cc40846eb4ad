"""The HTML page of a set: how long it takes to write, and how large it is.

    python benchmarks/report.py [--jobs 5,200,2000] [--keep FOLDER]

A set of two layers and a sweep has run once; then two of its jobs change, one with other grants.
Prints a line of JSON for each size: seconds for the plan, seconds for the page, bytes of the page.
With ``--keep`` the pages stay there, to be looked at in a browser.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from jobsync.model import DeclaredJob, OutputRef
from jobsync.plan import PlanOptions, build
from jobsync.render.graph.jobs import graph_of
from jobsync.render.markdown import MOST_NODES
from jobsync.render.options import RenderOptions
from jobsync.render.page import as_html, page_of, with_runs
from tests.fakes.planworld import World, desired, grants, job, rule

LAYERS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--jobs", default="5,200,2000")
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    for jobs in map(int, given.jobs.split(",")):
        print(json.dumps(measured(jobs, given.keep)), flush=True)


def measured(jobs: int, keep: Path | None) -> dict[str, object]:
    """The figures for a sweep of *jobs*."""
    world = World()
    before = desired(*sweep(jobs))
    world.apply(build(before, world.snapshot(before), PlanOptions()))
    state = desired(*sweep(jobs, changed=2))
    seen = world.snapshot(state)
    begun = time.perf_counter()
    plan = build(state, seen, PlanOptions())
    planned = time.perf_counter()
    options = RenderOptions(graph=graph_of(state, plan, MOST_NODES))
    now = datetime.now(timezone.utc)
    text = as_html(with_runs(page_of(plan, options), plan, state, seen, options, now))
    ended = time.perf_counter()
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{jobs}.html").write_text(text, "utf-8")
    return {
        "jobs": jobs,
        "plan": round(planned - begun, 3),
        "page": round(ended - planned, 3),
        "bytes": len(text.encode()),
    }


def sweep(jobs: int, changed: int = 0) -> list[DeclaredJob]:
    """A sweep of *jobs* over a few preparations of one first job; the first *changed* differ."""
    first = job("first", {"maxRunTime": "01:00:00"}, permissions=grants(bob="READ"))
    known = {
        f"prep.{number}": job(
            f"prep.{number}",
            {"inputs": {"data": OutputRef("first", "out.txt")}, "maxRunTime": "00:30:00"},
            among={"first": first},
        )
        for number in range(LAYERS)
    }
    many = [
        job(
            f"sweep.{number}",
            {
                "inputs": {"data": OutputRef(f"prep.{number % LAYERS}", "out.txt")},
                "parameters": {"n": -number - 1 if number < changed else number},
                "maxRunTime": "00:10:00",
            },
            among=known,
            permissions=grants(carol="READ") if number < changed else grants(bob="READ"),
            outputs=(rule(to=f"results/{number}/"),),
        )
        for number in range(jobs)
    ]
    return [first, *known.values(), *many]


if __name__ == "__main__":
    main()
