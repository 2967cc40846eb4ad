"""Apps of a pull request or a stranger: a bad definition is no app, and takes nobody's time."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from jobsync.java_regex import Uncheckable, found
from jobsync.local.apps import registry, tapis_apps
from jobsync.manifest.app_folders import AppFolders
from jobsync.platforms import PLATFORMS
from tests.trust.test_service import acted_on
from tests.trust.trustbench import Repository, script_app

GOOD = {"name": "sh", "version": "1.0", "templatePath": "w.sh"}
DEEP = "[" * 100_000
NOT_JSON = {
    "deep": DEEP,
    "deep inside": '{"name": "x", "version": "1", "tags": ' + DEEP,
    "a number of 5,000 digits": '{"name": "x", "version": "1", "defaultNodeCount": '
    + "1" * 5000
    + "}",
    "infinite": '{"name": "x", "version": "1", "templatePath": "w.sh", "defaultNodeCount": 1e999}',
    "no number": '{"name": "x", "version": "1", "templatePath": "w.sh", "defaultNodeCount": NaN}',
    "half a character": '{"name": "x", "version": "1", "templatePath": "w.sh", "label": "\\ud800"}',
    "bytes": "\udcff\udcfe",
    "large": '{"name": "x", "version": "1", "label": "' + "x" * 20_000_000 + '"}',
    "a list": "[]",
    "nothing": "",
}
WRONG: dict[str, dict[str, object]] = {
    "up": {"templatePath": "../../set.yaml"},
    "absolute": {"templatePath": "/etc/passwd"},
    "a folder": {"templatePath": "."},
    "no text": {"templatePath": ["w.sh"]},
    "nul": {"templatePath": "w.sh\0"},
    "name with a path": {"name": "../../x"},
    "name that moves the cursor": {"name": "\x1b[2Jx"},
    "name of a command": {"name": "::error::x"},
    "version with a slash": {"version": "1/0"},
    "no name": {"name": {}},
    "inputs": {"inputs": [[[]]]},
    "parameters": {"parameters": {"id": 1}},
    "an id twice": {"parameters": [{"id": "k"}, {"id": "k"}]},
    "a wrong type": {"parameters": [{"id": "k", "value": {"type": ["x"]}}]},
    "a count": {"inputs": [{"id": "f", "semantics": {"minCardinality": -(10**30)}}]},
    "a validator": {"parameters": [{"id": "k", "value": {"validator": {"x": 1}}}]},
}

TAKEN = ("an id twice", "a count", "a validator")
"""The service takes these for what they can mean."""


def put(folder: Path, name: str, text: str) -> Path:
    app = folder / "apps" / name
    app.mkdir(parents=True)
    (app / "w.sh").write_text("true\n")
    for file in ("app.json", "app.v3.json"):
        (app / file).write_bytes(text.encode("utf-8", "surrogateescape"))
    return app


def look(folder: Path) -> dict[str, str]:
    """Have everything that reads apps read those of *folder*; what was said of them."""
    began = time.monotonic()
    found_apps = registry.load([folder / "apps"])
    ids = {app.id for app in found_apps.list()}
    assert "sh-1.0" in ids, "the good one is found"
    of_tapis = tapis_apps.TapisApps([folder / "apps"])
    of_tapis.latest()
    for platform in PLATFORMS.values():
        folders = AppFolders(str(folder), platform)
        for app_id in ("x-1", "x", *ids):
            folders.get(app_id)
    assert time.monotonic() - began < 5
    return {"v2": found_apps.trouble(), "v3": of_tapis.trouble()}


@pytest.mark.parametrize("what", NOT_JSON)
def test_a_definition_that_cannot_be_read_takes_away_its_own_app_only(
    what: str, tmp_path: Path
) -> None:
    """Deep ones and long numbers ended commands with a defect, large ones took memory."""
    put(tmp_path, "good", json.dumps(GOOD))
    put(tmp_path, "bad", NOT_JSON[what])
    assert "bad/app" in look(tmp_path)["v2"]


@pytest.mark.parametrize("what", WRONG)
def test_a_definition_that_is_wrong_takes_away_its_own_app_only(what: str, tmp_path: Path) -> None:
    put(tmp_path, "good", json.dumps(GOOD))
    put(tmp_path, "bad", json.dumps({**GOOD, "name": "x", **WRONG[what]}))
    assert "bad/app.json" in look(tmp_path)["v2"] or what in TAKEN


@pytest.mark.parametrize("what", ["fifo", "zero", "folder", "gone", "loop"])
def test_a_definition_that_is_no_file_is_not_waited_for(what: str, tmp_path: Path) -> None:
    put(tmp_path, "good", json.dumps(GOOD))
    for name in ("app.json", "app.v3.json"):
        path = put(tmp_path, f"bad-{name}", "") / name
        path.unlink()
        if what == "fifo":
            os.mkfifo(path)
        elif what == "folder":
            path.mkdir()
        else:
            path.symlink_to({"zero": "/dev/zero", "gone": "nowhere", "loop": name}[what])
    assert "bad-app.json" in look(tmp_path)["v2"] or what in ("gone", "loop")


@pytest.mark.parametrize("where", ["/proc", "/", "/etc/passwd", "/dev/zero", "../../../.."])
def test_links_in_an_app_do_not_lead_out_of_the_repository(
    where: str, repository: Repository
) -> None:
    """The content of what they led to was read for the plan, all of it."""
    script_app(repository, "true\n")
    repository.declare("jobs: {one: {appId: sh-1.0}}")
    (repository.folder / "apps/sh/lib").symlink_to(where)
    began = time.monotonic()
    done = repository.run("plan", "--target", "local", ".")
    assert time.monotonic() - began < 20
    if where == "/dev/zero":
        assert done.code == 0, "what is no file does not count"
        return
    assert done.code == 1 and "apps/sh/lib" in done.err and "leads out of" in done.err
    assert "copy it" in done.err
    (repository.folder / "apps/sh/lib").unlink()
    (repository.folder / "shared").mkdir()
    (repository.folder / "shared/f").write_text("x")
    (repository.folder / "apps/sh/lib").symlink_to("../../shared")
    assert repository.run("plan", "--target", "local", ".").code == 0


def test_apps_of_a_pull_request_show_nothing_and_stop_nothing(repository: Repository) -> None:
    script_app(repository, "true\n")
    for number, text in enumerate(NOT_JSON.values()):
        put(repository.folder, f"bad{number}", text)
    for number, more in enumerate(WRONG.values()):
        put(repository.folder, f"wrong{number}", json.dumps({**GOOD, "name": "x", **more}))
    put(repository.folder, "\x1b[2J::error::x", "{")
    repository.declare(
        "jobs:",
        "  one: {appId: sh-1.0}",
        '  two: {appId: "x-1.0"}',
    )
    for command in (
        ("validate", "."),
        ("plan", "--target", "local", "."),
        ("validate", "--online", "--target", "local", "."),
    ):
        began = time.monotonic()
        done = repository.run(*command)
        assert time.monotonic() - began < 30
        assert acted_on(done.out) == [] and acted_on(done.err) == []
    repository.declare("jobs: {one: {appId: sh-1.0}}")
    assert repository.run("apply", "--target", "local", "--auto-approve", ".").code == 0


@pytest.mark.parametrize(
    "expression",
    [
        "(a+)+$",
        "(a|a)*b",
        "(a*)*",
        "(.*a){12}",
        "([a-z]+)*x",
        "(a?){40}a{40}",
        "(|)" * 10 + "+$",
        "((|){2,9})((|){2,9}){9}b",
        "((){9999}){9999}",
        "((?=a)|(?=a)){99}b",
    ],
)
def test_no_validator_keeps_a_command_busy(expression: str) -> None:
    began = time.process_time()
    for length in (20, 60, 300, 5000):
        try:
            found(expression, "a" * length + "!")
        except Uncheckable:
            continue
    assert time.process_time() - began < 1


@pytest.mark.parametrize("where", ["/proc/self/pagemap", "/etc/hostname", "/dev/zero", "/"])
def test_a_link_in_a_folder_of_inputs_is_not_read_where_it_leads_out(
    where: str, repository: Repository
) -> None:
    """A file of the system can have no end. The service stages none of these."""
    script_app(repository, "true\n")
    app = {**GOOD, "inputs": [{"id": "f", "value": {"required": False}}]}
    repository.write("apps/sh/app.json", json.dumps(app))
    repository.write("data/a.txt", "x")
    repository.declare("jobs: {one: {appId: sh-1.0, inputs: {f: agave://local/data}}}")
    before = repository.run("plan", "--target", "local", "--format", "json", ".")
    (repository.folder / "data/link").symlink_to(where)
    began = time.monotonic()
    after = repository.run("plan", "--target", "local", "--format", "json", ".")
    assert time.monotonic() - began < 20
    assert after.code == before.code == 0 and after.out == before.out
