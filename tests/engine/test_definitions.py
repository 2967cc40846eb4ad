"""Apps and execution systems as files: what is read, and what is said of a bad one."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from jobsync.errors import LocalServiceError
from jobsync.local.apps import registry as apps
from jobsync.local.storage import systems
from jobsync.local.storage.systems import Systems

GOOD = {"name": "good", "version": "1.0", "templatePath": "wrapper.sh"}


def write(root: Path, document: object, name: str = "app") -> Path:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    text = document if isinstance(document, str) else json.dumps(document)
    (folder / "app.json").write_text(text)
    (folder / "wrapper.sh").write_text("true\n")
    return folder


def test_the_shipped_app_needs_no_input() -> None:
    app = apps.load([]).get("wc-demo-1.00")
    assert app is not None
    assert not any(field.required for field in (*app.inputs.values(), *app.parameters.values()))
    assert [app.id for app in apps.load([]).list()] == ["wc-demo-1.00"]


def test_new_and_edited_apps_are_seen_without_a_restart(tmp_path: Path) -> None:
    catalog = apps.load([tmp_path])
    assert catalog.get("good-1.0") is None
    write(tmp_path, GOOD)
    found = catalog.get("good-1.0")
    assert found is not None and found.queue == ""
    time.sleep(0.01)
    write(tmp_path, {**GOOD, "defaultQueue": "long"})
    found = catalog.get("good-1.0")
    assert found is not None and found.queue == "long"


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("[1]", "an app is a JSON object"),
        ('{"name": }', "app.json:1:10: not JSON"),
        ({}, "name and version"),
        ({**GOOD, "version": ""}, "name and version"),
        ({**GOOD, "id": "other-1"}, "id is 'other-1'"),
        ({**GOOD, "templatePath": "none.sh"}, "no template none.sh"),
        ({**GOOD, "templatePath": "../wrapper.sh"}, "leaves the app's folder"),
        ({**GOOD, "templatePath": 5}, "templatePath must be a string"),
        ({**GOOD, "inputs": {}}, None),
        ({**GOOD, "inputs": {"a": 1}}, "inputs must be an array"),
        ({**GOOD, "inputs": [{}]}, "an object with an id"),
        ({**GOOD, "inputs": [{"id": "a", "value": 5}]}, "a: value must be an object"),
        ({**GOOD, "parameters": [{"id": "a", "value": {"type": "int"}}]}, "a: type is one of"),
        ({**GOOD, "parameters": [{"id": "a", "value": {"type": "enumeration"}}]}, "enum_values"),
        ({**GOOD, "defaultNodeCount": 0}, "defaultNodeCount"),
    ],
)
def test_a_bad_app_names_the_file(tmp_path: Path, document: object, text: str | None) -> None:
    write(tmp_path, document)
    catalog = apps.load([tmp_path])
    trouble = catalog.trouble()
    assert [one.id for one in catalog.list()][-1:] == ["wc-demo-1.00"]
    if text is None:
        assert trouble == "" and catalog.get("good-1.0") is not None
        return
    assert catalog.get("good-1.0") is None
    assert str(tmp_path / "app" / "app.json") in trouble
    assert text in trouble


def test_a_bad_app_does_not_give_way_to_another_of_its_name(tmp_path: Path) -> None:
    write(tmp_path / "first", {**GOOD, "templatePath": "none.sh"})
    write(tmp_path / "second", GOOD)
    catalog = apps.load([tmp_path / "first", tmp_path / "second"])
    assert catalog.get("good-1.0") is None
    assert "none.sh" in catalog.trouble("good-1.0")
    assert catalog.trouble("other-1.0") == ""
    (tmp_path / "first/app/none.sh").write_text("true")
    found = catalog.get("good-1.0")
    assert found is not None and found.template.name == "none.sh"
    (tmp_path / "first/app/app.json").unlink()
    found = catalog.get("good-1.0")
    assert found is not None and found.template.name == "wrapper.sh"


def load(tmp_path: Path, document: object) -> Systems:
    path = tmp_path / "systems.json"
    path.write_text(json.dumps(document))
    return systems.load(
        path, work_folder=tmp_path / "work", cpus=3, parse=lambda path: json.loads(path.read_text())
    )


def test_without_a_file_there_is_local(tmp_path: Path) -> None:
    found = systems.load(tmp_path / "none", work_folder=tmp_path, cpus=3, parse=lambda path: None)
    system = found.get()
    assert system is not None
    assert (system.name, system.engine, system.max_jobs) == ("local", "fork", 3)
    assert [queue.name for queue in system.queues] == ["debug"]


def test_a_cluster(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        {
            "systems": {
                "cluster": {
                    "engine": "slurm",
                    "workFolder": "scratch",
                    "environment": ["module load mafft"],
                    "options": ["--account=lab"],
                    "queues": {
                        "normal": {"default": True, "maxMemoryPerNode": "1.5TB", "maxNodes": 4},
                        "quick": {"maxRequestedTime": "00:30:00", "partition": "p1", "maxJobs": 2},
                    },
                }
            }
        },
    )
    system = found.get()
    assert system is not None and system.name == "cluster"
    assert (system.execution_type, system.scheduler_type) == ("HPC", "SLURM")
    assert system.work_folder == tmp_path / "scratch"
    assert (system.grace, system.max_jobs) == (60.0, 200)
    assert system.default_queue.max_memory == 1536.0
    quick = system.queue("quick")
    assert quick is not None and (quick.partition, quick.max_jobs) == ("p1", 2)
    assert found.get("local") is not None


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ([], "must be a mapping"),
        ({"system": {}}, "unknown key 'system'"),
        ({"default": "x"}, "default names no system: x"),
        ({"systems": {"a b": {}}}, "systems.a b: not a name"),
        ({"systems": {"a": {"engine": "pbs"}}}, "systems.a.engine: one of fork, slurm"),
        ({"systems": {"a": {"exitPolicy": "x"}}}, "systems.a.exitPolicy"),
        ({"systems": {"a": {"maxJobs": 0}}}, "systems.a.maxJobs"),
        ({"systems": {"a": {"maxjobs": 1}}}, "unknown key 'maxjobs'"),
        ({"systems": {"a": {"queues": {"q": {"maxRequestedTime": "1h"}}}}}, "maxRequestedTime"),
        ({"systems": {"a": {"queues": {"q": {"maxMemoryPerNode": "4GiB"}}}}}, "like 4GB"),
        ({"systems": {"a": {"queues": {"q": {"maxNodes": True}}}}}, "maxNodes"),
    ],
)
def test_a_bad_file_names_the_setting(tmp_path: Path, document: object, text: str) -> None:
    with pytest.raises(LocalServiceError) as caught:
        load(tmp_path, document)
    assert str(tmp_path / "systems.json") in str(caught.value)
    assert text in str(caught.value)
