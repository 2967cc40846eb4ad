"""Findings for GitLab's code quality (``artifacts: reports: codequality``)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from jobsync.render.escape import in_json, terminal
from jobsync.render.reports.found import Finding, Found, Level

_SEVERITIES = {Level.ERROR: "critical", Level.WARNING: "minor", Level.NOTE: "info"}


def report(found: Sequence[Found]) -> str:
    """A list with an object for each finding. One without a place is shown at the set's folder."""
    rows = [_row(finding, one.folder) for one in found for finding in one.findings]
    return in_json(json.dumps(rows, indent=1)) + "\n"


def _row(finding: Finding, folder: str) -> dict[str, object]:
    where = finding.where
    path = terminal(where.path if where else folder)
    # Not the line: a finding that only moves is no new one.
    key = "\0".join([path, finding.rule, finding.address, finding.message])
    return {
        "description": terminal(finding.text),
        "check_name": terminal(f"jobsync-{finding.rule}"),
        "fingerprint": hashlib.sha256(key.encode("utf-8", "replace")).hexdigest(),
        "severity": _SEVERITIES[finding.level],
        "location": {"path": path, "lines": {"begin": where.line if where else 1}},
    }
