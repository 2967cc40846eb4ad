"""Tapis v3 through the installed command: from manifests to files, and what a person does then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.testing import LocalService, local_service
from tests.fakes.tapis_world import add_app
from tests.line.tapis_lab import TapisLab

TWO = """\
count:
  appId: wc-demo
  appVersion: "1.00"
  parameterSet: {envVariables: [{key: lines, value: "3"}]}
  permissions: {bob: READ}
  outputs: [{path: counts.txt, to: results/}]
  expect: [counts.txt]
copied:
  appId: copy
  appVersion: "1.0"
  fileInputs:
    - {name: in, sourceUrl: "${jobs.count.outputs/counts.txt}", targetPath: in.txt}
  outputs: [{path: "*.txt", to: results/copied/}]
"""
ONE = """\
one:
  appId: wc-demo
  appVersion: "1.00"
  outputs: [{path: counts.txt, to: results/}]
"""
COPY = 'cp "$_tapisExecSystemInputDir/in.txt" "$_tapisExecSystemOutputDir/"\n'
ALL = {"JOB_HISTORY", "JOB_RESUBMIT_REQUEST", "JOB_OUTPUT", "JOB_INPUT"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder = tmp_path_factory.mktemp("service")
    add_app(folder, "copy", COPY)
    with local_service(folder, api="tapis/v3", users=("alice", "bob")) as running:
        yield running
        running.stop_jobs()


@pytest.fixture
def lab(tmp_path: Path, service: LocalService) -> Iterator[TapisLab]:
    made = TapisLab(tmp_path, service)
    yield made
    service.disarm()
    made.close()


def test_from_manifests_to_files_and_back_to_nothing_to_do(lab: TapisLab) -> None:
    lab.write(TWO)
    done = lab.run("plan", "--detailed-exitcode")
    assert done.code == 2 and "2 to add" in done.out and "hidden runs" in done.out
    lab.apply()
    counts = (lab.folder / "results/counts.txt").read_text()
    assert counts.split() == ["3", "3", "6"]
    assert (lab.folder / "results/copied/in.txt").read_text() == counts
    done = lab.run("plan", "--detailed-exitcode")
    assert done.code == 0 and "No changes" in done.out
    assert "hidden" not in done.out, "nothing is submitted, so nothing may be run again"

    count = next(row for row in lab.mine() if ".count." in row["name"])
    assert f"jobsync:{lab.project}/count" in count["tags"]
    assert any(tag.startswith("jobsync-op:") for tag in count["tags"])
    assert lab.shares(count["uuid"]) == {"bob": ALL}

    lab.edit("set.yaml", "{bob: READ}", "{bob: [JOB_OUTPUT]}")
    done = lab.run("plan")
    assert "has no access for a moment" in done.out
    lab.apply()
    assert lab.shares(count["uuid"]) == {"bob": {"JOB_OUTPUT"}}
    assert lab.run("plan", "--detailed-exitcode").code == 0

    lab.edit("set.yaml", "{bob: [JOB_OUTPUT]}", "{bob: NONE}")
    lab.apply()
    assert lab.shares(count["uuid"]) == {}
    assert lab.run("plan", "--detailed-exitcode").code == 0
    assert len(lab.mine()) == 2, "nothing was ever run again"


@pytest.mark.parametrize("fault", ["unshare-500,times=always", "unshare-nothing,times=always"])
def test_a_revoke_that_takes_nothing_away_is_told(lab: TapisLab, fault: str) -> None:
    lab.write(ONE.replace("  outputs", "  permissions: {bob: READ}\n  outputs"))
    lab.apply()
    lab.edit("set.yaml", "{bob: READ}", "{bob: [JOB_OUTPUT]}")
    lab.service.arm(fault)
    done = lab.run("apply", "--auto-approve", "--wait")
    assert done.code == 5, done.err
    assert "did not take away" in done.err and "permissionsMode: additive" in done.err
    [run] = lab.mine()
    assert lab.shares(run["uuid"]) == {"bob": ALL}, "no share follows a revoke that took nothing"
    lab.service.disarm()
    lab.apply()
    assert lab.shares(run["uuid"]) == {"bob": {"JOB_OUTPUT"}}


def test_a_job_that_was_stored_before_the_service_failed_is_adopted(lab: TapisLab) -> None:
    lab.write(ONE)
    lab.service.arm("row-then-drop")
    lab.apply()
    assert lab.service.hits("row-then-drop") == 1
    assert len(lab.mine()) == 1 and (lab.folder / "results/counts.txt").exists()


def test_a_job_that_was_stored_and_never_queued_is_adopted_as_failed(lab: TapisLab) -> None:
    lab.write(ONE)
    lab.service.arm("row-then-500")
    done = lab.run("apply", "--auto-approve", "--wait")
    assert done.code == 7 and "JOB_INTERNAL_ERROR" in done.err
    assert len(lab.mine()) == 1
    lab.run("apply", "--auto-approve", "--wait", "--retry-failed")
    first, second = lab.mine()
    assert second["name"] == f"{first['name']}.r2" and second["status"] == "FINISHED"


def test_what_a_person_submits_again_is_no_double(lab: TapisLab) -> None:
    lab.write(ONE)
    lab.apply()
    [first] = lab.mine()
    again = lab.service.call("alice", "POST", f"/v3/jobs/{first['uuid']}/resubmit").result
    lab.service.wait("alice", again["uuid"])
    done = lab.run("plan", "--detailed-exitcode")
    assert done.code == 0, done.out
    assert f"{again['uuid']} is run {first['uuid']}, which a person submitted again" in done.out
    lab.apply()
    assert len(lab.mine()) == 2
    double = lab.service.submit("alice", name=first["name"])
    lab.service.wait("alice", double["uuid"])
    done = lab.run("apply", "--auto-approve", "--wait")
    assert done.code == 6 and "2 runs with the same name" in done.err + done.out


def test_a_hidden_run_that_the_lock_knows_is_restored(lab: TapisLab) -> None:
    lab.write(ONE)
    lab.apply()
    [run] = lab.mine()
    lab.service.call("alice", "POST", f"/v3/jobs/{run['uuid']}/hide")
    assert lab.mine() == []
    (lab.folder / "state").rename(lab.folder / "lost")
    done = lab.run("plan", "--detailed-exitcode")
    assert done.code == 2 and "apply makes it visible" in done.out, done.out
    lab.apply()
    assert [row["uuid"] for row in lab.mine()] == [run["uuid"]]
    assert lab.run("plan", "--detailed-exitcode").code == 0


def test_a_hidden_run_that_the_journal_knows_is_restored(lab: TapisLab) -> None:
    lab.write(ONE)
    lab.apply()
    [run] = lab.mine()
    lab.service.call("alice", "POST", f"/v3/jobs/{run['uuid']}/hide")
    (lab.folder / "jobsync.lock").unlink()
    lab.apply()
    assert [row["uuid"] for row in lab.mine()] == [run["uuid"]]


def test_a_blocked_run_is_waited_for(lab: TapisLab) -> None:
    lab.write(ONE)
    lab.service.arm("blocked,seconds=3")
    done = lab.apply()
    assert "one: BLOCKED" in done.err and "one: FINISHED" in done.err


def test_an_expired_login_sends_nothing_more(lab: TapisLab) -> None:
    """Nothing of this lab can renew a token that the service refuses."""
    lab.write(ONE + ONE.replace("one:", "two:").replace("results/", "two/"))
    lab.service.arm("expired,on=submit")
    done = lab.run("apply", "--auto-approve", "--wait")
    assert done.code in (1, 5), done.err
    assert "jobsync auth login" in done.err and "jobsync wait" in done.err
    lab.environ["TAPIS_ACCESS_TOKEN"] = lab.service.jwt("alice")
    lab.apply()
    assert len(lab.mine()) == 2


def test_an_older_service_refuses_a_mode_and_the_hint_is_in_its_words(
    tmp_path: Path, lab: TapisLab
) -> None:
    with local_service(tmp_path / "old", api="tapis/v3", dialect="tapis-1.7") as old:
        other = TapisLab(tmp_path, old)
        other.write(ONE.replace("  outputs", "  archiveMode: NEVER\n  outputs"))
        done = other.run("apply", "--auto-approve", "--wait")
        assert done.code == 1 and "archiveOnAppError" in done.err
        assert other.mine() == []
