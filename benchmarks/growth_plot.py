"""Draws the figures of ``growth.py`` as one SVG: seconds of the processor over the size of a set.

One small picture for each dimension, both axes logarithmic, so that a cost that grows as the work
does is a line of the slope that the thin lines have. Each api has a kind of line. Readable on light
and on dark, also where a page is the one and the system the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

WIDTH, HEIGHT, COLUMNS = 250, 190, 3
LEFT, TOP, RIGHT, BOTTOM = 44, 34, 12, 46
HEAD = 26
COLOURS = ("#2f7ed8", "#d9730d", "#2e9e5b", "#a34fc4")
DASHES = ("none", "5 3", "1 3")

_STYLE = """
  text { font: 11px system-ui, sans-serif; fill: #57606a }
  .back { fill: #ffffff }
  .title { font-weight: 600; fill: #1f2328 }
  .axis { stroke: #8b949e; fill: none }
  .guide { stroke: #8b949e; stroke-opacity: .3; stroke-dasharray: 2 3 }
  .api { stroke: #57606a; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9da7b3 } .back { fill: #1e2129 } .title { fill: #e6edf3 } .api { stroke: #9da7b3 }
  }
"""

Figures = Mapping[str, Any]


def drawn(apis: Mapping[str, Figures]) -> str:
    """All dimensions of the figures of each api, which ``growth.py --json`` writes."""
    names = [*dict.fromkeys(name for figures in apis.values() for name in figures)]
    wide, high = COLUMNS * WIDTH, HEAD + math.ceil(len(names) / COLUMNS) * HEIGHT
    title = "Seconds of the processor by size, for each dimension of the work"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" '
        f'height="{high}" role="img" aria-labelledby="what">',
        f'<title id="what">{title}</title><style>{_STYLE}</style>',
        f'<rect class="back" width="{wide}" height="{high}"/>',
        *_legend(apis),
    ]
    for number, name in enumerate(names):
        x, y = number % COLUMNS * WIDTH, HEAD + number // COLUMNS * HEIGHT
        found = {api: figures[name] for api, figures in apis.items() if name in figures}
        parts.append(f'<g transform="translate({x} {y})">{_panel(name, found, [*apis])}</g>')
    return "\n".join([*parts, "</svg>", ""])


def _legend(apis: Mapping[str, Figures]) -> Iterator[str]:
    for number, api in enumerate(apis):
        x = LEFT + number * 120
        yield f'<path class="api" stroke-dasharray="{DASHES[number % 3]}" d="M{x} 14h30"/>'
        yield f'<text x="{x + 36}" y="18">{escape(api)}</text>'


def _panel(name: str, found: Mapping[str, Any], apis: list[str]) -> str:
    costs = {api: _costs(figure) for api, figure in found.items()}
    sizes = sorted({size for cost in costs.values() for line in cost.values() for size in line})
    seconds = [one for cost in costs.values() for line in cost.values() for one in line.values()]
    low, high = min(seconds) / 1.3, max(seconds) * 1.3
    across = _Scale(sizes[0], max(sizes[-1], sizes[0] + 1), LEFT, WIDTH - RIGHT)
    up = _Scale(low, high, HEIGHT - BOTTOM, TOP)
    steps = [*dict.fromkeys(step for cost in costs.values() for step in cost)]
    parts = [f'<text class="title" x="{LEFT}" y="14">{escape(name)}</text>']
    for index, step in enumerate(steps):
        at = LEFT + index * 68
        parts.append(
            f'<text x="{at}" y="28" style="fill: {COLOURS[index % 4]}">{escape(step)}</text>'
        )
    frame = f"M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"
    parts.append(f'<path class="axis" d="{frame}"/>')
    for start in (low, low * math.sqrt(high / low)):
        end = min(high, start * sizes[-1] / sizes[0])
        reach = sizes[0] * end / start
        path = f"M{across(sizes[0]):.1f} {up(start):.1f}L{across(reach):.1f} {up(end):.1f}"
        parts.append(f'<path class="guide" d="{path}"/>')
    for api, cost in costs.items():
        for step, line in cost.items():
            points = " ".join(f"{across(size):.1f},{up(one):.1f}" for size, one in line.items())
            stroke = f'stroke="{COLOURS[steps.index(step) % 4]}" stroke-width="2" fill="none"'
            dash = f'stroke-dasharray="{DASHES[apis.index(api) % 3]}"'
            parts.append(f'<polyline points="{points}" {stroke} {dash}/>')
    for size in sizes:
        parts.append(
            f'<text x="{across(size):.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">'
            f"{_short(size)}</text>"
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    unit = escape(next(iter(found.values()))["unit"])
    below = HEIGHT - BOTTOM + 29
    parts.append(f'<text x="{middle}" y="{below}" text-anchor="middle">{unit}</text>')
    for value in (low * 1.3, high / 1.3):
        parts.append(
            f'<text x="{LEFT - 5}" y="{up(value) + 4:.1f}" text-anchor="end">{value:.2g} s</text>'
        )
    return "".join(parts)


def _costs(figure: Mapping[str, Any]) -> dict[str, dict[int, float]]:
    """Seconds of the processor by step and size; a set of size 1 is what the others go beyond."""
    sizes = sorted(int(size) for size in figure["sizes"] if size != "1")
    steps = figure["sizes"][str(sizes[0])]
    return {step: {size: figure["sizes"][str(size)][step]["cpu"] for size in sizes}
            for step in steps}  # fmt: skip


class _Scale:
    """A logarithmic axis from *low* to *high*, drawn from *start* to *end*."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._low, self._start = math.log(low), start
        self._factor = (end - start) / (math.log(high) - self._low)

    def __call__(self, value: float) -> float:
        return self._start + (math.log(value) - self._low) * self._factor


def _short(size: int) -> str:
    return f"{size / 1000:g}k" if size >= 1000 else str(size)
