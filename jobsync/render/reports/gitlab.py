"""The counts that GitLab shows in a merge request (``artifacts: reports: terraform``).

A report without the three counts is shown there as one that failed, which is what a plan that could
not be made is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from jobsync.render.escape import in_json, terminal
from jobsync.render.reports.found import Found, Level
from jobsync.render.summary import summarise


def report(found: Sequence[Found]) -> str:
    """The counts of the headline, of all sets together."""
    plans = [one.plan for one in found if one.plan]
    document: dict[str, object]
    if len(plans) < len(found) or not found:
        failed = [f for one in found if not one.plan for f in one.findings]
        errors = [finding.text for finding in failed if finding.level is Level.ERROR]
        said = errors or ["not compared with the service"]
        document = {"error": [terminal(text) for text in said]}
    else:
        counts = [summarise(plan) for plan in plans]
        document = {
            "create": sum(c.add for c in counts),
            "update": sum(c.change for c in counts),
            "delete": sum(c.destroy for c in counts),
        }
    return in_json(json.dumps(document)) + "\n"
