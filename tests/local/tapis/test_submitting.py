"""Submits: the schema, the merge with the app, directories, the echo (tapis-v3 §4, §5)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from jobsync.testing import LocalService, local_service
from tests.local.tapis.conftest import User, write_app

CONTRACT = Path(__file__).parents[3] / "docs" / "contract" / "tapis-v3.md"
_LIST = CONTRACT.read_text("utf-8").split("### 5.1 Fields\n\n")[1].split("\n\n")[0]
FIELDS = re.sub(r"\([^)]*\)|`|\.", "", _LIST).split()
"""The keys of a job, read from the contract."""

LONG = {"name": 64, "appId": 80, "appVersion": 64, "description": 2048, "execSystemId": 80,
        "execSystemLogicalQueue": 80, "archiveSystemId": 80, "execSystemExecDir": 4096,
        "execSystemInputDir": 4096, "execSystemOutputDir": 4096, "archiveSystemDir": 4096,
        "dtnSystemInputDir": 4096, "dtnSystemOutputDir": 4096, "mpiCmd": 126, "cmdPrefix": 1024,
        "owner": 64, "tenant": 24}  # fmt: skip
WRONG = [
    ({"jobType": "BASH"}, "jobType"),
    ({"archiveMode": "SOMETIMES"}, "archiveMode"),
    ({"isMpi": "yes"}, "isMpi"),
    ({"archiveOnAppError": 1}, "archiveOnAppError"),
    ({"nodeCount": "1"}, "nodeCount"),
    ({"memoryMB": 0}, "memoryMB"),
    ({"maxMinutes": 0}, "maxMinutes"),
    ({"tags": ["x" * 127]}, "tags/0"),
    ({"tags": ["x", "x"]}, "tags"),
    ({"tags": [""]}, "tags/0"),
    ({"notes": "text"}, "notes"),
    ({"fileInputs": [{"sourceUrl": ""}]}, "sourceUrl"),
    ({"fileInputs": [{"name": "x" * 81, "sourceUrl": "a://b"}]}, "name"),
    ({"fileInputs": [{"sourceUrl": "tapis://local/a", "extra": 1}]}, "extra"),
    ({"fileInputArrays": [{"sourceUrls": []}]}, "sourceUrls"),
    ({"parameterSet": {"appArgs": [{"name": "a"}]}}, "arg"),
    ({"parameterSet": {"appArgs": [{"arg": ""}]}}, "arg"),
    ({"parameterSet": {"envVariables": [{"key": "A"}]}}, "value"),
    ({"parameterSet": {"archiveFilter": {"includes": [""]}}}, "includes/0"),
    ({"parameterSet": {"logConfig": {"stdoutFilename": "a"}}}, "stderrFilename"),
    ({"parameterSet": {"nothing": []}}, "nothing"),
    ({"subscriptions": [{"eventCategoryFilter": "ALL"}]}, "deliveryTargets"),
    ({"subscriptions": [{"eventCategoryFilter": "X", "deliveryTargets": []}]}, "eventCategory"),
    ({"ttlminutes": 1}, "ttlminutes"),
    ({"mpi": True}, "mpi"),
]  # fmt: skip


def refused(user: User, app: str, status: int = 400, **request: object) -> str:
    body = {"name": "run", "appId": app, "appVersion": "1.0", **request}
    reply = user.post("jobs/submit", body)
    assert reply.status == status, reply.body
    assert reply.json["status"] == "error"
    return str(reply.json["message"])


def parameters(job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(job["parameterSet"])
    return found


@pytest.mark.parametrize("key", LONG)
def test_limits_of_texts(alice: User, app: Callable[..., str], key: str) -> None:
    for text in ("", "x" * (LONG[key] + 1)):
        message = refused(alice, app(), **cast("dict[str, Any]", {key: text}))
        assert message.startswith("NET_REQUEST_PAYLOAD_ERROR")
        assert f"#/{key}" in message


@pytest.mark.parametrize(("change", "word"), WRONG, ids=[word for _, word in WRONG])
def test_what_the_schema_refuses_names_the_key(
    alice: User, app: Callable[..., str], change: dict[str, Any], word: str
) -> None:
    message = refused(alice, app(), **change)
    assert message.startswith("NET_REQUEST_PAYLOAD_ERROR")
    assert word in message


def test_null_only_where_it_may_be(alice: User, app: Callable[..., str]) -> None:
    name = app()
    for key in LONG:
        body = {"name": "run", "appId": name, "appVersion": "1.0", key: None}
        status = alice.post("jobs/submit", body).status
        assert status == (200 if key in ("mpiCmd", "cmdPrefix") else 400), key
    for key in ("tags", "fileInputs", "parameterSet", "nodeCount", "isMpi", "notes"):
        assert "Null" in refused(alice, name, **cast("dict[str, Any]", {key: None}))


@pytest.mark.parametrize("missing", ["name", "appId", "appVersion"])
def test_what_is_required(alice: User, app: Callable[..., str], missing: str) -> None:
    body = {"name": "run", "appId": app(), "appVersion": "1.0"}
    del body[missing]
    reply = alice.post("jobs/submit", body)
    assert (reply.status, f"[{missing}]" in reply.json["message"]) == (400, True)
    for raw in (b"{", b"[]", b"[1]", b"NaN", b'"x"', b""):
        head = {"Content-Type": "application/json"}
        assert alice.post("jobs/submit", raw, headers=head).status == 400, raw


def test_apps_and_systems_that_are_not_there(alice: User, app: Callable[..., str]) -> None:
    name = app()
    assert "TAPIS_APPCLIENT_NOT_FOUND" in refused(alice, "no-such-app", 404)
    assert "TAPIS_APPCLIENT_NOT_FOUND" in refused(alice, name, 404, appVersion="9")
    assert "JOBS_APP_NOT_AVAILABLE" in refused(alice, app(enabled=False))
    assert "SYSTEM" in refused(alice, name, 404, execSystemId="mars")
    assert "SYSTEM" in refused(alice, name, 404, archiveSystemId="mars")
    assert "EXEC_SYSTEM" in refused(alice, app(jobAttributes={"execSystemId": None}))
    assert "DOCKER" in refused(alice, app(runtime="DOCKER", containerImage="x"))
    assert "BATCH" in refused(alice, name, jobType="BATCH")
    for other in ({"owner": "somebody"}, {"tenant": "mars"}):
        refused(alice, name, **cast("dict[str, Any]", other))


def test_an_app_of_one_api_is_none_for_the_other(
    service: LocalService, alice: User, app: Callable[..., str]
) -> None:
    name = app()
    bearer = {"Authorization": f"Bearer {service.tokens[alice.name]}"}
    listed = service.call("", "GET", "/apps/v2", headers=bearer).result
    assert name not in {row["name"] for row in listed}
    assert refused(alice, "wc-demo-1.00", 404)
    assert not service.service.apps.trouble()
    (service.workspace / "apps" / name / "app.json").write_text('{"runtime": "ZIP", "id": 1}')
    assert service.service.apps.trouble() == "", "a broken v3 app is no trouble of v2"
    assert name in service.service.tapis_apps.trouble()


# --- merge --------------------------------------------------------------------------------


def entry(name: str, mode: str | None = None, arg: str | None = None) -> dict[str, Any]:
    found = {"name": name, "arg": arg}
    return {**found, "inputMode": mode} if mode else found


def test_arguments_by_input_mode(alice: User, app: Callable[..., str]) -> None:
    own = [
        entry("needed", "REQUIRED"), entry("fixed", "FIXED", "f"), entry("demand", None, "d"),
        entry("default", "INCLUDE_BY_DEFAULT", "i"), entry("empty", "INCLUDE_BY_DEFAULT"),
    ]  # fmt: skip
    name = app(jobAttributes={"parameterSet": {"appArgs": own}})

    def args(*given: dict[str, Any]) -> list[str]:
        job = alice.get(f"jobs/{alice.submit(name, parameterSet={'appArgs': list(given)})}").result
        return [one["arg"] for one in parameters(job)["appArgs"]]

    needed = {"name": "needed", "arg": "n"}
    assert "required" in refused(alice, name)
    assert "JOBS_FIXED" in refused(
        alice, name, parameterSet={"appArgs": [needed, {"name": "fixed", "arg": "other"}]}
    )
    assert args(needed) == ["n", "f", "i"]
    assert args({"arg": "last"}, {"name": "demand", "arg": "D"}, needed) == [
        "n", "f", "D", "i", "last"]  # fmt: skip
    assert args(needed, {"name": "demand", "arg": "D", "include": False}) == ["n", "f", "i"]
    assert args(needed, {"name": "default", "arg": "x", "include": False}) == ["n", "f"]
    assert args(needed, {"name": "default", "arg": "x"}) == ["n", "f", "x"]
    assert args(needed, {"name": "new", "arg": "z", "include": False})[-1] == "z"


def test_variables_by_input_mode(alice: User, app: Callable[..., str]) -> None:
    own = [
        {"key": "A", "value": "a"}, {"key": "B", "value": "b", "inputMode": "INCLUDE_ON_DEMAND"},
        {"key": "C", "value": "c", "inputMode": "FIXED"},
        {"key": "D", "value": "!tapis_not_set", "inputMode": "REQUIRED"},
    ]  # fmt: skip
    name = app(jobAttributes={"parameterSet": {"envVariables": own}})

    def given(**values: str) -> dict[str, Any]:
        return {"envVariables": [{"key": key, "value": values[key]} for key in values]}

    job = alice.get(f"jobs/{alice.submit(name, parameterSet=given(D='d', E='e'))}").result
    found = {one["key"]: one["value"] for one in parameters(job)["envVariables"]}
    assert {key: value for key, value in found.items() if key[0] != "_"} == {
        "A": "a", "C": "c", "D": "d", "E": "e"}  # fmt: skip
    assert found["_tapisJobUUID"] == job["uuid"]
    for bad in (given(), given(D="!tapis_not_set"), given(D="d", C="x"), given(D="d", _tapisX="1"),
                given(D="d", **{"1A": "1"}), given(D="d", **{"A-B": "1"})):  # fmt: skip
        refused(alice, name, parameterSet=bad)
    twice = [{"key": "D", "value": "d"}, {"key": "D", "value": "e"}]
    assert "Duplicate" in refused(alice, name, parameterSet={"envVariables": twice})


def test_inputs_by_input_mode(service: LocalService, alice: User, app: Callable[..., str]) -> None:
    (service.workspace / "in.txt").write_text("x")
    url = "tapis://local/in.txt"
    own = [
        {"name": "must", "inputMode": "REQUIRED", "targetPath": "must.txt"},
        {"name": "may", "sourceUrl": url, "targetPath": "*"},
        {"name": "fix", "inputMode": "FIXED", "sourceUrl": url, "targetPath": "fixed"},
    ]
    loose, strict = (
        app(strictFileInputs=one, jobAttributes={"fileInputs": own}) for one in (False, True)
    )

    def inputs(*given: dict[str, Any], **more: object) -> dict[str, str]:
        uuid = alice.submit(loose, fileInputs=list(given), **more)
        found = json.loads(alice.get(f"jobs/{uuid}").result["fileInputs"])
        return {one["name"] or "": one["targetPath"] for one in found}

    must = {"name": "must", "sourceUrl": url}
    assert "must" in refused(alice, loose)
    assert inputs(must) == {"must": "must.txt", "fix": "fixed"}
    assert inputs(must, {"name": "may"}) == {"must": "must.txt", "may": "in.txt", "fix": "fixed"}
    arrays = [{"name": "refs", "sourceUrls": [url], "targetDir": "refs"}]
    assert inputs(must, fileInputArrays=arrays)["refs"] == "refs/in.txt"
    assert inputs(must, {"sourceUrl": url, "targetPath": "sub/"})[""] == "sub/"
    refused(alice, loose, fileInputs=[must, {"name": "fix", "sourceUrl": url}])
    refused(alice, loose, fileInputs=[must, {"sourceUrl": url, "targetPath": "../x"}])
    refused(alice, loose, fileInputs=[must, {"name": "x"}])
    refused(alice, loose, fileInputs=[must, {"sourceUrl": url, "envKey": "_tapisX"}])
    assert "UNNAMED" in refused(alice, strict, fileInputs=[must, {"sourceUrl": url}])
    assert "tapislocal" in refused(
        alice, loose, fileInputs=[must], fileInputArrays=[{"sourceUrls": ["tapislocal://a/b"]}]
    )


# --- directories and macros -----------------------------------------------------------------


def test_directories(alice: User, bob: User, app: Callable[..., str]) -> None:
    name = app()
    job = alice.get(f"jobs/{alice.submit(name)}").result
    own = f"/.work/jobs/{job['uuid']}"
    assert [job[f"execSystem{one}Dir"] for one in ("Exec", "Input", "Output")] == [
        own, own, f"{own}/output"]  # fmt: skip
    assert (job["archiveSystemId"], job["archiveSystemDir"]) == ("local", f"{own}/output")
    job = alice.get(f"jobs/{alice.submit(name, archiveSystemId='archive')}").result
    assert job["archiveSystemDir"] == f"/jobs/{job['uuid']}/archive"
    chosen = alice.submit(
        name, archiveSystemId="archive", archiveSystemDir="//${JobOwner}//a/${JobUUID}/",
        execSystemOutputDir="${JobWorkingDir}/${EffectiveUserId}/out",
    )  # fmt: skip
    job = alice.get(f"jobs/{chosen}").result
    assert job["archiveSystemDir"] == f"/{alice.name}/a/{chosen}"
    assert job["execSystemOutputDir"] == f"/.work/{alice.name}/out"
    for bad in ("/.work/../x", "/data", "/.work", "/.work/.owners/x", "HOST_EVAL($HOME)/x",
                "/.work/x/${JobUuid}", f"/.work/{bob.name}/x", "/.work/jobs/other"):  # fmt: skip
        refused(alice, name, execSystemOutputDir=bad)
    for bad in (f"/{bob.name}/x", "/", "/.owners", "/x/../y"):
        refused(alice, name, archiveSystemId="archive", archiveSystemDir=bad)
    taken = alice.submit(name, execSystemExecDir="/.work/shared-by-first/x")
    alice.wait(taken)
    assert "not yours" in refused(bob, name, execSystemExecDir="/.work/shared-by-first/y")


def test_dangerous_characters(alice: User, app: Callable[..., str]) -> None:
    name = app()
    log = {"stdoutFilename": "a;b", "stderrFilename": "e"}
    for bad in ({"execSystemId": "a|b"}, {"mpiCmd": "mpirun; rm"}, {"name": "a\nb"},
                {"parameterSet": {"logConfig": log}},
                {"parameterSet": {"logConfig": {**log, "stdoutFilename": "../x"}}},
                {"isMpi": True, "mpiCmd": "mpirun", "cmdPrefix": "x"}, {"isMpi": True},
                {"parameterSet": {"containerArgs": [{"arg": "-v /:/x"}]}}):  # fmt: skip
        refused(alice, name, **bad)


def test_macros(alice: User, app: Callable[..., str]) -> None:
    request = {
        "name": "n-${JobOwner}-${AppId}", "description": "d ${JobName}",
        "tags": ["${JobUUID}"], "notes": {"a": "${JobUUID}"},
        "parameterSet": {
            "appArgs": [{"arg": "${JobUUID} ${Nothing} $HOME"}],
            "envVariables": [{"key": "A", "value": "${JobUUID}"}],
            "archiveFilter": {"includes": ["${JobName}/*"]},
            "logConfig": {"stdoutFilename": "${JobUUID}.out", "stderrFilename": "e"},
        },
    }  # fmt: skip
    name = app()
    job = alice.get(f"jobs/{alice.submit(name, **request)}").result
    uuid, shown = job["uuid"], f"n-{alice.name}-{name}"
    assert (job["name"], job["description"]) == (shown, f"d {shown}")
    assert (job["tags"], job["notes"]) == (["${JobUUID}"], {"a": "${JobUUID}"})
    found = parameters(job)
    assert found["appArgs"][0]["arg"] == f"{uuid} ${{Nothing}} $HOME"
    assert found["envVariables"][0]["value"] == "${JobUUID}"
    assert found["archiveFilter"]["includes"] == [f"{shown}/*"]
    assert found["logConfig"]["stdoutFilename"] == f"{uuid}.out"
    dates = {one["key"]: one["value"] for one in found["envVariables"]}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dZ", dates["_tapisJobCreateDate"])


# --- echo ---------------------------------------------------------------------------------


def test_the_echo(alice: User, app: Callable[..., str]) -> None:
    name = app(jobAttributes={"tags": ["from-app"]}, notes={"app": True})
    bodies: list[dict[str, Any]] = [
        {"tags": ["z", "a"]},
        {"tags": ["z"], "notes": {"mine": 1}, "nodeCount": -1},
    ]
    jobs = [alice.post("jobs/submit", {"name": "run", "appId": name, "appVersion": "1.0", **body})
            .result for body in bodies]  # fmt: skip
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-007", job["uuid"])
               for job in jobs)  # fmt: skip
    assert jobs[0]["id"] < jobs[1]["id"]
    assert jobs[0]["uuid"] != jobs[1]["uuid"], "two equal submits make two jobs"
    assert (jobs[0]["tags"], jobs[0]["notes"]) == (["a", "from-app", "z"], {"app": True})
    assert (jobs[1]["notes"], jobs[1]["nodeCount"]) == ({"mine": 1}, 1)
    for key in ("fileInputs", "parameterSet", "subscriptions"):
        assert isinstance(jobs[0][key], str)
        json.loads(jobs[0][key])
    assert (jobs[0]["status"], jobs[0]["isMpi"], jobs[0]["condition"]) == ("PENDING", False, None)
    assert jobs[0]["_fileInputsSpec"] is None
    assert set(jobs[0]) == set(FIELDS)


def test_the_tracking_id(alice: User, app: Callable[..., str]) -> None:
    body = {"name": "run", "appId": app(), "appVersion": "1.0"}
    head = {"X-Tapis-Tracking-ID": "portals.1"}
    assert alice.post("jobs/submit", body, headers=head).result["trackingId"] == "portals.1"
    for bad in ("none", ".x", "x.", "a.b.c", "a." + "x" * 126):
        head = {"X-Tapis-Tracking-ID": bad}
        assert alice.post("jobs/submit", body, headers=head).status == 400, bad


def test_the_profile_of_before(tmp_path: Path) -> None:
    name = write_app(tmp_path, "old")
    with local_service(tmp_path, api="tapis/v3", dialect="tapis-1.7") as service:
        alice = User(service, "alice")
        assert "[archiveMode]" in refused(alice, name, archiveMode="NEVER")
        job = alice.get(f"jobs/{alice.submit(name, notes={'a': 1})}").result
        assert (job["notes"], "archiveMode" in job) == ('{"a":1}', False)
        assert alice.ask("PATCH", f"jobs/{job['uuid']}/annotations", {}).json["status"] == (
            "Not Found"
        )
        other = "8" if job["uuid"][-5] == "9" else "9"
        reply = alice.post(f"jobs/{job['uuid'][:-5]}{other}-007/resubmit")
        assert (reply.status, reply.json["message"].split()[0]) == (
            400, "JOBS_JOBRESUBMIT_NOT_FOUND")  # fmt: skip
        assert alice.get("jobs/healthcheck").json["version"] == "1.7.1"
        alice.wait(job["uuid"])
