"""Every fault once from outside with curl, and the one mechanism behind them."""

from __future__ import annotations

import gzip
import http.client
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobsync.local.faults import KINDS, Asked, BadFault, FaultBoard, parse
from jobsync.local.store.rows import JobRow
from jobsync.testing import LocalService, local_service

CURL = shutil.which("curl")
needs_curl = pytest.mark.skipif(CURL is None, reason="curl is not installed")


@pytest.fixture(scope="module")
def dialect() -> str:
    return "agave"


Answer = tuple[int, int, bytes, dict[str, str]]
"""Exit code, status, body and headers."""


class Curl:
    """curl against one service as one user; remembers which faults were shown."""

    def __init__(self, service: LocalService, user: str) -> None:
        self._url, self._token = service.url, service.tokens[user]

    def __call__(self, path: str, *options: str) -> Answer:
        """(exit code, status, body, headers) of one call."""
        done = subprocess.run(
            [CURL or "", "-sS", "-i", "-H", f"Authorization: Bearer {self._token}", *options,
             f"{self._url}{path}"],
            capture_output=True, timeout=30, check=False,
        )  # fmt: skip
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (ln.partition(": ") for ln in lines)}
        status = int(first.split()[1]) if first else 0
        return done.returncode, status, body, headers

    def arm(self, fault: str) -> None:
        _, status, body, _ = self("/_faults", "-d", json.dumps({"fault": fault}))
        assert status == 200, body

    def submit(self, name: str = "demo") -> Answer:
        body = json.dumps({"name": name, "appId": "wc-demo-1.00"})
        return self("/jobs/v2", "-H", "Content-Type: application/json", "-d", body)


@pytest.fixture
def curl(service: LocalService, owner: str) -> Curl:
    if CURL is None:
        pytest.skip("curl is not installed")
    return Curl(service, owner)


def names(service: LocalService, owner: str) -> list[str]:
    return [row["name"] for row in service.call(owner, "GET", "/jobs/v2").result]


def test_throttle_without_and_with_retry_after(curl: Curl) -> None:
    curl.arm("throttle")
    _, status, body, headers = curl("/jobs/v2")
    assert (status, json.loads(body)["fault"]["code"]) == (429, 900800)
    assert "retry-after" not in headers
    curl.arm("throttle,retry-after=7")
    assert curl("/jobs/v2")[3]["retry-after"] == "7"
    assert curl("/jobs/v2")[1] == 200


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_html_errors_before_the_request(
    curl: Curl, service: LocalService, owner: str, status: int
) -> None:
    curl.arm(f"html,status={status},on=submit")
    _, got, body, headers = curl.submit()
    assert (got, headers["content-type"]) == (status, "text/html")
    assert body.startswith(b"<html>")
    assert names(service, owner) == []


def test_html_error_after_the_request(curl: Curl, service: LocalService, owner: str) -> None:
    curl.arm("html,when=after,on=submit")
    assert curl.submit("done")[1] == 502
    assert names(service, owner) == ["done"]


def test_reset_before_and_after_the_commit(curl: Curl, service: LocalService, owner: str) -> None:
    curl.arm("reset-before,on=submit")
    code, _, body, _ = curl.submit("before")
    assert (code, body) == (56, b"")
    assert names(service, owner) == []
    curl.arm("reset-after,on=submit")
    code, _, body, _ = curl.submit("after")
    assert (code, body) == (56, b"")
    assert names(service, owner) == ["after"]


def test_answer_lost(curl: Curl, service: LocalService, owner: str) -> None:
    curl.arm("lost,on=submit,seconds=0.3")
    began = time.monotonic()
    code, _, _, _ = curl.submit("lost")
    assert code == 52  # nothing came back
    assert time.monotonic() - began >= 0.3
    assert names(service, owner) == ["lost"]


def test_late_visibility(curl: Curl, service: LocalService, owner: str) -> None:
    curl.arm("late,seconds=0.5")
    _, status, body, _ = curl.submit("late")
    job = json.loads(body)["result"]["id"]
    assert status == 201
    assert curl(f"/jobs/v2/{job}")[1] == 404
    assert names(service, owner) == []
    deadline = time.monotonic() + 30
    while curl(f"/jobs/v2/{job}")[1] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert names(service, owner) == ["late"]


def test_dropped_filters(curl: Curl, put: Callable[..., JobRow]) -> None:
    wanted, other = put(name="wanted"), put(name="other")
    assert len(json.loads(curl("/jobs/v2?name=wanted")[2])["result"]) == 1
    curl.arm("drop-filters")
    found = {row["id"] for row in json.loads(curl("/jobs/v2?name=wanted")[2])["result"]}
    assert found == {wanted.id, other.id}


def test_dropped_projection(curl: Curl, put: Callable[..., JobRow]) -> None:
    put()
    curl.arm("drop-projection")
    [row] = json.loads(curl("/jobs/v2?filter=*")[2])["result"]
    assert "inputs" not in row


