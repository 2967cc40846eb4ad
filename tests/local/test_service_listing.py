"""agave-v2 §11, list; agave-v2 §2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobsync.local.api.agave.answer import project
from jobsync.local.store.rows import JobRow
from jobsync.testing import LocalService, Reply


def ids(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.body
    return [row["id"] for row in reply.result]


def listed(service: LocalService, user: str, query: str = "") -> list[str]:
    return ids(service.call(user, "GET", f"/jobs/v2?{query}"))


# --- paging -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(shared: LocalService) -> list[str]:
    """260 jobs of one user, oldest first."""
    from jobsync.local.store.rows import JobRow

    shared.add_user("many")
    made = []
    for number in range(260):
        row = JobRow(
            id=f"{number:04d}-many-007",
            owner="many",
            name=f"m{number}",
            app_id="wc-demo-1.00",
            status="FINISHED",
            created=1000.0 + number,
            last_updated=1000.0 + number,
        )
        made.append(shared.service.store.insert_job(row, "accepted").id)
    return made


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 100),
        ("limit=7", 7),
        ("limit=1000", 250),
        ("limit=250", 250),
        ("limit=-3", 3),
        ("limit=junk", 100),
        ("limit=", 100),
        ("limit=1.5", 100),
        ("limit=99999999999999", 100),
        ("limit=0", 0),
        ("offset=255", 5),
        ("offset=-255", 5),
        ("offset=junk", 100),
        ("offset=9999", 0),
    ],
)
def test_limits_are_clamped_silently(
    service: LocalService, many: list[str], query: str, count: int
) -> None:
    assert len(listed(service, "many", query)) == count


def test_default_order_is_last_updated_and_moves(service: LocalService, many: list[str]) -> None:
    assert listed(service, "many", "limit=3") == [many[-1], many[-2], many[-3]]
    service.service.store.update(many[0])
    assert listed(service, "many", "limit=2") == [many[0], many[-1]]


def test_order_by_id_is_total(service: LocalService, many: list[str]) -> None:
    assert listed(service, "many", "orderBy=id&order=asc&limit=2") == many[:2]
    assert listed(service, "many", "orderBy=ID&order=DESCENDING&limit=2") == many[:-3:-1]
    everything: list[str] = []
    while page := listed(
        service, "many", f"orderBy=id&order=asc&limit=90&offset={len(everything)}"
    ):
        everything += page
    assert everything == many


@pytest.mark.parametrize("query", ["orderBy=nonsense", "order=sideways", "orderBy=outputpath"])
def test_an_invalid_order_is_500(service: LocalService, owner: str, query: str) -> None:
    reply = service.call(owner, "GET", f"/jobs/v2?{query}")
    assert (reply.status, reply.json["status"]) == (500, "error")


def test_the_documented_names_sort_and_sort_by_do_nothing(
    service: LocalService, many: list[str]
) -> None:
    assert listed(service, "many", "sort=asc&sortBy=id&limit=2") == listed(
        service, "many", "limit=2"
    )


# --- visibility -----------------------------------------------------------------------------


def test_own_and_shared_but_not_world_shared(
    service: LocalService, put: Callable[..., JobRow], owner: str, new_user: Callable[[], str]
) -> None:
    other = new_user()
    mine, shared, world = put(), put(owner=other), put(owner=other)
    service.service.store.set_grant(shared.id, owner, "READ", other)
    service.service.store.set_grant(world.id, "world", "ALL", other)
    assert set(listed(service, owner)) == {mine.id, shared.id}
    assert service.call(owner, "GET", f"/jobs/v2/{world.id}").status == 200


@pytest.mark.parametrize("permission", ["WRITE", "EXECUTE"])
def test_a_grant_without_read_is_listed_but_not_readable(
    service: LocalService,
    put: Callable[..., JobRow],
    owner: str,
    new_user: Callable[[], str],
    permission: str,
) -> None:
    other = new_user()
    job = put(owner=other)
    service.service.store.set_grant(job.id, owner, permission, other)
    assert listed(service, owner) == [job.id]
    assert service.call(owner, "GET", f"/jobs/v2/{job.id}").status == 403


def test_grants_are_for_the_exact_name(
    service: LocalService, put: Callable[..., JobRow], owner: str, new_user: Callable[[], str]
) -> None:
    other = new_user()
    job = put(owner=other)
    service.service.store.set_grant(job.id, owner.upper(), "READ", other)
    assert listed(service, owner) == []
    assert service.call(owner, "GET", f"/jobs/v2/{job.id}").status == 403


def test_hidden_jobs_are_listed_only_when_asked_for(
    service: LocalService, put: Callable[..., JobRow], owner: str
) -> None:
    shown, hidden = put(), put(visible=False)
    assert listed(service, owner) == [shown.id]
    assert listed(service, owner, "visible=false") == [hidden.id]
    assert listed(service, owner, "visible=true") == [shown.id]
    assert set(listed(service, owner, "visible.in=true,false")) == {shown.id, hidden.id}


# --- shapes ---------------------------------------------------------------------------------

SUMMARY = {
    "agave": ["id", "name", "owner", "executionSystem", "appId", "created", "status",
              "startTime", "endTime", "_links"],
    "aloe": ["id", "name", "owner", "systemId", "appId", "created", "status",
             "remoteStarted", "ended", "_links"],
}  # fmt: skip
FULL = {
    "agave": ["id", "name", "owner", "appId", "executionSystem", "batchQueue", "nodeCount",
              "processorsPerNode", "memoryPerNode", "maxRunTime", "archive", "retries", "localId",
              "created", "lastUpdated", "archivePath", "archiveSystem", "outputPath", "status",
              "submitTime", "startTime", "endTime", "inputs", "parameters", "_links"],
    "aloe": ["id", "name", "tenantId", "tenantQueue", "status", "lastStatusMessage", "accepted",
             "created", "ended", "lastUpdated", "owner", "roles", "systemId", "appId", "appUuid",
             "workPath", "archive", "archivePath", "archiveSystem", "nodeCount",
             "processorsPerNode", "memoryPerNode", "maxHours", "inputs", "parameters",
             "remoteJobId", "schedulerJobId", "remoteQueue", "remoteSubmitted", "remoteStarted",
             "remoteEnded", "remoteOutcome", "submitRetries", "remoteStatusChecks",
             "failedStatusChecks", "lastStatusCheck", "blockedCount", "visible", "_links"],
}  # fmt: skip


def test_summary_keys_are_exactly_these(
    service: LocalService, put: Callable[..., JobRow], owner: str, dialect: str
) -> None:
    job = put()
    [row] = service.call(owner, "GET", "/jobs/v2").result
    assert list(row) == SUMMARY[dialect]
    assert row["_links"]["archiveData"]["href"].endswith(f"/jobs/v2/{job.id}/outputs/listings")


@pytest.mark.parametrize("query", ["filter=*", "filter="])
def test_filter_gives_full_jobs(
    service: LocalService, put: Callable[..., JobRow], owner: str, dialect: str, query: str
) -> None:
    put()
    [row] = service.call(owner, "GET", f"/jobs/v2?{query}").result
    assert list(row) == FULL[dialect]


def test_timestamps(
    service: LocalService, put: Callable[..., JobRow], owner: str, dialect: str
) -> None:
    put(created=1_516_978_904.987)
    [row] = service.call(owner, "GET", "/jobs/v2").result
    expected = {"agave": "2018-01-26T09:01:44.000-06:00", "aloe": "2018-01-26T15:01:44.987Z"}
    assert row["created"] == expected[dialect]


def test_projection_over_http(
    service: LocalService, put: Callable[..., JobRow], owner: str
) -> None:
    job = put()
    slim = service.call(owner, "GET", "/jobs/v2?filter=id,name,nonsense,inputs.text")
    [row] = slim.result
    assert list(row) == ["id", "name", "inputs"]
    assert service.call(owner, "GET", "/jobs/v2?filter=nonsense").result == []
    one = service.call(owner, "GET", f"/jobs/v2/{job.id}?filter=status")
    assert one.result == {"status": "FINISHED"}


def test_projection_with_the_mistakes_of_the_service() -> None:
    row = {"id": 1, "a": {"x": 1, "y": 2, "z": {"deep": 3}}, "empty": None}
    assert project(row, "id,empty") == {"id": 1, "empty": None}
    assert project(row, "a.x") == {"a": {"x": 1}}
    assert project(row, "a.x,a.y") == {"a": {"x": 1, "y": None}}
    assert project(row, "a.z.deep,b,id.x") == {}
    assert project([row, {"other": 1}], "id") == [{"id": 1}]
    assert project([row, "text"], "id") == [{"id": 1}]
    assert project(row, "id,*") == row


# --- search ---------------------------------------------------------------------------------


@pytest.fixture
def three(put: Callable[..., JobRow]) -> list[JobRow]:
    names = {"one-a": "FINISHED", "one-b": "FAILED", "two-%": "STOPPED"}
    return [
        put(name=name, status=status, created=1_516_978_904.25 + 86400 * day, app_id=f"app-{day}")
        for day, (name, status) in enumerate(names.items())
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("name=one-a", [0]),
        ("NAME.EQ=one-a", [0]),
        ("name.neq=one-a", [1, 2]),
        ("name.like=one-*", [0, 1]),
        ("name.like=two-%25", [2]),
        ("name.like=*25*", []),
        ("name.like=one", []),
        ("name.rlike=^one", [0, 1]),
        ("name.rlike=(", []),
        ("name.in=one-a,two-%25", [0, 2]),
        ("name.nin=one-a,two-%25", [1]),
        ("status=FAILED", [1]),
        ("status.in=failed,stopped", [1, 2]),
        ("status.neq=FAILED", [0, 2]),
        ("appid=app-2", [2]),
        ("created.between=2018-01-26,2018-01-28", [0, 1]),
        ("created.on=2018-01-27", [1]),
        ("created.after=2018-01-26", [1, 2]),
        ("created.gte=2018-01-27", [1, 2]),
        ("created.before=2018-01-27", [0]),
        ("created.lte=2018-01-27", [0, 1]),
        ("created=2018-01-26T15:01:44Z", [0]),
        ("created=2018-01-26T09:01:44.000-06:00", [0]),
        ("created=2018-01-26T15:01:44%2B00:00", [0]),
        ("created=2018-01-26T15:01:44+00:00", [0]),
        ("nodecount=1", [0, 1, 2]),
        ("nodecount.gt=1", []),
        ("inputs.like=*a*", [0, 1, 2]),
        ("id.nin=x", [0, 1, 2]),
        ("nonsense=1", [0, 1, 2]),
        ("name.nonsense=one-a", [0, 1, 2]),
        ("naem=one-a", [0, 1, 2]),
        ("name.like=one-*&status=FAILED", [1]),
    ],
)
def test_search(
    service: LocalService,
    owner: str,
    dialect: str,
    three: list[JobRow],
    query: str,
    expected: list[int] | list[Any],
) -> None:
    if dialect == "aloe" and query in ("created.on=2018-01-27", "created.between"):
        pytest.skip("days begin elsewhere")
    found = listed(service, owner, f"{query}&orderBy=created&order=asc")
    assert found == [three[number].id for number in expected]


@pytest.mark.parametrize(
    "query",
    ["status=NONSENSE", "created=yesterday", "created=0000-99-99", "nodecount=many",
     "nodecount=nan", "name.nlike=a*", "outputpath=x", "created.between=2018-01-01",
     "created.after=9999-12-31", "created.before=0001-01-01"],
)  # fmt: skip
def test_values_that_do_not_parse_are_500(service: LocalService, owner: str, query: str) -> None:
    reply = service.call(owner, "GET", f"/jobs/v2?{query}")
    assert (reply.status, reply.json["status"]) == (500, "error")


@pytest.mark.parametrize("term", ["archive", "executionsystem"])
def test_two_terms_are_broken_on_aloe(
    service: LocalService, put: Callable[..., JobRow], owner: str, dialect: str, term: str
) -> None:
    job = put()
    reply = service.call(
        owner, "GET", f"/jobs/v2?{term}={'true' if term == 'archive' else 'local'}"
    )
    if dialect == "aloe":
        assert reply.status == 500
    else:
        assert ids(reply) == [job.id]


def test_search_by_path_ignores_its_filters(
    service: LocalService, three: list[JobRow], owner: str
) -> None:
    assert len(ids(service.call(owner, "GET", "/jobs/v2/search/name/one-a"))) == 3


def test_a_search_never_shows_the_jobs_of_others(
    service: LocalService, put: Callable[..., JobRow], owner: str, new_user: Callable[[], str]
) -> None:
    stranger = new_user()
    job = put(name="secret")
    assert listed(service, stranger, "name=secret") == []
    assert listed(service, stranger, f"id={job.id}&owner={owner}") == []
