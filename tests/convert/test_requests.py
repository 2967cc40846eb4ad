"""Requests of Tapis v3 become manifests; jobs do not, and say what to convert instead."""

from __future__ import annotations

import json

import pytest
import yaml

from jobsync.platforms.converting import NotConvertible
from jobsync.platforms.tapis.convert import CONVERTER, convert, recognises

REQUEST = {
    "name": "RNA seq S1", "appId": "salmon-quant", "appVersion": "1.10.1", "owner": None,
    "maxMinutes": 120, "cmdPrefix": None, "isMpi": False,
    "tags": ["jobsync:a/b", "jobsync-op:1", "x"],
    "fileInputs": [{"name": "reads", "sourceUrl": "tapis://s/a.fq", "targetPath": None}],
    "parameterSet": {
        "appArgs": [{"name": "t", "arg": "--threads 4 ${HOME} $${x} ${var.y}", "include": None}],
        "containerArgs": None,
        "envVariables": [{"key": "A", "value": ""}],
    },
    "notes": {"n": 1.5},
}  # fmt: skip


def one(request: object, file: str = "r.json") -> tuple[dict[str, object], list[str]]:
    found = convert([(file, json.dumps(request).encode())], "p")
    document = yaml.safe_load(found.text)
    assert document["api"] == "tapis/v3" and document["project"] == "p"
    (job,) = document["jobs"].items()
    return {"key": job[0], **job[1]}, found.warnings


def test_a_request_loses_its_name_its_nulls_and_our_tags() -> None:
    job, warnings = one(REQUEST)
    assert job == {
        "key": "rna-seq-s1", "appId": "salmon-quant", "appVersion": "1.10.1", "maxMinutes": 120,
        "isMpi": False, "tags": ["x"],
        "fileInputs": [{"name": "reads", "sourceUrl": "tapis://s/a.fq"}],
        "parameterSet": {
            "appArgs": [{"name": "t", "arg": "--threads 4 ${HOME} $$${x} $${var.y}"}],
            "envVariables": [{"key": "A", "value": ""}],
        },
        "notes": {"n": 1.5},
    }  # fmt: skip
    assert warnings == ['r.json: the name "RNA seq S1" became the key rna-seq-s1']


def test_the_answer_of_resubmit_request_is_one_too() -> None:
    answer = {"status": "success", "message": "m", "result": REQUEST, "metadata": None}
    assert one(answer)[0]["appId"] == "salmon-quant"


def test_a_run_of_ours_gives_its_address() -> None:
    assert one({**REQUEST, "name": "rna.quant.lg.1.tabcdefghi.r2"})[0]["key"] == "quant-lg-1"
    named = {key: value for key, value in REQUEST.items() if key != "name"}
    assert one(named, "quant/job.json")[0]["key"] == "quant"


@pytest.mark.parametrize("field", ["owner", "tenant"])
def test_whose_job_it_is_cannot_be_said(field: str) -> None:
    job, warnings = one({**REQUEST, field: "alice"})
    assert field not in job
    assert any(f"{field} left out" in line for line in warnings)


def test_a_job_is_refused_with_the_way_to_its_request() -> None:
    record = {**REQUEST, "uuid": "1-007", "status": "FINISHED", "remoteOutcome": None}
    for raw in (record, {"result": record}):
        with pytest.raises(NotConvertible, match="jobsync jobs resubmit-request UUID"):
            convert([("r.json", json.dumps(raw).encode())], "p")


def test_requests_are_told_from_jobs_of_another_service() -> None:
    assert recognises(json.dumps(REQUEST).encode())
    assert recognises(json.dumps({"result": REQUEST}).encode())
    for other in (b'{"appId": "a-1.0", "inputs": {}}', b"[]", b"apiVersion: jobsync/v1", b"\xff"):
        assert not CONVERTER.recognises(other)


def test_both_kinds_at_once() -> None:
    older = b'{"name": "RNA seq S1", "appId": "a-1.0"}'
    found = convert([("r.json", json.dumps(REQUEST).encode()), ("j.json", older)], "p")
    assert list(yaml.safe_load(found.text)["jobs"]) == ["rna-seq-s1", "rna-seq-s1-2"]


def test_what_is_nothing_of_the_kind() -> None:
    for data in (b"{broken", b"[]", b'{"x": 1}'):
        with pytest.raises(NotConvertible, match=r"r\.json"):
            convert([("r.json", data)], "p")
