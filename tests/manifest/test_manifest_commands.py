"""validate, schema, convert and init as commands, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HEAD = "apiVersion: jobsync/v1\nproject: phylo\n"


def run(*words: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TAPIS_")}
    kept.pop("CI", None)
    return subprocess.run(
        [sys.executable, "-m", "jobsync", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**kept, **environ},
        timeout=60,
    )


def test_validate_a_good_set(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + "jobs: {align: {appId: famsa-2.2}}\n")
    result = run("validate", cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "1 job of phylo is valid\n", "")


def test_validate_in_ci_needs_no_target(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        HEAD + "targets: {tacc: {baseUrl: https://api.tacc.example}}\njobs: {}\n"
    )
    result = run("validate", ".", cwd=tmp_path, CI="true")
    assert (result.returncode, result.stdout) == (0, "0 jobs of phylo are valid\n")


def test_validate_says_everything_on_stderr(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + "jobs: {align: {appId: famsa}}\nteams: {r: [Bob]}\n")
    result = run("validate", cwd=tmp_path)
    assert result.returncode == 1
    assert not result.stdout
    assert result.stderr.splitlines() == [
        'a.yaml:3:23: jobs.align.appId must be NAME-VERSION, like famsa-2.2, not "famsa"',
        "    3 | jobs: {align: {appId: famsa}}",
        "      |                       ^",
        'a.yaml:4:13: teams.r: "Bob" cannot be a user name (the service folds case: write bob)',
        "    4 | teams: {r: [Bob]}",
        "      |             ^",
        "2 problems in the manifests",
    ]


def test_validate_takes_variables_and_a_target(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        HEAD + "variables: {n: {}}\njobs: {a: {appId: x-1, nodeCount: '${var.n}'}}\n"
    )
    assert run("validate", "--var", "n=2", cwd=tmp_path).returncode == 0
    assert "has no value" in run("validate", cwd=tmp_path).stderr
    assert "no target" in run("validate", "--target", "x", "--var", "n=1", cwd=tmp_path).stderr
    assert run("validate", "--var", "n", cwd=tmp_path).returncode == 64


def test_validate_devices_and_nothing(tmp_path: Path) -> None:
    for path in ("/dev/zero", "nothing", "."):
        result = run("validate", path, cwd=tmp_path)
        assert result.returncode == 1
        assert "Traceback" not in result.stderr


def test_schema_prints_the_definition(tmp_path: Path) -> None:
    result = run("schema", cwd=tmp_path)
    assert result.returncode == 0
    assert json.loads(result.stdout)["title"] == "jobsync manifest"


def test_init_writes_a_set_that_validates_and_overwrites_nothing(tmp_path: Path) -> None:
    result = run("init", "My Set", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    written = {path.name: path.read_bytes() for path in (tmp_path / "My Set").rglob("*.*")}
    assert set(written) == {"jobsync.yaml", "text.txt", "jobsync.schema.json"}
    assert run("validate", "My Set", cwd=tmp_path).stdout == "1 job of my-set is valid\n"
    again = run("init", "My Set", cwd=tmp_path)
    assert again.returncode == 1
    assert "exists already" in again.stderr
    after = {path.name: path.read_bytes() for path in (tmp_path / "My Set").rglob("*.*")}
    assert after == written


def test_init_plans_and_its_app_takes_what_it_says(tmp_path: Path) -> None:
    assert run("init", cwd=tmp_path).returncode == 0
    result = run("validate", "--online", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("valid, checked against 1 of 1 apps\n")
    result = run("plan", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "# count will be created" in result.stdout


def test_online_refuses_what_the_app_does_not_take(tmp_path: Path) -> None:
    assert run("init", cwd=tmp_path).returncode == 0
    path = tmp_path / "jobsync.yaml"
    path.write_text(path.read_text().replace("lines: 2", "line: 2"))
    result = run("validate", "--online", cwd=tmp_path)
    assert result.returncode == 1
    assert (
        'has no parameter "line": the service would drop it (did you mean lines?)' in result.stderr
    )


def test_convert_prints_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(
        json.dumps({"name": "My Job", "appId": "x-1", "maxRunTime": "{{ time }}"})
    )
    result = run("convert", "job.json", "--project", "p", cwd=tmp_path)
    assert result.returncode == 0
    assert "my-job:\n    appId: x-1\n" in result.stdout
    assert 'Warning: job.json: "{{ time }}" became ${var.time}' in result.stderr
    (tmp_path / "a.yaml").write_text(result.stdout)
    assert "--var time=VALUE" in run("validate", "a.yaml", cwd=tmp_path).stderr
    assert run("validate", "a.yaml", "--var", "time=00:10:00", cwd=tmp_path).returncode == 0


def test_convert_refuses_what_is_no_job(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text("[]")
    result = run("convert", "job.json", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert "is not a JSON object" in result.stderr
    assert run("convert", "nothing.json", cwd=tmp_path).returncode == 1
    assert run("convert", "/dev/zero", cwd=tmp_path).returncode == 1
    assert run("convert", cwd=tmp_path).returncode == 64
    assert run("convert", "job.json", "--project", "Bad", cwd=tmp_path).returncode == 64