def test_the_broken_default_order(curl: Curl, put: Callable[..., JobRow]) -> None:
    put()
    curl.arm("list-500")
    assert curl("/jobs/v2")[1] == 500
    assert curl("/jobs/v2?orderBy=id")[1] == 200


def test_page_limit(curl: Curl, put: Callable[..., JobRow]) -> None:
    for _ in range(5):
        put()
    curl.arm("page-limit,limit=2")
    assert len(json.loads(curl("/jobs/v2?limit=4")[2])["result"]) == 2


def test_drift_between_pages(
    curl: Curl, put: Callable[..., JobRow], service: LocalService, owner: str
) -> None:
    rows = [put(last_updated=float(number)).id for number in range(1, 5)][::-1]

    def page(query: str) -> list[str]:
        return [row["id"] for row in json.loads(curl(f"/jobs/v2?{query}")[2])["result"]]

    curl.arm("drift")
    assert page("limit=2&offset=0") == rows[:2]
    second = page("limit=2&offset=2")
    assert rows[2] not in second  # moved to the top between the pages: missed
    assert rows[1] in second  # and one of the first page comes again
    stable = [*page("orderBy=id&order=asc&limit=2"), *page("orderBy=id&order=asc&limit=2&offset=2")]
    assert stable == sorted(rows)


def test_slow_and_dripping_answers(curl: Curl) -> None:
    for fault in ("slow,seconds=0.4", "drip,seconds=0.4"):
        curl.arm(fault)
        began = time.monotonic()
        code, status, body, _ = curl("/jobs/v2")
        assert (code, status, json.loads(body)["status"]) == (0, 200, "success")
        assert time.monotonic() - began >= 0.35


