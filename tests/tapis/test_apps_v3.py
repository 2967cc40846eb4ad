"""What an app of Tapis v3 would refuse of a declared job, and apps in the folder of a set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobsync.manifest import check_apps
from jobsync.platforms.tapis.app_definitions import described_app, joined_id, split_id
from tests.tapis.sets import load_text

DEFINITION: dict[str, Any] = {
    "id": "salmon",
    "version": "1.0",
    "enabled": True,
    "versionEnabled": True,
    "runtime": "ZIP",
    "strictFileInputs": True,
    "updated": "2026-02-16T21:17:51.922681Z",
    "jobAttributes": {
        "nodeCount": 2,
        "maxMinutes": 30,
        "parameterSet": {
            "appArgs": [
                {"name": "mode", "inputMode": "REQUIRED", "arg": None},
                {"name": "quiet", "inputMode": "FIXED", "arg": "-q"},
                {"name": "more", "inputMode": "INCLUDE_ON_DEMAND", "arg": "-m"},
            ],
            "schedulerOptions": [{"name": "alloc", "inputMode": "FIXED", "arg": "-A x"}],
            "envVariables": [
                {"key": "MAIN", "inputMode": "REQUIRED", "value": "!tapis_not_set"},
                {"key": "SET", "inputMode": "INCLUDE_BY_DEFAULT", "value": "!tapis_not_set"},
            ],
        },
        "fileInputs": [
            {"name": "reads", "inputMode": "REQUIRED", "sourceUrl": None},
            {"name": "index", "inputMode": "FIXED", "sourceUrl": "tapis://s/i"},
            {"name": "extra", "inputMode": "OPTIONAL", "sourceUrl": None},
        ],
        "fileInputArrays": [],
    },
}
RIGHT = """
      appArgs: [{name: mode, arg: x}, {name: own, arg: y}]
      envVariables: [{key: MAIN, value: m}, {key: SET, value: ""}]
"""


def told(folder: Path, parameters: str, inputs: str, **app: Any) -> list[str]:
    body = f"""
jobs:
  a:
    appId: salmon
    appVersion: "1.0"
    fileInputs: {inputs}
    parameterSet:{parameters or " {}"}
