"""The figures of ``growth.py`` as a table in Markdown, and that table in a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- growth: begin -->", "<!-- growth: end -->"
HEAD = (
    "dimension", "command", "api", "sizes", "seconds", "of the processor", "ms of it a unit",
    "requests a unit", "exponent",
)  # fmt: skip


SAYS = """\
The same as a table: of each size the seconds on the wall and those of the processor; of the largest
size what a unit costs beyond a set of size 1; and how the cost grew with the last doubling (1.0: as
the work does), where it is over a tenth of a second.
"""


def table(apis: Mapping[str, Mapping[str, Any]]) -> str:
    """A line for each dimension, command and api: of each size the seconds on the wall and of the
    processor, of the largest what a unit costs and how the cost grew with the last doubling."""
    names = dict.fromkeys(name for figures in apis.values() for name in figures)
    lines = [line for name in names for line in _lines(name, apis)]
    return "\n".join([_row(HEAD), "|---" * len(HEAD) + "|", *lines, ""])


def _lines(name: str, apis: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for api, figures in apis.items():
        if name not in figures:
            continue
        found = figures[name]["sizes"]
        sizes = sorted(int(size) for size in found if size != "1")
        for step, last in found[str(sizes[-1])].items():
            rows = [found[str(size)][step] for size in sizes]
            requests = ""
            if "requests" in last:
                first = found["1"][step]["requests"] if "1" in found else 0
                requests = f"{(last['requests'] - first) / max(1, sizes[-1] - 1):.1f}"
            cells = (
                name,
                step,
                api,
                ", ".join(f"{size:,}" for size in sizes),
                ", ".join(f"{row['seconds']:.1f}" for row in rows),
                ", ".join(f"{row['cpu']:.1f}" for row in rows),
                f"{last['each']:.2f}",
                requests,
                f"{last['exponent']:.2f}" if "exponent" in last else "",
            )
            yield _row(cells)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def replace_table(page: Path, apis: Mapping[str, Mapping[str, Any]]) -> None:
    """Put the table between the two comments of *page*."""
    before, begin, rest = page.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page} lacks {BEGIN} or {END}")
    page.write_text(f"{before}{BEGIN}\n{SAYS}\n{table(apis)}{END}{after}", "utf-8")
