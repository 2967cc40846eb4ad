"""Reports for CI systems: each keeps to what its readers read, whatever was found."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as xml

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.errors import Blocked, ExitCode, Location, ManifestError, Problem, Unauthorized
from jobsync.model import Action, Outcome, Plan, Result
from jobsync.plan import PlanOptions, build, digest
from jobsync.render.reports import KINDS, Finding, Found, Level
from jobsync.render.reports.found import of_error, of_outcomes, of_plan, reason
from jobsync.render.reports.github import outputs
from jobsync.render.summary import summarise
from tests.fakes.planworlds import EITHER
from tests.render import report_schemas
from tests.render.showcase import HOSTILE, showcase

LAW = settings(deadline=None, max_examples=60)
NASTY = st.text(max_size=30) | st.sampled_from([HOSTILE, "a,b:c%0A::error::x", "]]>", "\r\n::x::"])
FINDINGS = st.lists(
    st.builds(
        Finding,
        st.sampled_from(["manifest", "hazard-public-access"]),
        st.sampled_from([*Level]),
        NASTY.filter(bool),
        NASTY,
        st.none() | st.builds(Location, NASTY.filter(bool), st.just(3), st.just(7)),
        NASTY,
    ),
    max_size=5,
)


def plans() -> st.SearchStrategy[Plan]:
    return st.builds(lambda made: build(made[0], made[1].snapshot(made[0]), PlanOptions()), EITHER)


def founds() -> st.SearchStrategy[list[Found]]:
    def made(plan: Plan | None, findings: list[Finding], name: str) -> Found:
        mine = (*findings, *(of_plan(plan) if plan else ()))
        known = tuple(state.address for state in plan.states) if plan else ()
        return Found("plan", ExitCode.OK, name, "jobs", mine, known, "", plan)

    return st.lists(st.builds(made, st.none() | plans(), FINDINGS, NASTY), max_size=3)


def is_valid(text: str, schema: dict[str, Any]) -> None:
    validator = jsonschema_rs.validator_for(schema)
    assert [error.message for error in validator.iter_errors(json.loads(text))] == []


def is_junit(text: str) -> None:
    for element in xml.fromstring(text).iter():
        must, may, inside = report_schemas.JUNIT[element.tag]
        assert must <= {*element.keys()} <= must | may, element.tag
        assert {child.tag for child in element} <= inside, element.tag
        if element.tag == "testsuite":
            assert int(element.get("tests", "")) == len(element) > 0
            assert int(element.get("failures", "")) == len(element.findall("*/failure"))


COMMAND = re.compile(r"::(error|warning) (?:\w+=[^:,\n]*,?)+::[^\n]+")


def is_annotations(text: str) -> None:
    for line in text.splitlines():
        assert COMMAND.fullmatch(line), line
        assert "%" not in re.sub("%(25|3A|2C)", "", line)


CHECKS: dict[str, Callable[[str], None]] = {
    "github": is_annotations,
    "gitlab": lambda text: is_valid(text, report_schemas.GITLAB),
    "codequality": lambda text: is_valid(text, report_schemas.CODE_QUALITY),
    "junit": is_junit,
    "sarif": lambda text: is_valid(text, report_schemas.SARIF),
}


@pytest.mark.parametrize("kind", [*KINDS])
@LAW
@given(founds())
def test_every_report_is_what_its_readers_read(kind: str, found: list[Found]) -> None:
    text = KINDS[kind].write(found)
    CHECKS[kind](text)
    assert "\x1b" not in text and "\u202e" not in text
    starts = [line.lstrip() for line in text.splitlines() if line.lstrip().startswith("::")]
    assert kind == "github" or not starts, starts
    assert "##[" not in text.replace("\\u0023", "")


def test_no_check_takes_another_kind() -> None:
    texts = {name: kind.write([found_of(showcase())]) for name, kind in KINDS.items()}
    for name, check in CHECKS.items():
        for other, text in texts.items():
            if other != name:
                with pytest.raises((AssertionError, ValueError, KeyError, xml.ParseError)):
                    check(text)


def found_of(plan: Plan) -> Found:
    known = tuple(state.address for state in plan.states)
    return Found("plan", ExitCode.CHANGES, "phylo", "jobs", of_plan(plan), known, "", plan)


def test_the_counts_of_gitlab_are_those_of_the_headline() -> None:
    plan = showcase()
    counts = summarise(plan)
    told = json.loads(KINDS["gitlab"].write([found_of(plan), found_of(plan)]))
    assert told == {
        "create": 2 * counts.add,
        "update": 2 * counts.change,
        "delete": 2 * counts.destroy,
    }
    failed = Found("plan", ExitCode.ERROR, "other", findings=of_error(Blocked("no")))
    assert json.loads(KINDS["gitlab"].write([found_of(plan), failed])) == {"error": ["no"]}


def test_an_annotation_stands_at_its_place_and_means_what_was_said() -> None:
    said = "jobs.a: 100% wrong, really: x\n::error::forged"
    problem = Problem(Location("a:b,c.yaml", 3, 7), said, "write 1,2")
    found = Found("validate", ExitCode.ERROR, findings=of_error(ManifestError([problem])))
    (line,) = KINDS["github"].write([found]).splitlines()
    head, _, data = line.removeprefix("::error ").partition("::")
    properties = {k: unquote(v) for k, v in (pair.split("=") for pair in head.split(","))}
    assert properties == {
        "file": "a:b,c.yaml", "line": "3", "col": "7", "title": "jobsync manifest",
    }  # fmt: skip
    assert data.replace("%25", "%") == (
        "jobs.a: 100% wrong, really: x\\n::error::forged (write 1,2)"
    )


def test_what_is_over_ten_of_a_level_is_counted() -> None:
    many = tuple(Finding("manifest", Level.ERROR, f"problem {n}") for n in range(12))
    lines = KINDS["github"].write([Found("plan", ExitCode.ERROR, findings=many)]).splitlines()
    assert len(lines) == 10
    assert "and 3 more" in lines[-1]


def test_each_job_is_a_case_and_one_that_failed_has_failed() -> None:
    plan = showcase()
    suite = xml.fromstring(KINDS["junit"].write([found_of(plan)]))[0]
    cases = {str(case.get("name")): case for case in suite}
    assert {state.address for state in plan.states} <= cases.keys()
    failed = {f.address for f in of_plan(plan) if f.level is Level.ERROR and f.address}
    assert failed
    assert {name for name, case in cases.items() if case.find("failure") is not None} == failed


def test_the_outputs_of_a_step() -> None:
    plan = showcase()
    told = dict(line.split("=", 1) for line in outputs([found_of(plan)], 2).splitlines())
    counts = summarise(plan)
    assert told["digest"] == digest(plan)
    assert (told["exitcode"], told["changes"]) == ("2", "true")
    assert told["add"] == str(counts.add)
    assert told["access-loses"] == str(counts.loses)
    assert "over-budget" in told["hazards"].split(",")
    two = dict(line.split("=", 1) for line in outputs([found_of(plan)] * 2, 2).splitlines())
    assert (two["digest"], two["add"]) == ("", str(2 * counts.add))


def test_what_came_out_otherwise_is_found_and_what_went_well_is_not() -> None:
    place = Location("a.yaml", 4, 3)
    outcomes = [
        Outcome("a", "job", Action.CREATE, result, "why") for result in (Result.DONE, Result.FAILED)
    ]
    (finding,) = of_outcomes(outcomes, {"a": place})
    assert (finding.rule, finding.level, finding.where) == ("job-failed", Level.ERROR, place)


@pytest.mark.parametrize(
    ("code", "error", "word"),
    [
        (ExitCode.ERROR, ManifestError([]), "invalid"),
        (ExitCode.ERROR, Unauthorized("no", status=401), "unauthorised"),
        (ExitCode.UNKNOWN, None, "unknown"),
        (ExitCode.OK, None, ""),
    ],
)
def test_the_reason_is_one_word(code: ExitCode, error: Exception | None, word: str) -> None:
    assert reason(code, error) == word
