"""Two users on one service: what one declares, seen from the other's side."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.line.linebench import Bench, Done, serving

NAME = "wordcount.yaml"


@dataclass
class Office:
    """A set of alice's on a service that bob and carol are on too."""

    bench: Bench
    url: str
    tokens: dict[str, str]

    def run(self, user: str, *arguments: str) -> Done:
        return self.bench.run(
            *arguments, "--target", "env", TAPIS_BASE_URL=self.url, TAPIS_TOKEN=self.tokens[user]
        )

    def jobs(self, user: str, *arguments: str) -> Any:
        """What ``jobsync jobs`` tells *user*; None when the service refuses."""
        done = self.run(user, "jobs", *arguments, "--format", "json")
        assert done.code in (0, 1), done
        return json.loads(done.out) if done.code == 0 else None

    def apply(self, *arguments: str, code: int = 0) -> Done:
        done = self.run("alice", "apply", "--auto-approve", *arguments)
        assert done.code == code, (done.code, done.out, done.err)
        return done

    def settled(self) -> None:
        done = self.run("alice", "plan", "--detailed-exitcode")
        assert done.code == 0, done.out

    def permissions(self, text: str) -> None:
        """Declare *text* in place of the permissions that are there."""
        path = self.bench.folder / NAME
        lines = [
            f"    permissions: {text}" if line.startswith("    permissions:") else line
            for line in path.read_text().splitlines()
        ]
        path.write_text("\n".join(lines) + "\n")

    def ask(self, user: str, method: str, path: str, body: Any = None) -> requests.Response:
        head = {"Authorization": f"Bearer {self.tokens[user]}"}
        return requests.request(
            method, f"{self.url}/jobs/v2/{path}", json=body, headers=head, timeout=30
        )

    def grant(self, user: str, job: str, grantee: str, permission: str) -> None:
        body = {"username": grantee, "permission": permission}
        assert self.ask(user, "POST", f"{job}/pems", body).status_code == 201

    def rows(self, job: str, user: str = "alice") -> dict[str, str]:
        """The list without the owner's row, which comes first."""
        found = self.ask(user, "GET", f"{job}/pems").json()["result"][1:]
        words = {(True, False): "READ", (False, True): "WRITE", (True, True): "ALL"}
        return {
            row["username"]: words[row["permission"]["read"], row["permission"]["write"]]
            for row in found
        }

    def only_job(self) -> str:
        [job] = self.ask("alice", "GET", "").json()["result"]
        return str(job["id"])


@pytest.fixture
def office(wordcount: Bench) -> Iterator[Office]:
    wordcount.edit(NAME, "seconds: 1", "seconds: 0")
    users = [part for user in ("alice", "bob", "carol") for part in ("--user", user)]
    with serving(wordcount, *users, "--fault", "none") as (url, tokens):
        yield Office(wordcount, url, tokens)


@pytest.fixture
def shared(office: Office) -> Office:
    """One finished job that bob may read."""
    office.apply("--wait")
    return office


def test_grant_change_drift_world_team_and_revoke_from_both_sides(shared: Office) -> None:
    office, job = shared, shared.only_job()
    assert office.jobs("bob", "show", job)["owner"] == "alice"
    assert [row["id"] for row in office.jobs("bob", "list")] == [job]
    assert office.jobs("bob", "pems-grant", job, "carol", "READ") is None
    assert office.jobs("carol", "show", job) is None

    office.permissions("{bob: READ_WRITE}")
    assert "may now share it further" in office.apply("--audit", "audit.jsonl").out
    # Made by hand, by bob who may, and not declared.
    assert office.jobs("bob", "pems-grant", job, "carol", "READ")["username"] == "carol"
    assert office.jobs("carol", "outputs-list", job)
    drift = office.run("alice", "plan", "--detailed-exitcode")
    assert (drift.code, "- carol : READ" in drift.out) == (2, True), drift.out
    office.apply("--audit", "audit.jsonl")
    assert office.jobs("carol", "outputs-list", job) is None
    office.settled()

    office.permissions("{bob: READ, world: READ}")
    refused = office.apply(code=4)
    assert "--allow public-access" in refused.err
    assert office.jobs("carol", "show", job) is None
    office.apply("--allow", "public-access", "--audit", "audit.jsonl")
    assert office.jobs("carol", "show", job)["id"] == job
    assert office.jobs("carol", "list") == []

    office.bench.edit(NAME, "jobs:\n", "teams: {lab: [bob, carol]}\njobs:\n")
    office.permissions('{"@lab": READ}')
    assert "no longer for everybody" in office.apply("--audit", "audit.jsonl").out
    assert office.rows(job) == {"bob": "READ", "carol": "READ"}
    office.bench.edit(NAME, "[bob, carol]", "[carol]")
    office.apply("--audit", "audit.jsonl")
    assert office.jobs("bob", "show", job) is None
    assert office.jobs("carol", "show", job)["id"] == job
    office.settled()
    check_audit(office, job)


