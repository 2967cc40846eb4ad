"""A graph in the language of Graphviz."""

from __future__ import annotations

from jobsync.render import escape
from jobsync.render.graph.jobs import Graph

_COLOURS = {
    "add": "forestgreen",
    "change": "darkgoldenrod",
    "bad": "firebrick",
    "active": "royalblue",
    "done": "gray50",
}


def as_dot(graph: Graph) -> str:
    """A directed graph from left to right; a dashed edge where a job only waits for another."""
    lines = [
        f"digraph {escape.dot(graph.project)} {{",
        "  rankdir=LR;",
        '  node [shape=box, style=rounded, fontname="sans-serif"];',
    ]
    for index, node in enumerate(graph.nodes):
        colour = f", color={_COLOURS[node.kind]}, penwidth=2" if node.kind else ""
        lines.append(f"  n{index} [label={escape.dot(*node.lines)}{colour}];")
    for edge in graph.edges:
        style = "" if edge.takes else " [style=dashed]"
        lines.append(f"  n{edge.source} -> n{edge.target}{style};")
    return "\n".join([*lines, "}"]) + "\n"
