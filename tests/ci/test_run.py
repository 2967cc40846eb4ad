"""``ci run``: inputs become arguments, and the environment has no more than is allowed by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jobsync.cli.ci_run import command_of
from jobsync.errors import SettingsError, Usage
from tests.line.linebench import Bench

FORK: dict[str, Any] = {"pull_request": {"number": 1, "head": {"repo": {"full_name": "m/jobs"}}}}


def arguments(environ: Mapping[str, str] = {}, **inputs: Any) -> list[str]:
    told = {key.replace("_", "-"): value for key, value in inputs.items()}
    return [*command_of({"JOBSYNC_INPUTS": json.dumps(told), **environ}).arguments]


def test_inputs_become_arguments() -> None:
    found = arguments(
        command="plan",
        path="jobs/a jobs/b",
        target="tacc",
        variables="queue=a b; c\n\nname=$(x)\n",
        select="a*, b*",
        allow="over-budget",
        policies="p.json",
        marker="mine",
    )
    assert found == [
        *("plan", "jobs/a", "jobs/b", "--target", "tacc", "--select", "a*", "--select", "b*"),
        *("--allow", "over-budget", "--var", "queue=a b; c", "--var", "name=$(x)"),
        *("--policy", "p.json", "--outputs", "new", "--format", "markdown", "--marker", "mine"),
        *("--report", "github"),
    ]
    assert arguments(command="validate", path="jobs", allow="x", policies="p") == [
        "validate", "jobs", "--report", "github",
    ]  # fmt: skip
    drift = arguments(command="drift", allow="x", policies="p", outputs="none")
    assert drift == ["drift", "--outputs", "none", "--format", "markdown", "--report", "github"]
    said: dict[str, Any] = {"path": "jobs", "target": "tacc", "address": "-x", "job_id": ""}
    assert arguments(command="resolve", **said) == [
        "resolve", "-m", "jobs", "--target", "tacc", "--not-submitted", "--", "-x",
    ]  # fmt: skip
    assert "--submitted" in arguments(command="resolve", **{**said, "job_id": "12-007"})


def test_a_fork_is_planned_offline_against_its_base(tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text(json.dumps(FORK))
    environ = {"GITHUB_EVENT_PATH": str(tmp_path / "event.json"), "GITHUB_REPOSITORY": "lab/jobs"}
    with pytest.raises(SettingsError, match="which commit"):
        arguments(environ, command="plan")
    base = {"base": {"sha": "a" * 40}}
    event = {"pull_request": {**FORK["pull_request"], **base}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    found = arguments(environ, command="plan", allow="x", policies="p", target="tacc")
    assert found[-4:] == ["--base", "a" * 40, "--report", "github"]
    assert {"--allow", "--policy", "--outputs"}.isdisjoint(found)
    assert "--offline" not in arguments(environ, command="plan", offline_on_fork="false")


@pytest.mark.parametrize("inputs", [{"command": "serve"}, {}, {"command": "resolve"}])
def test_what_is_no_command_is_refused(inputs: dict[str, Any]) -> None:
    with pytest.raises(Usage):
        arguments(**inputs)
    with pytest.raises(SettingsError):
        command_of({"JOBSYNC_INPUTS": "[1]"})
    with pytest.raises(SettingsError):
        command_of({})


def test_manifests_read_only_what_is_allowed_by_name(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    (bench.folder / "m.yaml").write_text(
        "apiVersion: jobsync/v1\nproject: p\nenv: [QUEUE, GITHUB_TOKEN, OTHER]\n"
        "jobs: {a: {appId: echo-1.0, batchQueue: '${env.QUEUE}', parameters: {s: '${env.X}'}}}\n"
    )

    def run(name: str, allowed: str) -> tuple[int, str]:
        bench.edit("m.yaml", "${env.X}", f"${{env.{name}}}")
        inputs = {"command": "validate", "allow-env": allowed}
        done = bench.run(
            *("ci", "run"),
            JOBSYNC_INPUTS=json.dumps(inputs),
            CI="true",
            QUEUE="long",
            GITHUB_TOKEN="canary-1",
            OTHER="canary-2",
        )
        bench.edit("m.yaml", f"${{env.{name}}}", "${env.X}")
        assert "canary" not in done.out + done.err
        return done.code, done.err

    assert run("QUEUE", "QUEUE")[0] == 0
    code, said = run("OTHER", "QUEUE")
    assert code == 1 and "OTHER" in said
    code, said = run("GITHUB_TOKEN", "QUEUE")
    assert code == 1 and "GITHUB_TOKEN" in said
    bench.close()
