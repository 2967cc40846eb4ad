"""agave-v2 §3.1 to §3.4 and §9.1: what a submit is refused for, and how it is echoed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from jobsync.local.api.agave import submission
from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.apps import registry as apps
from jobsync.local.storage.files import Storage
from jobsync.local.storage.systems import Queue, System, Systems
from jobsync.local.store.database import Store
from jobsync.local.store.rows import JobRow

Submit = Callable[..., JobRow]

APP: dict[str, Any] = {
    "name": "app",
    "version": "1.0",
    "templatePath": "wrapper.sh",
    "inputs": [
        {"id": "reads", "semantics": {"maxCardinality": 3}},
        {"id": "pair", "semantics": {"minCardinality": 2}},
        {"id": "fasta", "value": {"validator": r"([^\s]+(\.(?i)(fa))$)"}},
        {"id": "index", "value": {"visible": False, "default": "hidden.txt"}},
    ],
    "parameters": [
        {"id": "text", "value": {"type": "string"}},
        {"id": "number", "value": {"type": "number"}},
        {"id": "sorted", "value": {"type": "bool"}},
        {"id": "quiet", "value": {"type": "flag"}},
        {"id": "mode", "value": {"type": "enumeration", "enum_values": ["mem", {"aln": "Aln"}]}},
        {"id": "code", "value": {"type": "string", "validator": "^[a-z]+$"}},
        {"id": "secret", "value": {"type": "string", "visible": False, "default": "s"}},
        {"id": "on", "value": {"type": "bool", "visible": False, "default": True}},
    ],
}
NEEDY: dict[str, Any] = {
    "name": "needy",
    "version": "1.0",
    "defaultQueue": "big",
    "defaultNodeCount": 2,
    "defaultMemoryPerNode": "2GB",
    "defaultMaxRunTime": "00:30:00",
    "inputs": [{"id": "reads", "value": {"required": True}}],
    "parameters": [{"id": "text", "value": {"type": "string", "required": True}}],
}


@pytest.fixture
def submit(tmp_path: Path) -> Submit:
    for document in (APP, NEEDY):
        folder = tmp_path / "apps" / document["name"]
        folder.mkdir(parents=True)
        (folder / "app.json").write_text(json.dumps(document))
        (folder / "wrapper.sh").write_text("true\n")
    store = Store(tmp_path / "jobs.db")
    for user in ("alice", "bob"):
        store.add_user(user, user)
    storage = Storage(tmp_path / "workspace", tmp_path / "archive", store)
    catalog = apps.load([tmp_path / "apps"])
    queues = (
        Queue("small", default=True, max_nodes=2, max_memory=4.0, max_run_time="01:00:00"),
        Queue("big", max_memory=2048.0, max_processors_per_node=8),
    )
    systems = Systems({"local": System("local", queues=queues)}, "local")

    def submit(dialect: str = "agave", **fields: object) -> JobRow:
        body: dict[str, object] = {"name": "n", "appId": "app-1.0", **fields}
        return submission.resolve(
            {key: value for key, value in body.items() if value != "absent"},
            owner="alice",
            apps=catalog,
            systems=systems,
            storage=storage,
            clock=time.time,
            dialect=dialect,
        )

    return submit


def refusal(submit: Submit, **fields: object) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        submit(**fields)
    return caught.value.status, caught.value.message


def test_defaults(submit: Submit) -> None:
    row = submit()
    assert row.status == "PENDING"
    assert row.id.endswith("-007")
    assert row.request == {
        "name": "n",
        "appId": "app-1.0",
        "executionSystem": "local",
        "batchQueue": "small",
        "nodeCount": 1,
        "processorsPerNode": 1,
        "memoryPerNode": 4.0,
        "maxRunTime": "01:00:00",
        "archive": True,
        "archiveSystem": "archive",
        "archivePath": f"alice/archive/jobs/job-{row.id}",
        "inputs": {"index": ["hidden.txt"]},
        "parameters": {"secret": ["s"], "on": True},
    }


def test_app_defaults(submit: Submit) -> None:
    row = submit(appId="needy-1.0", inputs={"reads": "a"}, parameters={"text": "t"})
    assert (row.queue, row.node_count, row.memory_gb) == ("big", 2, 2.0)
    assert row.max_run_time == "00:30:00"


NO_QUEUE = "No queue found on execution system local"


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"name": "  "}, 400, "Job name cannot be empty."),
        ({"name": "absent"}, 400, "Job name cannot be empty."),
        ({"name": "x" * 65}, 400, "Job name must be less than 64 characters."),
        ({"appId": "absent"}, 400, "appId cannot be empty"),
        ({"appId": "nodash"}, 400, "Invalid appId. Please specify an app using its unique id."),
        ({"appId": "app-"}, 400, "Invalid appId. Please specify an app using its unique id."),
        ({"appId": "other-1.0"}, 400, "No app found matching other-1.0 for alice"),
        ({"dependencies": []}, 400, "Job dependencies are not yet supported."),
        ({"executionSystem": "other"}, 403, "Invalid execution system. Apps are registered"),
        (
            {"batchQueue": "none"},
            400,
            "Invalid batchQueue. No batch queue named none is defined on system local",
        ),
        ({"nodeCount": 0}, 400, "nodeCount. If specified, nodeCount must be a positive"),
        ({"nodeCount": "2.0"}, 400, "nodeCount. If specified, nodeCount must be a positive"),
        ({"nodeCount": 2.0}, 400, "nodeCount. If specified, nodeCount must be a positive"),
        ({"processorsPerNode": "many"}, 400, "processorsPerNode value. processorsPerNode must be"),
        ({"memoryPerNode": "512MB"}, 400, "Invalid batchQueue value."),
        ({"maxRunTime": "1h"}, 400, "Invalid maxRunTime. maxRunTime should be"),
        ({"maxRunTime": "00:60:00"}, 400, "Invalid maxRunTime. maxRunTime should be"),
        ({"batchQueue": "small", "maxRunTime": "02:00:00"}, 400, NO_QUEUE),
        ({"batchQueue": "small", "nodeCount": 3}, 400, NO_QUEUE),
        ({"processorsPerNode": 9, "memoryPerNode": "8GB"}, 400, NO_QUEUE),
        ({"memoryPerNode": "3TB"}, 400, NO_QUEUE),
        ({"archiveSystem": "tape"}, 400, "No storage system found matching tape for alice"),
        ({"archiveSystem": "local"}, 403, "permission"),
        ({"archivePath": "x" * 256}, 400, "archivePath"),
        ({"archivePath": "bob/mine"}, 403, "permission"),
        ({"archivePath": "alice/../bob/mine"}, 403, "permission"),
        ({"inputs": {"reads": 5}}, 400, "Unsupported type for input reads"),
        ({"inputs": {"reads": ["a", "b", "c", "d"]}}, 400, "reads may have at most 3 values"),
        ({"inputs": {"pair": "a"}}, 400, "pair requires at least 2 values"),
        ({"inputs": {"fasta": "a.txt"}}, 400, "Value must match the following expression: "),
        ({"inputs": {"index": "a"}}, 400, "is a fixed value that cannot be set manually."),
        ({"inputs": {"reads": "gopher://x/y"}}, 400, "scheme are not currently supported."),
        (
            {"inputs": {"reads": "https://example.org/x"}},
            400,
            "scheme are not currently supported.",
        ),
        ({"inputs": {"reads": "agave://tape/x"}}, 403, "You do not have permission to access"),
        ({"inputs": {"reads": "../x"}}, 403, "You do not have permission to access"),
        ({"inputs": {"reads": "x" * 17000}}, 500, "16384"),
        ({"parameters": {"number": "abc"}}, 400, "for number. Value 'abc' must be a number."),
        ({"parameters": {"sorted": "maybe"}}, 400, "Value maybe must be a case-insensitive truthy"),
        ({"parameters": {"sorted": [True, False]}}, 400, "do not support multiple values."),
        (
            {"parameters": {"mode": "x"}},
            400,
            "Invalid parameter value, 'x', for mode. Value must be one of: mem,  aln",
        ),
        ({"parameters": {"code": "X1"}}, 400, "Value 'X1' must match the regular expression"),
        ({"parameters": {"secret": "x"}}, 400, "is a fixed value that cannot be set manually."),
        ({"appId": "needy-1.0", "parameters": {"text": "t"}}, 400, "No input specified for reads"),
        (
            {"appId": "needy-1.0", "inputs": {"reads": "a"}, "parameters": {"text": None}},
            400,
            "No input parameter specified for text",
        ),
        ({"parameters": {"name": 5}}, 400, "ClassCastException"),
    ],
)
def test_refusals(submit: Submit, fields: Mapping[str, object], status: int, text: str) -> None:
    got, message = refusal(submit, **fields)
    assert (got, text in message) == (status, True), message


@pytest.mark.parametrize(
    ("given", "gigabytes"),
    [(4, 4.0), ("4", 4.0), ("2.5GB", 2.5), ("1 tb", 1024.0), ("1,000GB", 1000.0), ("x3GBx", 3.0)],
)
def test_memory(submit: Submit, given: object, gigabytes: float) -> None:
    assert submit(memoryPerNode=given, batchQueue="big").memory_gb == gigabytes


@pytest.mark.parametrize("junk", ["512KB", "4GiB", "-1", 0])
def test_unreadable_memory_becomes_the_named_queues_or_nothing(
    submit: Submit, junk: object
) -> None:
    assert submit(memoryPerNode=junk, batchQueue="big").memory_gb == 2048.0
    assert submit(memoryPerNode=junk).memory_gb == 0.0


def test_first_queue_that_fits(submit: Submit) -> None:
    assert submit(memoryPerNode=100).queue == "big"
    assert submit(maxRunTime="02:00:00").queue == "big"


@pytest.mark.parametrize(
    ("given", "archive"),
    [(True, True), ("on", True), (1, True), (None, True), ("", True), (False, False), (0, False),
     ("no", False), ("junk", False)],
)  # fmt: skip
def test_archive(submit: Submit, given: object, archive: bool) -> None:
    row = submit(archive=given)
    assert row.archive is archive
    assert ("archivePath" in row.request) is archive
    assert ("archiveSystem" in row.request) is archive


def test_archive_path_macros(submit: Submit) -> None:
    row = submit(name="My Job", archivePath="/alice/${JOB_NAME}//${JOB_ID}-${OTHER}/")
    assert row.archive_path == f"alice/my-job/{row.id}-${{OTHER}}"


def test_name_is_trimmed_and_aliases_work(submit: Submit) -> None:
    row = submit(name="absent", jobName=" j ", appId="absent", softwareName="app-1.0", queue="big")
    assert (row.name, row.queue) == ("j", "big")


def test_flat_map_collisions(submit: Submit) -> None:
    assert submit(parameters={"name": "from-parameters"}).name == "from-parameters"
    assert submit(other={"archive": "false"}).archive is False
    both = submit(inputs={"text": "one"}, parameters={"reads": "two"}).request
    assert both["parameters"]["text"] == "one"
    assert both["inputs"]["reads"] == ["two"]


@pytest.mark.parametrize(
    ("given", "echo"),
    [("a", ["a"]), (" a ; ;b ", ["a", "b"]), (["a;b"], ["a", "b"]), (["a;b", "c"], ["a;b", "c"]),
     ([], None), (["", None, "a"], ["a"]), (1.5, ["1.5"]), (True, ["true"]), ({"a": "b"}, None)],
)  # fmt: skip
def test_inputs_are_echoed_as_arrays(submit: Submit, given: object, echo: object) -> None:
    assert submit(inputs={"reads": given}).request["inputs"].get("reads") == echo


@pytest.mark.parametrize(
    ("name", "given", "echo"),
    [
        ("text", "x", "x"),
        ("text", "a;b", ["a", "b"]),
        ("text", ["a", "b"], ["a", "b"]),
        ("text", ["a"], "a"),
        ("text", "", ""),
        ("text", 5, "5"),
        ("text", True, "true"),
        ("text", None, None),
        ("number", 5, 5),
        ("number", "5", 5),
        ("number", 0.5, "0.5"),
        ("number", -5, "-5"),
        ("number", 1.0, "1.0"),
        ("number", 1e5, "100000.0"),
        ("number", 1e22, "10000000000000000000000.0"),
        ("number", [1, 2], [1, 2]),
        ("number", ["1", ""], None),
        ("number", "", None),
        ("sorted", True, True),
        ("sorted", 1, True),
        ("sorted", "ON", True),
        ("sorted", "off", False),
        ("sorted", " ", None),
        ("quiet", 0, False),
        ("mode", "mem", "mem"),
        ("mode", ["mem", "aln"], ["mem", "aln"]),
        ("mode", ["mem", " "], None),
        ("unknown", "x", None),
    ],
)
def test_parameters_are_echoed_by_type(
    submit: Submit, name: str, given: object, echo: object
) -> None:
    got = submit(parameters={name: given}).request["parameters"].get(name)
    assert (type(got), got) == (type(echo), echo)


@pytest.mark.parametrize(
    "fields",
    [
        {"executionSystem": "local"},
        {"jobName": "x"},
        {"parameter": {}},
        {"archive": True},
        {"memoryPerNode": 4},
        {"appId": "x-" + "1" * 80},
        {"parameters": {"number": "5"}},
        {"parameters": {"text": 5}},
        {"parameters": {"sorted": "true"}},
        {"parameters": {"number": True}},
    ],
)
def test_aloe_is_stricter(submit: Submit, fields: Mapping[str, object]) -> None:
    assert refusal(submit, dialect="aloe", **fields)[0] == 400


def test_aloe_takes_a_portable_request(submit: Submit) -> None:
    row = submit(
        dialect="aloe",
        archive=True,
        archivePath="",
        memoryPerNode="2048MB",
        parameters={"number": 0.5, "sorted": True, "text": "a"},
    )
    assert row.memory_gb == 2.0
    assert len(row.id) == 40
    assert row.archive_path == f"alice/archive/jobs/job-{row.id}"
