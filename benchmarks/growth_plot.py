"""Draws the figures of ``growth.py`` as one SVG: seconds of the processor over the size of a set.

One small picture for each dimension, both axes logarithmic, so that a cost that grows as the work
does is a line of the slope that the thin lines have. Readable on light and on dark.
"""

from __future__ import annotations

import math
from html import escape
from typing import Any

WIDTH, HEIGHT, COLUMNS = 250, 190, 3
LEFT, TOP, RIGHT, BOTTOM = 44, 34, 12, 46
COLOURS = ("#2f7ed8", "#d9730d", "#2e9e5b", "#a34fc4")

_STYLE = """
  text { font: 11px system-ui, sans-serif; fill: #57606a }
  .title { font-weight: 600; fill: #1f2328 }
  .axis { stroke: #8b949e; fill: none }
  .guide { stroke: #8b949e; stroke-opacity: .3; stroke-dasharray: 2 3 }
  @media (prefers-color-scheme: dark) { text { fill: #9da7b3 } .title { fill: #e6edf3 } }
"""


def drawn(figures: dict[str, Any]) -> str:
    """All dimensions of *figures*, which is what ``growth.py --json`` writes."""
    rows = math.ceil(len(figures) / COLUMNS)
    size = f'width="{COLUMNS * WIDTH}" height="{rows * HEIGHT}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">']
    parts.append(f"<title>Seconds of the processor by size</title><style>{_STYLE}</style>")
    for number, (name, figure) in enumerate(figures.items()):
        x, y = number % COLUMNS * WIDTH, number // COLUMNS * HEIGHT
        parts.append(f'<g transform="translate({x} {y})">{_panel(name, figure)}</g>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(name: str, figure: dict[str, Any]) -> str:
    sizes = sorted(int(size) for size in figure["sizes"] if size != "1")
    steps = list(figure["sizes"][str(sizes[0])])
    cost = {step: [figure["sizes"][str(size)][step]["cpu"] for size in sizes] for step in steps}
    low = min(min(line) for line in cost.values()) / 1.3
    high = max(max(line) for line in cost.values()) * 1.3
    across = _Scale(sizes[0], max(sizes[-1], sizes[0] + 1), LEFT, WIDTH - RIGHT)
    up = _Scale(low, high, HEIGHT - BOTTOM, TOP)
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
    for index, line in enumerate(cost.values()):
        points = " ".join(f"{across(s):.1f},{up(c):.1f}" for s, c in zip(sizes, line, strict=True))
        stroke = f'stroke="{COLOURS[index % 4]}" stroke-width="2" fill="none"'
        parts.append(f'<polyline points="{points}" {stroke}/>')
    for size in sizes:
        parts.append(
            f'<text x="{across(size):.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">'
            f"{_short(size)}</text>"
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    unit = escape(figure["unit"])
    below = HEIGHT - BOTTOM + 29
    parts.append(f'<text x="{middle}" y="{below}" text-anchor="middle">{unit}</text>')
    for value in (low * 1.3, high / 1.3):
        parts.append(
            f'<text x="{LEFT - 5}" y="{up(value) + 4:.1f}" text-anchor="end">{value:.2g} s</text>'
        )
    return "".join(parts)


class _Scale:
    """A logarithmic axis from *low* to *high*, drawn from *start* to *end*."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._low, self._start = math.log(low), start
        self._factor = (end - start) / (math.log(high) - self._low)

    def __call__(self, value: float) -> float:
        return self._start + (math.log(value) - self._low) * self._factor


def _short(size: int) -> str:
    return f"{size / 1000:g}k" if size >= 1000 else str(size)
