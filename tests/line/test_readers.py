"""``owner:`` in a target: what others see of the owner's runs, and may not do, on both apis."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import jobsync
from jobsync.errors import JobsyncError
from jobsync.testing import LocalService, local_service
from tests.line.linebench import Bench, Done, Lab
from tests.line.tapis_lab import TapisLab

AGAVE, TAPIS = "agave/v2", "tapis/v3"
APP = {
    AGAVE: "appId: wc-demo-1.00, parameters: {{lines: {0}}}",
    TAPIS: "appId: wc-demo, appVersion: '1.00', "
    "parameterSet: {{envVariables: [{{key: lines, value: '{0}'}}]}}",
}
FILES = "outputs: [{path: counts.txt, to: results/}]"
OWN = "only alice"


@dataclass
class Two:
    """A set of alice's on a service that bob and carol are on too; bob has a clone of his own."""

    lab: Lab
    clone: Bench
    api: str

    def write(self, jobs: str) -> None:
        """The set with *jobs*, in the folders of both."""
        target = f"owner: alice, api: {self.api}, baseUrl: {self.lab.service.url}"
        head = f"target: tacc\nteams: {{lab: [bob]}}\ntargets: {{tacc: {{{target}}}}}\n"
        self.lab.write(jobs, head=head)
        (self.clone.folder / "set.yaml").write_text((self.lab.folder / "set.yaml").read_text())

    def app(self, lines: int) -> str:
        return APP[self.api].format(lines)

    def bob(self, *arguments: str) -> Done:
        return self.clone.run(*arguments)

    def call(self, user: str, method: str, path: str, body: Any = None) -> Any:
        reply = self.lab.service.call(user, method, path, body)
        assert reply.status in (200, 201), reply.body
        return reply.result

    def ids(self) -> dict[str, str]:
        """The ids of alice's runs, by address."""
        key = "id" if self.api == AGAVE else "uuid"
        return {row["name"].split(".")[1]: row[key] for row in self.lab.mine()}

    def share(self, owner: str, run: str, user: str, *resources: str) -> None:
        if self.api == AGAVE:
            body: dict[str, Any] = {"username": user, "permission": "READ"}
            self.call(owner, "POST", f"/jobs/v2/{run}/pems", body)
            return
        named = [*resources] or ["JOB_HISTORY", "JOB_OUTPUT"]
        body = {"grantee": user, "jobResource": named, "jobPermission": "READ"}
        self.call(owner, "POST", f"/v3/jobs/{run}/share", body)

    def access(self, run: str) -> Any:
        path = f"/jobs/v2/{run}/pems" if self.api == AGAVE else f"/v3/jobs/{run}/share"
        return self.call("alice", "GET", path)


@pytest.fixture(scope="module")
def services() -> Iterator[LocalService]:
    with local_service(users=("alice", "bob", "carol")) as running:
        yield running
        running.stop_jobs()


@pytest.fixture(params=[AGAVE, TAPIS])
def two(request: pytest.FixtureRequest, tmp_path: Path, services: LocalService) -> Iterator[Two]:
    api = str(request.param)
    services.api = api
    (tmp_path / "alice").mkdir()
    (tmp_path / "bob").mkdir()
    lab = (Lab if api == AGAVE else TapisLab)(tmp_path / "alice", services)
    clone = Bench(tmp_path / "bob")
    token = services.tokens["bob"] if api == AGAVE else services.jwt("bob")
    name = "TAPIS_TOKEN" if api == AGAVE else "TAPIS_ACCESS_TOKEN"
    state = str(tmp_path / "bob/state")
    clone.environ |= {"TAPIS_BASE_URL": services.url, name: token, "JOBSYNC_STATE_DIR": state}
    yield Two(lab, clone, api)
    lab.close()
    clone.close()