def check_audit(office: Office, job: str) -> None:
    lines = [
        json.loads(line) for line in (office.bench.folder / "audit.jsonl").read_text().splitlines()
    ]
    told = [(line["user"], line["before"], line["after"], line["result"]) for line in lines]
    assert told == [
        ("bob", "READ", "READ_WRITE", "done"),
        ("carol", "READ", "NONE", "done"),
        ("world", "NONE", "READ", "done"),
        ("bob", "READ_WRITE", "READ", "done"),
        ("carol", "NONE", "READ", "done"),
        ("world", "READ", "NONE", "done"),
        ("bob", "READ", "NONE", "done"),
    ]
    for line in lines:
        facts = (line["who"], line["target"], line["address"], line["job"], line["commit"])
        assert facts == ("alice", "env", "count", job, "")
        assert line["when"].endswith("Z") and len(line["plan"]) == 64
    assert len({line["plan"] for line in lines}) == 5


def test_a_running_job_is_shared_and_an_old_run_is_only_reduced(office: Office) -> None:
    office.bench.edit(NAME, "seconds: 0", "seconds: 30")
    office.permissions("{bob: READ_WRITE}")
    office.apply()
    old = office.only_job()
    assert office.jobs("bob", "status", old)["status"] != "FINISHED"
    office.grant("alice", old, "carol", "READ")
    office.bench.edit(NAME, "seconds: 30", "seconds: 31")
    office.permissions("{bob: READ, carol: READ_WRITE}")
    office.apply("--stop-superseded", "--allow", "stop-running")
    [new] = {row["id"] for row in office.ask("alice", "GET", "").json()["result"]} - {old}
    assert office.rows(new) == {"bob": "READ", "carol": "ALL"}
    assert office.rows(old) == {"bob": "READ", "carol": "READ"}
    office.permissions("{}")
    office.apply()
    assert (office.rows(new), office.rows(old)) == ({}, {})
    assert office.jobs("bob", "show", new) is None
    assert office.jobs("bob", "cancel", new) is None
    office.ask("alice", "POST", new, {"action": "stop"})


def test_a_pinned_job_of_bobs_and_locking_oneself_out(office: Office) -> None:
    body = {
        "name": "bobs",
        "appId": "wordcount-1.0",
        "inputs": {"text": "agave://local/data/text.txt"},
    }
    job = office.ask("bob", "POST", "", body).json()["result"]["id"]
    for user in ("alice", "carol"):
        office.grant("bob", job, user, "ALL")
    path = office.bench.folder / NAME
    path.write_text(
        "apiVersion: jobsync/v1\nproject: wordcount\njobs:\n  theirs:\n    appId: wordcount-1.0\n"
        f"    id: {job}\n    permissions: {{alice: READ, carol: READ, dave: READ}}\n"
    )
    refused = office.apply("--only", "permissions", code=4)
    assert "--allow self-lockout" in refused.err
    assert office.rows(job, "bob") == {"alice": "ALL", "carol": "ALL"}
    path.write_text(path.read_text() + "guards: {allow: [self-lockout]}\n")
    office.apply("--only", "permissions", "--audit", "audit.jsonl")
    assert office.rows(job, "bob") == {"alice": "READ", "carol": "READ", "dave": "READ"}
    lines = (office.bench.folder / "audit.jsonl").read_text().splitlines()
    assert [json.loads(line)["user"] for line in lines] == ["dave", "carol", "alice"]
    # Bob's side: alice can read and no longer change it.
    assert office.jobs("alice", "pems-grant", job, "dave", "ALL") is None
    office.settled()


def test_a_run_of_somebody_else_with_exactly_this_name(office: Office) -> None:
    assert "foreign-owner" not in office.run("alice", "plan", "--out", "saved.plan").out
    saved = (office.bench.folder / "saved.plan").read_text()
    [name] = set(re.findall(r"wordcount\.count\.b[a-z2-7]{9}", saved))
    body = {
        "name": name,
        "appId": "wordcount-1.0",
        "inputs": {"text": "agave://local/data/text.txt"},
    }
    theirs = office.ask("bob", "POST", "", body).json()["result"]["id"]
    office.grant("bob", theirs, "alice", "ALL")
    refused = office.apply(code=4)
    assert "--allow foreign-owner" in refused.err
    office.apply("--allow", "foreign-owner", "--wait")
    assert office.rows(theirs, "bob") == {"alice": "ALL"}, "what is bob's is left alone"
    owners = sorted(row["owner"] for row in office.ask("alice", "GET", "").json()["result"])
    assert owners == ["alice", "bob"]


