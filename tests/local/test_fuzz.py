"""Every route with whatever comes: no 500 that the contract does not have, no traceback in the log.

Hypothesis makes the requests; 500s must say one of the service's own texts.
"""

from __future__ import annotations

import logging
import socket
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jobsync.local.store.rows import JobRow
from jobsync.testing import LocalService, local_service

KNOWN_500 = (
    "Failed to retrieve jobs: ",
    "Invalid search value ",
    "Invalid date format ",
    "Invalid number ",
    "Invalid status value ",
    "Failed to update job permissions: ",
    "Job is already visible.",
    "Unable to locate job data. Work folder no longer exists.",
    "No work directory specified for this job.",
    "File/folder does not exist",
    "Invalid notification",
    "Unrecognized notification",
    "Failed to store ",
)
EXPECTED = {200, 201, 202, 206, 400, 401, 403, 404, 405, 413, 416, 431, 500}

METHODS = st.sampled_from(["GET", "POST", "DELETE", "HEAD", "PUT", "OPTIONS", "PATCH", "BREW"])
SAFE = "abcXYZ019-._~!$&'()*+,;=:@|"
ODD = ["%2F", "%00", "%FF", "%E2%82%AC", "%", "%zz", "..", "~", "%2e%2e", "{jobId}", "%7BjobId%7D",
       "%ED%A0%80", "*", "world", "null"]  # fmt: skip
segment = st.one_of(st.text(SAFE, max_size=12), st.sampled_from(ODD), st.text(SAFE, max_size=300))
job = st.one_of(st.sampled_from(["JOB", "HIDDEN", "FOREIGN", "RAN"]), segment)
tail = st.lists(segment, max_size=3).map("/".join)
known = st.sampled_from(
    ["", "status", "history", "pems", "pems/bob", "outputs", "outputs/listings", "outputs/media",
     "outputs/listings/", "outputs/media/counts.txt", "cancel", "hide", "search"]
)  # fmt: skip
paths = st.one_of(
    st.builds("/jobs/v2/{}/{}/{}".format, job, known, tail),
    st.builds("/jobs/v2/{}/{}".format, job, tail),
    st.builds("/jobs/v2{}".format, st.sampled_from(["", "/", "//", "/search/name/x"])),
    st.builds("/{}/v2/{}".format,
              st.sampled_from(["apps", "profiles", "clients", "files", "systems"]), tail),
    st.builds("/files/v2/{}/system/{}/{}".format, st.sampled_from(["listings", "media"]),
              st.sampled_from(["local", "archive", "x"]), tail),
    st.builds("/{}".format, tail),
    st.sampled_from(["/token", "/revoke"]),
)  # fmt: skip
TERMS = ["name", "status", "created", "id", "visible", "nodecount", "inputs", "maxruntime",
         "archive", "outputpath", "owner", "walltime", "charge", "limit", "offset", "order",
         "orderBy", "filter", "pretty", "naked", "force"]  # fmt: skip
OPERATORS = ["", ".eq", ".like", ".rlike", ".between", ".in", ".nin", ".gt", ".on", ".before", ".x"]
values = st.one_of(
    st.text(max_size=20), st.sampled_from(["2018-01-01", "1e999", "-1", "9" * 30, "a,b", "*", "("])
)
queries = st.lists(
    st.tuples(st.builds("{}{}".format, st.sampled_from(TERMS), st.sampled_from(OPERATORS)), values),
    max_size=4,
)  # fmt: skip
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), values)
FIELDS = ["name", "appId", "inputs", "parameters", "archive", "archivePath", "archiveSystem",
          "nodeCount", "memoryPerNode", "maxRunTime", "batchQueue", "notifications", "action",
          "username", "permission", "text", "lines", "seconds", "clientName", "x"]  # fmt: skip
