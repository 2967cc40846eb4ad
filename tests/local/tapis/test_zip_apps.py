"""ZIP apps run for real (tapis-v3 §11.4), and what their end means."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from jobsync.local.storage.files import Storage
from jobsync.testing import LocalService, local_service
from tests.local.tapis.conftest import User, write_app

SAYS = 'printf "%s\\n" "$#" "$@"; pwd\n'


def zipped(members: dict[str, str], target: Path) -> None:
    with zipfile.ZipFile(target, "w") as made:
        for name, text in members.items():
            made.writestr(name, text)


def tarred(members: dict[str, str], target: Path) -> None:
    with tarfile.open(target, "w:gz" if target.name.endswith("gz") else "w") as made:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text), 0o644
            made.addfile(info, io.BytesIO(text.encode()))


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tgz", "folder", "sub/a.zip"])
@pytest.mark.parametrize("where", ["app", "url", "absolute"])
def test_archives_and_folders(
    service: LocalService, alice: User, app: Callable[..., str], name: str, where: str
) -> None:
    app_id = app("")
    place = service.workspace / (f"apps/{app_id}" if where == "app" else f"images-{app_id}")
    target = place / name
    target.parent.mkdir(parents=True, exist_ok=True)
    members = {"tapisjob_app.sh": "cat data/x\n", "data/x": "from the archive\n"}
    if name == "folder":
        for path, text in members.items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_text(text)
    else:
        (zipped if name.endswith("zip") else tarred)(members, target)
    below = target.relative_to(service.workspace)
    image = {"app": name, "url": f"tapis://local/{below}", "absolute": f"/{below}"}[where]
    definition = service.workspace / "apps" / app_id / "app.json"
    definition.write_text(definition.read_text().replace("{", f'{{"containerImage": "{image}",', 1))
    job = alice.run(app_id)
    if (name, where) == ("folder", "url"):
        assert (job["status"], "archive does not exist" in job["lastMessage"]) == ("FAILED", True)
        return
    assert job["status"] == "FINISHED", job["lastMessage"]
    assert alice.text(job["uuid"]) == "from the archive\n"
    own = service.state / "work" / ".work" / "jobs" / job["uuid"]
    assert not list(own.glob("a.*")), "the copied archive is removed"


def test_the_archive_is_kept_on_request(
    service: LocalService, alice: User, app: Callable[..., str]
) -> None:
    app_id = app("")
    zipped({"tapisjob_app.sh": "ls\n"}, service.workspace / "kept.zip")
    definition = service.workspace / "apps" / app_id / "app.json"
    image = '{"containerImage": "tapis://local/kept.zip",'
    definition.write_text(definition.read_text().replace("{", image, 1))
    save = {"containerArgs": [{"arg": "--tapis-zip-save"}]}
    job = alice.run(app_id, parameterSet=save)
    assert "kept.zip" in alice.text(job["uuid"])


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil-of-tapis", "a/../../evil"])
@pytest.mark.parametrize("suffix", ["zip", "tar"])
def test_nothing_lands_outside(
    service: LocalService, alice: User, app: Callable[..., str], name: str, suffix: str
) -> None:
    app_id = app("")
    target = service.workspace / "apps" / app_id / f"a.{suffix}"
    (zipped if suffix == "zip" else tarred)({"tapisjob_app.sh": "true\n", name: "x"}, target)
    definition = service.workspace / "apps" / app_id / "app.json"
    definition.write_text(
        definition.read_text().replace("{", f'{{"containerImage": "a.{suffix}",', 1)
    )
    job = alice.run(app_id)
    assert (job["status"], job["condition"]) == ("FAILED", "JOB_UNABLE_TO_STAGE_JOB")
    assert "outside" in job["lastMessage"]
    assert not list(service.state.rglob("evil*"))
    assert not Path("/tmp/evil-of-tapis").exists()


@pytest.mark.parametrize(
    ("manifest", "runs"),
    [("tapisjob_executable=bin/run.sh\n", True), ("# x\n tapisjob_executable = ./bin/run.sh", True),
     ("#tapisjob_executable=bin/run.sh\n", False), ("tapisjob_executable=/bin/true\n", False),
     ("tapisjob_executable=bin/../../x\n", False), ("tapisjob_executable=bin/run.sh;id\n", False),
     ("tapisjob_executable=nothing\n", False), ("", False)],
)  # fmt: skip
def test_the_manifest(
    service: LocalService, alice: User, app: Callable[..., str], manifest: str, runs: bool
) -> None:
    app_id = app("")
    folder = service.workspace / "apps" / app_id
    (folder / "bin").mkdir()
    (folder / "bin" / "run.sh").write_text("#!/bin/sh\necho from bin\n")
    (folder / "tapisjob.manifest").write_text(manifest)
    job = alice.run(app_id)
    assert job["status"] == ("FINISHED" if runs else "FAILED"), job["lastMessage"]
    if runs:
        assert alice.text(job["uuid"]) == "from bin\n"
    else:
        assert job["condition"] == "JOB_UNABLE_TO_STAGE_JOB"


def test_arguments_are_shell_words(
    service: LocalService, alice: User, app: Callable[..., str]
) -> None:
    given = [{"arg": "--name 'a b'"}, {"arg": "$HOME"}, {"arg": "two"}]
    job = alice.run(app(SAYS), parameterSet={"appArgs": given})
    lines = alice.text(job["uuid"]).splitlines()
    own = service.state / "work" / ".work" / "jobs" / job["uuid"]
    assert lines == ["4", "--name", "a b", os.environ["HOME"], "two", str(own)]


def test_prefix_and_launcher(alice: User, app: Callable[..., str]) -> None:
    name = app('echo "$WRAPPED"\n')
    for request in ({"cmdPrefix": "WRAPPED=yes env"}, {"isMpi": True, "mpiCmd": "env WRAPPED=yes"}):
        assert alice.text(alice.run(name, **request)["uuid"]) == "yes\n"


def test_the_environment_file(service: LocalService, alice: User, app: Callable[..., str]) -> None:
    given = [("b", "plain"), ("A", "two words"), ("c", "$HOME"), ("d", "a;b"), ("E", "")]
    values = {"envVariables": [{"key": key, "value": value} for key, value in given]}
    job = alice.run(app('echo "$b|$A|$c|$d|$E"\n'), parameterSet=values)
    assert alice.text(job["uuid"]) == f"plain|two words|{os.environ['HOME']}|a;b|\n"
    own = service.state / "work" / ".work" / "jobs" / job["uuid"]
    lines = (own / "tapisjob.env").read_text().splitlines()
    keys = [line.removeprefix("export ").partition("=")[0] for line in lines]
    assert keys == sorted(keys, key=str.casefold)
    assert {'export A="two words"', "export b=plain", 'export d="a;b"', "export E="} <= set(lines)
    assert f"export _tapisExecSystemOutputDir={own}/output" in lines
    assert stat.S_IMODE((own / "tapisjob.sh").stat().st_mode) == 0o700


def test_inputs(service: LocalService, alice: User, app: Callable[..., str]) -> None:
    folder = service.workspace / f"inputs-{alice.name}"
    (folder / "deep").mkdir(parents=True)
    (folder / "a%20b").write_text("raw\n")
    (folder / "deep" / "x").write_text("x\n")
    base = f"tapis://local/{folder.name}"
    given = [
        {"name": "raw", "sourceUrl": f"{base}/a%20b", "envKey": "RAW"},
        {"sourceUrl": f"{base}/deep", "targetPath": "there"},
        {"sourceUrl": "tapislocal://exec.tapis/whatever"},
    ]
    arrays = [{"sourceUrls": [f"{base}/deep/x", f"{base}/a%20b"], "targetDir": "many"}]
    job = alice.run(
        app('cat "$RAW"; find . -type f | sort\n'), fileInputs=given, fileInputArrays=arrays
    )
    text = alice.text(job["uuid"]).splitlines()
    assert text[0] == "raw", "a URL is taken as it stands"
    assert {"./a%20b", "./there/x", "./many/x", "./many/a%20b"} <= set(text)


@pytest.mark.parametrize(
    "url",
    ["tapis://local/nothing", "tapis://local/.jobsync/users.json", "tapis://local/../etc/passwd",
     "tapis://mars/x", "https://example.org/x", "tapis://archive/jobs", "tapis://local/.work/jobs",
     "tapis://local//etc/passwd"],
)  # fmt: skip
def test_inputs_that_cannot_be_read(alice: User, app: Callable[..., str], url: str) -> None:
    job = alice.run(app(), fileInputs=[{"sourceUrl": url}])
    assert (job["status"], job["condition"]) == ("FAILED", "JOB_UNABLE_TO_STAGE_INPUTS")
    assert job["lastMessage"]


def test_log_names(alice: User, app: Callable[..., str]) -> None:
    name = app("echo out; echo err >&2\n")
    assert alice.text(alice.run(name)["uuid"]) == "out\nerr\n", "both in one file, by default"
    log = {"logConfig": {"stdoutFilename": "o.txt", "stderrFilename": "e e.txt"}}
    job = alice.run(name, parameterSet=log)
    assert alice.text(job["uuid"], "o.txt") == "out\n"
    assert alice.text(job["uuid"], "e%20e.txt") == "err\n"
    one = {"logConfig": {"stdoutFilename": "same", "stderrFilename": "same"}}
    assert alice.text(alice.run(name, parameterSet=one)["uuid"], "same") == "out\nerr\n"


def test_inputs_and_outputs_in_one_directory(
    service: LocalService, alice: User, app: Callable[..., str]
) -> None:
    """The app's own files are outputs then, as with the apps of DesignSafe."""
    where = f"/.work/{alice.name}/all-in-one"
    job = alice.run(app(), **{f"execSystem{one}Dir": where for one in ("Exec", "Input", "Output")})
    rows = alice.get(f"jobs/{job['uuid']}/output/list/").result
    assert {"tapisjob_app.sh", "tapisjob.out"} <= {row["name"] for row in rows}
    kept = service.state / "work" / where.lstrip("/")
    (kept / "mine").write_text("x")
    again = alice.run(app("ls\n"), **{f"execSystem{one}Dir": where for one in ("Exec", "Output")})
    assert "mine" in alice.text(again["uuid"]), "a chosen directory is never emptied"


