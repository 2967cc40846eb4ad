"""A graph for Mermaid, which forges draw in comments and Markdown files."""

from __future__ import annotations

from jobsync.render import escape
from jobsync.render.graph.jobs import Graph

_COLOURS = {
    "add": "#2da44e",
    "change": "#bf8700",
    "bad": "#cf222e",
    "active": "#0969da",
    "done": "#8c959f",
}


def as_mermaid(graph: Graph) -> str:
    """A flowchart from left to right; a dotted arrow where a job only waits for another."""
    lines = ["flowchart LR"]
    for index, node in enumerate(graph.nodes):
        label = "<br/>".join(escape.mermaid(line) for line in node.lines)
        lines.append(f'  n{index}["{label}"]' + (f":::{node.kind}" if node.kind else ""))
    for edge in graph.edges:
        arrow = "-->" if edge.takes else "-.->"
        lines.append(f"  n{edge.source} {arrow} n{edge.target}")
    kinds = dict.fromkeys(node.kind for node in graph.nodes if node.kind)
    lines += [f"  classDef {kind} stroke:{_COLOURS[kind]},stroke-width:3px" for kind in kinds]
    return "\n".join(lines) + "\n"