def test_truncated_body(curl: Curl) -> None:
    whole = len(curl("/jobs/v2")[2])
    curl.arm("truncated")
    code, status, body, headers = curl("/jobs/v2")
    assert (code, status, len(body), int(headers["content-length"])) == (18, 200, whole // 2, whole)
    curl.arm("truncated,bytes=3")
    assert len(curl("/jobs/v2")[2]) == 3


def test_truncated_download(curl: Curl, service: LocalService, owner: str) -> None:
    job = service.submit(owner, name="cut")["id"]
    service.wait(owner, job)
    curl.arm("truncated,on=media")
    assert curl(f"/jobs/v2/{job}/outputs/media/counts.txt")[0] == 18


def test_gzip_nobody_asked_for(curl: Curl) -> None:
    curl.arm("gzip")
    _, status, body, headers = curl("/jobs/v2")
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert json.loads(gzip.decompress(body))["status"] == "success"


def test_html_with_200(curl: Curl, service: LocalService, owner: str) -> None:
    curl.arm("html-200,on=submit")
    _, status, body, _ = curl.submit("page")
    assert (status, body[:6]) == (200, b"<html>")
    assert names(service, owner) == ["page"]


def test_expired_token(curl: Curl) -> None:
    curl.arm("expired")
    _, status, body, _ = curl("/jobs/v2")
    assert (status, json.loads(body)["fault"]["code"]) == (401, 900904)
    assert curl("/jobs/v2")[1] == 200  # a user's own token never really expires
    curl.arm("expired,code=900903")
    assert json.loads(curl("/jobs/v2")[2])["fault"]["code"] == 900903


def test_faults_as_xml(curl: Curl) -> None:
    curl.arm("gateway-xml")
    curl.arm("expired")
    _, status, body, headers = curl("/jobs/v2")
    assert (status, headers["content-type"]) == (401, "application/xml")
    assert b"<ams:message>Access Token Inactive</ams:message>" in body
    curl.arm("throttle")
    _, status, body, _ = curl("/jobs/v2")
    assert (status, b"<amt:code>900800</amt:code>" in body) == (503, True)


def test_null_prefix(curl: Curl, service: LocalService, owner: str) -> None:
    job = service.submit(owner)["id"]
    service.wait(owner, job)
    curl.arm("null-prefix")
    rows = json.loads(curl(f"/jobs/v2/{job}/outputs/listings")[2])["result"]
    assert all(row["path"].startswith("null/") for row in rows)


def test_a_missing_archived_file_is_empty(curl: Curl, service: LocalService, owner: str) -> None:
    job = service.submit(owner)["id"]
    service.wait(owner, job)
    path = f"/jobs/v2/{job}/outputs/media/nothing"
    assert curl(path)[1] == 500
    curl.arm("empty-missing")
    assert curl(path)[1:3] == (200, b"")


def test_system_down(curl: Curl, service: LocalService, owner: str) -> None:
    job = service.submit(owner)["id"]
    service.wait(owner, job)
    for kind, status in (("listings", 500), ("media", 504)):
        curl.arm("system-down")
        _, got, body, _ = curl(f"/jobs/v2/{job}/outputs/{kind}/counts.txt")
        assert (got, b"is not currently available" in body) == (status, True)


def test_duplicate_owner(curl: Curl, put: Callable[..., JobRow], owner: str) -> None:
    curl.arm("duplicate-owner")
    rows = json.loads(curl(f"/jobs/v2/{put().id}/pems")[2])["result"]
    assert [row["username"] for row in rows] == [owner, owner]


def test_ignored_grant(curl: Curl, put: Callable[..., JobRow], owner: str) -> None:
    curl.arm("ignored-grant")
    path, body = f"/jobs/v2/{put().id}/pems", '{"username": "bob", "permission": "READ"}'
    for expected in ([owner], [owner, "bob"]):
        _, status, answer, _ = curl(path, "-H", "Content-Type: application/json", "-d", body)
        assert (status, json.loads(answer)["result"]["permission"]["read"]) == (201, True)
        rows = json.loads(curl(path)[2])["result"]
        assert [row["username"] for row in rows] == expected


def test_every_kind_has_its_curl_test() -> None:
    """A new kind of fault must be shown here too."""
    here = Path(__file__)
    text = here.read_text("utf-8") + (here.parent / "tapis" / "test_faults_v3.py").read_text(
        "utf-8"
    )
    assert not [kind for kind in KINDS if f'"{kind}' not in text and f"({kind}" not in text]


# --- the mechanism --------------------------------------------------------------------------


def test_the_control_call(service: LocalService, owner: str) -> None:
    assert service.call("", "GET", "/_faults").json == {"faults": []}
    armed = service.call("", "POST", "/_faults", {"faults": ["throttle,times=2", "gzip"]}).json
    assert [one["fault"] for one in armed["faults"]] == ["throttle,times=2", "gzip"]
    assert service.call(owner, "GET", "/jobs/v2").status == 429
    state = service.call("", "GET", "/_faults").json["faults"]
    assert state[0] == {"fault": "throttle,times=2", "left": 1, "hits": 1}
    assert service.call("", "DELETE", "/_faults").json == {"faults": []}
    for bad in (b"", b"[]", b'{"fault": "nonsense"}', b'{"fault": 5}', b'{"faults": "throttle"}'):
        assert service.call("", "POST", "/_faults", bad).status == 400
    assert service.call("", "GET", "/_faults").json == {"faults": []}


def test_without_faults_there_is_no_control_call(tmp_path: Path) -> None:
    from jobsync.local.service import Service, ServiceSettings

    settings = ServiceSettings(tmp_path / "state", tmp_path, users=("alice",))
    with Service(settings) as service:
        connection = http.client.HTTPConnection("127.0.0.1", int(service.url.rpartition(":")[2]))
        connection.request("POST", "/_faults", b'{"fault":"throttle"}')
        assert connection.getresponse().status == 404
        connection.close()


def test_armed_from_the_start(tmp_path: Path) -> None:
    with local_service(tmp_path, faults=["throttle,on=list", "html,on=get,status=503"]) as service:
        assert service.call("alice", "GET", "/jobs/v2").status == 429
        assert service.call("alice", "GET", "/jobs/v2").status == 200
        assert service.call("alice", "GET", "/jobs/v2/x").status == 503
        assert (service.hits("throttle"), service.hits("html")) == (1, 1)


LIST = Asked("list", "GET", "/jobs/v2", "alice")


@pytest.mark.parametrize(
    ("spec", "strikes"),
    [
        ("throttle", [1, 0, 0, 0]),
        ("throttle,times=2", [1, 1, 0, 0]),
        ("throttle,times=always", [1, 1, 1, 1]),
        ("throttle,after=2", [0, 0, 1, 0]),
        ("throttle,on=list", [1, 0, 0, 0]),
        ("throttle,on=submit", [0, 0, 0, 0]),
        ("throttle,method=get,path=/jobs/*,user=alice", [1, 0, 0, 0]),
        ("throttle,path=/apps/*", [0, 0, 0, 0]),
        ("drop-filters", [1, 1, 1, 1]),
        ("drop-filters,times=1", [1, 0, 0, 0]),
    ],
)
def test_when_a_fault_strikes(spec: str, strikes: list[int]) -> None:
    board = FaultBoard([spec])
    kind = spec.split(",")[0]
    assert [bool(board.take((kind,), LIST)) for _ in range(4)] == [bool(n) for n in strikes]
    assert board.hits(kind) == sum(strikes)


def test_a_rate_is_repeatable() -> None:
    def struck(seed: int) -> list[bool]:
        board = FaultBoard([f"throttle,rate=0.3,times=always,seed={seed}"])
        return [bool(board.take(("throttle",), LIST)) for _ in range(200)]

    assert struck(1) == struck(1) != struck(2)
    assert 30 < sum(struck(1)) < 90


@pytest.mark.parametrize(
    "spec",
    ["", "nonsense", "throttle,x=1", "throttle,times=x", "slow,seconds=x", "throttle,times",
     "page-limit,limit=x", "html,status=x", "throttle,rate=x"],
)  # fmt: skip
def test_what_is_no_fault(spec: str) -> None:
    with pytest.raises(BadFault):
        parse(spec)
