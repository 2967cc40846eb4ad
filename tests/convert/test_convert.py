"""job.json files as people have them become manifests that validate."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobsync.identity import KEY
from jobsync.local.api.agave.request_fields import flatten
from jobsync.manifest.keys import free_key, key_of, project_of
from jobsync.model import DeclaredJob
from jobsync.platforms.agave.convert import convert
from jobsync.platforms.agave.fields import RESERVED
from jobsync.platforms.agave.platform import AGAVE
from jobsync.platforms.converting import NotConvertible
from jobsync.platforms.loading import load

FIELDS = [
    "name", "appId", "inputs", "parameters", "archive", "archivePath", "archiveSystem",
    "batchQueue", "maxRunTime", "memoryPerNode", "nodeCount", "processorsPerNode",
    "notifications", "queue", "jobName", "x",
]  # fmt: skip


def converted(raw: object, folder: Path, name: str = "x/job.json") -> tuple[DeclaredJob, list[str]]:
    result = convert([(name, json.dumps(raw).encode())], "p")
    path = folder / "a.yaml"
    path.write_text(result.text, encoding="utf-8")
    (job,) = load([path]).jobs.values()
    return job, result.warnings


def test_everything_at_once(tmp_path: Path) -> None:
    job, warnings = converted(
        {
            "jobName": "My Test",
            "softwareName": "bwa-0.7.17",
            "requestedTime": "0:05:00",
            "maxMemory": "4",
            "nodeCount": "2",
            "processorCount": 16.0,
            "archive": "true",
            "archivePath": None,
            "archiveSystem": "",
            "queue": "normal",
            "executionSystem": "stampede2.exec",
            "inputs": {"reads": ["a.fa", "b.fa"], "empty": "", "nothing": None, "n": 3},
            "parameters": {"x": "5", "y": True, "z": 0.5, "home": "${HOME}", "id": "${JOB_ID}"},
            "callbackUrl": "https://hooks.example/${JOB_ID}",
            "archiveOnAppError": True,
            "comment": "mine",
        },
        tmp_path,
    )
    assert job.address == "my-test"
    assert job.request == {
        "appId": "bwa-0.7.17",
        "maxRunTime": "0:05:00",
        "memoryPerNode": "4GB",
        "nodeCount": 2,
        "processorsPerNode": 16,
        "archive": True,
        "batchQueue": "normal",
        "inputs": {"reads": ["a.fa", "b.fa"], "n": "3"},
        "parameters": {
            "x": "5",
            "y": True,
            "z": 0.5,
            "home": "${HOME}",
            "id": "${JOB_ID}",
            "comment": "mine",
        },
        "notifications": [
            {"url": "https://hooks.example/${JOB_ID}", "event": event}
            for event in ("FINISHED", "FAILED", "STOPPED")
        ],
    }
    assert warnings == [
        'x/job.json: the name "My Test" became the key my-test',
        "x/job.json: executionSystem left out: the app says where it runs",
        "x/job.json: archiveOnAppError left out: only one of the two kinds of service knows it",
        "x/job.json: comment put under parameters: the service takes it for an input or parameter "
        "of that name",
    ]


@pytest.mark.parametrize(
    ("raw", "field", "value"),
    [
        ({"memoryPerNode": 1}, "memoryPerNode", "1GB"),
        ({"memoryPerNode": 1.5}, "memoryPerNode", "1.5GB"),
        ({"memoryPerNode": "1GB"}, "memoryPerNode", "1GB"),
        ({"memoryPerNode": "512MB"}, "memoryPerNode", "0.5GB"),
        ({"archive": "no"}, "archive", False),
        ({"archive": 1}, "archive", True),
        ({"maxRunTime": "00:30:00"}, "maxRunTime", "00:30:00"),
        ({"inputs": {"a": "x;y"}}, "inputs", {"a": "x;y"}),
        ({"parameters": {"a": [1, None, "b"]}}, "parameters", {"a": [1, "b"]}),
        (
            {
                "notifications": [
                    {"url": "a@example.org", "event": "FINISHED", "persistent": "true"}
                ]
            },
            "notifications",
            [{"url": "a@example.org", "event": "FINISHED", "persistent": True}],
        ),
    ],
)
def test_loose_types(raw: dict[str, object], field: str, value: object, tmp_path: Path) -> None:
    job, warnings = converted({"appId": "a-1", "name": "a", **raw}, tmp_path)
    assert job.request[field] == value
    assert not warnings


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"maxRunTime": "2h"}, "maxRunTime left out: must be a time like 00:30:00"),
        ({"memoryPerNode": "lots"}, "memoryPerNode left out: must be a size"),
        ({"nodeCount": "many"}, "nodeCount left out: must be a whole number"),
        ({"inputs": {"a": {"b": 1}}}, "inputs.a left out: the service drops nested values"),
        ({"inputs": {"queue": "x"}}, 'inputs.queue left out: the id "queue" is the name of'),
        ({"inputs": ["x"]}, "inputs left out: must be an object"),
        ({"dependencies": ["x"]}, "dependencies left out: write needs"),
        ({"queue": "a", "batchQueue": "b"}, "queue left out: batchQueue is there too"),
        ({"notifications": ["x"]}, "a notification left out"),
    ],
)
def test_what_a_person_should_look_at(raw: dict[str, object], said: str, tmp_path: Path) -> None:
    _, warnings = converted({"appId": "a-1", "name": "a", **raw}, tmp_path)
    assert any(said in warning for warning in warnings), warnings


def test_several_files_and_a_name_twice(tmp_path: Path) -> None:
    raw = json.dumps({"name": "a", "appId": "x-1"}).encode()
    result = convert([("one.json", raw), ("two.json", raw)], "p")
    (tmp_path / "a.yaml").write_text(result.text)
    assert list(load([tmp_path]).jobs) == ["a", "a-2"]
    assert result.warnings == ["two.json: there is a job a already: named a-2"]


def test_an_answer_of_the_service_is_taken_apart(tmp_path: Path) -> None:
    record = {
        "status": "success",
        "result": {"id": "1-007", "name": "a", "appId": "x-1", "owner": "o"},
    }
    job, _ = converted(record, tmp_path)
    assert job.request == {"appId": "x-1"}


def test_a_job_without_a_name_is_called_after_its_folder(tmp_path: Path) -> None:
    job, _ = converted({"appId": "x-1"}, tmp_path, "bwa-mem/job.json")
    assert job.address == "bwa-mem"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'"x"',
        b"[" * 100_000,
        b"NaN",
        b'{"x": 1e999}',
        b'{"x": "\\ud800"}',
    ],
)
def test_files_that_are_no_job(data: bytes) -> None:
    with pytest.raises(NotConvertible, match=r"job\.json"):
        convert([("job.json", data)], "p")


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
WORDS = st.sampled_from(
    ["a-1", "agave://s/x", "${HOME}", "{{ a }}", "00:10:00", "4GB", "true", "2"]
)
SCALARS = st.none() | st.booleans() | st.integers() | TEXTS | WORDS
OBJECTS = st.dictionaries(
    st.sampled_from(["a", "b", "queue", "x"]) | st.text(max_size=6),
    SCALARS | st.lists(SCALARS, max_size=3),
    max_size=4,
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
REQUESTS = st.dictionaries(
    st.sampled_from([*FIELDS, "parameter", "input", "settings", "a", "b"]),
    SCALARS | FLOATS | st.lists(SCALARS, max_size=3) | OBJECTS,
    max_size=8,
)


def loaded(text: str) -> DeclaredJob:
    variables = dict.fromkeys(yaml.safe_load(text).get("variables", {}), "1")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.yaml").write_text(text, encoding="utf-8")
        (job,) = load([folder], variables=variables).jobs.values()
        return job


@settings(deadline=None, max_examples=300)
@given(REQUESTS)
@example({"appId": "${A}"})
def test_whatever_comes_the_manifest_validates_or_it_is_said_why_there_is_none(
    raw: dict[str, object],
) -> None:
    try:
        result = convert([("job.json", json.dumps(raw).encode())], "p")
    except NotConvertible as error:
        assert str(error).startswith("job.json")
        return
    text = result.text
    for name in yaml.safe_load(text).get("variables", {}):  # where only some values would do
        text = text.replace(f'appId: "${{var.{name}}}"', "appId: a-1")  # there must be one
        text = text.replace(f'"${{var.{name}}}"', "null")
    loaded(text)


@settings(deadline=None, max_examples=300)
@given(REQUESTS)
@example({"inputs": {".\x1f": False}})
def test_what_the_service_would_take_is_kept_or_told(raw: dict[str, object]) -> None:
    raw = {**raw, "appId": "a-1", "name": "a"}
    result = convert([("job.json", json.dumps(raw).encode())], "p")
    if "variables:" in result.text:
        return
    taken, kept = flatten(raw), flatten(dict(loaded(result.text).request))
    told = {
        warning.split(" ")[1].rpartition(".")[2]
        for warning in result.warnings
        if "left out" in warning
    }
    for name, value in taken.items():
        if name in RESERVED or value == "" or name in told or "inputs" in told or " " in name:
            continue
        if any(f".{name} left out" in warning for warning in result.warnings):
            continue  # a name with dots in it
        words = [str(one).strip() for one in (value if isinstance(value, list) else [value])]
        have = kept.get(name, "")
        found = [str(one).strip() for one in (have if isinstance(have, list) else [have])]
        assert [word for word in words if word] == [word for word in found if word], name


@given(st.text())
def test_keys_are_keys(text: str) -> None:
    assert KEY.fullmatch(key_of(text, AGAVE))
    taken = {key_of(text, AGAVE), free_key(key_of(text, AGAVE), {key_of(text, AGAVE)}, 30)}
    assert len(taken) == 2 and all(KEY.fullmatch(key) for key in taken)
    assert KEY.fullmatch(project_of(text, AGAVE))