def test_many_at_once_lose_their_access_only_when_somebody_says_so(shared: Office) -> None:
    office, job = shared, shared.only_job()
    for number in range(6):
        office.grant("alice", job, f"u{number}", "READ")
    refused = office.apply(code=4)
    assert "--allow mass-revoke" in refused.err
    assert "6 users" in refused.out + refused.err
    office.permissions("{bob: READ, u0: READ}")
    office.apply()
    for number in range(10):
        office.grant("alice", job, f"v{number}", "READ")
    kept = ", ".join(f"v{number}: READ" for number in range(4, 10))
    office.permissions(f"{{bob: NONE, u0: NONE, {kept}}}")
    office.bench.edit(NAME, "jobs:\n", "guards: {massRevoke: 50}\njobs:\n")
    refused = office.apply(code=4)
    assert "50 %" in refused.out
    office.bench.edit(NAME, "massRevoke: 50", "massRevoke: 50, allow: [mass-revoke]")
    office.apply()
    assert sorted(office.rows(job)) == [f"v{number}" for number in range(4, 10)]


def test_what_has_moved_since_the_plan_is_left_alone_and_the_rest_is_done(shared: Office) -> None:
    office, job = shared, shared.only_job()
    path = office.bench.folder / NAME
    other = path.read_text().split("jobs:\n")[1].replace("count:", "other:", 1)
    other = other.replace("seconds: 0", "seconds: 0.1").replace("results/", "results/other/")
    path.write_text(path.read_text() + other)
    office.apply("--wait")
    [two] = {row["id"] for row in office.ask("alice", "GET", "").json()["result"]} - {job}
    office.permissions("{bob: ALL}")
    assert office.run("alice", "plan", "--out", "saved.plan").code == 0
    office.grant("alice", job, "carol", "WRITE")
    done = office.run("alice", "apply", "--plan", "saved.plan", "--auto-approve")
    assert (done.code, office.rows(job)) == (3, {"bob": "READ", "carol": "WRITE"}), done.err
    assert office.rows(two) == {"bob": "ALL"}
    assert "count" in done.err


def test_what_does_not_take_is_reported_and_fails_the_run(shared: Office) -> None:
    office, job = shared, shared.only_job()
    office.permissions("{bob: READ, carol: READ}")
    fault = {"fault": "ignored-grant,on=pems-grant"}
    assert requests.post(f"{office.url}/_faults", json=fault, timeout=30).status_code == 200
    done = office.apply("--audit", "audit.jsonl", code=1)
    assert "carol has NONE, not READ" in done.err
    office.apply("--audit", "audit.jsonl")
    assert office.rows(job) == {"bob": "READ", "carol": "READ"}
    lines = (office.bench.folder / "audit.jsonl").read_text().splitlines()
    assert [json.loads(line)["result"] for line in lines] == ["failed", "done"]


def test_who_has_access_as_a_table_and_against_a_committed_matrix(shared: Office) -> None:
    office, job = shared, shared.only_job()

    def access(*arguments: str) -> Done:
        return office.run("alice", "access", *arguments)

    office.grant("alice", job, "zed", "ALL")
    office.grant("alice", job, "world", "READ")
    text = access().out
    assert text.split("\n")[0].split() == ["job", "run", "bob", "world", "zed"]
    # zed's row is hidden by world's, and comes to light in neither.
    assert text.split("\n")[1].split(None, 2)[2].split("  ") == [
        "READ", "READ -> NONE", "READ -> NONE",
    ]  # fmt: skip
    changed = access("--changed", "--format", "csv").out.splitlines()
    assert changed == [
        "address,run,user,access,after",
        *(f"count,{job},{u},READ,NONE" for u in ("world", "zed")),
    ]
    for format_name in ("csv", "json"):
        saved = office.bench.folder / f"matrix.{format_name}"
        saved.write_text(access("--format", format_name).out)
        assert access("--expect", saved.name).code == 0
    office.grant("alice", job, "bob", "ALL")
    for format_name in ("csv", "json"):
        found = access("--expect", f"matrix.{format_name}")
        assert found.code == 2
        assert found.out == f"count (run {job}): bob has READ_WRITE, expected READ\n"
    assert access("--expect", NAME).code == 1
    (office.bench.folder / "by-address.csv").write_text(
        "address,user,access\ncount,bob,ALL\ncount,world,READ\ncount,zed,READ\n"
    )
    assert access("--expect", "by-address.csv").code == 0
