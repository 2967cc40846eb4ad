"""Findings as tests, for CI systems that show JUnit: a suite for each set, a case for each job."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as xml

from jobsync.render.escape import terminal
from jobsync.render.reports.found import Finding, Found, Level


def report(found: Sequence[Found]) -> str:
    """A job with an error is a failed case. What belongs to no job is a case of its own."""
    root = xml.Element("testsuites", name="jobsync")
    for one in found:
        root.append(_suite(one))
    xml.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{xml.tostring(root, encoding="unicode")}\n'


def _suite(found: Found) -> xml.Element:
    name = terminal(f"{found.command} {found.name}".strip())
    cases: dict[str, list[Finding]] = {address: [] for address in found.addresses}
    for finding in found.findings:
        cases.setdefault(finding.address or _title(finding), []).append(finding)
    if not cases:  # a suite without cases is shown as none at all
        cases[found.command] = []
    suite = xml.Element("testsuite", name=name, tests=str(len(cases)), errors="0", skipped="0")
    suite.set("failures", str(sum(1 for one in cases.values() if _bad(one))))
    for title, findings in sorted(cases.items()):
        suite.append(_case(name, title, findings))
    return suite


def _title(finding: Finding) -> str:
    return f"{finding.rule} {finding.where}" if finding.where else finding.rule


def _bad(findings: Sequence[Finding]) -> list[Finding]:
    return [one for one in findings if one.level is Level.ERROR]


def _case(suite: str, title: str, findings: Sequence[Finding]) -> xml.Element:
    case = xml.Element("testcase", classname=suite, name=terminal(title), time="0")
    if bad := _bad(findings):
        case.append(xml.Element("failure", message=terminal(bad[0].text), type=bad[0].rule))
        case[0].text = _lines(bad)
    if rest := [one for one in findings if one not in bad]:
        out = xml.SubElement(case, "system-out")
        out.text = _lines(rest)
    return case


def _lines(findings: Sequence[Finding]) -> str:
    return "\n".join(
        terminal(f"{one.where}: {one.text}" if one.where else one.text) for one in findings
    )