documents = st.dictionaries(
    st.sampled_from(FIELDS),
    st.one_of(
        scalars,
        st.lists(scalars, max_size=3),
        st.dictionaries(st.sampled_from(FIELDS), st.one_of(scalars, st.lists(scalars, max_size=2)),
                        max_size=3),
        st.sampled_from(["stop", "resubmit", "restore", "READ", "NONE", "wc-demo-1.00", "bob"]),
    ),
    max_size=5,
)  # fmt: skip
valid = documents.map(lambda one: {"name": "f", "appId": "wc-demo-1.00", **one})
bodies = st.one_of(st.none(), st.binary(max_size=60), documents, valid)
kinds = st.sampled_from(
    [None, "application/json", "application/x-www-form-urlencoded", "text/plain",
     "multipart/form-data; boundary=x", "multipart/form-data", "application/json; charset=latin-1"]
)  # fmt: skip
ranges = st.one_of(st.none(), st.sampled_from(["bytes=0-", "bytes=-1", "bytes=1-0", "bytes=x"]))


class Recorder(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(self.format(record))


@pytest.fixture(scope="module", params=["agave", "aloe"])
def fuzzed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LocalService, dict[str, str]]]:
    """A service, and the ids of its jobs by the words that stand for them."""
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "in.txt").write_text("x\n")
    with local_service(
        folder, dialect=request.param, aloe_delay=0.0, kill_delay=0.0, cpus=1
    ) as one:
        store = one.service.store
        for number, (owner, visible) in enumerate(
            {"JOB": ("alice", True), "HIDDEN": ("alice", False), "FOREIGN": ("bob", True)}.values()
        ):
            store.insert_job(
                JobRow(f"{number}-007", owner, "n", "wc-demo-1.00", status="FINISHED",
                       archive_path="alice/x", visible=visible), "made",
            )  # fmt: skip
        ran = one.submit("alice")["id"]
        one.wait("alice", ran)
        yield one, {"JOB": "0-007", "HIDDEN": "1-007", "FOREIGN": "2-007", "RAN": ran}
        one.stop_jobs()


@given(
    method=METHODS, path=paths, query=queries, body=bodies, kind=kinds, range_=ranges,
    user=st.sampled_from(["alice", "alice", "alice", "bob", ""]),
)  # fmt: skip
@example("POST", "/jobs/v2", [],
         {"name": "f", "appId": "wc-demo-1.00", "inputs": {"text": "agave://local/x%00y"}},
         "application/json", None, "alice")  # fmt: skip
@example("GET", "/jobs/v2", [("created.on", "0001-01-01")], None, None, None, "alice")
@example("GET", "/jobs/v2", [("id.in", "," * 1000)], None, None, None, "alice")
@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_request_breaks_the_service(
    fuzzed: tuple[LocalService, dict[str, str]],
    method: str,
    path: str,
    query: list[tuple[str, str]],
    body: Any,
    kind: str | None,
    range_: str | None,
    user: str,
) -> None:
    service, ids = fuzzed
    for name, job_id in ids.items():
        path = path.replace(name, job_id)
    if query:
        path += "?" + urllib.parse.urlencode(query, errors="surrogatepass")
    headers = {}
    if kind is not None:
        headers["Content-Type"] = kind
    if range_ is not None:
        headers["Range"] = range_
    recorder = Recorder()
    logging.getLogger("jobsync").addHandler(recorder)
    try:
        reply = service.call(user, method, path, body, headers=headers)
    finally:
        logging.getLogger("jobsync").removeHandler(recorder)
    assert reply.status in EXPECTED, reply.body
    if reply.status == 500 and method != "HEAD" and reply.body:
        message = reply.json["message"]
        assert message.startswith(KNOWN_500), (message, recorder.records)
    assert not [line for line in recorder.records if "Traceback" in line]
    assert b"Traceback" not in reply.body


@given(st.binary(max_size=200))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_bytes_break_the_server(fuzzed: tuple[LocalService, dict[str, str]], raw: bytes) -> None:
    port = urllib.parse.urlsplit(fuzzed[0].url).port or 0
    for data in (raw + b"\r\n\r\n", b"GET /jobs/v2/" + raw + b" HTTP/1.1\r\nHost: x\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            try:
                answer = connection.recv(65536)
            except ConnectionResetError:
                answer = b""
            assert b"Traceback" not in answer
    assert fuzzed[0].call("alice", "GET", "/jobs/v2").status == 200
