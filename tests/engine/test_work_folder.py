"""What lies beside a job when it runs, what its wrapper looks like, and what is archived of it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from jobsync.local.api.agave import records, submission
from jobsync.local.storage.archive import ArchiveError, archive
from jobsync.local.storage.archive_path import slug
from jobsync.local.store.rows import JobRow
from jobsync.local.store.statuses import TERMINAL
from tests.engine.engine_lab import Lab, processes_with

pytestmark = pytest.mark.fork


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.close()


def app(lab: Lab, wrapper: str, **document: object) -> None:
    folder = lab.workspace / "apps" / "made"
    folder.mkdir(exist_ok=True)
    values = {"name": "made", "version": "1.0", "templatePath": "wrapper.sh", **document}
    (folder / "app.json").write_text(json.dumps(values))
    (folder / "wrapper.sh").write_text(wrapper)


def run(lab: Lab, **fields: Any) -> JobRow:
    job = lab.submit(**({"appId": "made-1.0"} | fields))
    engine = lab.engine()
    deadline = time.monotonic() + 20
    while lab.job(job).status not in TERMINAL:
        engine.step()
        time.sleep(0.01)
        assert time.monotonic() < deadline
    return lab.job(job)


def outputs(lab: Lab, row: JobRow) -> dict[str, str]:
    folder = lab.storage.data_folder(row)
    assert folder is not None
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and records.FOLDER not in path.parts[-2:]
    }


def test_inputs_are_staged_and_not_archived(lab: Lab) -> None:
    (lab.workspace / "data/folder/.git").mkdir(parents=True)
    (lab.workspace / "data/a.txt").write_text("A")
    (lab.workspace / "data/folder/b.txt").write_text("B")
    (lab.workspace / "data/folder/.git/secret").write_text("S")
    (lab.workspace / "data/folder/out").symlink_to("/etc/hostname")
    (lab.workspace / "data/folder/loop").symlink_to(".")
    app(
        lab,
        "touch seen; find . -path ./.jobsync -prune -o -type f -print | sort > seen\n"
        "cat ${in} > copy\n"
        "mkdir -p folder; echo new > folder/new.txt\n",
        inputs=[{"id": "in"}, {"id": "dir"}],
    )
    row = run(lab, inputs={"in": "agave://local/data/a.txt", "dir": "data/folder"})
    assert row.status == "FINISHED", row.message
    found = outputs(lab, row)
    assert found["copy"] == "A"
    assert found["seen"].split() == [
        "./a.txt", "./folder/b.txt", "./probe.err", "./probe.ipcexe", "./probe.out", "./seen",
    ]  # fmt: skip
    assert sorted(found) == ["copy", "folder/new.txt", "probe.err", "probe.out", "seen"]
    assert "STAGING_INPUTS" in lab.history(row.id)


def test_inputs_of_one_name_do_not_overwrite_each_other(lab: Lab) -> None:
    for name in ("one", "two"):
        (lab.workspace / name).mkdir()
        (lab.workspace / name / "tree.nwk").write_text(name)
    app(lab, "echo ${trees}; cat ${trees}", inputs=[{"id": "trees"}])
    row = run(lab, inputs={"trees": ["one/tree.nwk", "two/tree.nwk", "one/tree.nwk"]})
    assert outputs(lab, row)["probe.out"] == "tree.nwk tree-2.nwk tree.nwk\nonetwoone"


def test_names_of_inputs_are_safe_in_a_script(lab: Lab) -> None:
    name = "$(touch stolen);`x` é.txt"
    (lab.workspace / name).write_text("fine")
    app(lab, "cat ${in}; echo ${in}", inputs=[{"id": "in"}])
    row = run(lab, inputs={"in": [f"agave://local/{quote(name)}"]})
    found = outputs(lab, row)
    assert found["probe.out"] == "fine__touch_stolen___x___.txt\n"
    assert "stolen" not in found


def test_job_that_cannot_be_processed_does_not_stop_the_others(lab: Lab) -> None:
    app(lab, "true")
    bad = lab.submit(appId="made-1.0")
    lab.store.update(bad, max_run_time="soon")
    good = lab.submit()
    engine = lab.engine()
    deadline = time.monotonic() + 20
    while not {lab.job(bad).status, lab.job(good).status} <= TERMINAL:
        engine.wake()
        engine.step()
        time.sleep(0.01)
        assert time.monotonic() < deadline
    assert lab.job(good).status == "FINISHED"
    assert lab.job(bad).status == "FAILED"
    assert lab.job(bad).message.startswith("Job processing failed with exception type ValueError")


def test_missing_input_is_failed_with_its_name(lab: Lab) -> None:
    row = run(lab, appId="probe-1.0", inputs={"files": "agave://local/data/none.fa"})
    assert row.status == "FAILED"
    assert row.message == "Input file or directory does not exist: agave://local/data/none.fa"


def test_input_forbidden_after_the_submit_is_failed(lab: Lab) -> None:
    first = run(lab, appId="probe-1.0")
    uri = f"agave://archive/{first.archive_path}/result.txt"
    lab.store.set_grant(first.id, "bob", "READ", "alice")
    job = lab.submit(owner="bob", inputs={"files": uri})
    lab.store.set_grant(first.id, "bob", None, "alice")
    lab.engine().step()
    assert lab.job(job).status == "FAILED"
    assert "You do not have permission" in lab.job(job).message


def test_template(lab: Lab) -> None:
    (lab.workspace / "x y.txt").write_text("")
    parameters = [
        {"id": "text", "value": {"type": "string"}},
        {"id": "many", "value": {"type": "string"},
         "details": {"argument": "-m ", "showArgument": True, "repeatArgument": True}},
        {"id": "quoted", "value": {"type": "string", "enquote": True}},
        {"id": "yes", "value": {"type": "bool"}},
        {"id": "no", "value": {"type": "bool"}},
        {"id": "flag", "value": {"type": "flag"}, "details": {"argument": "--flag"}},
        {"id": "unset", "value": {"type": "flag"}, "details": {"argument": "--unset"}},
        {"id": "count", "value": {"type": "number", "default": 3}},
        {"id": "none", "value": {"type": "string"}},
    ]  # fmt: skip
    names = [str(entry["id"]) for entry in parameters]
    wrapper = "cat > seen <<'END'\n" + "".join(f"{name}=[${{{name}}}]\n" for name in names)
    wrapper += "id=${AGAVE_JOB_ID} odd=[${AGAVE_JOB_WHAT}] shell=${HOME} "
    wrapper += "cb=${AGAVE_JOB_CALLBACK_RUNNING}\n"
    wrapper += "max=${AGAVE_JOB_MAX_RUNTIME_SECONDS} owner=${AGAVE_JOB_OWNER}\nEND\n"
    app(lab, wrapper, parameters=parameters)
    given = {"text": "${many}", "many": ["a", "b"], "quoted": "it's"}
    row = run_with(lab, {**given, "yes": True, "no": False, "flag": True})
    assert outputs(lab, row)["seen"].splitlines() == [
        "text=[${many}]",
        "many=[-m a -m b]",
        "quoted=['it'\"'\"'s']",
        "yes=[1]",
        "no=[0]",
        "flag=[--flag]",
        "unset=[]",
        "count=[3]",
        "none=[]",
        f"id={row.id} odd=[] shell=${{HOME}} cb=:",
        "max=3601 owner=alice",
    ]


def run_with(lab: Lab, parameters: dict[str, object]) -> JobRow:
    row = submission.resolve(
        {"name": "probe", "appId": "made-1.0", "parameters": parameters, "maxRunTime": "01:00:01"},
        owner="alice", apps=lab.apps, systems=lab.systems, storage=lab.storage, clock=time.time,
    )  # fmt: skip
    lab.store.insert_job(row, "")
    engine = lab.engine()
    while lab.job(row.id).status not in TERMINAL:
        engine.step()
        time.sleep(0.01)
    return lab.job(row.id)


def test_failure_callback(lab: Lab) -> None:
    app(lab, "cd /; ${AGAVE_JOB_CALLBACK_FAILURE}\nexit 0\n")
    row = run(lab)
    assert (row.status, row.exit_code) == ("FAILED", 0)
    assert row.message == "Job failed: its wrapper called back a failure."


def test_app_files_lie_beside_the_job_and_are_not_archived(lab: Lab) -> None:
    app(lab, "bash bin/tool.sh > out")
    folder = lab.workspace / "apps/made"
    (folder / "bin").mkdir()
    (folder / "bin/tool.sh").write_text("echo tool; ls")
    found = outputs(lab, run(lab))
    assert found["out"].split() == ["tool", "bin", "out", "probe.err", "probe.ipcexe", "probe.out"]
    assert "bin/tool.sh" not in found


def test_links_in_outputs_lead_nowhere_outside(lab: Lab) -> None:
    secret = lab.state / "users.json"
    secret.write_text("secret")
    app(
        lab,
        f"echo inside > real; ln -s real alias; ln -s {secret} stolen; ln -s {lab.state} folder\n"
        "ln -s .jobsync/run.sh script; mkdir empty sub; echo deep > sub/deep\n",
    )
    row = run(lab)
    assert row.status == "FINISHED", row.message
    found = outputs(lab, row)
    assert sorted(found) == ["alias", "probe.err", "probe.out", "real", "sub/deep"]
    assert found["alias"] == "inside\n"
    folder = lab.storage.data_folder(row)
    assert folder is not None and (folder / "empty").is_dir()
    assert not any(path.is_symlink() for path in folder.rglob("*"))


def test_archiving_can_be_broken_off_and_repeated(tmp_path: Path) -> None:
    work, target = tmp_path / "work", tmp_path / "target"
    (work / ".jobsync").mkdir(parents=True)
    records.write_run(work, "job", "job", ())
    records.write_staged(work, ["in"])
    for name in ("in", "one", "two"):
        (work / name).write_text(name)
    target.mkdir()
    (work / "one").rename(target / "one")  # an earlier attempt came as far as this
    archive(work, target)
    assert sorted(path.name for path in target.iterdir()) == ["one", "two"]
    assert not work.exists()


def test_a_copy_on_its_way_takes_the_name_of_no_other_file(tmp_path: Path) -> None:
    work, target = tmp_path / "work", tmp_path / "target"
    (work / ".jobsync").mkdir(parents=True)
    records.write_run(work, "job", "job", ())
    records.write_staged(work, [])
    (work / "real").write_text("new")
    (work / "out").symlink_to("real")
    target.mkdir()
    (target / "out.part").write_text("of an earlier run")
    archive(work, target)
    assert (target / "out").read_text() == "new"
    assert (target / "out.part").read_text() == "of an earlier run"


def test_a_folder_that_was_not_staged_is_never_archived(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job without a work folder once meant the folder that the service was started in."""
    here = tmp_path / "here"
    here.mkdir()
    (here / "precious").write_text("x")
    monkeypatch.chdir(here)
    target = tmp_path / "target"
    for work in (here, Path(), Path("../here")):
        with pytest.raises(ArchiveError, match="not the work folder"):
            archive(work, target)
    job = lab.submit()
    for status in ("PROCESSING_INPUTS", "STAGED", "SUBMITTING", "QUEUED", "CLEANING_UP"):
        lab.store.transition(job, status, "")
    lab.engine().step()
    assert lab.job(job).status in TERMINAL
    assert [path.name for path in here.iterdir()] == ["precious"]


