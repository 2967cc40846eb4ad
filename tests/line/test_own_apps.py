"""An app of one's own beside the manifests: what is wrong with it is said before a run fails."""

from __future__ import annotations

import json

import pytest

from tests.line.linebench import Bench, add_app

V2 = "apiVersion: jobsync/v1\nproject: p\ntarget: local\njobs:\n  j: {appId: gc-1.0}\n"
V3 = (
    "apiVersion: jobsync/v1\napi: tapis/v3\nproject: p\ntarget: local\n"
    'jobs:\n  j: {appId: gc, appVersion: "1.0"}\n'
)
OF_V2 = {"name": "gc", "version": "1.0", "templatePath": "w.sh"}
OF_V3 = {
    "id": "gc",
    "version": "1.0",
    "runtime": "ZIP",
    "jobAttributes": {"execSystemId": "local", "archiveSystemId": "archive"},
}
COMMANDS = [["validate"], ["plan"]]


def refused(bench: Bench, text: str, command: list[str]) -> str:
    (bench.folder / "set.yaml").write_text(text)
    done = bench.run(*command, "set.yaml")
    assert done.code == 1, done.out
    return done.err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("text", [V2, V3], ids=["v2", "v3"])
def test_an_app_that_is_not_there_says_where_one_goes(
    bench: Bench, text: str, command: list[str]
) -> None:
    said = refused(bench, text, command)
    assert "the service has no app" in said and "appId" in said
    assert "target local has the apps in apps/ beside the manifests" in said
    assert "--target" in said and "jobsync init --template pipeline" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_an_app_of_the_other_api_is_called_so(bench: Bench, command: list[str]) -> None:
    add_app(bench, OF_V2, "gc")
    said = refused(bench, V3, command)
    assert "apps/gc/app.json is an app of Agave v2" in said and "runtime" in said
    add_app(bench, OF_V3, "gc")
    said = refused(bench, V2, command)
    assert "apps/gc/app.json is an app of Tapis v3" in said and "templatePath" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_a_zip_app_without_a_script_is_told_before_it_runs(
    bench: Bench, command: list[str]
) -> None:
    add_app(bench, OF_V3, "gc")
    said = refused(bench, V3, command)
    assert "set.yaml:6:14: jobs.j.appId: " in said
    assert "apps/gc: there is no tapisjob_app.sh beside app.json" in said
    for name in ("tapisjob_app.sh", "tapisjob.manifest"):
        (bench.folder / "apps/gc" / name).write_text("tapisjob_executable=w.sh\n")
        assert bench.run(*command, "set.yaml").code == 0
        (bench.folder / "apps/gc" / name).unlink()
    image = {**OF_V3, "containerImage": "app.zip"}
    (bench.folder / "apps/gc/app.json").write_text(json.dumps(image))
    assert bench.run(*command, "set.yaml").code == 0


def test_a_script_of_the_template_that_fails_fails_its_job(bench: Bench) -> None:
    assert bench.run("init", "--template", "pipeline-v3", "own").code == 0
    bench.edit("own/apps/words/tapisjob_app.sh", "\ntr -cs", "\ntrr -cs")
    done = bench.run("apply", "own", "--auto-approve")
    assert done.code == 7 and "words: failed: FAILED" in done.err, done.err
    assert "trr: command not found" in done.err
    assert (
        "If you mend the manifest, an input or the app words:1.0 in apps/, the next apply runs it "
        "again: jobsync apply own\n"
    ) in done.err
    bench.edit("own/apps/words/tapisjob_app.sh", "\ntrr -cs", "\ntr -cs")
    done = bench.run("apply", "own", "--auto-approve")
    assert done.code == 0, done.err


def test_a_renamed_file_of_an_app_is_told_beside_the_input(bench: Bench) -> None:
    assert bench.run("init", "--template", "pipeline-v3", "own").code == 0
    extra = bench.folder / "own/apps/words/extra.txt"
    extra.write_text("x")
    assert bench.run("apply", "own", "--auto-approve").code == 0
    extra.unlink()
    done = bench.run("plan", "own")
    assert "or a file of the app words:1.0 in apps/ was removed or renamed" in done.out, done.out