# --- ends -----------------------------------------------------------------------------------

TO = '"$_tapisExecSystemOutputDir/tapisjob.exitcode"'


@pytest.mark.parametrize(
    ("script", "status", "words"),
    [
        ("exit 0\n", "FINISHED", "Job completed."),
        ("exit 3\n", "FINISHED", "returned 3"),
        (f"echo 0 > {TO}; exit 3\n", "FINISHED", "Job completed."),
        (f"echo 3 > {TO}; exit 0\n", "FAILED", "tapisjob.exitcode says 3"),
        (f"echo junk > {TO}\n", "FAILED", "junk"),
        (f": > {TO}\n", "FAILED", "tapisjob.exitcode"),
    ],
)
def test_exit_codes_as_the_service_counts_them(
    alice: User, app: Callable[..., str], script: str, status: str, words: str
) -> None:
    job = alice.run(app(script), archiveSystemId="archive")
    assert job["status"] == status
    assert words in job["lastMessage"]
    assert job["condition"] == (
        "NORMAL_COMPLETION" if status == "FINISHED" else "JOB_REMOTE_OUTCOME_ERROR"
    )
    last = alice.get(f"jobs/{job['uuid']}/history").result[-1]
    assert words in last["description"], "the history says it too"


def test_the_strict_policy(tmp_path: Path) -> None:
    name = write_app(tmp_path, "fails", "exit 3\n")
    (tmp_path / ".jobsync").mkdir()
    (tmp_path / ".jobsync" / "systems.yaml").write_text("systems: {local: {exitPolicy: strict}}\n")
    with local_service(tmp_path, api="tapis/v3") as service:
        job = User(service, "alice").run(name)
        assert (job["status"], job["lastMessage"]) == ("FAILED", "Job exited with status 3.")


