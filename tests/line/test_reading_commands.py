"""Commands that only look: why, status, history, drift, import, validate --online. And only GET."""

from __future__ import annotations

import http.server
import json
import signal
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobsync import Target, connect_reader
from jobsync.platforms.agave.backend import AgaveReader
from jobsync.platforms.agave.permissions import READ_WRITE
from jobsync.platforms.agave.urls import UnsafePath
from tests.line.linebench import Lab

TWO = """\
    up: {appId: wc-demo-1.00, parameters: {lines: 2}, permissions: {bob: READ}}
    down: {appId: wc-demo-1.00, inputs: {text: "${jobs.up.outputs/counts.txt}"}}
"""


def test_why_says_field_by_field_what_was_decided_and_where_it_stands(lab: Lab) -> None:
    lab.write(TWO)
    assert "create" in lab.run("why", "up").out
    lab.apply()
    text = lab.run("why", "up").out
    assert "up: current" in text and "same, set.yaml:4" in text
    lab.write(TWO.replace("lines: 2", "lines: 5"))
    text = lab.run("why", "up").out
    for words in ("parameters.lines", "2", "5", "set.yaml:4", "replace"):
        assert words in text
    assert "up" in lab.run("why", "down").out
    unknown = lab.run("why", "nosuch")
    assert unknown.code in (1, 64) and "nosuch" in unknown.err


def test_history_has_every_run_of_the_address(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00}\n")
    assert "no runs yet" in lab.run("history", "one").out
    lab.apply()
    lab.write("one: {appId: wc-demo-1.00, rerun: 2}\n")
    lab.apply()
    runs = json.loads(lab.run("history", "one", "--format", "json").out)
    assert [run["status"] for run in runs] == ["FINISHED", "FINISHED"]
    assert all(run["events"][0]["status"] == "PENDING" for run in runs)
    text = lab.run("history", "one").out
    assert all(run["id"] in text for run in runs)
    assert lab.run("history", "nosuch").code == 64


@pytest.mark.parametrize("command", [["why"], ["history"], ["plan", "--retry"]])
def test_an_address_that_is_not_declared(lab: Lab, command: list[str]) -> None:
    lab.write(TWO)
    far = lab.run(*command, "nosuch")
    assert far.code == 64
    assert far.err == "Error: the manifests declare no job 'nosuch'\n  known: down, up\n"
    assert "did you mean down?" in lab.run(*command, "dwon").err
    lab.write("".join(f"job{number}: {{appId: wc-demo-1.00}}\n" for number in range(21)))
    assert "jobsync status" in lab.run(*command, "nosuch").err


def test_a_hidden_run_is_told_by_status_and_history(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00}\ntwo: {appId: wc-demo-1.00}\n")
    lab.apply("--select", "one")
    (run,) = lab.mine()
    lab.service.call("alice", "DELETE", f"/jobs/v2/{run['id']}")
    words = f"{run['id']} is hidden; apply makes it visible again"
    assert words in lab.run("status").out
    one, two = json.loads(lab.run("status", "--format", "json").out)
    assert one["notes"] == [f"its run {words}"] and two["notes"] == []
    text = lab.run("history", "one").out
    assert f"{run['id']}  is hidden; apply makes it visible again" in text
    assert "no runs yet" not in text
    assert "no runs yet" in lab.run("history", "two").out
    lab.apply("--select", "one")
    assert "hidden" not in lab.run("status").out + lab.run("history", "one").out


def test_a_hidden_run_that_apply_leaves_hidden_is_not_promised(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00, parameters: {seconds: 60}}\n")
    assert lab.run("apply", "--auto-approve").code == 0
    (run,) = lab.mine()
    lab.service.call("alice", "DELETE", f"/jobs/v2/{run['id']}")
    text = lab.run("history", "one").out
    assert f"{run['id']}  is hidden\n" in text and "apply makes" not in text
    assert "apply makes" not in lab.run("status").out


def test_status_tells_several_runs_of_one_name(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00}\n")
    lab.apply()
    (run,) = lab.mine()
    body = {"name": run["name"], "appId": "wc-demo-1.00"}
    twin = lab.service.call("alice", "POST", "/jobs/v2", body).result["id"]
    words = f"2 runs with the same name: {run['id']}, {twin} (the first is current)"
    assert words in lab.run("status").out
    (one,) = json.loads(lab.run("status", "--format", "json").out)
    assert one["notes"] == [words]


def test_status_is_no_success_while_something_cannot_be_read(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00, permissions: {bob: READ}}\n")
    lab.apply()
    assert lab.run("status").code == 0
    lab.service.arm("html,status=403,on=pems-list,times=always")
    done = lab.run("status")
    lab.service.disarm()
    assert done.code == 1 and "one" in done.out and "403" in done.out


