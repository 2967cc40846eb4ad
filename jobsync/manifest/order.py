"""The order in which jobs need one another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jobsync.model import Address

Graph = Mapping[Address, Iterable[Address]]
"""For every address the addresses that it needs."""


def order(graph: Graph) -> tuple[list[Address], list[list[Address]]]:
    """Every address after all that it needs, and the cycles that prevent an order for the rest.

    A cycle begins with its first address by name and repeats it at the end.
    """
    waiting = dict.fromkeys(graph, 0)
    needed_by: dict[Address, list[Address]] = {}
    for address, needs in graph.items():
        for other in needs:
            if other in waiting:
                waiting[address] += 1
                needed_by.setdefault(other, []).append(address)
    ready = [address for address, count in waiting.items() if count == 0]
    done: list[Address] = []
    while ready:
        address = ready.pop()
        done.append(address)
        for other in needed_by.get(address, ()):
            waiting[other] -= 1
            if waiting[other] == 0:
                ready.append(other)
    if len(done) == len(waiting):
        return done, []
    return done, _cycles(graph, set(waiting).difference(done))


def _cycles(graph: Graph, stuck: set[Address]) -> list[list[Address]]:
    found: dict[tuple[Address, ...], None] = {}
    visited: set[Address] = set()
    for start in sorted(stuck):
        trail: dict[Address, int] = {}
        address = start
        while address not in trail and address not in visited:
            trail[address] = len(trail)
            address = min(other for other in graph[address] if other in stuck)
        if address in trail:
            cycle = list(trail)[trail[address] :]
            first = cycle.index(min(cycle))
            turned = [*cycle[first:], *cycle[:first]]
            closed = (*turned, turned[0])
            found[closed] = None
        visited.update(trail)
    return [list(cycle) for cycle in found]
