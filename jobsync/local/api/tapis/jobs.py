"""The operations on jobs themselves (tapis-v3 §3, §4)."""

from __future__ import annotations

import logging
import re
import uuid as uuids
from typing import Any

from jobsync.local.api.mishaps import Hangup
from jobsync.local.api.tapis import record, schema, submission
from jobsync.local.api.tapis.access import HISTORY, may, mismatch, owned, seen, select_error
from jobsync.local.api.tapis.answer import Answer, Problem, absent
from jobsync.local.api.tapis.call import Call
from jobsync.local.api.tapis.ends import condition_of, is_over
from jobsync.local.api.tapis.requests import with_nulls
from jobsync.local.store.rows import JobRow, Subscription
from jobsync.structs import replace

log = logging.getLogger(__name__)

_TRACKING = re.compile(r"(?!.*\..*\.)[!-~]+\.[!-~]+")
_NOTHING_BUT = "The job is stored; the answer is a fault on demand."


def submit(call: Call) -> Answer:
    """``POST /jobs/submit``: the row as created, PENDING."""
    body = call.body("submitJob")
    row = submission.resolve(call.site, call.user, body)
    row = _tracked(call, row)
    return _accept(call, row, body, "JOBS_JOB_SUBMITTED")


def resubmit(call: Call) -> Answer:
    """``POST /jobs/{uuid}/resubmit``: a new job of the stored request: same name, tags, notes."""
    row = owned(call, hidden=True, missing=_no_resubmit(call))
    body = _stored(call, row)
    new = submission.resolve(call.site, row.owner, body)
    if call.fault("resubmit-annotated"):
        new = replace(new, tags=row.tags, request={**new.request, "notes": row.request["notes"]})
    return _accept(call, new, body, "JOBS_JOB_RESUBMITTED")


def resubmit_request(call: Call) -> Answer:
    """``GET /jobs/{uuid}/resubmit_request``: as sent, unset fields null. Nobody is refused."""
    row = call.job()
    if row is None:
        raise _no_resubmit(call)
    body = _stored(call, row)
    if call.user != row.owner:
        log.warning("the request of job %s of %s was read by %s", row.id, row.owner, call.user)
    return Answer(with_nulls(body, call.site.profile), f"JOBS_RETRIEVED Request of job {row.id}.")


def show(call: Call) -> Answer:
    """``GET /jobs/{uuid}``: hidden ones too."""
    uuid = call.names["uuid"]
    row = _read(call)
    if row is None:
        raise absent(uuid) if call.fault("unknown-404") else select_error(uuid, 500)
    if not may(call.store, row, call.user, HISTORY):
        raise mismatch(row, call.user)
    return Answer(_written(call, row), f"JOBS_RETRIEVED Job {uuid} retrieved.")


def _read(call: Call) -> JobRow | None:
    """The job of *call*. A database that fails sounds like a job that is not there."""
    if call.fault("unreadable-row"):
        raise select_error(call.names["uuid"], 500)
    return call.job()


def show_status(call: Call) -> Answer:
    """``GET /jobs/{uuid}/status``."""
    _read(call)
    row = seen(call)
    result = {"status": call.status_of(row), "condition": condition_of(row)}
    return Answer(result, f"JOBS_STATUS_RETRIEVED Job {row.id} status retrieved.")


def show_history(call: Call) -> Answer:
    """``GET /jobs/{uuid}/history``."""
    row = seen(call)
    try:
        limit, skip = int(call.query.get("limit", "100")), int(call.query.get("skip", "0"))
    except ValueError as error:
        raise Problem(400, f"TAPIS_INVALID_QUERY {error}") from error
    lines = record.history(call.store.events(row.id))[max(0, skip) :]
    lines = lines if limit < 0 else lines[:limit]
    metadata = {
        "recordCount": len(lines), "recordLimit": limit, "recordsSkipped": max(0, skip),
        "orderBy": None, "startAfter": None, "totalCount": -1,
    }  # fmt: skip
    return Answer(lines, f"JOBS_HISTORY_RETRIEVED {len(lines)} events retrieved.", metadata)


def cancel(call: Call) -> Answer:
    """``POST /jobs/{uuid}/cancel``: a wish, which the engine carries out later."""
    _read(call)
    row = owned(call, hidden=True, missing=select_error(call.names["uuid"], 400))
    if is_over(row):
        raise _conflict(row, "JOBS_JOB_CANCEL_NOT_ACCEPTED", "it has ended")
    call.store.request_cancel(row.id)
    call.site.wake()
    return Answer(
        {"name": row.id}, f"JOBS_JOB_CANCEL_ACCEPTED Cancellation of job {row.id} was requested."
    )


def hide(call: Call) -> Answer:
    """``POST /jobs/{uuid}/hide``: only a job that has ended."""
    return _show_or_hide(call, visible=False)


def unhide(call: Call) -> Answer:
    """``POST /jobs/{uuid}/unhide``."""
    return _show_or_hide(call, visible=True)