def test_max_minutes_kills(alice: User, service: LocalService, app: Callable[..., str]) -> None:
    uuid = alice.submit(app('echo x > "$_tapisExecSystemOutputDir/x"; sleep 987\n'), maxMinutes=1,
                        archiveSystemId="archive")  # fmt: skip
    alice.wait(uuid, "RUNNING")
    alice.wait_for_file(uuid, "x")
    service.service.store.update(uuid, deadline=time.time() - 1)  # rather than wait a minute
    job = alice.wait(uuid)
    assert (job["status"], job["condition"], job["remoteOutcome"]) == (
        "FAILED", "JOB_EXECUTION_MONITORING_TIMEOUT", "FAILED")  # fmt: skip
    assert alice.text(uuid, "x") == "x\n", "what it made until then is archived"
    assert not processes("sleep 987")


def test_cancel_kills_children(alice: User, app: Callable[..., str]) -> None:
    script = "setsid sleep 986 & sleep 986 & trap '' TERM; sleep 986\n"
    uuid = alice.submit(app(script))
    alice.wait(uuid, "RUNNING")
    until = time.monotonic() + 5
    while len(processes("sleep 986")) < 3 and time.monotonic() < until:
        time.sleep(0.02)
    alice.post(f"jobs/{uuid}/cancel")
    assert alice.wait(uuid)["status"] == "CANCELLED"
    assert not processes("sleep 986")


def processes(words: str) -> list[str]:
    done = subprocess.run(["ps", "-eo", "stat,args"], capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines()
            if line[0] != "Z" and line.split(None, 1)[1] == words]  # fmt: skip


def test_an_app_that_went_away(service: LocalService, alice: User, app: Callable[..., str]) -> None:
    service.arm("blocked,seconds=0.4")
    name = app()
    uuid = alice.submit(name)
    (service.workspace / "apps" / name / "app.json").unlink()
    job = alice.wait(uuid)
    assert (job["status"], job["condition"]) == ("FAILED", "JOB_INVALID_DEFINITION")


def test_an_archive_that_cannot_be_written(
    service: LocalService, alice: User, app: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Storage, path: str) -> Path:
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(Storage, "archive_target", refuse)
    job = alice.run(app(), archiveSystemId="archive")
    assert (job["status"], job["condition"]) == ("FAILED", "JOB_ARCHIVING_FAILED")
    assert "No space left" in job["lastMessage"]


def test_the_shipped_demo(service: LocalService, alice: User) -> None:
    job = service.submit(alice.name, name="demo")
    job = alice.wait(job["uuid"])
    assert job["status"] == "FINISHED", job["lastMessage"]
    assert alice.text(job["uuid"], "counts.txt").split() == ["10", "10", "21"]
