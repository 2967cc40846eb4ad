"""What is shown in place of what could not be made, and the documents of ``validate``."""

from __future__ import annotations

import json
from collections.abc import Sequence

from jobsync.errors import ExitCode, Location
from jobsync.model import DesiredState
from jobsync.render.escape import block, comment, in_json, markdown, terminal
from jobsync.render.reports.found import Finding, Level, of_error
from jobsync.render.values import counted

FORMAT_VERSION = "1.0"
"""Of these documents; the first number changes when something is taken away."""

Record = dict[str, object]


def as_markdown(
    command: str, error: Exception, marker: str, plan: str = "", *, budget: int = 60_000
) -> str:
    """The text in place of what *command* could not make, ending with a line break.

    *plan* is a document with the same marker, to be shown below the error where there is room.
    """
    text = "\n".join(filter(None, (str(error), getattr(error, "hint", ""))))
    lines = "\n".join(terminal(line) for line in text.splitlines())
    shown = lines if len(lines) <= budget else f"{lines[:budget]}\n..."
    head = comment(marker)
    text = "\n\n".join([head, f"### jobsync {command} failed", block(shown)]) + "\n"
    below = plan.removeprefix(head)
    return text + below if len(text) + len(below) <= budget else text


def as_json(command: str, error: Exception, code: ExitCode) -> str:
    """The same as a document for programs. It has no ``digest`` and no ``resource_changes``."""
    return _dumped(
        {"failed": command, "exit_code": int(code), "diagnostics": _diagnostics(of_error(error))}
    )


def validated(
    states: Sequence[DesiredState], findings: Sequence[Finding], paths: Sequence[str]
) -> str:
    """What ``validate`` found in *paths*, in the shape of Terraform's document; a line of JSON."""
    errors = sum(1 for finding in findings if finding.level is Level.ERROR)
    sets = [
        {"project": one.project, "api": one.platform.name, "jobs": len(one.jobs)} for one in states
    ]
    return _dumped(
        {
            "valid": not errors,
            "error_count": errors,
            "warning_count": len(findings) - errors,
            "diagnostics": _diagnostics(findings),
            "paths": [terminal(path) for path in paths],
            "sets": sets,
        }
    )


def all_is_valid(desired: DesiredState) -> str:
    """One line of Markdown."""
    jobs = counted(len(desired.jobs), "job")
    return f"jobsync validate: {jobs} of {markdown(desired.project)}, all valid.\n"


def _diagnostics(findings: Sequence[Finding]) -> list[Record]:
    return [
        {
            "severity": str(finding.level),
            "summary": terminal(finding.message),
            "detail": terminal(finding.hint),
            **({"range": _range(finding.where)} if finding.where else {}),
        }
        for finding in findings
    ]


def _range(where: Location) -> Record:
    return {"filename": terminal(where.path), "start": {"line": where.line, "column": where.column}}


def _dumped(document: Record) -> str:
    return in_json(json.dumps({"format_version": FORMAT_VERSION, **document})) + "\n"
