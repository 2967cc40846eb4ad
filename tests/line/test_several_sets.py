"""``--all``: several sets in one repository, each by itself, never merged."""

from __future__ import annotations

import json
from xml.etree import ElementTree as xml

import pytest

from tests.line.linebench import Bench, Lab

ONE = "apiVersion: jobsync/v1\nproject: {}\njobs:\n  {}: {{appId: wc-demo-1.00{}}}\n"


@pytest.fixture
def repo(lab: Lab) -> Lab:
    """Two sets with a job each, a third with a part in a folder below it, and other YAML."""
    for name in ("one", "two"):
        (lab.folder / name).mkdir()
        (lab.folder / name / "set.yaml").write_text(ONE.format(lab.project + name, "job", ""))
    (lab.folder / "deep/three/parts").mkdir(parents=True)
    (lab.folder / "deep/three/a.yaml").write_text(ONE.format(lab.project + "three", "a", ""))
    (lab.folder / "deep/three/parts/b.yaml").write_text(
        "apiVersion: jobsync/v1\njobs: {b: {appId: wc-demo-1.00}}\n"
    )
    (lab.folder / ".github").mkdir()
    (lab.folder / ".github/set.yaml").write_text(ONE.format("hidden", "x", ""))
    (lab.folder / "mkdocs.yml").write_text("site_name: x\n")
    return lab


def test_every_set_is_planned_by_itself(repo: Lab) -> None:
    done = repo.run("plan", "--all", "--report", "junit", "--report", "gitlab")
    assert done.code == 0, done.err
    heads = [line for line in done.out.splitlines() if line.startswith("Set ")]
    assert heads == ["Set deep/three:", "Set one:", "Set two:"]
    assert done.out.count("Plan: 1 to add") == 2 and "Plan: 2 to add" in done.out
    suites = xml.fromstring((repo.folder / "jobsync-junit.xml").read_text())
    assert [len(suite) for suite in suites] == [2, 1, 1]
    counts = json.loads((repo.folder / "jobsync-terraform.json").read_text())
    assert counts["create"] == 4
    assert repo.run("plan", "--all", "--out", "x").code == 64


def test_a_set_that_is_invalid_does_not_hide_the_others(repo: Lab) -> None:
    (repo.folder / "one/set.yaml").write_text(ONE.format("p", "job", ", nope: 1"))
    output = repo.folder / "output"
    done = repo.run(
        *("drift", "--all", "--format", "markdown", "--report", "github"),
        GITHUB_OUTPUT=str(output),
    )
    assert done.code == 1
    assert done.out.startswith("<!-- jobsync all -->\n\n<!-- jobsync")
    assert "### jobsync drift failed" in done.out
    assert f"plan for `{repo.project}two`" in done.out
    assert "::error file=one/set.yaml,line=4" in done.err
    assert "failure-reason=invalid\n" in output.read_text()
    assert "\ndigest=\n" in output.read_text()
    done = repo.run("validate", "--all", "--format", "json")
    found = {tuple(one["paths"]): one["valid"] for one in map(json.loads, done.out.splitlines())}
    assert found == {("deep/three",): True, ("one",): False, ("two",): True}


def test_files_stand_for_the_sets_that_they_are_in(repo: Lab) -> None:
    changed = ("deep/three/parts/b.yaml", "two/set.yaml", "mkdocs.yml")
    done = repo.run("validate", "--all", *changed)
    assert (done.code, done.out) == (
        0,
        f"Set deep/three:\n2 jobs of {repo.project}three are valid\n\n"
        f"Set two:\n1 job of {repo.project}two is valid\n",
    )


def test_no_set_is_an_error(bench: Bench) -> None:
    done = bench.run("plan", "--all")
    assert done.code == 1 and "there is no set in ." in done.err
    assert bench.run("validate", "--all").code == 1
    (bench.folder / "mkdocs.yml").write_text("site_name: x\n")
    done = bench.run("validate", "--all", "mkdocs.yml")
    assert (done.code, done.err) == (0, "These files are in no set.\n")
