"""agave-v2 §11, permissions; agave-v2 §5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobsync.local.store.rows import JobRow
from jobsync.testing import LocalService, Reply
from tests.local.conftest import stored

VALUES = {
    "READ": (True, False),
    "WRITE": (False, True),
    "EXECUTE": (False, False),
    "READ_WRITE": (True, True),
    "READ_EXECUTE": (True, False),
    "WRITE_EXECUTE": (False, True),
    "ALL": (True, True),
    "READ_PERMISSION": (True, False),
    "WRITE_PERMISSION": (False, True),
    "READ_WRITE_PERMISSION": (True, True),
}


@pytest.fixture
def job(put: Callable[..., JobRow]) -> str:
    return put().id


def grant(service: LocalService, owner: str, job: str, user: str, permission: str | None) -> Reply:
    body = {"username": user, "permission": permission}
    return service.call(owner, "POST", f"/jobs/v2/{job}/pems", body)


def rows(service: LocalService, user: str, job: str, query: str = "") -> list[str]:
    reply = service.call(user, "GET", f"/jobs/v2/{job}/pems?{query}")
    assert reply.status == 200, reply.body
    return [row["username"] for row in reply.result]


def pair(permission: dict[str, Any]) -> tuple[bool, bool]:
    return permission["permission"]["read"], permission["permission"]["write"]


def test_the_owner_is_first_on_every_page_and_outside_the_window(
    service: LocalService, owner: str, job: str
) -> None:
    for user in ("zoe", "bob", "mia"):
        grant(service, owner, job, user, "READ")
    assert rows(service, owner, job) == [owner, "bob", "mia", "zoe"]
    assert rows(service, owner, job, "limit=1") == [owner, "bob"]
    assert rows(service, owner, job, "limit=1&offset=2") == [owner, "zoe"]
    assert rows(service, owner, job, "offset=99") == [owner]


def test_the_shape_of_a_row(service: LocalService, owner: str, job: str) -> None:
    [row] = service.call(owner, "GET", f"/jobs/v2/{job}/pems").result
    assert row == {
        "username": owner,
        "internalUsername": None,
        "permission": {"read": True, "write": True},
        "_links": {
            "self": {"href": f"{service.url}/jobs/v2/{job}/pems/{owner}"},
            "parent": {"href": f"{service.url}/jobs/v2/{job}"},
            "profile": {"href": f"{service.url}/profiles/v2/{owner}"},
        },
    }


def test_one_user_is_an_object(service: LocalService, owner: str, job: str) -> None:
    grant(service, owner, job, "bob", "READ")
    path = f"/jobs/v2/{job}/pems"
    assert service.call(owner, "GET", f"{path}/bob").result["username"] == "bob"
    assert service.call(owner, "GET", f"{path}/BOB").result["username"] == "bob"
    assert pair(service.call(owner, "GET", f"{path}/{owner}").result) == (True, True)
    missing = service.call(owner, "GET", f"{path}/nobody")
    assert (missing.status, missing.json["message"]) == (
        404,
        "No permissions found for user nobody",
    )


def test_one_user_is_looked_up_in_the_window_and_is_an_object_when_paged_too(
    service: LocalService, owner: str, job: str
) -> None:
    for user in ("bob", "mia"):
        grant(service, owner, job, user, "READ")
    path = f"/jobs/v2/{job}/pems"
    assert service.call(owner, "GET", f"{path}/mia?limit=1").status == 404
    row = service.call(owner, "GET", f"{path}/mia?limit=250&offset=0").result
    assert row["username"] == "mia"


@pytest.mark.parametrize(("value", "expected"), VALUES.items())
def test_each_value_reads_back_as_a_pair(
    service: LocalService, owner: str, job: str, value: str, expected: tuple[bool, bool]
) -> None:
    reply = grant(service, owner, job, "bob", value.lower())
    assert (reply.status, pair(reply.result)) == (201, expected)
    assert "execute" not in reply.result["permission"]
    shown = service.call(owner, "GET", f"/jobs/v2/{job}/pems/bob")
    assert pair(shown.result) == expected


@pytest.mark.parametrize(
    ("value", "status"), [("NONE", 201), ("none", 201), ("", 200), (None, 201)]
)
def test_what_revokes(
    service: LocalService, owner: str, job: str, value: str | None, status: int
) -> None:
    for _ in range(2):  # an absent row too
        reply = grant(service, owner, job, "bob", value)
        assert (reply.status, pair(reply.result)) == (status, (False, False))
        assert rows(service, owner, job) == [owner]
    grant(service, owner, job, "bob", "ALL")
    assert grant(service, owner, job, "bob", value).status == status
    assert rows(service, owner, job) == [owner]


def test_granting_to_the_owner_does_nothing_and_says_false(
    service: LocalService, owner: str, job: str
) -> None:
    reply = grant(service, owner, job, owner, "READ")
    assert (reply.status, pair(reply.result)) == (201, (False, False))
    assert pair(service.call(owner, "GET", f"/jobs/v2/{job}/pems").result[0]) == (True, True)
    assert service.call(owner, "GET", f"/jobs/v2/{job}").status == 200


def test_the_order_of_the_checks_of_a_grant(
    service: LocalService, owner: str, job: str, new_user: Callable[[], str]
) -> None:
    path, stranger = f"/jobs/v2/{job}/pems", new_user()

    def refused(user: str, target: str, body: Any) -> tuple[int, str]:
        reply = service.call(user, "POST", target, body)
        return reply.status, reply.json["message"]

    good = {"username": "bob", "permission": "READ"}
    assert refused(owner, "/jobs/v2/nope/pems", b"") == (400, "Invalid job id")
    assert refused(stranger, path, {})[0] == 400
    assert refused(stranger, f"{path}/bob", {"username": "eve", "permission": "X"})[0] == 400
    assert refused(stranger, path, {"permission": "X"}) == (400, "No user found matching null")
    assert refused(stranger, path, {"username": "bob"}) == (400, "Missing permission field.")
    assert refused(stranger, path, {**good, "permission": "X"}) == (
        403,
        "User does not have permission to modify this resource.",
    )
    assert refused(owner, path, {**good, "permission": "X"}) == (
        400,
        "Invalid permission value. Valid values are: ALL, READ, WRITE, READ_WRITE, EXECUTE,"
        " READ_EXECUTE, WRITE_EXECUTE,NONE",
    )
    assert rows(service, owner, job) == [owner]


def test_grant_through_the_users_own_path(service: LocalService, owner: str, job: str) -> None:
    path = f"/jobs/v2/{job}/pems/bob"
    assert service.call(owner, "POST", path, {"permission": "READ"}).status == 201
    both = {"username": "BOB", "permission": "READ"}
    assert service.call(owner, "POST", path, both).status == 201
    assert rows(service, owner, job) == [owner, "bob"]


def test_any_name_is_accepted_but_not_a_long_one_nor_one_of_other_case(
    service: LocalService, owner: str, job: str
) -> None:
    assert grant(service, owner, job, "No Such Üser!", "READ").status == 201
    assert grant(service, owner, job, "u" * 32, "READ").status == 201
    long = grant(service, owner, job, "u" * 33, "READ")
    assert long.status == 500
    assert long.json["message"].startswith("Failed to update job permissions: ")
    assert grant(service, owner, job, "bob", "READ").status == 201
    assert grant(service, owner, job, "Bob", "READ").status == 500
    assert grant(service, owner, job, "Bob", "NONE").status == 201  # writes match exactly
    assert "bob" in rows(service, owner, job)


def test_a_name_in_a_path_is_not_decoded(service: LocalService, owner: str, job: str) -> None:
    service.call(owner, "POST", f"/jobs/v2/{job}/pems/a%40b.org", {"permission": "READ"})
    assert rows(service, owner, job) == [owner, "a%40b.org"]
    grant(service, owner, job, "a@b.org", "READ")
    service.call(owner, "DELETE", f"/jobs/v2/{job}/pems/a%40b.org")
    assert rows(service, owner, job) == [owner, "a@b.org"]


def test_hidden_jobs_take_grants_but_show_nothing(
    service: LocalService, owner: str, put: Callable[..., JobRow]
) -> None:
    job = put(visible=False).id
    assert grant(service, owner, job, "bob", "READ").status == 201
    assert service.service.store.grants(job) == {"bob": "READ"}
    path = f"/jobs/v2/{job}/pems"
    for method, target in [("GET", path), ("GET", f"{path}/bob"), ("DELETE", path),
                           ("DELETE", f"{path}/bob")]:  # fmt: skip
        assert service.call(owner, method, target).status == 404
    assert service.service.store.grants(job) == {"bob": "READ"}


def test_deletes_are_idempotent(service: LocalService, owner: str, job: str) -> None:
    for user in ("bob", "mia"):
        grant(service, owner, job, user, "READ")
    path = f"/jobs/v2/{job}/pems"
    for target in (f"{path}/bob", f"{path}/bob", f"{path}/nobody", f"{path}/{owner}"):
        reply = service.call(owner, "DELETE", target)
        assert (reply.status, "result" in reply.json) == (200, False)
    assert rows(service, owner, job) == [owner, "mia"]
    for _ in range(2):
        assert service.call(owner, "DELETE", path).status == 200
    assert rows(service, owner, job) == [owner]


def test_missing_jobs(service: LocalService, owner: str) -> None:
    for method, path in [("GET", "pems"), ("GET", "pems/bob"), ("DELETE", "pems"),
                         ("DELETE", "pems/bob")]:  # fmt: skip
        assert service.call(owner, method, f"/jobs/v2/nope/{path}").status == 404
    message = service.call(owner, "DELETE", "/jobs/v2/%7BjobId%7D/pems/bob").json["message"]
    assert message == "No job found with job id {jobId}."


# --- who may what ---------------------------------------------------------------------------

READS = ["", "/status", "/history", "/pems", "/pems/bob"]


def reads(service: LocalService, user: str, job: str) -> list[int]:
    return [service.call(user, "GET", f"/jobs/v2/{job}{path}").status for path in READS]


def test_what_a_stranger_gets(
    service: LocalService, owner: str, job: str, new_user: Callable[[], str]
) -> None:
    stranger = new_user()
    grant(service, owner, job, "bob", "READ")
    assert reads(service, stranger, job) == [403] * 5
    assert service.call(stranger, "GET", f"/jobs/v2/{job}/outputs/listings").status == 401
    assert service.call(stranger, "GET", f"/jobs/v2/{job}/outputs/media/x").status == 401
    for method, path, body in [
        ("POST", "", {"action": "stop"}),
        ("DELETE", "", None),
        ("DELETE", "/pems", None),
        ("DELETE", "/pems/bob", None),
        ("POST", "/pems", {"username": stranger, "permission": "ALL"}),
        ("POST", f"/pems/{stranger}", {"permission": "ALL"}),
    ]:
        assert service.call(stranger, method, f"/jobs/v2/{job}{path}", body).status == 403, path
    assert stored(service, job).visible
    assert service.service.store.grants(job) == {"bob": "READ"}


def test_a_reader_reads_and_nothing_else(
    service: LocalService, owner: str, job: str, new_user: Callable[[], str]
) -> None:
    reader = new_user()
    grant(service, owner, job, "bob", "READ")
    grant(service, owner, job, reader, "READ")
    assert reads(service, reader, job) == [200] * 5
    assert grant(service, reader, job, "eve", "READ").status == 403
    assert service.call(reader, "DELETE", f"/jobs/v2/{job}").status == 403
    assert service.call(reader, "POST", f"/jobs/v2/{job}", {"action": "stop"}).status == 403


def test_a_writer_cannot_read_but_can_change_and_help_himself(
    service: LocalService, owner: str, job: str, new_user: Callable[[], str]
) -> None:
    writer = new_user()
    grant(service, owner, job, "bob", "READ")
    grant(service, owner, job, writer, "WRITE")
    assert reads(service, writer, job) == [403] * 5
    assert grant(service, writer, job, "mia", "READ").status == 201
    assert grant(service, writer, job, writer, "ALL").status == 201
    assert reads(service, writer, job) == [200] * 5
    assert service.call(writer, "DELETE", f"/jobs/v2/{job}").status == 200


def test_world_reaches_everybody_and_shadows_names_after_it(
    service: LocalService, owner: str, put: Callable[..., JobRow]
) -> None:
    job = put().id
    for user in ("aaa", "zzz"):
        service.add_user(user)
    grant(service, owner, job, "aaa", "NONE")
    grant(service, owner, job, "world", "READ")
    assert reads(service, "aaa", job)[:3] == [200, 200, 200]
    grant(service, owner, job, "aaa", "WRITE")
    grant(service, owner, job, "zzz", "WRITE")
    # aaa sorts before world: the own row decides. zzz sorts after it: world's row does.
    assert service.call("aaa", "GET", f"/jobs/v2/{job}").status == 403
    assert service.call("zzz", "GET", f"/jobs/v2/{job}").status == 200
    assert grant(service, "aaa", job, "x", "READ").status == 201
    assert grant(service, "zzz", job, "y", "READ").status == 403


@pytest.mark.parametrize("name", ["public", "*"])
def test_other_special_names_are_not_special(
    service: LocalService, owner: str, job: str, new_user: Callable[[], str], name: str
) -> None:
    stranger = new_user()
    grant(service, owner, job, name, "ALL")
    assert service.call(stranger, "GET", f"/jobs/v2/{job}").status == 403


def test_history_tells_of_grants_with_the_old_permission(
    service: LocalService, owner: str, job: str
) -> None:
    for value in ("READ", "ALL", "NONE"):
        grant(service, owner, job, "bob", value)
    grant(service, owner, job, "bob", "NONE")
    history = service.call(owner, "GET", f"/jobs/v2/{job}/history").result
    assert [(line["status"], line["description"]) for line in history[1:]] == [
        ("PERMISSION_GRANT", "READ permission granted to bob"),
        ("PERMISSION_GRANT", "READ permission granted to bob"),
        ("PERMISSION_REVOKE", "All permissions revoked for bob"),
    ]
    assert {line["createdBy"] for line in history} == {owner}
