"""The graph of a set, in each format: right edges, and no name that becomes structure."""

from __future__ import annotations

import re
import subprocess
from shutil import which
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from jobsync.model import DesiredState, OutputRef
from jobsync.plan import PlanOptions, build
from jobsync.render.graph import FORMATS
from jobsync.render.graph.jobs import Edge, Graph, Node, graph_of
from jobsync.render.graph.layout import layout_of
from tests.fakes.planworld import World, desired, job
from tests.render.test_escape import HOSTILE


def pipeline() -> DesiredState:
    first = job("first")
    takes = {"inputs": {"data": OutputRef("first", "out.txt")}}
    parts = [
        job(f"part.{number}", {**takes, "parameters": {"number": number}}, among={"first": first})
        for number in (1, 2, 3)
    ]
    last = job(
        "last",
        {"inputs": {"part": OutputRef("part.1", "out.txt")}},
        among={"part.1": parts[0]},
        needs=("first", "part.2", "part.3"),
    )
    return desired(first, last, *parts)


def test_an_edge_for_each_job_that_another_waits_for() -> None:
    graph = graph_of(pipeline())
    assert [node.label for node in graph.nodes] == ["first", "last", "part.1", "part.2", "part.3"]
    assert Edge(0, 1, takes=False) in graph.edges
    assert Edge(2, 1, takes=True) in graph.edges
    assert len(graph.edges) == 7


def test_with_many_jobs_those_of_a_matrix_are_one_node() -> None:
    graph = graph_of(pipeline(), most=4)
    assert [len(node.jobs) for node in graph.nodes] == [1, 1, 3]
    assert graph.edges == (Edge(0, 1, False), Edge(0, 2, True), Edge(2, 1, True))
    assert graph_of(pipeline(), most=5) == graph_of(pipeline())


def test_a_node_tells_what_is_planned() -> None:
    state = pipeline()
    graph = graph_of(state, build(state, World().snapshot(state), PlanOptions()), most=4)
    assert [node.told for node in graph.nodes] == [
        (("create", 1),),
        (("create", 1),),
        (("create", 3),),
    ]
    assert graph.nodes[2].lines == ("part (3 jobs)", "3 create")
    assert {node.kind for node in graph.nodes} == {"add"}


def test_nodes_do_not_overlap_and_each_stands_right_of_what_it_waits_for() -> None:
    graph = graph_of(pipeline())
    layout = layout_of(graph, [(100.0, 30.0)] * len(graph.nodes))
    boxes = layout.boxes
    for edge in graph.edges:
        assert boxes[edge.source].x + boxes[edge.source].width < boxes[edge.target].x
    for index, one in enumerate(boxes):
        for other in boxes[:index]:
            apart_x = one.x + one.width <= other.x or other.x + other.width <= one.x
            apart_y = one.y + one.height <= other.y or other.y + other.height <= one.y
            assert apart_x or apart_y
        assert 0 <= one.x <= one.x + one.width <= layout.width
        assert 0 <= one.y <= one.y + one.height <= layout.height


def test_a_set_without_jobs_is_an_empty_drawing() -> None:
    for draw in FORMATS.values():
        assert draw(graph_of(desired()))


@settings(deadline=None, max_examples=150)
@given(HOSTILE, HOSTILE)
def test_a_hostile_name_stays_text(one: str, other: str) -> None:
    nodes = (Node(one, (one,)), Node(other, (other,), (("create", 1),)))
    graph = Graph(one, nodes, (Edge(0, 1, takes=True),))

    lines = FORMATS["mermaid"](graph).splitlines()
    assert len(lines) == 5
    for line in lines[1:3]:
        assert re.fullmatch(r'  n\d\["([\w .,/=\[\]()-]|#\d+;|<br/>)*"\](:::add)?', line), line

    assert re.fullmatch(
        r'digraph "([^"\\\n]|\\.)*" \{\n.*\n.*\n'
        r'(  n\d \[label="([^"\\\n]|\\.)*"(, color=forestgreen, penwidth=2)?\];\n){2}'
        r"  n0 -> n1;\n\}\n",
        FORMATS["dot"](graph),
    )

    root = ElementTree.fromstring(FORMATS["svg"](graph))
    tags = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert tags.count("g") == 2
    assert set(tags) == {"svg", "title", "style", "defs", "marker", "path", "g", "rect", "text"}


@pytest.mark.skipif(which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_reads_it() -> None:
    text = FORMATS["dot"](graph_of(pipeline()))
    done = subprocess.run(
        ["dot", "-Tplain"], input=text, capture_output=True, text=True, check=True
    )
    assert sum(line.startswith("edge") for line in done.stdout.splitlines()) == 7


def test_nodes_stand_in_natural_order() -> None:
    wanted = desired(*(job(f"job{n}") for n in (10, 2, 1)))
    assert [node.label for node in graph_of(wanted).nodes] == ["job1", "job2", "job10"]