def test_a_reader_sees_what_is_shared_and_is_told_what_he_cannot_see(two: Two) -> None:
    shared = '{%s, permissions: {"@lab": READ}, %s}'
    two.write(
        f"seen: {shared % (two.app(2), FILES)}\nunseen: {{{two.app(3)}}}\nnever: {{{two.app(4)}}}\n"
    )
    two.lab.apply("--exclude", "never")
    ids = two.ids()
    [name] = [row["name"] for row in two.lab.mine() if ".unseen." in row["name"]]
    # A third person has a run of exactly that name, shares it with bob, and so has bob himself.
    foreign = []
    for user in ("carol", "bob"):
        if two.api == AGAVE:
            run = two.lab.service.submit(user, name=name)["id"]
        else:
            run = two.lab.service.submit(user, name=name)["uuid"]
        two.lab.service.wait(user, run)
        foreign.append(run)
    two.share("carol", foreign[0], "bob")

    plan = two.bob("plan")
    assert plan.code == 0, plan.err
    assert OWN in plan.out and "bob" in plan.out
    for word in ("Plan:", "No changes", "to add", "will be created", "jobsync will perform"):
        assert word not in plan.out
    assert "unseen" in plan.out and "never" in plan.out and "not visible" in plan.out
    assert f"run {foreign[0]} of carol has exactly this name" in plan.out
    assert two.bob("plan", "--detailed-exitcode").code == 2
    assert two.bob("drift").code == 2

    document = json.loads(two.bob("plan", "--format", "json").out)
    assert document["view"]["owner"] == "alice" and document["user"] == "bob"
    assert {change["type"] for change in document["resource_changes"]} == {"output"}
    standings = {one["address"]: one["standing"] for one in document["addresses"]}
    hidden = {"unseen": "not_visible", "never": "not_visible"}
    assert standings == {"seen": "current", **hidden}
    for format_name in ("markdown", "html"):
        told = two.bob("plan", "--format", format_name).out
        assert OWN in told and "to add" not in told and "not visible" in told.replace("_", " ")

    status = two.bob("status")
    assert status.code == 0, status.err
    assert ["seen", "current"] in [line.split()[:2] for line in status.out.splitlines()]
    assert OWN in status.out
    rows = {row["address"]: row for row in json.loads(two.bob("status", "--format", "json").out)}
    assert rows["seen"]["run"]["id"] == ids["seen"]
    assert rows["unseen"]["standing"] == "not_visible" and rows["unseen"]["run"] is None

    assert two.bob("logs", "seen").code == 0
    for command in (("logs",), ("outputs", "get"), ("history",), ("why",)):
        done = two.bob(*command, "unseen")
        told = done.out + done.err
        assert "alice" in told and "not visible" in told, (command, told)
        for wrong in (*foreign, ids["unseen"], "jobsync apply", "no run yet", "submits"):
            assert wrong not in told.partition("Warning")[0], (command, told)
    why = two.bob("why", "seen").out
    assert ids["seen"] in why and "current" in why
    assert ids["seen"] in two.bob("history", "seen").out

    listed = two.bob("outputs", "list")
    assert "counts.txt" in listed.out and listed.code == 0
    got = two.bob("outputs", "get", "seen")
    assert got.code == 0, got.err
    counts = (two.clone.folder / "results/counts.txt").read_text()
    assert counts == (two.lab.folder / "results/counts.txt").read_text()

    access = two.bob("access")
    row = access.out.splitlines()[1].split()
    if two.api == AGAVE:
        assert access.code == 0 and row == ["seen", ids["seen"], "READ"]
    else:
        assert access.code == 1 and row == ["seen", ids["seen"], "unknown"]
        assert ids["seen"] in access.err and "are unknown" in access.err
    # What was committed of a job that he cannot see is not taken for lost.
    (two.clone.folder / "matrix.csv").write_text("address,user,access\nunseen,bob,READ\n")
    expected = two.bob("access", "--expect", "matrix.csv")
    assert "unseen: bob has unknown access, expected READ" in expected.out
    assert "has NONE" not in expected.out
    assert two.bob("report", "--out", "report.html").code == 0
    page = (two.clone.folder / "report.html").read_text()
    assert OWN in page and ids["unseen"] not in page


def test_a_reader_changes_nothing_and_is_told_who_may(two: Two) -> None:
    two.write(f'run: {{{two.app(2)}, permissions: {{"@lab": READ}}}}\n')
    two.lab.apply()
    two.write(f"run: {{{two.app(2)}, permissions: {{}}}}\nnew: {{{two.app(3)}}}\n")
    ids = two.ids()
    before = two.access(ids["run"])
    saved = two.bob("plan", "--out", "saved.plan")
    assert saved.code == 0 and "To apply it" not in saved.err
    shown = two.bob("show", "saved.plan")
    assert shown.code == 0 and OWN in shown.out
    digest = json.loads((two.clone.folder / "saved.plan").read_text())["digest"]
    for command in (
        ("apply", "--auto-approve", "--wait"),
        ("apply", "--auto-approve", "--plan", "saved.plan"),
        ("apply", "--auto-approve", "--expect", digest),
        ("apply", "--auto-approve", "--only", "permissions"),
        ("stop", "run", "--auto-approve"),
        ("wait",),
        ("resolve", "new", "--not-submitted"),
        ("plan", "--prune"),
        ("plan", "--retry", "run"),
    ):
        done = two.bob(*command, "--log-file", "log.txt")
        assert done.code in (1, 64) and OWN in done.err, (command, done)
    if two.api == AGAVE:
        words = ["cancel", "delete", "restore", "resubmit", "pems-drop", "pems-grant bob ALL"]
    else:
        words = ["cancel", "hide", "unhide", "resubmit", "unshare bob", "share carol"]
    for name, *rest in map(str.split, words):
        done = two.bob("jobs", name, ids["run"], *rest, "--log-file", "log.txt")
        assert done.code == 1 and OWN in done.err, (name, done)
    log = (two.clone.folder / "log.txt").read_text()
    assert log.count("GET ") >= 10 and not re.search("POST|PUT|PATCH|DELETE", log), log
    assert two.bob("jobs", "status", ids["run"]).code == 0
    # The plan of a reader is nothing for the owner either.
    (two.lab.folder / "saved.plan").write_text((two.clone.folder / "saved.plan").read_text())
    done = two.lab.run("apply", "--auto-approve", "--plan", "saved.plan")
    assert done.code == 1 and "bob" in done.err
    assert two.ids() == ids and two.access(ids["run"]) == before
    two.lab.apply("--exclude", "new")
    # He was taken off: now he sees nothing, and that is not taken for nothing there.
    left = two.bob("plan")
    assert left.code == 0 and "not visible" in left.out and "2 not visible" in left.out


