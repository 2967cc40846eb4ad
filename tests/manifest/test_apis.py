"""Files of one set for several platforms: those of the target's take part, all are checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from jobsync.errors import ManifestError
from jobsync.manifest import load, load_each, schema
from jobsync.platforms.agave.platform import AGAVE
from tests.manifest.test_platforms import PLATFORMS, TOY

HEAD = "apiVersion: jobsync/v1\n"
COMMON = (
    HEAD
    + """\
project: p
targets:
  here: {baseUrl: "https://here.example"}
  there: {api: toy/v1, baseUrl: "https://there.example"}
"""
)
OURS = HEAD + "api: agave/v2\njobs:\n  a: {appId: app-1.0, batchQueue: short}\n"
THEIRS = HEAD + "api: toy/v1\njobs:\n  a: {appId: toy-1.0}\n  b: {appId: toy-2.0}\n"


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def problems(folder: Path, **options: Any) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        load([folder], platforms=PLATFORMS, **options)
    return [problem.message for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("target", "apps"), [("here", ["app-1.0"]), ("there", ["toy-1.0", "toy-2.0"])]
)
def test_of_the_files_that_name_an_api_those_of_the_target_take_part(
    tmp_path: Path, target: str, apps: list[str]
) -> None:
    folder = written(tmp_path, common=COMMON, ours=OURS, theirs=THEIRS)
    state = load([folder], platforms=PLATFORMS, target=target)
    assert [job.request["appId"] for job in state.jobs.values()] == apps


def test_a_file_of_another_api_is_checked(tmp_path: Path) -> None:
    folder = written(tmp_path, common=COMMON, ours=OURS, theirs=THEIRS + "  c: {nope: 1}\n")
    assert problems(folder, target="here") == ['unknown key "nope" in jobs.c']


def test_a_key_twice_in_files_of_one_api_is_an_error(tmp_path: Path) -> None:
    folder = written(tmp_path, common=COMMON, ours=OURS, theirs=THEIRS, more=THEIRS)
    assert problems(folder, target="here") == [
        "jobs.a is defined twice",
        "jobs.b is defined twice",
    ]


def test_a_common_file_holds_no_jobs(tmp_path: Path) -> None:
    folder = written(tmp_path, common=COMMON + "jobs: {c: {appId: x-1}}\n", ours=OURS)
    message = "jobs is in a file without api:, but other files of the set have one"
    assert problems(folder, target="here") == [message]


def test_an_api_that_is_not_known_is_an_error_at_its_place(tmp_path: Path) -> None:
    folder = written(tmp_path, common=COMMON, ours=OURS.replace("agave/v2", "agave"))
    (message,) = problems(folder, target="here")
    assert message == 'api must be agave/v2 or toy/v1, not the text "agave"'


@pytest.mark.parametrize("target", [None, "local", "env"])
def test_the_only_api_of_the_files_is_that_of_the_built_in_targets(
    tmp_path: Path, target: str | None
) -> None:
    folder = written(tmp_path, common=COMMON, theirs=THEIRS)
    assert load([folder], platforms=PLATFORMS, target=target).platform is TOY
    assert load([folder], platforms=PLATFORMS, target="here").platform is AGAVE


def test_each_api_is_resolved(tmp_path: Path) -> None:
    folder = written(tmp_path, common=COMMON, ours=OURS, theirs=THEIRS)
    states = load_each([folder], platforms=PLATFORMS)
    assert [(one.platform.name, [*one.jobs]) for one in states] == [
        ("agave/v2", ["a"]),
        ("toy/v1", ["a", "b"]),
    ]
    written(folder, theirs=THEIRS + "  c: {appId: toy-1.0, needs: [d]}\n", ours=OURS + "  d: {}\n")
    with pytest.raises(ManifestError) as caught:
        load_each([folder], platforms=PLATFORMS)
    told = [problem.message for problem in caught.value.problems]
    assert len(told) == 2 and any("lacks appId" in one for one in told), told


class Three(type(TOY)):  # type: ignore[misc]
    """A platform with a field that the other one has not."""

    @staticmethod
    def request_schema() -> dict[str, Any]:
        return {"properties": {"appId": {"type": "string", "x-expected": "an app"}}}


def test_the_published_schema_knows_what_may_stand_beside_an_api() -> None:
    text = schema.text({"agave/v2": AGAVE, "toy/v1": Three()})
    validator = jsonschema_rs.Draft202012Validator(json.loads(text))

    def is_valid(job: dict[str, str], **more: object) -> bool:
        return bool(validator.is_valid({"apiVersion": "jobsync/v1", "jobs": {"a": job}, **more}))

    queued = {"appId": "a-1", "batchQueue": "q"}
    assert is_valid(queued) and is_valid(queued, api="agave/v2")
    assert is_valid({"appId": "a-1"}, api="toy/v1")
    assert not is_valid(queued, api="toy/v1")
    assert not is_valid({"batch": "q"}) and not is_valid(queued, api="other")
    assert not is_valid({"appId": "a-1"}, api="toy/v1", defaults={"batchQueue": "q"})
