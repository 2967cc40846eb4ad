"""``--report``, ``--marker`` and the documents of what failed, as CI runs the commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.testing import LocalService, local_service
from tests.line.linebench import Bench, Lab, write_set
from tests.line.tapis_lab import TapisLab

KINDS = ("github", "gitlab=tf.json", "codequality=cq.json", "junit=j.xml", "sarif=s.sarif")
REPORTS = [word for kind in KINDS for word in ("--report", kind)]
TARGETS = {"agave/v2": "batchQueue", "tapis/v3": "execSystemLogicalQueue"}
APPS = {
    "agave/v2": 'appId: wc-demo-1.00, maxRunTime: "02:00:00"',
    "tapis/v3": 'appId: wc-demo, appVersion: "1.00", maxMinutes: 120',
}
GUARDS = "guards: {maxNodeHours: 1}\n"


@pytest.fixture(scope="module", params=[*APPS])
def service(request: pytest.FixtureRequest) -> Iterator[LocalService]:
    with local_service(users=("alice", "bob"), api=request.param) as running:
        yield running
        running.stop_jobs()


@pytest.fixture
def lab(tmp_path: Path, service: LocalService) -> Iterator[Lab]:
    made = (TapisLab if service.api == "tapis/v3" else Lab)(tmp_path, service)
    yield made
    made.close()


def write_wrong(lab: Lab) -> tuple[str, int, int]:
    """A set with an unknown key: the key, and its line and column."""
    start, key = f"  align: {{{APPS[lab.service.api]}, ", f"{TARGETS[lab.service.api][:-2]}eu"
    lab.write(f"{start.lstrip()}{key}: debug}}\n")
    text = (lab.folder / "set.yaml").read_text().splitlines()
    return key, len(text), len(start) + 1


def write_right(lab: Lab) -> int:
    """A set with a hazard: the line of its job."""
    lab.write(f"align: {{{APPS[lab.service.api]}, permissions: {{bob: READ}}}}\n", GUARDS)
    return len((lab.folder / "set.yaml").read_text().splitlines())


def step(lab: Bench) -> dict[str, str]:
    """The files in which a step of GitHub leaves what the next one reads."""
    for name in ("output", "summary"):
        (lab.folder / name).write_text("")
    return {
        "GITHUB_OUTPUT": str(lab.folder / "output"),
        "GITHUB_STEP_SUMMARY": str(lab.folder / "summary"),
    }


def outputs(lab: Bench) -> dict[str, str]:
    lines = (lab.folder / "output").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def read(lab: Bench, name: str) -> str:
    return (lab.folder / name).read_text()


def test_plan_writes_every_report_and_apply_says_what_came_of_it(lab: Lab) -> None:
    line = write_right(lab)
    (lab.folder / ".git").mkdir()
    (lab.folder / "jobs").mkdir()
    (lab.folder / "set.yaml").rename(lab.folder / "jobs/set.yaml")
    top, lab.folder = lab.folder, lab.folder / "jobs"
    environ = step(lab)
    done = lab.run("plan", *REPORTS, "--format", "json", **environ)
    assert done.code == 0, done.err
    digest = json.loads(done.out)["digest"]
    place = f"file=jobs/set.yaml,line={line},col=3"
    assert f"::warning {place},title=jobsync hazard-over-budget" in done.err
    assert outputs(lab)["digest"] == digest
    assert outputs(lab)["hazards"] == "over-budget"
    head = f"<!-- jobsync {lab.project} env -->\n<!-- digest {digest} -->\n"
    assert read(lab, "summary").startswith(head)
    assert json.loads(read(lab, "tf.json")) == {"create": 1, "update": 0, "delete": 0}
    assert '"path": "jobs/set.yaml"' in read(lab, "cq.json")
    assert 'name="align"' in read(lab, "j.xml")
    (run,) = json.loads(read(lab, "s.sarif"))["runs"]
    assert {row["ruleId"] for row in run["results"]} >= {"hazard-over-budget", "change"}

    # Blocked: the document has the error, and below it the plan as it is now.
    environ = step(lab)
    done = lab.run("apply", "--auto-approve", "--format", "markdown", *REPORTS, **environ)
    assert done.code == 4
    assert outputs(lab)["failure-reason"] == "blocked"
    for page in (done.out, read(lab, "summary")):
        assert page.startswith(f"<!-- jobsync {lab.project} env apply -->\n\n### jobsync apply f")
        assert "Plan: 1 to add" in page and "<!-- digest" not in page

    done = lab.run(
        *("apply", "--auto-approve", "--allow", "over-budget", "--wait", "--format", "markdown"),
        *REPORTS,
        **step(lab),
    )
    assert done.code == 0, done.err
    assert "| `align` | submit | done |" in done.out
    assert "**Applied 3 changes: 3 done.**" in done.out
    assert read(lab, "summary") == done.out
    assert outputs(lab) | {"exitcode": "0", "failure-reason": ""} == outputs(lab)
    lab.folder = top


def test_a_plan_that_failed_is_a_document_in_every_format(lab: Lab) -> None:
    key, line, column = write_wrong(lab)
    for command in ("plan", "drift", "apply"):
        which = " apply" if command == "apply" else ""
        marker = f"<!-- jobsync {lab.project} env{which} -->\n"
        done = lab.run(command, "--format", "markdown", *REPORTS, **step(lab))
        assert done.code == 1
        assert done.out.startswith(f"{marker}\n### jobsync {command} failed"), done.out
        assert f"set.yaml:{line}:{column}" in done.out
        assert read(lab, "summary") == done.out
        assert outputs(lab)["failure-reason"] == "invalid"
        place = f"file=set.yaml,line={line},col={column}"
        assert f"::error {place},title=jobsync manifest::" in done.err
        assert key in json.loads(read(lab, "tf.json"))["error"][0]
        assert 'failures="1"' in read(lab, "j.xml")
        assert json.loads(read(lab, "cq.json"))[0]["location"]["lines"] == {"begin": line}
        (run,) = json.loads(read(lab, "s.sarif"))["runs"]
        assert not run["invocations"][0]["executionSuccessful"]
    done = lab.run("plan", "--format", "json")
    told = json.loads(done.out)
    assert (told["failed"], told["exit_code"]) == ("plan", 1)
    assert told["diagnostics"][0]["range"]["start"] == {"line": line, "column": column}


def test_a_token_that_was_revoked_gives_a_document_too(lab: Lab) -> None:
    write_right(lab)
    old = {"TAPIS_TOKEN": "old-token"}
    if lab.service.api == "tapis/v3":
        old = {"TAPIS_ACCESS_TOKEN": lab.service.jwt("alice")[:-9] + "old-token"}
    environ = {**step(lab), **old}
    done = lab.run("plan", "--format", "markdown", "--report", "github", **environ)
    assert done.code == 1
    assert "401" in done.out and "old-token" not in done.out
    assert outputs(lab)["failure-reason"] == "unauthorised"


def test_validate_as_json_and_as_a_report(bench: Bench) -> None:
    write_set(bench, "a: {appId: echo-1.0}")
    done = bench.run("validate", "--format", "json")
    told = json.loads(done.out)
    assert (done.code, told["valid"], told["sets"][0]["jobs"]) == (0, True, 1)
    write_set(bench, "a: {appId: echo-1.0, nodeCount: x}")
    done = bench.run("validate", "--format", "json", "--report", "junit", "--report", "github")
    told = json.loads(done.out)
    assert (done.code, told["valid"], told["error_count"]) == (1, False, 1)
    assert told["diagnostics"][0]["range"]["filename"] == "m.yaml"
    assert "::error file=m.yaml,line=4" in done.err
    assert "<failure" in read(bench, "jobsync-junit.xml")


def test_the_marker_is_the_one_that_is_named(lab: Lab) -> None:
    write_right(lab)
    done = lab.run("plan", "--format", "markdown", "--marker", "my -->comment")
    assert done.out.startswith("<!-- my comment -->\n")
    write_wrong(lab)
    done = lab.run("plan", "--format", "markdown", "--marker", "mine")
    assert done.out.startswith("<!-- mine -->\n")


def test_a_report_that_cannot_be_written_is_an_error_and_hides_none(
    lab: Lab, tmp_path: Path
) -> None:
    key, *_ = write_wrong(lab)
    done = lab.run("plan", "--report", "junit=none/j.xml")
    assert done.code == 1 and "none/j.xml: cannot be written" in done.err
    assert key in done.err
    assert lab.run("plan", "--report", "tap").code == 64
    assert lab.run("plan", "--report", "junit=").code == 64