def send_event(call: Call) -> Answer:
    """``POST /jobs/{uuid}/sendEvent``: a line of the job's history that its user writes."""
    body = schema.checked(schema.EVENT, call.body("sendEvent"), "sendEvent")
    uuid = call.names["uuid"]
    missing = Problem(400, f"JOBS_SEND_EVENT_ERROR No job {uuid}.")
    row = owned(call, missing=missing)
    if is_over(row):
        raise Problem(400, f"JOBS_SEND_EVENT_ERROR Job {uuid} has ended.")
    detail = body.get("eventDetail", "DEFAULT_DETAIL")
    text = f"{detail}\n{body['eventData']}"
    call.store.add_event(row.id, "JOB_USER_EVENT", text, call.user)
    return Answer({"url": f"{call.base}/v3/jobs/{uuid}/history"}, "JOBS_EVENT_SENT Event sent.")


def annotate(call: Call) -> Answer:
    """``PATCH`` and ``PUT /jobs/{uuid}/annotations`` (tapis-v3 §4.6): merged, or replaced."""
    body = call.body("submitJob")
    if call.fault("empty-tag"):
        checked = {**body, "tags": [tag for tag in body.get("tags", []) if tag]}
        schema.checked(schema.ANNOTATIONS, checked, "submitJob")
    else:
        schema.checked(schema.ANNOTATIONS, body, "submitJob")
    row = owned(call, hidden=True)
    replaces = call.request.method == "PUT"
    tags, notes = list(row.tags), row.request["notes"]
    if "tags" in body:
        tags = sorted({*([] if replaces else tags), *body["tags"]}, key=str.encode)
    if "notes" in body:
        notes = body["notes"] if replaces else {**notes, **body["notes"]}
    if body:
        request = {**row.request, "notes": notes}
        row = call.store.update(row.id, tags=tags, request=request)
    result = {
        "id": row.number, "uuid": row.id, "tags": sorted(row.tags, key=str.encode), "notes": notes,
    }  # fmt: skip
    return Answer(result, f"JOBSAPI_ANNOTATED Job {row.id} annotated.")


def healthcheck(call: Call) -> Answer:
    """``GET /jobs/healthcheck`` and ``/jobs/readycheck``: without a token."""
    return Answer({"checkNum": 1, "databaseAccess": True}, "TAPIS_HEALTHY Jobs Service")


# --- details ------------------------------------------------------------------------------


def _accept(call: Call, row: JobRow, body: dict[str, Any], code: str) -> Answer:
    site = call.site
    if fault := call.fault("late"):
        site.faults.hide(row.id, fault.seconds())
    blocked = call.fault("blocked")
    if blocked is not None:
        site.faults.block(row.id, blocked.seconds())
    unqueued = call.fault("row-then-500")
    if unqueued is not None:
        row = replace(row, status="FAILED", reason="internal", message=_NOTHING_BUT,
                      ended=site.clock())  # fmt: skip
    watched = [
        Subscription(str(uuids.uuid4()), row.id, one, site.clock())
        for one in row.request["subscriptions"]
    ]
    kept = None if unqueued is not None or call.fault("no-record") else body
    row = call.store.accept(row, "Job created", kept, watched)
    if blocked is not None:
        call.store.add_event(row.id, "BLOCKED", "Blocked by a fault on demand.", row.owner)
    if unqueued is not None:
        raise Problem(500, f"JOBS_QUEUE_FAILED_PUBLISH Job {row.id} could not be queued.")
    site.wake()
    if call.fault("row-then-drop"):
        raise Hangup("the answer is lost")
    return Answer(record.job(row, site.profile), f"{code} Job {row.id} submitted by {row.owner}.")


def _tracked(call: Call, row: JobRow) -> JobRow:
    text = call.request.headers.get("X-Tapis-Tracking-ID")
    if text is None:
        return row
    if len(text) > 126 or not _TRACKING.fullmatch(text):
        raise Problem(400, "TAPIS_INVALID_TRACKING_ID X-Tapis-Tracking-ID: NAMESPACE.ID.")
    return replace(row, request={**row.request, "trackingId": text})


def _stored(call: Call, row: JobRow) -> dict[str, Any]:
    """The stored request, held against today's schema."""
    body = call.store.request_of(row.id)
    if body is None:
        raise _no_resubmit(call)
    schema.submit(body, modern=call.site.profile.modern)
    return body


def _no_resubmit(call: Call) -> Problem:
    code = call.site.profile.resubmit_missing
    return Problem(400, f"{code} No request of job {call.names['uuid']} is stored.")


def _written(call: Call, row: JobRow) -> dict[str, Any]:
    return record.job(row, call.site.profile, status=call.status_of(row))


def _show_or_hide(call: Call, *, visible: bool) -> Answer:
    row = owned(call, hidden=True)
    word = "unhide" if visible else "hide"
    if not is_over(row):
        raise _conflict(row, f"JOBS_JOB_{word.upper()}_NOT_ACCEPTED", "it has not ended")
    if row.visible != visible and not call.fault("ignored-hide"):
        call.store.update(row.id, visible=visible)
    return Answer({"name": row.id}, f"JOBS_JOB_{word.upper()} Job {row.id}: {word} done.")


def _conflict(row: JobRow, code: str, why: str) -> Problem:
    return Problem(409, f"{code} Job {row.id}: {why}.", result={"name": row.id})
