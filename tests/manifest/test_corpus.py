"""Every rule of the language is broken somewhere, with the exact words expected; and kept."""

from __future__ import annotations

import json

import pytest

from tests.manifest.corpus_cases import Case, canonical, cases, loaded, problems

BAD = cases("bad")
GOOD = cases("good")


@pytest.mark.parametrize("case", BAD, ids=str)
def test_bad(case: Case) -> None:
    expected = case.expected.read_text(encoding="utf-8")
    assert expected, "a case that says nothing"
    assert problems(case) == expected


@pytest.mark.parametrize("case", GOOD, ids=str)
def test_good(case: Case) -> None:
    assert canonical(loaded(case)) == case.expected.read_text(encoding="utf-8")


def test_no_case_is_a_copy() -> None:
    assert BAD and GOOD, "the folders of cases are not found"
    files = [case.path.read_bytes() for case in BAD + GOOD if case.path.is_file()]
    assert len(set(files)) == len(files)
    said = [case.expected.read_text(encoding="utf-8").replace(case.name, "") for case in BAD]
    # Two cases may be told the same only when they say it about different mistakes.
    assert len(set(said)) > 0.95 * len(said)


def test_every_problem_has_a_place_but_for_those_that_have_none() -> None:
    placeless = set()
    for case in BAD:
        for line in case.expected.read_text(encoding="utf-8").splitlines():
            if f"{case.name}.yaml:" not in line and f"{case.name}/" not in line:
                placeless.add(str(case))
    assert placeless == {
        "files/no-manifest-in-a-folder",
        "project/missing",
        "target/unknown-chosen",
        "variable/given-number-too-large",
        "variable/given-undeclared",
    }


def test_the_expectations_are_json() -> None:
    for case in GOOD:
        document = json.loads(case.expected.read_text(encoding="utf-8"))
        assert list(document["jobs"]) == sorted(document["jobs"])
