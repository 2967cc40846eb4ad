"""Which addresses a planning is about: ``--select`` and ``--exclude``, with what a job needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jobsync.errors import Usage
from jobsync.globs import matches as matches_glob
from jobsync.model import Address, DeclaredJob, PlanOptions
from jobsync.suggestions import did_you_mean


def selected(
    jobs: Mapping[Address, DeclaredJob], others: Iterable[Address], options: PlanOptions
) -> frozenset[Address]:
    """The declared addresses in scope, and the undeclared ones of *others* that match.

    A selected job brings the jobs that it needs; ``--exclude`` is stronger. Raises :class:`Usage`
    for a glob that matches nothing: that is a typing error, never an empty plan.
    """
    known = sorted({*jobs, *others})
    for glob in (*options.select, *options.exclude):
        if not any(matches_glob(address, glob) for address in known):
            near = did_you_mean(glob, {*known, *(one.partition(".")[0] for one in known)})
            hint = near or "jobsync status lists the addresses"
            raise Usage(f"no address matches {glob!r}", hint=hint)
    return _matching(jobs, known, options)


def in_scope(jobs: Mapping[Address, DeclaredJob], options: PlanOptions) -> frozenset[Address]:
    """The declared addresses in scope, before undeclared ones are known."""
    return _matching(jobs, jobs, options)


def upstream_first(jobs: Mapping[Address, DeclaredJob]) -> tuple[Address, ...]:
    """All addresses so that each comes after what it needs, otherwise in address order."""
    done: dict[Address, None] = {}
    for address in sorted(jobs):
        stack = [address]
        while stack:
            waiting = [n for n in jobs[stack[-1]].needs if n in jobs and n not in done]
            waiting = [n for n in waiting if n not in stack]
            if waiting:
                stack.append(waiting[0])
            else:
                done[stack.pop()] = None
    return tuple(done)


def _matching(
    jobs: Mapping[Address, DeclaredJob], known: Iterable[Address], options: PlanOptions
) -> frozenset[Address]:
    chosen = {a for a in known if not options.select or _matches(a, options.select)}
    return frozenset(
        address for address in _with_needs(jobs, chosen) if not _matches(address, options.exclude)
    )


def _with_needs(
    jobs: Mapping[Address, DeclaredJob], chosen: Iterable[Address]
) -> frozenset[Address]:
    found: set[Address] = set()
    todo = list(chosen)
    while todo:
        address = todo.pop()
        if address in found:
            continue
        found.add(address)
        todo.extend(need for need in getattr(jobs.get(address), "needs", ()) if need in jobs)
    return frozenset(found)


def _matches(address: Address, globs: Iterable[str]) -> bool:
    return any(matches_glob(address, glob) for glob in globs)