def test_what_is_shared_in_part_or_with_everybody(two: Two) -> None:
    if two.api == AGAVE:
        who, head = "{world: READ}", "guards: {allow: [public-access]}\n"
    else:
        who, head = "{bob: [JOB_OUTPUT]}", ""
    two.write(f"part: {{{two.app(2)}, permissions: {who}, {FILES}}}\n")
    for folder in (two.lab.folder, two.clone.folder):
        path = folder / "set.yaml"
        path.write_text(path.read_text().replace("jobs:\n", f"{head}jobs:\n"))
    two.lab.apply()
    run = two.ids()["part"]
    plan = two.bob("plan")
    assert plan.code == 0, plan.err
    if two.api == AGAVE:
        # It is in nobody's list: the lock of the clone tells which run to ask for.
        assert "1 not visible" in plan.out
        lock = (two.lab.folder / "jobsync.lock").read_text()
        (two.clone.folder / "jobsync.lock").write_text(lock)
        plan = two.bob("plan")
    assert "1 current" in plan.out and run in two.bob("status").out
    got = two.bob("outputs", "get", "part", "counts.txt", "--to", "-")
    assert got.code == 0 and got.out.split(), got.err
    assert two.bob("outputs", "get", "part").code == 0
    if two.api == TAPIS:  # the record, which says where the log is, may not be read
        log = two.bob("logs", "part")
        assert log.code == 1 and run in log.err
        for bench in (two.lab, two.clone):
            bench.edit("set.yaml", "[JOB_OUTPUT]", "[JOB_HISTORY]")
        two.lab.apply()
        (two.clone.folder / "jobsync.lock").unlink()
        (two.clone.folder / "results/counts.txt").unlink()
        plan = two.bob("plan")
        assert plan.code == 1 and "no permission to read the outputs" in plan.out
        assert two.bob("logs", "part").code == 1 and two.bob("history", "part").code == 0


def test_a_project_in_python_shows_the_same_and_refuses_to_apply(two: Two) -> None:
    two.write(f'run: {{{two.app(2)}, permissions: {{"@lab": READ}}}}\nnew: {{{two.app(3)}}}\n')
    two.lab.apply("--exclude", "new")
    with jobsync.open(two.clone.folder, environ=two.clone.environ) as project:
        plan = project.plan()
        assert plan.view is not None and plan.view.owner == "alice"
        standings = {state.address: str(state.standing) for state in project.status()}
        assert standings == {"run": "current", "new": "not_visible"}
        for reviewed in (plan, None):
            with pytest.raises(JobsyncError, match=OWN):
                project.apply(reviewed)
    assert list(two.ids()) == ["run"]


def test_a_running_run_is_watched_and_its_log_followed(two: Two) -> None:
    job = two.app(2)
    if two.api == AGAVE:
        job = job.replace("lines: 2", "lines: 2, seconds: 8")
    else:
        job = job.replace("value: '2'}", "value: '2'}, {key: wait_seconds, value: '8'}")
    two.write(f'run: {{{job}, permissions: {{"@lab": READ}}}}\n')
    assert two.lab.run("apply", "--auto-approve").code == 0
    following = two.clone.start("logs", "run", "--follow")
    status = two.bob("status")
    assert status.code == 0 and "in progress" in status.out
    watched = two.bob("status", "--watch")
    assert watched.code == 0 and "run: current (FINISHED)" in watched.out
    _, err = following.communicate(timeout=60)
    assert following.returncode == 0 and "FINISHED" in err
