"""The graph of the jobs of a set: a node for each job, or for all jobs of one matrix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from jobsync.model import (
    Action,
    Address,
    DeclaredJob,
    DesiredState,
    JobChange,
    Plan,
    Standing,
)
from jobsync.render.natural import natural
from jobsync.structs import Struct

_KINDS: Mapping[str, str] = {
    **dict.fromkeys((Action.CREATE, Action.REPLACE, Action.RETRY), "add"),
    **dict.fromkeys((Action.RESTORE, Action.UPDATE, Action.STOP, Action.DELETE), "change"),
    Standing.CURRENT: "done",
    **dict.fromkeys((Standing.IN_PROGRESS, Standing.PENDING, Standing.NOT_VISIBLE), "active"),
    **dict.fromkeys(
        (Standing.FAILED, Standing.STOPPED, Standing.INCOMPLETE, Standing.BLOCKED), "bad"
    ),
}
_WORST = ("bad", "add", "change", "active", "done")


def kind_of(word: str) -> str:
    """Which of the kinds below the word for an action or a standing belongs to."""
    return _KINDS[word]


class Node(Struct, frozen=True):
    """A job, or the ``jobs`` of one matrix.

    ``label`` is the address, or the key of the matrix. ``told`` has the state of the jobs in words
    and how many are in it, most first; it is empty where no service was asked.
    """

    label: str
    jobs: tuple[Address, ...]
    told: tuple[tuple[str, int], ...] = ()

    @property
    def kind(self) -> str:
        """``add``, ``change``, ``bad``, ``active`` or ``done``: the first of them that needs
        attention. Empty where nothing is known."""
        found = {kind_of(word) for word, _ in self.told}
        return next((kind for kind in _WORST if kind in found), "")

    @property
    def lines(self) -> tuple[str, ...]:
        """What to write into the node, one text a line."""
        several = len(self.jobs) > 1
        head = f"{self.label} ({len(self.jobs)} jobs)" if several else self.label
        words = [
            f"{count} {word}" if several else word.replace("_", " ") for word, count in self.told
        ]
        return (head, ", ".join(words).replace("_", " ")) if words else (head,)


class Edge(Struct, frozen=True):
    """``target`` waits for ``source``; both are positions in the nodes of the graph.

    ``takes`` is whether it also takes outputs or ids of it.
    """

    source: int
    target: int
    takes: bool


class Graph(Struct, frozen=True):
    """The jobs of ``project``, in the natural order of their addresses."""

    project: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def graph_of(desired: DesiredState, plan: Plan | None = None, most: int = 0) -> Graph:
    """The jobs of *desired*, with what *plan* says of each.

    With more than *most* jobs, unless that is 0, those of one matrix are one node.
    """
    fold = 0 < most < len(desired.jobs)
    told = _told(plan) if plan else {}
    groups: dict[str, list[Address]] = {}
    for address in sorted(desired.jobs, key=natural):
        label = address.partition(".")[0] if fold else address
        groups.setdefault(label, []).append(address)
    nodes = tuple(
        Node(label, tuple(jobs), _counted(told[address] for address in jobs if address in told))
        for label, jobs in groups.items()
    )
    place = {address: index for index, node in enumerate(nodes) for address in node.jobs}
    return Graph(desired.project, nodes, _edges(desired.jobs.values(), place))


def _edges(jobs: Iterable[DeclaredJob], place: Mapping[Address, int]) -> tuple[Edge, ...]:
    takes: dict[tuple[int, int], bool] = {}
    for job in jobs:
        for needed in job.needs:
            pair = (place[needed], place[job.address])
            if pair[0] != pair[1]:
                takes[pair] = takes.get(pair, False) or needed in job.upstream
    return tuple(Edge(source, target, took) for (source, target), took in sorted(takes.items()))


def _told(plan: Plan) -> dict[Address, str]:
    """What happens to the job of each address; where nothing does, how it stands."""
    told: dict[Address, str] = {state.address: state.standing for state in plan.states}
    for change in plan.changes:
        if isinstance(change, JobChange) and change.address in told:
            told[change.address] = change.action
    return told


def _counted(words: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(Counter(str(word) for word in words).most_common())
