"""What each CI system reads, as far as reports use it, written down from its documents.

SARIF 2.1.0 (OASIS, §3.13 to §3.30), GitLab "Code Quality report format", and the JUnit XML that
Jenkins and GitLab read.
"""

from __future__ import annotations

from typing import Any

WORD = {"type": "string", "minLength": 1}
POSITIVE = {"type": "integer", "minimum": 1}


def record(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """An object with exactly these members."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [*required],
        "properties": {**required, **optional},
    }


def each(item: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": item, **more}


CODE_QUALITY = each(
    record(
        {
            "description": WORD,
            "check_name": WORD,
            "fingerprint": WORD,
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": record({"path": WORD, "lines": record({"begin": POSITIVE})}),
        }
    )
)

PLACE = record(
    {"artifactLocation": record({"uri": {**WORD, "format": "uri-reference"}})},
    region=record({"startLine": POSITIVE}, startColumn=POSITIVE),
)
RESULT = record(
    {
        "ruleId": WORD,
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": record({"text": WORD}),
        "locations": each(record({"physicalLocation": PLACE}), minItems=1),
    }
)
RUN = record(
    {
        "tool": record(
            {
                "driver": record(
                    {"name": WORD, "semanticVersion": {"pattern": r"^\d+\.\d+\.\d+"}},
                    rules=each(record({"id": WORD}), uniqueItems=True),
                )
            }
        ),
        "results": each(RESULT),
        "automationDetails": record({"id": WORD}),
        "invocations": each(
            record({"executionSuccessful": {"type": "boolean"}, "exitCode": {"type": "integer"}})
        ),
    }
)
SARIF = record({"version": {"const": "2.1.0"}, "runs": each(RUN)}, **{"$schema": WORD})

GITLAB = {
    "oneOf": [
        record(
            {name: {"type": "integer", "minimum": 0} for name in ("create", "update", "delete")}
        ),
        record({"error": each(WORD)}),
    ]
}

JUNIT: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": ({"name"}, set(), {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors"}, {"skipped"}, {"testcase"}),
    "testcase": ({"classname", "name"}, {"time"}, {"failure", "system-out"}),
    "failure": ({"message"}, {"type"}, set()),
    "system-out": (set(), set(), set()),
}
"""By element: attributes that it must have, that it may have, and the elements in it."""
