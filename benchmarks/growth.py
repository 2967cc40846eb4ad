"""How the cost of commands grows when one dimension of the work is doubled.

    python benchmarks/growth.py [--dimension NAME ...] [--sizes N,N,...] [--steps NAME,NAME,...]
                                [--rounds N] [--serve] [--api tapis/v3] [--routes]
                                [--beside PYTHON]
                                [--json FILE] [--from FILE ...] [--plot FILE] [--page FILE]
                                [--folder DIR]

Each size is a set of its own, made and brought to where the measuring begins (``growth_sets.py``);
then the commands of the dimension run one after the other, each a process of its own, against the
embedded service. With ``--serve`` the service is a process of its own, whose costs are not counted.

Printed are the medians of the rounds: seconds on the wall, and of the processor with those of the
jobs (other work on the machine disturbs them less); milliseconds of the processor and requests a
unit, both beyond those of a set of size 1; the longest time that one thread kept the others from
running; the peak of memory; and the exponent: how the processor's seconds beyond those of size 1
grow when the size does (1.0: as the work, 2.0: as its square). The last exponent is marked when
it is over 1.15, and a thread that held the others for over 100 ms is. A cost of less than a tenth
of a second is too small to tell how it grows; its exponent is not printed.

``--beside`` names an interpreter with another jobsync, which runs each command in turns with this
one on a set of its own; the ratio of this one to it is printed, and nothing is counted.

``--plot`` draws what ``--json`` holds (``growth_plot.py``), and ``--page`` puts it into a page as
text and table (``growth_table.py``). With ``--from`` nothing is measured: the figures are those of
the files that are named, one for each api.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from growth_apis import APIS
from growth_commands import Commands
from growth_sets import DIMENSIONS, Dimension

STEEP = 1.15
"""An exponent over this is a defect."""

HOLDING = 100.0
"""Milliseconds for which no step may keep the other threads from running."""

SMALL = 0.1
"""Seconds of the processor that are too few to say how they grow."""

Row = dict[str, float]


def measure(
    dimension: Dimension, size: int, options: argparse.Namespace, work: str
) -> dict[str, Row]:
    """The medians of each step at one size; with another interpreter, ``beside`` is its CPU."""
    chosen = options.steps.split(",") if options.steps else list(dimension.steps)
    found: dict[str, list[Row]] = {step: [] for step in chosen}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(dir=work) as name:
            ours = prepared(dimension, size, options, Path(name) / "ours", sys.executable)
            theirs = None
            try:
                if options.beside:
                    folder = Path(name) / "theirs"
                    theirs = prepared(dimension, size, options, folder, options.beside)
                for step in chosen:
                    row = ours.run(*dimension.steps[step])
                    if theirs is not None:
                        other = theirs.run(*dimension.steps[step])
                        row |= {"beside": other["cpu"], "beside seconds": other["seconds"]}
                    found[step].append(row)
                    if options.routes and size > 1:
                        for route, count in Counter(ours.routes).most_common():
                            print(f"  {count / size:7.2f} a {dimension.unit}  {route}")
            finally:
                ours.close()
                if theirs is not None:
                    theirs.close()
    return {
        step: {key: statistics.median(one[key] for one in rows) for key in rows[0]}
        for step, rows in found.items()
    }


def prepared(
    dimension: Dimension, size: int, options: argparse.Namespace, folder: Path, python: str
) -> Commands:
    """The commands of *python* in a new set of one size."""
    folder.mkdir()
    served = options.serve or dimension.served
    commands = Commands(
        folder, python, api=APIS[options.api], served=served, count=not options.beside
    )
    try:
        dimension.prepare(commands, size)
    except BaseException:  # also Ctrl-C: the service that was started ends
        commands.close()
        raise
    return commands


def exponent(smaller: float, larger: float, times: float) -> float | None:
    """The power of the size that a cost grows with, when the size is *times* the one before."""
    if larger < SMALL or smaller <= 0:
        return None
    return math.log(larger / smaller) / math.log(times)


def report(name: str, sizes: list[int], options: argparse.Namespace, work: str) -> dict[str, Any]:
    """Measure one dimension, a set of size 1 first, and print a table for each step."""
    dimension = DIMENSIONS[name]
    found = {size: measure(dimension, size, options, work) for size in (1, *sizes)}
    for step, first in found[1].items():
        print(f"{name}: {step} ({first['seconds']:.2f} s, CPU {first['cpu']:.2f} s with one)")
        before = 0
        for size in sizes:
            row = found[size][step]
            beyond = row["cpu"] - first["cpu"]
            row["each"] = 1000 * beyond / size
            grown = None
            if before:
                smaller = found[before][step]["cpu"] - first["cpu"]
                grown = exponent(smaller, beyond, size / before)
            if grown is not None:
                row["exponent"] = grown
            print(line(size, row, first, dimension.unit, is_last=size == sizes[-1]), flush=True)
            before = size
    return {
        "unit": dimension.unit,
        "sizes": {str(size): steps for size, steps in found.items()},
    }


def line(size: int, row: Row, first: Row, unit: str, *, is_last: bool) -> str:
    """One size of one step, in words."""
    parts = [
        f"{size:>9,}",
        f"{row['seconds']:7.2f} s",
        f"CPU {row['cpu']:7.2f} s",
        f"{row['each']:8.3f} ms a {unit}",
        f"{row['mib']:5.0f} MiB",
    ]
    if "requests" in row:
        parts.append(f"{(row['requests'] - first['requests']) / max(1, size - 1):6.2f} requests")
        held = row["held"]
        parts.append(f"held {held:4.0f} ms" + (" (!)" if held > HOLDING else ""))
    if "exponent" in row:
        steep = is_last and row["exponent"] > STEEP
        parts.append(f"exponent {row['exponent']:.2f}" + (" (!)" if steep else ""))
    if "beside" in row:
        times, wall = row["cpu"] / row["beside"], row["seconds"] / row["beside seconds"]
        parts.append(f"{times:.2f} times the CPU and {wall:.2f} the time of the other")
    return "  ".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dimension", choices=sorted(DIMENSIONS), action="append")
    parser.add_argument("--sizes", help="for instance 1000,2000,4000; default: the dimension's own")
    parser.add_argument("--steps", help="which of its commands, in their order; default: all")
    parser.add_argument("--serve", action="store_true", help="the service apart, not embedded")
    parser.add_argument("--api", choices=[*APIS], default="agave/v2", help="what it speaks")
    parser.add_argument("--beside", metavar="PYTHON", help="an interpreter with another jobsync")
    parser.add_argument("--routes", action="store_true", help="print what is asked how often")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them there, as SVG")
    parser.add_argument(
        "--page", type=Path, metavar="FILE", help="renew what this page says of them"
    )
    parser.add_argument(
        "--from", dest="sources", type=Path, nargs="+", metavar="FILE", help="measure nothing"
    )
    parser.add_argument("--folder", help="where to work; default: a temporary folder")
    options = parser.parse_args()
    if options.sources:
        documents = [json.loads(source.read_text()) for source in options.sources]
    else:
        load, cores = os.getloadavg()[0], os.cpu_count()
        print(f"load of the machine: {load:.1f} on {cores} cores")
        figures = measured(options)
        documents = [
            {"api": options.api, "rounds": options.rounds, "load": load, "figures": figures}
        ]
    if options.json:
        options.json.write_text(json.dumps(documents[0], indent=1) + "\n")
    if options.plot:
        from growth_plot import drawn

        options.plot.write_text(drawn({one["api"]: one["figures"] for one in documents}))
    if options.page:
        from growth_table import replace_text, text

        replace_text(options.page, text(documents, STEEP))


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """The figures of each dimension that *options* choose."""
    figures = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as work:
        for name in options.dimension or DIMENSIONS:
            sizes = [int(size) for size in (options.sizes or "").split(",") if size]
            figures[name] = report(name, sizes or list(DIMENSIONS[name].sizes), options, work)
    return figures


if __name__ == "__main__":
    main()
