"""Where the nodes and edges of a graph are drawn. Door of grandalf."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grandalf.graphs import Edge as Line  # type: ignore[import-untyped]
from grandalf.graphs import Graph as Drawn
from grandalf.graphs import Vertex
from grandalf.layouts import SugiyamaLayout  # type: ignore[import-untyped]

from jobsync.render.graph.jobs import Graph
from jobsync.structs import Struct

Point = tuple[float, float]
_ACROSS, _BETWEEN = 70.0, 18.0
"""Between two columns, and between two nodes of one column."""


class Box(Struct, frozen=True):
    """The place of a node: its upper left corner, and its size."""

    x: float
    y: float
    width: float
    height: float


class Layout(Struct, frozen=True):
    """A box for each node and a line of points for each edge of a graph, in their order."""

    boxes: tuple[Box, ...]
    lines: tuple[tuple[Point, ...], ...]
    width: float
    height: float


class _Size:
    """What the library wants to know of a node. It draws downwards, so sides are exchanged."""

    def __init__(self, width: float, height: float) -> None:
        self.w, self.h = height, width
        self.xy = (0.0, 0.0)


class _Path:
    """What the library tells about an edge."""

    def __init__(self) -> None:
        self.points: list[Point] = []

    def setpath(self, points: list[Point]) -> None:
        self.points = points


def layout_of(graph: Graph, sizes: Sequence[tuple[float, float]]) -> Layout:
    """Place *graph* from left to right. *sizes* are the width and height of each node.

    Parts that have nothing to do with each other stand one below the other.
    """
    vertices = [Vertex(index) for index in range(len(graph.nodes))]
    for vertex, size in zip(vertices, sizes, strict=True):
        vertex.view = _Size(*size)
    edges = [Line(vertices[edge.source], vertices[edge.target]) for edge in graph.edges]
    for edge in edges:
        edge.view = _Path()
    boxes: dict[int, Box] = {}
    bends: dict[int, list[Point]] = {}
    below = width = 0.0
    for part in Drawn(vertices, edges).C:
        _place(part)
        members = [(vertex.data, vertex.view) for vertex in part.sV]
        left = min(view.xy[1] - view.h / 2 for _, view in members)
        top = min(view.xy[0] - view.w / 2 for _, view in members) - below
        for index, view in members:
            x, y = view.xy[1] - view.h / 2 - left, view.xy[0] - view.w / 2 - top
            boxes[index] = Box(x, y, view.h, view.w)
        for edge in part.sE:
            bends[id(edge)] = [(y - left, x - top) for x, y in edge.view.points[1:-1]]
        width = max(width, *(boxes[index].x + boxes[index].width for index, _ in members))
        below = max(boxes[index].y + boxes[index].height for index, _ in members) + _BETWEEN
    lines = tuple(
        (_right(boxes[edge.source]), *bends[id(line)], _left(boxes[edge.target]))
        for edge, line in zip(graph.edges, edges, strict=True)
    )
    placed = tuple(boxes[index] for index in range(len(vertices)))
    return Layout(placed, lines, width, max(0.0, below - _BETWEEN))


def _place(part: Any) -> None:
    """Let the library place one connected part."""
    layout = SugiyamaLayout(part)
    layout.xspace, layout.yspace = _BETWEEN, _ACROSS
    layout.init_all()
    layout.draw(3)
    layout.draw_edges()


def _right(box: Box) -> Point:
    return (box.x + box.width, box.y + box.height / 2)


def _left(box: Box) -> Point:
    return (box.x, box.y + box.height / 2)
