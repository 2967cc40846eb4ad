"""A plan for somebody who may only look: who applies, and what cannot be seen. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jobsync.model import Address, Plan, Standing
from jobsync.render.advice import some
from jobsync.render.escape import terminal
from jobsync.render.natural import natural


def view_lines(plan: Plan) -> list[str]:
    """What to say above a plan of somebody who may only look, a line each; empty for others.

    Names are as they come: each format escapes the lines.
    """
    return list(_lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    if plan.view is None:
        return
    owner = plan.view.owner
    yield (
        f"This is a view for {plan.user}: only {owner} applies to target {plan.target}. "
        f"What {owner} does not share with you cannot be seen here."
    )
    if plan.view.differing:
        yield f"Permissions are not as declared: {_some(plan.view.differing)}."
    if plan.view.unknown:
        yield f"Permissions are unknown, as only {owner} may list them: {_some(plan.view.unknown)}."


def view_headline(plan: Plan) -> str:
    """``View of alice's runs: 2 current, 1 not visible.``"""
    standings = [state.standing for state in plan.states]
    words = [
        f"{standings.count(one)} {str(one).replace('_', ' ')}"
        for one in Standing
        if one in standings
    ]
    owner = plan.view.owner if plan.view else plan.user
    return f"View of {terminal(owner)}'s runs: {', '.join(words) or 'no job is selected'}."


def _some(addresses: Sequence[Address]) -> str:
    return some(sorted(addresses, key=natural))
