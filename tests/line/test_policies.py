"""``--policy``: the two examples that ship, and files that are no policies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobsync.render.plan_json import schema
from tests.line.linebench import Lab

EXAMPLES = Path(__file__).parents[2] / "docs/ci/policies"
BOTH = [word for path in sorted(EXAMPLES.glob("*.json")) for word in ("--policy", str(path))]
BAD = """\
big: {appId: wc-demo-1.00, nodeCount: 9, maxRunTime: "10:00:00"}
open: {appId: wc-demo-1.00, nodeCount: 1, maxRunTime: "01:00:00", permissions: {world: READ}}
"""
GOOD = """\
open: {appId: wc-demo-1.00, nodeCount: 1, maxRunTime: "01:00:00", permissions: {bob: READ}}
"""
HOURS = (
    "At most 64 node-hours for one job: may use more than 64 node-hours, or an amount that is not "
    "known: declare nodeCount and maxRunTime"
)


def test_a_plan_that_breaks_the_examples_and_one_that_keeps_them(lab: Lab) -> None:
    lab.write(BAD)
    assert len(BOTH) == 4
    done = lab.run("plan", *BOTH, "--report", "github", "--report", "junit")
    assert done.code == 4
    for line in (
        f"Policy: set.yaml:4:3: big: {HOURS}",
        "Policy: set.yaml:5:69: open: No access for everybody: grants access to everybody (world)",
    ):
        assert line in done.out, done.out
    assert "::error file=set.yaml,line=4,col=3,title=jobsync policy::big: At most 64" in done.err
    assert (lab.folder / "jobsync-junit.xml").read_text().count('type="policy"') == 2
    page = lab.run("plan", *BOTH, "--format", "markdown").out
    assert page.count("- **Policy:** `set.yaml:") == 2
    done = lab.run("apply", *BOTH, "--auto-approve", "--allow", "public-access")
    assert done.code == 4 and "big: At most 64" in done.err and lab.mine() == []

    assert "Error: big: At most 64" in lab.run("plan", "-q", *BOTH).err

    lab.write(GOOD)
    done = lab.run("plan", *BOTH, "--detailed-exitcode")
    assert done.code == 2 and "Policy" not in done.out


def test_the_examples_are_about_members_that_a_plan_has() -> None:
    members = json.loads(schema())["properties"]
    for path in EXAMPLES.glob("*.json"):
        assert json.loads(path.read_text())["properties"].keys() <= members.keys()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not a JSON Schema"),
        ("[]", "it is not a JSON object"),
        ('{"type": "nonsense"}', "not a JSON Schema"),
        ('{"$ref": "file:///etc/passwd"}', "nothing outside its file"),
        ('{"$ref": "http://127.0.0.1:9/x"}', "nothing outside its file"),
    ],
)
def test_what_is_no_policy_is_an_error(lab: Lab, text: str, said: str) -> None:
    lab.write(GOOD)
    (lab.folder / "policy.json").write_text(text)
    done = lab.run("plan", "--policy", "policy.json")
    assert done.code == 1 and said in done.err and "policy.json" in done.err, done.err
    assert lab.run("plan", "--policy", "none.json").code == 1
