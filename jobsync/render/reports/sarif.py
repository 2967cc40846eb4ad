"""Findings as SARIF 2.1.0, for code scanning: a run for each set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import quote

import jobsync
from jobsync.errors import ExitCode
from jobsync.render.escape import in_json, terminal
from jobsync.render.reports.found import Finding, Found

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

Record = dict[str, object]


def report(found: Sequence[Found]) -> str:
    """The log. A finding without a place is shown at the set's folder."""
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(one) for one in found]}
    return in_json(json.dumps(document, indent=1)) + "\n"


def _run(found: Found) -> Record:
    rules = sorted({finding.rule for finding in found.findings})
    return {
        "tool": {
            "driver": {
                "name": "jobsync",
                "semanticVersion": jobsync.__version__,
                "rules": [{"id": terminal(rule)} for rule in rules],
            }
        },
        "automationDetails": {"id": terminal(f"jobsync/{found.command}/{found.name}/")},
        "invocations": [
            {
                # A plan with changes has succeeded, whatever code says so.
                "executionSuccessful": found.code in (ExitCode.OK, ExitCode.CHANGES),
                "exitCode": int(found.code),
            }
        ],
        "results": [_result(finding, found.folder) for finding in found.findings],
    }


def _result(finding: Finding, folder: str) -> Record:
    where = finding.where
    place: Record = {"artifactLocation": {"uri": quote(where.path if where else folder)}}
    if where:
        place["region"] = {"startLine": where.line, "startColumn": where.column}
    return {
        "ruleId": terminal(finding.rule),
        "level": str(finding.level),
        "message": {"text": terminal(finding.text)},
        "locations": [{"physicalLocation": place}],
    }