def test_archive_that_cannot_be_written_is_failed(lab: Lab) -> None:
    app(lab, "echo x > out")
    job = lab.submit(appId="made-1.0")
    folder = lab.storage.archive_folder(lab.job(job).archive_path or "")
    (folder / "out").mkdir()
    (folder / "out/full").write_text("")
    engine = lab.engine()
    while lab.job(job).status not in TERMINAL:
        engine.step()
    row = lab.job(job)
    assert (row.status, row.archived) == ("FAILED", False)
    assert row.message.startswith("Cannot archive")
    assert "ARCHIVING_FAILED" in lab.history(job)


def test_without_archive_outputs_stay_in_the_work_folder(lab: Lab) -> None:
    row = run(lab, appId="probe-1.0", archive=False)
    assert (row.status, row.archived) == ("FINISHED", False)
    assert "result.txt" in outputs(lab, row)
    assert "ARCHIVING" not in lab.history(row.id)


def test_app_that_is_gone_is_failed(lab: Lab) -> None:
    app(lab, "true")
    job = lab.submit(appId="made-1.0")
    (lab.workspace / "apps/made/app.json").unlink()
    lab.engine().step()
    assert lab.job(job).message == "No app found matching made-1.0."


def test_loop_is_held_by_its_deadline(lab: Lab) -> None:
    row = run(lab, appId="probe-1.0", seconds=60, maxRunTime="00:00:01")
    assert row.status == "FAILED"
    assert row.message == "Job exceeded its maximum run time of 00:00:01."


