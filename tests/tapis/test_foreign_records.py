"""Records of a service that says anything at all: a noun of ours, or unreadable."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.errors import Unreadable
from jobsync.http.connection import Connection
from jobsync.model import JsonValue, RunState
from jobsync.platforms import records
from jobsync.platforms.tapis import connections, describe, outputs
from jobsync.platforms.tapis.app_definitions import described_app
from jobsync.platforms.tapis.credentials import explicit
from jobsync.platforms.tapis.describe import PLACES, ROW
from tests.fakes.scripted_server import ScriptedServer, http
from tests.tapis.tokens import jwt

UUID = "5753a008-d545-4e2f-8b66-f64e9f446c62-007"
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False),
    st.text(max_size=8), st.sampled_from(["FINISHED", "FAILED", UUID, "[1]", '{"a":', "/", ".."]),
)  # fmt: skip
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
GOOD: dict[str, JsonValue] = {
    "uuid": UUID, "id": 7, "name": "p.a", "owner": "alice", "status": "FINISHED",
    "archiveSystemId": "s", "archiveSystemDir": "/a/b", "execSystemId": "e",
    "execSystemOutputDir": "/o", "visible": True, "tags": ["jobsync-op:x"],
}  # fmt: skip
MEMBERS = sorted({*ROW, *PLACES, *GOOD, "fileInputs", "parameterSet", "notes"})
RECORDS = st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=4).map(lambda d: {**GOOD, **d})


@settings(max_examples=200, deadline=None)
@given(RECORDS, st.one_of(st.none(), st.dictionaries(st.text(max_size=5), JSON, max_size=3)))
def test_a_run_is_a_run_or_unreadable(record: dict[str, JsonValue], request: Any) -> None:
    try:
        run = describe.run(record, "asked", describe.full_record(record, request))
        place = outputs.place_of(record, "alice", "asked")
    except Unreadable:
        return
    assert run.id == UUID and run.number == record["id"] and isinstance(run.state, RunState)
    assert run.message.isprintable() and len(run.message) < 1000
    assert ".." not in place.base.split("/")


@settings(max_examples=100, deadline=None)
@given(JSON, st.sampled_from(["", "a", "a/b"]))
def test_rows_of_other_lists_are_read_or_unreadable(value: Any, folder: str) -> None:
    for read in (
        lambda: [describe.event(one, "") for one in records.rows(value, "")],
        lambda: describe.resources_by_user(records.rows(value, ""), ""),
        lambda: [
            outputs._entry(one, f"/top/{folder}", folder, "") for one in records.rows(value, "")
        ],
        lambda: records.record(value, ""),
    ):
        with contextlib.suppress(Unreadable):
            read()


@given(st.dictionaries(st.sampled_from(["path", "size", "type", "name", "lastModified"]), JSON))
def test_no_path_leads_out_of_its_folder(row: dict[str, JsonValue]) -> None:
    try:
        found = outputs._entry({"path": "/top/in/x", "size": 1, **row}, "/top/in", "in", "asked")
    except Unreadable:
        return
    assert found.path.startswith("in/") and found.path.count("/") == 1
    assert found.path.rpartition("/")[2] not in ("", ".", "..") and found.length >= 0


@given(st.dictionaries(st.sampled_from(["id", "version", "jobAttributes", "updated"]), JSON))
def test_an_app_is_an_app(definition: dict[str, JsonValue]) -> None:
    described_app(definition)


def test_one_run_without_a_place_for_its_outputs_hides_no_other() -> None:
    """Its outputs cannot be read, but everything else can be planned."""
    rows = [{**GOOD, "archiveSystemDir": None, "archiveMode": None}]
    whole = {"status": "success", "message": "x", "version": "1"}
    listed = {**whole, "result": rows, "metadata": {"totalCount": 1, "recordLimit": 1000}}
    profile = {**whole, "result": {"username": "alice"}, "metadata": None}
    job = {**whole, "result": rows[0], "metadata": None}
    replies = [http(200, json.dumps(one).encode()) for one in (listed, profile, job)]
    with ScriptedServer(*replies) as server:
        token = explicit(server.url, jwt(server.url, "alice"))
        with connections.connect_reader(server.url, token, how=Connection()) as reader:
            [run] = reader.runs(lambda row: True)
            assert run.state is RunState.FINISHED
            with pytest.raises(Unreadable, match="does not say where its outputs are"):
                reader.files(run.id)
