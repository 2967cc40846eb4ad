"""Opening a job to somebody, and subscriptions to it (tapis-v3 §9, §10)."""

from __future__ import annotations

import uuid as uuids

from jobsync.local.api.tapis import schema
from jobsync.local.api.tapis.access import mismatch, owned
from jobsync.local.api.tapis.answer import Answer, Problem
from jobsync.local.api.tapis.call import ADMIN, Call
from jobsync.local.api.tapis.ends import is_over
from jobsync.local.api.tapis.profile import TENANT
from jobsync.local.api.tapis.record import moment
from jobsync.local.store.rows import TAPIS, JobRow, Subscription


def share(call: Call) -> Answer:
    """``POST /jobs/{uuid}/share``: one grant a resource; what is open already stays."""
    body = schema.checked(schema.SHARE, call.body("shareJob"), "shareJob")
    row = owned(call)
    if not call.fault("ignored-grant"):
        call.store.share(row.id, body["grantee"], body["jobResource"], row.owner)
    return Answer({"name": row.id}, f"JOBS_JOB_SHARED Job {row.id} shared with {body['grantee']}.")


def shares(call: Call) -> Answer:
    """``GET /jobs/{uuid}/share``: all rows, whatever limit says."""
    row = owned(call)
    rows = [
        {
            "tenant": TENANT,
            "createdby": one.grantor,
            "jobUuid": row.id,
            "grantee": one.grantee,
            "jobResource": one.resource,
            "jobPermission": "READ",
            "created": moment(one.created),
        }
        for one in call.store.shares(row.id)
    ]
    metadata = {
        "recordCount": len(rows), "recordLimit": 100, "recordsSkipped": 0, "orderBy": None,
        "startAfter": None, "totalCount": -1,
    }  # fmt: skip
    return Answer(rows, f"JOBS_SHARE_RETRIEVED {len(rows)} shares of job {row.id}.", metadata)


def unshare(call: Call) -> Answer:
    """``DELETE /jobs/{uuid}/share/{user}``: 200 even when nothing was there. What is looked for is
    what the caller opened, so that one who is not the owner removes nothing."""
    row = owned(call)
    if call.fault("unshare-500"):
        raise Problem(500, "JOBS_UNSHARE_ERROR TAPIS_SECURITY_KERNEL_CLIENT_ERROR deleteShare")
    if not call.fault("unshare-nothing", "ignored-grant"):
        call.store.unshare(row.id, call.names["user"], call.user)
    return Answer(
        {"name": row.id}, f"JOBS_JOB_UNSHARED Job {row.id} unshared with {call.names['user']}."
    )


def subscribe(call: Call) -> Answer:
    """``POST /jobs/subscribe/{uuid}``: only to a job that has not ended."""
    body = schema.checked(schema.SUBSCRIPTION, call.body("subscribe"), "subscribe")
    row = _job(call)
    if is_over(row):
        raise Problem(400, f"JOBS_SUBSCRIBE_ERROR Job {row.id} has ended.")
    one = Subscription(str(uuids.uuid4()), row.id, body, call.site.clock())
    call.store.subscribe([one])
    text = f"subscription {one.id} to {body['eventCategoryFilter']}"
    call.store.add_event(row.id, "JOB_SUBSCRIPTION", text, call.user)
    return Answer({"url": f"{call.base}/v3/jobs/subscribe/{one.id}"}, "JOBS_SUBSCRIBED Subscribed.")


def subscriptions(call: Call) -> Answer:
    """``GET /jobs/subscribe/{uuid}``."""
    row = _job(call)
    rows = [
        {
            "uuid": one.id,
            "jobUuid": row.id,
            "owner": row.owner,
            "tenant": TENANT,
            "name": one.id,
            "description": one.document.get("description"),
            "enabled": one.document.get("enabled", True),
            "typeFilter": f"jobs.{one.document['eventCategoryFilter']}.*",
            "eventCategoryFilter": one.document["eventCategoryFilter"],
            "subjectFilter": row.id,
            "deliveryTargets": one.document["deliveryTargets"],
            "ttlMinutes": one.document.get("ttlMinutes", 10080),
            "created": moment(one.created),
        }
        for one in call.store.subscriptions(row.id)
    ]
    return Answer(rows, f"JOBS_SUBSCRIPTIONS_RETRIEVED {len(rows)} subscriptions.")


def unsubscribe(call: Call) -> Answer:
    """``DELETE /jobs/subscribe/{uuid}``: all of a job, or one by its own id."""
    uuid = call.names["uuid"]
    one = call.store.subscription(uuid)
    row = call.store.job(one.job_id if one else uuid)
    if row is None or row.api != TAPIS:
        raise Problem(
            400, f"JOBS_SUBSCRIPTION_DELETE_ERROR Neither a job nor a subscription: {uuid}"
        )
    if call.user != row.owner and call.user not in ADMIN:
        raise mismatch(row, call.user)
    changes = call.store.unsubscribe(uuid)
    return Answer({"changes": changes}, f"JOBS_SUBSCRIPTIONS_DELETED {changes} subscriptions.")


def _job(call: Call) -> JobRow:
    """The job that is subscribed to: an unknown one is a 400 here."""
    return owned(call, missing=Problem(400, f"JOBS_SUBSCRIBE_ERROR No job {call.names['uuid']}."))
