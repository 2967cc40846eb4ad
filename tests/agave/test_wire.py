"""Records of both engines become the same nouns; what is no record is an error."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.errors import Unreadable
from jobsync.model import JsonValue, RunState
from jobsync.platforms import records
from jobsync.platforms.agave import wire
from jobsync.platforms.agave.permissions import READ

ASKED = "GET https://api.example.org/jobs/v2/x"
OLDER: records.Record = {
    "id": "1674389564419740136-242ac113-0001-007",
    "name": "p.align.aaaaaaaaaa",
    "owner": "jdoe",
    "appId": "bwa-0.7.17",
    "executionSystem": "stampede2.exec",
    "batchQueue": "normal",
    "nodeCount": 1,
    "processorsPerNode": 16,
    "memoryPerNode": 32.0,
    "maxRunTime": "01:00:00",
    "archive": True,
    "retries": 0,
    "localId": "4936233",
    "created": "2018-01-26T15:01:44.000-06:00",
    "lastUpdated": "2018-01-26T16:12:09.000-06:00",
    "archivePath": "jdoe/archive/x",
    "archiveSystem": "data.tacc",
    "outputPath": "/scratch/x",
    "status": "FAILED",
    "message": "Job exited with non-zero status",
    "submitTime": None,
    "startTime": None,
    "endTime": "2018-01-26T16:12:09.000-06:00",
    "inputs": {"reads": ["agave://data.tacc/jdoe/r1.fq"]},
    "parameters": {"threads": 16},
    "_links": {"self": {"href": "https://docker.example.com/jobs/2.0/x"}},
}
NEWER: records.Record = {
    **{key: OLDER[key] for key in ("id", "name", "owner", "appId", "archive", "archivePath")},
    **{key: OLDER[key] for key in ("archiveSystem", "nodeCount", "processorsPerNode", "inputs")},
    **{key: OLDER[key] for key in ("memoryPerNode", "parameters", "status", "_links")},
    "tenantQueue": "q",
    "lastStatusMessage": "Job exited with non-zero status",
    "accepted": "2018-01-26T21:01:43.123Z",
    "created": "2018-01-26T21:01:44.000Z",
    "ended": "2018-01-26T22:12:09Z",
    "lastUpdated": "2018-01-26T22:12:09.000Z",
    "systemId": "stampede2.exec",
    "workPath": "/scratch/x",
    "maxHours": 1.0,
    "remoteJobId": "4936233",
    "remoteQueue": "normal",
    "remoteSubmitted": None,
    "remoteStarted": None,
    "submitRetries": 0,
    "visible": True,
}


def test_both_engines_tell_the_same_run() -> None:
    one, other = wire.run(OLDER, ASKED), wire.run(NEWER, ASKED)
    assert one.created == other.created == datetime(2018, 1, 26, 21, 1, 44, tzinfo=timezone.utc)
    assert one.ended == other.ended
    assert one.request is not None and other.request is not None
    same = set(OLDER) - {"_links", "created", "lastUpdated", "endTime"}
    assert {key: one.request[key] for key in same} == {key: other.request[key] for key in same}
    assert one.message == other.message == "Job exited with non-zero status"
    assert "_links" not in one.request


def test_without_an_archive_there_is_no_archive_path() -> None:
    run = wire.run({**NEWER, "archive": False}, ASKED)
    assert run.request is not None
    assert run.request["archive"] is False
    assert not {"archivePath", "archiveSystem"} & set(run.request)


@pytest.mark.parametrize(
    ("hours", "shown"),
    [
        (1.0, "01:00:00"),
        (0.5, "00:30:00"),
        ("2", "02:00:00"),
        (999.9997, "999:59:59"),
        (None, None),
        ("x", None),
        (True, None),
    ],
)
def test_hours_become_a_run_time(hours: JsonValue, shown: str | None) -> None:
    assert wire.older_names({"maxHours": hours})["maxRunTime"] == shown


def test_a_summary_row_is_not_a_record() -> None:
    row: records.Record = {key: OLDER[key] for key in ("id", "name", "owner", "appId", "status")}
    run = wire.run(row, ASKED, seen_visible=False)
    assert run.request is None and not run.visible and run.created is None


@pytest.mark.parametrize("key", ["id", "name", "owner", "status"])
@pytest.mark.parametrize("value", [None, "", 7.5, [], {}])
def test_what_makes_a_job_must_be_there(key: str, value: JsonValue) -> None:
    with pytest.raises(Unreadable, match=key) as caught:
        wire.run({**OLDER, key: value}, ASKED)
    assert ASKED in str(caught.value)


@pytest.mark.parametrize(
    ("status", "message", "state"),
    [
        ("FINISHED", "", RunState.FINISHED),
        ("finished", "", RunState.FINISHED),
        ("STOPPED", "", RunState.STOPPED),
        ("KILLED", "", RunState.STOPPED),
        ("FAILED", "", RunState.FAILED),
        ("FAILED", "Out of memory", RunState.FAILED),
        ("FAILED", "Successfully killed remote job process.", RunState.STOPPED),
        ("FAILED", "Job cancelled by user.", RunState.STOPPED),
        ("FAILED", " job cancelled by user", RunState.STOPPED),
        ("FAILED", "See: Job cancelled by user.", RunState.FAILED),
        ("FAILED", "Job cancelled by username quota", RunState.FAILED),
        *(
            (word, "Job cancelled by user.", RunState.ACTIVE)
            for word in (
                *("PENDING", "PROCESSING_INPUTS", "STAGING_INPUTS", "STAGED", "STAGING_JOB"),
                *("SUBMITTING", "QUEUED", "RUNNING", "PAUSED", "CLEANING_UP", "ARCHIVING"),
                *("ARCHIVING_FINISHED", "ARCHIVING_FAILED", "HEARTBEAT", "ACCEPTED", "BLOCKED"),
                *("UNHEARD_OF", "FINISHED_MAYBE", "ROLLINGBACK"),
            )
        ),
    ],
)
def test_what_a_status_means(status: str, message: str, state: RunState) -> None:
    assert wire.run_state(status, message) is state


@pytest.mark.parametrize(
    "text",
    [
        "2018-01-26T15:01:44.000-06:00",
        "2018-01-26T15:01:44-0600",
        "2018-01-26T21:01:44Z",
        "2018-01-26T21:01:44.000000000Z",
        "2018-01-26 21:01:44 +00:00",
    ],
)
def test_times_are_instants(text: str) -> None:
    assert wire.moment(text) == datetime(2018, 1, 26, 21, 1, 44, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "value", [None, "", 7, "soon", "2018-13-45T99:99:99Z", "2018-01-26T21:01:44"]
)
def test_other_times_are_not_known(value: JsonValue) -> None:
    assert wire.moment(value) is None


@given(st.datetimes(timezones=st.timezones()))
def test_any_zone_is_read(when: datetime) -> None:
    found = wire.moment(when.isoformat(timespec="milliseconds"))
    assert found is None or abs((found - when).total_seconds()) < 1


def test_permissions_come_in_a_list_or_alone() -> None:
    row: JsonValue = {
        "username": "bob",
        "internalUsername": None,
        "permission": {"read": True, "write": "false"},
    }
    expected = [wire.Permission("bob", READ)]
    assert wire.permissions(row, ASKED) == wire.permissions([row], ASKED) == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        "x",
        [None],
        [{"username": "bob"}],
        [{"permission": {"read": True, "write": True}}],
        [{"username": "bob", "permission": {"read": True}}],
        [{"username": "bob", "permission": {"read": 1, "write": 0}}],
        [{"username": "bob", "permission": "READ"}],
    ],
)
def test_other_permissions_are_unreadable(value: JsonValue) -> None:
    with pytest.raises(Unreadable):
        wire.permissions(value, ASKED)


def test_the_path_of_a_file_is_ours() -> None:
    row: records.Record = {"name": "b.txt", "path": "null/x/b.txt", "length": "12", "type": "file"}
    assert wire.file(row, "sub", ASKED).path == "sub/b.txt"
    assert wire.file(row, "", ASKED).path == "b.txt"
    assert wire.file({**row, "type": "dir"}, "", ASKED).is_folder
    for wrong in ({"name": ""}, {"name": None}, {"length": -1}, {"length": None}, {"length": True}):
        with pytest.raises(Unreadable):
            wire.file({**row, **wrong}, "", ASKED)


def test_an_old_history_tells_less() -> None:
    event = wire.event({"status": "RUNNING", "description": None}, ASKED)
    assert (event.status, event.created, event.by, event.description) == ("RUNNING", "", "", "")


@pytest.mark.parametrize("value", [{"username": "a"}, [{"username": "a"}]])
def test_who_i_am(value: JsonValue) -> None:
    assert wire.username(value, ASKED) == "a"


@pytest.mark.parametrize("value", [None, [], "a", {"username": ""}, [{"username": "a"}] * 2])
def test_who_i_am_must_be_told(value: JsonValue) -> None:
    with pytest.raises(Unreadable):
        wire.username(value, ASKED)


def test_an_app() -> None:
    app = wire.app(
        {
            "id": "wc-1.0",
            "defaultQueue": "debug",
            "defaultNodeCount": 2,
            "defaultMaxRunTime": None,
            "inputs": [
                {
                    "id": "text",
                    "value": {"required": True, "visible": False},
                    "semantics": {"minCardinality": 1, "maxCardinality": -1},
                }
            ],
            "parameters": [
                {"id": "mode", "value": {"type": "enumeration", "enum_values": [{"a": "A"}, "b"]}},
                {"id": "n", "value": {"type": "number"}, "semantics": {"maxCardinality": 1}},
            ],
        },
        ASKED,
    )
    assert app.defaults == {"batchQueue": "debug", "nodeCount": 2}
    text, mode = app.inputs["text"], app.parameters["mode"]
    assert (text.required, text.visible, text.minimum, text.maximum) == (True, False, 1, None)
    assert (mode.type, mode.choices, mode.visible) == ("enumeration", ("a", "b"), True)
    assert app.parameters["n"].maximum == 1
    assert wire.app({"id": "x-1"}, ASKED).inputs == {}


def test_when_an_app_was_changed_is_told_of_a_private_one_alone() -> None:
    row: dict[str, JsonValue] = {"id": "x-1", "lastModified": "2018-01-26T15:01:45.000-06:00"}
    assert wire.app({**row, "isPublic": True}, ASKED).changed is None
    assert wire.app(row, ASKED).changed is None
    changed = wire.app({**row, "isPublic": False}, ASKED).changed
    assert changed == datetime(2018, 1, 26, 21, 1, 45, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        ({"appId": "a-1"}, {"appId": "a-1", "archivePath": ""}),
        ({"archive": False}, {"archive": False}),
        ({"archivePath": "x/${JOB_ID}"}, {"archivePath": "x/${JOB_ID}"}),
        ({"archive": False, "memoryPerNode": 4}, {"archive": False, "memoryPerNode": "4GB"}),
        ({"archive": False, "memoryPerNode": 0.5}, {"archive": False, "memoryPerNode": "0.5GB"}),
        ({"archive": False, "memoryPerNode": "1TB"}, {"archive": False, "memoryPerNode": "1TB"}),
    ],
)
def test_a_request_that_both_engines_accept(request_: records.Record, body: records.Record) -> None:
    assert json.loads(wire.submit_body("n", request_)) == {"name": "n", **body}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(st.sampled_from([*OLDER, *NEWER]), values))
def test_any_record_is_a_run_or_unreadable(changes: records.Record) -> None:
    for base in (OLDER, NEWER):
        try:
            run = wire.run({**base, **changes}, ASKED)
        except Unreadable:
            continue
        assert run.state in RunState and isinstance(run.message, str)


@pytest.mark.parametrize("job_id", [17, 9007199254740993, -3])
def test_an_id_that_is_a_whole_number_is_that_number(job_id: int) -> None:
    """The platform's own description of its interface has ids of that type."""
    found: records.Record = {"id": job_id, "name": "a", "owner": "alice", "status": "FINISHED"}
    assert wire.run(found, "GET /").id == str(job_id)
    assert wire.row(found, "GET /").id == str(job_id)


@pytest.mark.parametrize("job_id", [None, "", True, 1.5, ["x"]])
def test_what_is_no_id_is_unreadable(job_id: JsonValue) -> None:
    found: records.Record = {"id": job_id, "name": "a", "owner": "alice", "status": "FINISHED"}
    with pytest.raises(Unreadable, match="without 'id'"):
        wire.run(found, "GET /")
    with pytest.raises(Unreadable, match="without 'id'"):
        wire.row(found, "GET /")