def test_status_watches_until_nothing_runs_any_more(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00, parameters: {seconds: 3}}\n")
    assert json.loads(lab.run("status", "--format", "json").out)[0]["run"] is None
    assert lab.run("apply", "--auto-approve").code == 0
    looks = lab.run("status", "--watch", "--format", "json")
    assert looks.code == 0
    standings = [json.loads(line)[0]["standing"] for line in looks.out.splitlines()]
    assert standings[0] == "in_progress" and standings[-1] != "in_progress"
    assert set(standings[:-1]) == {"in_progress"}
    assert "FINISHED" in lab.run("status").out


def test_drift_sees_what_was_changed_behind_its_back(lab: Lab) -> None:
    lab.write(TWO)
    lab.apply()
    assert lab.run("drift").code == 0
    (run,) = (row for row in lab.mine() if ".up." in row["name"])
    path = f"/jobs/v2/{run['id']}"
    body = {"username": "eve", "permission": "READ"}
    assert lab.service.call("alice", "POST", f"{path}/pems", body).status == 201
    drift = lab.run("drift")
    assert drift.code == 2 and "- eve" in drift.out
    assert lab.run("drift", "--only", "jobs").code == 0
    lab.service.call("alice", "POST", f"{path}/pems", {**body, "permission": "NONE"})
    assert lab.service.call("alice", "DELETE", path).status == 200
    hidden = lab.run("drift", "--format", "json")
    assert hidden.code == 2
    (change,) = (row for row in json.loads(hidden.out)["resource_changes"] if row["type"] == "job")
    assert change["change"]["actions"] == ["update"] and "restore" in str(change)


def test_a_pinned_run_that_was_made_without_a_declared_value_has_drifted(lab: Lab) -> None:
    body = {"name": "by hand", "appId": "wc-demo-1.00"}
    run = lab.service.submit("alice", **body)["id"]
    lab.write(f'a: {{id: "{run}", appId: wc-demo-1.00, parameters: {{lines: 3}}}}\n')
    done = lab.run("drift")
    assert done.code == 1
    assert f"a: parameters.lines is 3, but run {run} was made without it" in done.err
    lab.write(f'a: {{id: "{run}", appId: wc-demo-1.00, parameters: {{other: 3}}}}\n')
    done = lab.run("drift")
    assert done.code == 0 and "parameters.other was dropped by the service" in done.out


def test_the_first_plan_after_import_is_empty(lab: Lab) -> None:
    for folder in (lab.service.workspace, lab.folder):
        (folder / "na ${x}").write_text("a")
    inputs = {"text": "agave://local/na%20$%7Bx%7D"}
    jobs = [
        lab.service.submit("alice", name="My Job", parameters={"lines": 7}, inputs=inputs),
        lab.service.submit("alice", name="My Job", archive=False, memoryPerNode="2GB"),
        lab.service.submit("alice", name="1: odd/name ${env.HOME}", maxRunTime="00:01:00"),
        lab.service.submit("alice", name="x" * 60, nodeCount=1, processorsPerNode=1),
    ]
    for user, level in (("bob", "READ"), ("carol", "ALL"), ("world", "WRITE")):
        body = {"username": user, "permission": level}
        lab.service.call("alice", "POST", f"/jobs/v2/{jobs[0]['id']}/pems", body)
    for job in jobs:
        lab.service.wait("alice", job["id"])
    done = lab.run("import", *(job["id"] for job in jobs), "--out", "imported.yaml")
    assert done.code == 0, done.err
    plan = lab.run("plan", "imported.yaml", "--detailed-exitcode")
    assert plan.code == 0 and "No changes." in plan.out, plan.out + plan.err
    again = lab.run("import", jobs[0]["id"], "--out", "imported.yaml")
    assert again.code == 1 and "exists already" in again.err
    text = (lab.folder / "imported.yaml").read_text()
    (lab.folder / "imported.yaml").write_text(text.replace("bob: READ\n", "bob: WRITE\n"))
    assert "~ bob : READ -> WRITE" in lab.run("plan", "imported.yaml").out
    assert lab.run("import", "nosuch-007").code == 1


def test_validate_online_asks_the_apps(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00, parameters: {lines: 2}}\n")
    done = lab.run("validate", "--online")
    assert done.code == 0 and "checked against 1 of 1 apps" in done.out
    lab.write("one: {appId: wc-demo-1.00, parameters: {line: 2}}\ntwo: {appId: nosuch-1}\n")
    assert lab.run("validate").code == 0, "without asking, nothing is wrong"
    done = lab.run("validate", "--online")
    assert done.code == 1
    assert "set.yaml:4:" in done.err and "line" in done.err
    assert "set.yaml:5:" in done.err and "nosuch-1" in done.err


# --- nothing but GET -------------------------------------------------------------------


