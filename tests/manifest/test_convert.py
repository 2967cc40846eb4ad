"""job.json files as people have them become manifests that validate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.identity import KEY
from jobsync.manifest import load
from jobsync.manifest.convert import NotConvertible, convert, key_of, project_of
from jobsync.model import DeclaredJob

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
        "parameters": {"x": "5", "y": True, "z": 0.5, "home": "${HOME}", "id": "${JOB_ID}"},
        "notifications": [
            {"url": "https://hooks.example/${JOB_ID}", "event": event}
            for event in ("FINISHED", "FAILED", "STOPPED")
        ],
    }
    assert warnings == [
        'x/job.json: the name "My Test" became the key my-test',
        "x/job.json: executionSystem left out: the app says where it runs",
        "x/job.json: archiveOnAppError left out: only one of the two kinds of service knows it",
        "x/job.json: comment left out: the service ignores it",
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
        ({"nodeCont": 1}, "nodeCont left out: the service ignores it (did you mean nodeCount?)"),
        ({"notifications": ["x"]}, "a notification left out"),
        ({"archivePath": "x/{{ username }}"}, 'archivePath keeps "{{ username }}": fill it in'),
    ],
)
def test_what_a_person_should_look_at(raw: dict[str, object], said: str, tmp_path: Path) -> None:
    _, warnings = converted({"appId": "a-1", "name": "a", **raw}, tmp_path)
    assert any(said in warning for warning in warnings), warnings


def test_placeholders_are_kept(tmp_path: Path) -> None:
    raw = {
        "name": "{{ app.name }}-test-{{ iso8601_basic_short }}",
        "appId": "{{ app.name }}-{{ app.version }}",
        "parameters": {"who": "{{ username }}"},
        "inputs": {"reads": "agave://{{ system }}/{{ username }}/x.fa"},
    }
    result = convert([("job.json", json.dumps(raw).encode())], "p")
    assert "{{ app.name }}-{{ app.version }}" in result.text
    assert "{{ username }}" in result.text
    assert sum("keeps" in warning for warning in result.warnings) >= 2
    (tmp_path / "a.yaml").write_text(result.text)
    assert load([tmp_path]).jobs


def test_several_files_and_a_name_twice(tmp_path: Path) -> None:
    raw = json.dumps({"name": "a", "appId": "x-1"}).encode()
    result = convert([("one.json", raw), ("two.json", raw)], "p")
    (tmp_path / "a.yaml").write_text(result.text)
    assert list(load([tmp_path]).jobs) == ["a", "a-2"]
    assert result.warnings == ["two.json: a job a is there already: named a-2"]


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


@settings(deadline=None, max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from(FIELDS),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
        | st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=3)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
            st.none() | st.integers() | st.text(max_size=6) | st.lists(st.integers(), max_size=3),
            max_size=4,
        ),
        max_size=8,
    )
)
def test_whatever_comes_the_manifest_validates(raw: dict[str, object]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        converted(raw, Path(folder))


@given(st.text())
def test_keys_are_keys(text: str) -> None:
    assert KEY.fullmatch(key_of(text))
    assert KEY.fullmatch(project_of(text))
