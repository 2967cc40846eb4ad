"""The figures of ``growth.py`` as a table in Markdown, and that table in a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- growth: begin -->", "<!-- growth: end -->"
HEAD = (
    "work: command", "api", "size: seconds (of the processor)", "ms of the processor a unit",
    "requests a unit", "exponent",
)  # fmt: skip

SAYS = """\
As a table: of each size the seconds on the wall and those of the processor; of the largest size
what a unit costs beyond a set of size 1; and how the cost grew with the last doubling (1.0: as the
work does), where it is over a tenth of a second.
"""

Document = Mapping[str, Any]


def text(documents: Sequence[Document], steep: float) -> str:
    """What is to be said of the *documents* that ``growth.py --json`` writes, with the table;
    *steep* is the exponent over which a step is named."""
    measured = "; ".join(
        f"{one['api']}: {_rounds(one['rounds'])} each, beside a load of {one['load']:.1f}"
        for one in documents
    )
    found = [
        f"{name}: {step} {row['exponent']:.2f} ({one['api']})"
        for one in documents
        for name, figure in one["figures"].items()
        for step, row in figure["sizes"][str(max(map(int, figure["sizes"])))].items()
        if row.get("exponent", 0) > steep
    ]
    over = f"Of the last doubling, over {steep}: {', '.join(found) or 'none'}."
    apis = {one["api"]: one["figures"] for one in documents}
    return f"{measured}. {over}\n\n{SAYS}\n{table(apis)}"


def _rounds(number: int) -> str:
    return "one round" if number == 1 else f"the median of {number} rounds"


def table(apis: Mapping[str, Mapping[str, Any]]) -> str:
    """A line for each dimension, command and api."""
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
                f"{name}: {step}",
                api,
                ", ".join(
                    f"{size:,}: {row['seconds']:.1f} ({row['cpu']:.1f})"
                    for size, row in zip(sizes, rows, strict=True)
                ),
                f"{last['each']:.2f}",
                requests,
                f"{last['exponent']:.2f}" if "exponent" in last else "",
            )
            yield _row(cells)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def replace_text(page: Path, said: str) -> None:
    """Put *said* between the two comments of *page*."""
    before, begin, rest = page.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page} lacks {BEGIN} or {END}")
    page.write_text(f"{before}{BEGIN}\n\n{said}\n{END}{after}", "utf-8")