@contextmanager
def logged(url: str) -> Iterator[tuple[str, list[str]]]:
    """A relay before *url*, and what passed through it, as ``METHOD /path``."""
    seen: list[str] = []

    class Relay(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def relay(self) -> None:
            seen.append(f"{self.command} {self.path}")
            length = int(self.headers.get("Content-Length") or 0)
            asked = urllib.request.Request(
                url + self.path,
                self.rfile.read(length) if length else None,
                dict(self.headers),
                method=self.command,
            )
            try:
                answer = urllib.request.urlopen(asked, timeout=30)
            except urllib.error.HTTPError as error:
                answer = error
            with answer:
                body = answer.read()
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = relay

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Relay) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", seen
        finally:
            server.shutdown()


NEW = "    new: {appId: wc-demo-1.00, permissions: {world: READ}}\n"
PLANNING = [
    ["plan", "--prune", "--detailed-exitcode", "--out", "saved.plan"],
    ["plan", "--retry-failed", "--stop-superseded", "--format", "markdown"],
    ["drift"],
    ["why", "up"],
    ["status"],
    ["history", "up"],
    ["access"],
    ["validate", "--online"],
    ["outputs", "list"],
]


def test_planning_sends_nothing_but_get(lab: Lab) -> None:
    lab.write(TWO)
    with logged(lab.service.url) as (url, seen):
        lab.environ["TAPIS_BASE_URL"] = url
        lab.apply()
        assert {line.split()[0] for line in seen} == {"GET", "POST"}, "the log sees a submit"
        # Something for every row of the table: replaced, retried, pruned, hidden, revoked.
        for edit in (TWO.replace("lines: 2", "lines: 3").replace("bob: READ", "carol: READ"), TWO):
            lab.write(edit + NEW)
            for arguments in PLANNING:
                seen.clear()
                done = lab.run(*arguments)
                assert done.code in (0, 2), done.err
                assert {line.split()[0] for line in seen} == {"GET"}, (arguments, seen)


def test_the_transport_of_a_planner_refuses_to_write(lab: Lab) -> None:
    run = lab.service.submit("alice", name="kept")
    with logged(lab.service.url) as (url, seen):
        with connect_reader(Target("env", url), lab.service.tokens["alice"]) as reader:
            assert isinstance(reader, AgaveReader)
            jobs = reader.jobs
            writes: tuple[Callable[[], object], ...] = (
                lambda: jobs.submit("p.a.abbbbbbbbb", {"appId": "wc-demo-1.00"}),
                lambda: jobs.manage(run["id"], "stop"),
                lambda: jobs.delete(run["id"]),
                lambda: jobs.hide(run["id"]),
                lambda: jobs.update_permissions(run["id"], "bob", str(READ_WRITE)),
                lambda: jobs.delete_permissions(run["id"]),
            )
            for write in writes:
                with pytest.raises(Exception, match="only reads") as caught:
                    write()
                assert isinstance(caught.value.__cause__ or caught.value, UnsafePath)
            assert reader.run(run["id"]).id == run["id"]
        assert [line.split()[0] for line in seen] == ["GET"]


def test_a_relay_that_logs_is_no_path_of_its_own(lab: Lab, tmp_path: Path) -> None:
    """What goes wrong at the relay is seen, so that the tests above mean something."""
    with logged("http://127.0.0.1:9") as (url, seen), pytest.raises(OSError):
        urllib.request.urlopen(url + "/x", timeout=5)
    assert seen == ["GET /x"]


def test_ctrl_c_leaves_the_rest_of_a_fetch_and_the_same_command_goes_on(lab: Lab) -> None:
    lab.write("a: {appId: wc-demo-1.00, outputs: [{path: '**', to: got/}]}\n")
    lab.apply("--only", "jobs")
    lab.service.arm("slow,seconds=2,on=media,times=99")
    get = lab.start("outputs", "get", "a", "--jobs", "1")
    lab.wait_for(lambda: any((lab.folder / "got").glob(".jobsync-*.part")))
    get.send_signal(signal.SIGINT)
    _, err = get.communicate(timeout=60)
    assert get.returncode == 130, err
    assert "Stopping" in err and "left; run the same command again to continue" in err
    lab.service.disarm()
    done = lab.run("outputs", "get", "a")
    assert done.code == 0 and (lab.folder / "got/counts.txt").exists(), done.err


def test_the_output_of_a_job_that_is_not_selected_keeps_its_place(lab: Lab) -> None:
    lab.write(
        """\
        a: {appId: wc-demo-1.00, outputs: [{path: '*.txt', to: got/}]}
        b: {appId: wc-demo-1.00, parameters: {lines: 3}, outputs: [{path: '*.txt', to: got/}]}
        """
    )
    lab.apply("--select", "a")
    before = (lab.folder / "got/counts.txt").stat().st_ino
    done = lab.run("apply", "--auto-approve", "--wait", "--select", "b")
    assert done.code != 0 and "which belongs to a" in done.err
    assert (lab.folder / "got/counts.txt").stat().st_ino == before
