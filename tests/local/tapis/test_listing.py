"""Lists and searches (tapis-v3 §6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from jobsync.local.store.rows import JobRow
from tests.local.tapis.conftest import User

SUMMARY = {"uuid", "id", "name", "owner", "tenant", "appId", "appVersion", "created", "status",
           "condition", "remoteStarted", "ended", "execSystemId", "archiveSystemId",
           "lastUpdated"}  # fmt: skip


def found(user: User, query: str) -> list[str]:
    reply = user.get(f"jobs/search?{query}")
    assert reply.status == 200, reply.body
    return sorted(row["name"] for row in reply.result)


def by_text(user: User, *search: str, query: str = "") -> list[str]:
    reply = user.post(f"jobs/search?{query}", {"search": list(search)})
    assert reply.status == 200, reply.body
    return sorted(row["name"] for row in reply.result)


def share(owner: User, row: JobRow, user: User, *resources: str) -> None:
    grant = {"grantee": user.name, "jobResource": list(resources) or ["JOB_HISTORY"],
             "jobPermission": "READ"}  # fmt: skip
    assert owner.post(f"jobs/{row.id}/share", grant).status == 200


def test_limit_and_skip(alice: User, put: Callable[..., JobRow]) -> None:
    names = [put(name=f"n{number:03}").name for number in range(103)]
    counts = {"": 100, "limit=-1": 103, "limit=0": 0, "limit=5": 5, "skip=100&orderBy=id": 3,
              "skip=-4": 100, "skip=1000": 0}  # fmt: skip
    for query, count in counts.items():
        assert len(alice.get(f"jobs/list?{query}").result) == count, query
    rows = alice.get("jobs/list?limit=3&skip=2&orderBy=id(asc)&computeTotal=TRUE")
    assert [row["name"] for row in rows.result] == names[2:5]
    assert rows.json["metadata"] == {
        "recordCount": 3, "recordLimit": 3, "recordsSkipped": 2, "orderBy": "id(asc)",
        "startAfter": None, "totalCount": 103}  # fmt: skip
    assert alice.get("jobs/list?computeTotal=1").json["metadata"]["totalCount"] == -1
    assert alice.get("jobs/list?orderBy=created(desc)&limit=1").result[0]["name"] == names[-1]


@pytest.mark.parametrize(
    "query",
    ["limit=x", "skip=x", "limit=1&limit=2", "limit=1&LIMIT=2", "orderBy=id(up)", "orderBy=,",
     "startAfter=a", "startAfter=a&orderBy=id&skip=1"],
)  # fmt: skip
def test_malformed_words_are_400_text(alice: User, query: str) -> None:
    for path in ("list", "search"):
        reply = alice.get(f"jobs/{path}?{query}")
        assert (reply.status, reply.headers["content-type"]) == (400, "text/plain"), path


def test_start_after_is_otherwise_ignored(alice: User, put: Callable[..., JobRow]) -> None:
    rows = [put(), put()]
    asked = alice.get(f"jobs/list?orderBy=id&startAfter={rows[0].id}").result
    assert len(asked) == 2
    assert alice.get("jobs/list?orderBy=nothing").status == 500
    assert alice.get("jobs/list?listType=THEIR_JOBS").status == 400


def test_whose_jobs(alice: User, bob: User, put: Callable[..., JobRow]) -> None:
    mine = put(owner=bob.name, name="mine")
    theirs, hidden = put(name="theirs"), put(name="hidden", visible=False)
    for row in (theirs, hidden):
        if row.visible:
            share(alice, row, bob)
    put(name="not-shared")

    def listed(kind: str, **more: object) -> list[str]:
        asked = "&".join(f"{key}={value}" for key, value in {"listType": kind, **more}.items())
        return [row["name"] for row in bob.get(f"jobs/list?{asked}").result]

    assert listed("MY_JOBS") == ["mine"]
    assert listed("SHARED_JOBS") == ["theirs"]
    assert listed("ALL_JOBS") == ["mine", "theirs"]
    assert listed("ALL_JOBS", limit=1) == ["mine"]
    assert listed("ALL_JOBS", limit=1, skip=1, orderBy="id") == ["theirs"]
    share(bob, mine, bob)
    assert listed("ALL_JOBS").count("mine") == 2, "duplicates are possible"
    assert "hidden" not in [row["name"] for row in alice.get("jobs/list").result]
    assert found(alice, "visible.eq=false") == []


def test_rows(alice: User, put: Callable[..., JobRow]) -> None:
    row = put(tags=["a"], status="FAILED", reason="exit")
    [listed] = alice.get("jobs/list").result
    assert set(listed) == SUMMARY
    assert (listed["condition"], listed["id"]) == (None, row.number)
    [one] = alice.get("jobs/search?select=tags,status,condition,notes").result
    assert one == {"uuid": row.id, "tags": ["a"], "status": "FAILED", "notes": {},
                   "condition": "JOB_REMOTE_OUTCOME_ERROR"}  # fmt: skip
    for select in ("", "summaryAttributes"):
        assert set(alice.get(f"jobs/search?select={select}").result[0]) == SUMMARY
    every = alice.get("jobs/search?select=allAttributes").result[0]
    assert every == alice.get(f"jobs/{row.id}").result
    assert alice.get("jobs/search?select=uuid,nothing").status == 400


def test_operators(alice: User, put: Callable[..., JobRow]) -> None:
    put(name="Alpha.1", app_id="x", node_count=1, created=1_600_000_000.0, status="FINISHED")
    put(name="beta%2", app_id="y", node_count=5, created=1_700_000_000.0, status="STOPPED")
    put(name="b_ta,3", app_id="z", node_count=9, created=1_800_000_000.5, status="STAGED")
    one, two, three = "Alpha.1", "beta%2", "b_ta,3"
    cases = {
        "name.eq=Alpha.1": [one],
        "name.eq=alpha.1": [],
        "name.NEQ=Alpha.1": [three, two],
        "name.like=b*": [three, two],
        "name.like=B*": [],
        "name.like=b!ta*": [three, two],
        "name.like=b_ta*": [three],
        "name.like=beta%25*": [two],
        "name.nlike=b*": [one],
        "name.in=Alpha.1,beta%252": [one, two],
        "name.nin=Alpha.1": [three, two],
        "name.eq=" + quote("b_ta\\,3"): [three],
        "name.between=A,B": [one],
        "name.nbetween=A,B": [three, two],
        "app_id.gt=x": [three, two],
        "appId.lte=y": [one, two],
        "nodeCount.eq=5": [two],
        "node_count.between=1,5": [one, two],
        "nodeCount.in=1,9": [one, three],
        "nodeCount.gte=5": [three, two],
        "created.lt=2020-12-31T00:00:00Z": [one],
        "created.gt=2023": [three, two],
        "created.between=2020-01-01,2024-01-01": [one, two],
        "created.eq=2027-01-15T08:00:00.500000Z": [three],
        "isMpi.eq=FALSE": [one, three, two],
        "visible.neq=true": [],
        "status.eq=CANCELLED": [two],
        "status.eq=STAGING_JOB": [three],
        "status.in=FINISHED,CANCELLED": [one, two],
        "condition.eq=CANCELLED_BY_USER": [two],
        "remoteOutcome.eq=FINISHED": [one],
        "name.like=b*&node_count.gt=5": [three],
        "name.like=b*&name.nlike=*2": [three],
        "appVersion.eq=1.0&limit=-1": [one, three, two],
    }
    for query, names in cases.items():
        assert found(alice, query) == sorted(names), query


def test_tags_are_exact_and_mind_case(alice: User, put: Callable[..., JobRow]) -> None:
    put(name="one", tags=["A", "b c"])
    put(name="two", tags=["a", "x,y"])
    for operator in ("in", "contains"):
        assert found(alice, f"tags.{operator}=A") == ["one"]
        assert found(alice, f"tags.{operator}=A,a") == ["one", "two"]
        assert found(alice, f"tags.{operator}=b") == []
        assert found(alice, f"tags.{operator}=x,y") == []
        assert found(alice, f"tags.n{operator}=A") == ["two"]
    assert alice.get("jobs/search?tags.like=A*").status == 500


@pytest.mark.parametrize(
    ("query", "status"),
    [("status=FINISHED", 400), ("anything=1", 400), ("name.is=x", 400), ("name.eq=a~b", 400),
     ("name.eq=a,b", 400), ("name.eq=(a)", 400), ("nodeCount.between=1", 400),
     ("nothing.eq=1", 500), ("notes.eq=1", 500), ("parameterSet.like=*x*", 500),
     ("fileInputs.eq=1", 500), ("nodeCount.eq=x", 500), ("isMpi.eq=maybe", 500),
     ("created.gt=yesterday", 500), ("isMpi.gt=true", 500), ("nodeCount.like=1*", 500),
     ("name.contains=x", 500)],
)  # fmt: skip
def test_what_a_search_refuses(alice: User, query: str, status: int) -> None:
    reply = alice.get(f"jobs/search?{query}")
    assert (reply.status, reply.json["status"]) == (status, "error")
    assert reply.json["message"].startswith("SEARCH_")


def test_search_by_text(alice: User, put: Callable[..., JobRow]) -> None:
    put(name="o'one", app_id="x", node_count=1, tags=["a"], status="FINISHED")
    put(name="two", app_id="y", node_count=2, tags=["b"], status="STOPPED")
    put(name="Three", app_id="y", node_count=3, tags=["a", "b"], status="FAILED")
    cases = {
        "(name = 'o''one')": ["o'one"],
        "(status <> 'CANCELLED')": ["Three", "o'one"],
        "(tags IN ('a','c')) AND (app_id = 'y')": ["Three"],
        "(tags NOT IN ('a'))": ["two"],
        "name LIKE 't%' OR name LIKE 'T%'": ["Three", "two"],
        "name NOT LIKE 't%'": ["Three", "o'one"],
        "nodeCount BETWEEN 2 AND 3": ["Three", "two"],
        "node_count not between 2 and 3": ["o'one"],
        "name = 'two' OR name = 'Three' AND nodeCount = 1": ["two"],
        "(name = 'two' OR name = 'Three') AND nodeCount >= 3": ["Three"],
        "created > '2010-01-01' AND visible = TRUE": ["Three", "o'one", "two"],
        "nodeCount IN (1, 2)": ["o'one", "two"],
    }
    for text, names in cases.items():
        assert by_text(alice, text) == names, text
    assert by_text(alice, "(tags IN ('a','b')) AND", "(status <> 'CANCELLED')") == [
        "Three",
        "o'one",
    ]
    assert by_text(alice, "(app_id = 'y')", query="limit=1&orderBy=id") == ["two"]


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"search": []}, 400), ({"search": "x"}, 400), ({"search": [1]}, 400),
     ({"search": ["name = 'a'"], "more": 1}, 400), ({"search": ["name ="]}, 500),
     ({"search": ["name = 'a"]}, 500), ({"search": ["(name = 'a'"]}, 500),
     ({"search": ["name = 'a') OR (1 = 1"]}, 500), ({"search": ["nothing = 1"]}, 500),
     ({"search": ["notes = 'x'"]}, 500), ({"search": ["name = 'a'; DROP TABLE jobs"]}, 500),
     ({"search": ["nodeCount = 'x'"]}, 500), ({"search": ["(" * 400 + "name = 'a'"]}, 500)],
)  # fmt: skip
def test_what_a_search_by_text_refuses(alice: User, body: dict[str, Any], status: int) -> None:
    reply = alice.post("jobs/search", body)
    assert reply.status == status, json.dumps(body)
    assert reply.json["status"] == "error"


def test_nobody_finds_anothers(alice: User, bob: User, put: Callable[..., JobRow]) -> None:
    put(name="secret")
    assert found(bob, "name.eq=secret") == []
    assert by_text(bob, "(name = 'secret') OR (owner <> 'x')") == []
    assert by_text(bob, f"(owner = '{alice.name}')", query="listType=ALL_JOBS") == []
