"""How the jobs of a set depend on each other, as text that draws it: one row for each format."""

from __future__ import annotations

from collections.abc import Callable

from jobsync.render.graph.jobs import Graph


def _mermaid(graph: Graph) -> str:
    from jobsync.render.graph.mermaid import as_mermaid

    return as_mermaid(graph)


def _dot(graph: Graph) -> str:
    from jobsync.render.graph.dot import as_dot

    return as_dot(graph)


def _svg(graph: Graph) -> str:
    from jobsync.render.graph.svg import as_svg

    return as_svg(graph)


FORMATS: dict[str, Callable[[Graph], str]] = {"mermaid": _mermaid, "dot": _dot, "svg": _svg}
"""Every way to draw a graph. Each is imported when it is asked for."""