"""
    desired = load_text(folder, body)
    found = described_app({**DEFINITION, **app})
    problems = check_apps(desired, {found.id: found})
    return [str(problem).split("set.yaml:", 1)[1] for problem in problems]


READS = "[{name: reads, sourceUrl: tapis://s/r}]"


def test_a_job_that_the_app_takes(tmp_path: Path) -> None:
    assert told(tmp_path, RIGHT, READS) == []


@pytest.mark.parametrize(
    ("parameters", "inputs", "expected"),
    [
        ("", READS, ["needs appArgs \"mode\" (add {name: mode, arg: ...})",
                     "needs envVariables \"MAIN\"", "needs a value of envVariables \"SET\""]),
        (RIGHT.replace("own", "quiet"), READS, ["11:39: jobs.a.parameterSet.appArgs.quiet: "
                                                "salmon:1.0 fixes appArgs \"quiet\" itself"]),
        (RIGHT + "      schedulerOptions: [{name: alloc, arg: z}]\n", READS,
         ["fixes schedulerOptions \"alloc\" itself (remove it)"]),
        (RIGHT + "      containerArgs: [{arg: --nv}]\n", READS, ["it takes no containerArgs"]),
        (RIGHT, "[]", ["needs fileInputs \"reads\" (add {name: reads, sourceUrl: ...})"]),
        (RIGHT, "[{name: reads, sourceUrl: tapis://s/r}, {name: index, sourceUrl: tapis://s/x}]",
         ["fixes fileInputs \"index\" itself"]),
        (RIGHT, "[{name: reads, sourceUrl: tapis://s/r}, {name: xtra, sourceUrl: tapis://s/x}]",
         ["has no fileInputs \"xtra\", and takes only its own (did you mean extra?)"]),
        (RIGHT, "[{name: reads, sourceUrl: tapis://s/r}, {sourceUrl: tapis://s/x}]",
         ["has no fileInputs without a name, and takes only its own"]),
    ],
)  # fmt: skip
def test_what_the_app_refuses(
    tmp_path: Path, parameters: str, inputs: str, expected: list[str]
) -> None:
    found = told(tmp_path, parameters, inputs)
    assert len(found) == len(expected), found
    for line, words in zip(found, expected, strict=True):
        assert words in line


def test_a_disabled_app(tmp_path: Path) -> None:
    (found,) = told(tmp_path, RIGHT, READS, versionEnabled=False)
    assert "jobs.a.appVersion: salmon:1.0 is disabled (use another version)" in found


def test_inputs_that_are_not_the_apps_need_a_url(tmp_path: Path) -> None:
    inputs = "[{name: reads, sourceUrl: tapis://s/r}, {name: mine}]"
    (found,) = told(tmp_path, RIGHT, inputs, strictFileInputs=False)
    assert 'fileInputs "mine" needs a sourceUrl: salmon:1.0 has none for it' in found
    assert told(tmp_path, RIGHT, READS.replace("]", ", {sourceUrl: tapis://s/x}]"),
                strictFileInputs=False) == []  # fmt: skip


def test_what_is_known_of_an_app() -> None:
    app = described_app(DEFINITION)
    assert (app.id, dict(app.defaults)) == ("salmon:1.0", {"nodeCount": 2, "maxMinutes": 30})
    assert app.changed is not None and app.changed.year == 2026
    assert split_id(joined_id("salmon", "1.0")) == ("salmon", "1.0")


# --- apps in the folder of the set ------------------------------------------------------

JOB = '\njobs: {a: {appId: tool, appVersion: "1.0"}}\n'


def put(folder: Path, name: str, **changes: Any) -> Path:
    app = folder / "apps" / "tool"
    app.mkdir(parents=True, exist_ok=True)
    definition = {"id": "tool", "version": "1.0", "runtime": "ZIP", "description": "x", **changes}
    (app / name).write_text(json.dumps(definition))
    return app


@pytest.mark.parametrize("name", ["app.json", "app.v3.json"])
def test_an_app_beside_the_manifests_counts_on_this_machine(tmp_path: Path, name: str) -> None:
    def print_of() -> str:
        (job,) = load_text(tmp_path, JOB).jobs.values()
        return job.fingerprint

    alone = print_of()
    app = put(tmp_path, name)
    (app / "tapisjob_app.sh").write_text("echo 1\n")
    first = print_of()
    assert first != alone
    put(tmp_path, name, description="others", notes={"a": 1})
    assert print_of() == first, "texts for people mean nothing"
    (app / "tapisjob_app.sh").write_text("echo 2\n")
    second = print_of()
    put(tmp_path, name, jobType="BATCH")
    assert len({first, second, print_of()}) == 3


def test_the_definition_of_the_other_api_does_not_count(tmp_path: Path) -> None:
    put(tmp_path, "app.v3.json")
    app = tmp_path / "apps" / "tool"
    (app / "tapisjob_app.sh").write_text("")
    (job,) = load_text(tmp_path, JOB).jobs.values()
    (app / "app.json").write_text(json.dumps({"name": "tool", "version": "1.0"}))
    (again,) = load_text(tmp_path, JOB).jobs.values()
    assert again.fingerprint == job.fingerprint
    head, body = "apiVersion: jobsync/v1\nproject: p\n", "\njobs: {a: {appId: tool-1.0}}\n"
    (old,) = load_text(tmp_path, body, head=head).jobs.values()
    assert old.app is not None and {*old.app.changed} == {"tool/app.json", "tool/tapisjob_app.sh"}
    (app / "app.v3.json").unlink()
    (older,) = load_text(tmp_path, body, head=head).jobs.values()
    assert older.fingerprint == old.fingerprint


def test_files_beside_the_manifests_are_named_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a%20b #1.txt").write_text("one")
    body = (
        '\njobs: {a: {appId: x, appVersion: "1", fileInputs: [{sourceUrl: "tapis://local/%s"}]}}\n'
    )
    (job,) = load_text(tmp_path, body % "a%20b #1.txt").jobs.values()
    assert [*job.digests] == ["tapis://local/a%20b #1.txt"]
    (hidden,) = load_text(tmp_path, body % ".work/jobs/x/output/y").jobs.values()
    assert not hidden.digests