def test_deadline_passes_while_no_service_runs(lab: Lab) -> None:
    job = lab.submit(seconds=60, maxRunTime="00:00:01")
    lab.start()
    lab.until(job, "RUNNING")
    lab.kill()
    started = records.read_started(Path(lab.job(job).work_dir or ""))
    assert started is not None
    while time.time() <= started.at + 1:
        time.sleep(0.02)
    lab.start()
    assert "maximum run time" in lab.until(job).message


def test_what_a_job_leaves_running_is_ended(lab: Lab) -> None:
    mark = f"32{os.getpid()}.5"
    app(
        lab, f"sleep {mark} > /dev/null 2>&1 &\nsetsid sleep {mark} > /dev/null 2>&1 &\nsleep 0.2\n"
    )
    row = run(lab)
    assert row.status == "FINISHED"
    deadline = time.monotonic() + 10
    while len(left := processes_with(mark)) > 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid in left:
        os.kill(pid, 9)
    assert len(left) <= 1  # one that left the session is beyond a look at the group


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a b", "a-b"), ("phylo.tree.a1", "phylo.tree.a1"), ("../../x", "x"), ("$(rm)", "rm"),
     ("ü", "job"), (".hidden", "hidden"), ("a/b", "ab")],
)  # fmt: skip
def test_slug(name: str, expected: str) -> None:
    assert slug(name) == expected
