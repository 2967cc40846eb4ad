"""A graph as a picture: SVG without fonts, scripts or links to anywhere, for light and dark."""

from __future__ import annotations

from itertools import pairwise

from jobsync.render.escape import markup
from jobsync.render.graph.jobs import Graph, Node
from jobsync.render.graph.layout import Box, Point, layout_of

_LETTER, _LINE, _PAD, _EDGE = 7.3, 17.0, 12.0, 10.0
"""Sizes in pixels: a letter, a line of text, the space around the text and around the picture."""
_LONGEST = 44
"""Letters of a line; of a longer one the middle is left out, and the tooltip has it all."""

_COLOURS = """
:root { --ink: #1f2328; --paper: #ffffff; --shade: #f3f5f7; --rule: #d1d9e0; --line: #8c959f;
  --add: #1a7f37; --change: #7d4e00; --bad: #cf222e; --active: #0969da; --done: #59636e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --shade: #151b23;
  --rule: #3d444d; --line: #6e7681; --add: #3fb950; --change: #d29922; --bad: #f85149;
  --active: #58a6ff; --done: #9198a1; } }
"""
_SHAPES = """
svg text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: var(--ink); }
svg rect { fill: var(--paper); stroke: var(--line); stroke-width: 1.5; }
svg path { fill: none; stroke: var(--line); stroke-width: 1.5; }
svg .waits { stroke-dasharray: 4 4; }
svg marker path { fill: var(--line); stroke: none; }
""" + "".join(
    f"svg .{kind} rect {{ stroke: var(--{kind}); stroke-width: 2.5; }}\n"
    for kind in ("add", "change", "bad", "active", "done")
)
DRAWING_STYLE = _COLOURS + _SHAPES
"""The style of a page with a drawing in it: its colours, for light and dark, and the drawing's."""


def as_svg(graph: Graph) -> str:
    """One SVG document of *graph*, from left to right."""
    return drawing(graph, f"<style>{DRAWING_STYLE}</style>")


def drawing(graph: Graph, style: str = "") -> str:
    """The SVG element of *graph*. *style* stands in it, for one that is a file of its own."""
    layout = layout_of(graph, [_size(node) for node in graph.nodes])
    width, height = layout.width + 2 * _EDGE, layout.height + 2 * _EDGE
    title = markup(f"The jobs of {graph.project} and what they wait for")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{title}"'
        f' viewBox="{-_EDGE:g} {-_EDGE:g} {width:.0f} {height:.0f}"'
        f' width="{width:.0f}" height="{height:.0f}">',
        f"<title>{title}</title>{style}",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7"'
        ' markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>',
    ]
    for edge, line in zip(graph.edges, layout.lines, strict=True):
        waits = "" if edge.takes else ' class="waits"'
        parts.append(f'<path{waits} d="{_curve(line)}" marker-end="url(#arrow)"/>')
    parts += map(_drawn, graph.nodes, layout.boxes)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _size(node: Node) -> tuple[float, float]:
    longest = max(len(_short(line)) for line in node.lines)
    return (longest * _LETTER + 2 * _PAD, len(node.lines) * _LINE + _PAD)


def _drawn(node: Node, box: Box) -> str:
    texts = "".join(
        f'<text x="{box.x + _PAD:.0f}" y="{box.y + _PAD / 2 + _LINE * (index + 0.75):.0f}">'
        f"{markup(_short(line))}</text>"
        for index, line in enumerate(node.lines)
    )
    kind = f' class="{node.kind}"' if node.kind else ""
    return (
        f"<g{kind}><title>{markup(', '.join(node.lines))}</title>"
        f'<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{box.width:.0f}"'
        f' height="{box.height:.0f}" rx="6"/>{texts}</g>'
    )


def _curve(line: tuple[Point, ...]) -> str:
    """A smooth line through the points, level where it leaves and reaches a node."""
    path = f"M{line[0][0]:.0f} {line[0][1]:.0f}"
    for (x, y), (next_x, next_y) in pairwise(line):
        half = (x + next_x) / 2
        path += f"C{half:.0f} {y:.0f} {half:.0f} {next_y:.0f} {next_x:.0f} {next_y:.0f}"
    return path


def _short(line: str) -> str:
    if len(line) <= _LONGEST:
        return line
    half = (_LONGEST - 1) // 2
    return f"{line[:half]}…{line[-half:]}"
