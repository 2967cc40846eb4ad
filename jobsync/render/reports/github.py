"""Annotations of GitHub Actions, and what a step writes for the next one.

The runner reads ``::error file=...::text`` from what a step prints; a page shows ten of a level for
each step, so what is over that is one annotation that counts the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsync.render.escape import command_data, command_property, terminal
from jobsync.render.reports.found import Finding, Found, Level
from jobsync.render.summary import summarise

_SHOWN = 10
_COMMANDS = {Level.ERROR: "error", Level.WARNING: "warning"}
"""Changes are no annotations: the page of the plan shows them."""


def report(found: Sequence[Found]) -> str:
    """A line for each annotation."""
    lines: list[str] = []
    for level, command in _COMMANDS.items():
        findings = [f for one in found for f in one.findings if f.level is level]
        shown = findings if len(findings) <= _SHOWN else findings[: _SHOWN - 1]
        lines += [_annotation(command, finding) for finding in shown]
        if rest := len(findings) - len(shown):
            lines.append(f"::{command} title=jobsync::and {rest} more, on the page of this run")
    return "".join(f"{line}\n" for line in lines)


def _annotation(command: str, finding: Finding) -> str:
    properties = {"title": f"jobsync {finding.rule}"}
    if where := finding.where:
        place = {"file": where.path, "line": str(where.line), "col": str(where.column)}
        properties = {**place, **properties}
    told = ",".join(f"{name}={command_property(text)}" for name, text in properties.items())
    return f"::{command} {told}::{command_data(finding.text)}"


def outputs(found: Sequence[Found], code: int) -> str:
    """A line ``name=value`` for each output of the step; counts are those of all sets together."""
    plans = [one.plan for one in found if one.plan]
    counts = [summarise(plan) for plan in plans]
    hazards = sorted({h.name for plan in plans for h in plan.hazards if not h.accepted})
    digest = ""
    if len(plans) == len(found) == 1:
        from jobsync.plan import digest as digest_of

        digest = digest_of(plans[0])
    values = {
        "exitcode": code,
        "changes": str(any(plan.changes for plan in plans)).lower(),
        "add": sum(c.add for c in counts),
        "change": sum(c.change for c in counts),
        "destroy": sum(c.destroy for c in counts),
        "access-gains": sum(c.gains for c in counts),
        "access-loses": sum(c.loses for c in counts),
        "node-hours": round(sum(c.node_hours for c in counts), 2),
        "hazards": ",".join(hazards),
        "duplicates": sum(len(plan.duplicates) for plan in plans),
        "digest": digest,
        "failure-reason": next((one.failure for one in found if one.failure), ""),
    }
    return "".join(f"{name}={terminal(str(value))}\n" for name, value in values.items())


def summary(found: Sequence[Found]) -> str:
    """The page of the step."""
    return "\n".join(one.markdown for one in found)
