"""The operations on jobs themselves: list, submit, get, status, history, manage, delete."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from jobsync.local.api.agave import bodies, notifications, submission
from jobsync.local.api.agave.answer import Answer, is_true
from jobsync.local.api.agave.permissions import may_read, may_write, visible
from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.api.agave.search import EVENT_TERMS, conditions, job_terms, order, window
from jobsync.local.context import Call
from jobsync.local.store.rows import JobRow
from jobsync.local.store.search import Condition, Listing
from jobsync.local.store.statuses import TERMINAL
from jobsync.structs import replace

_NO_VIEW = "User does not have permission to view this job"
_SETTLED = TERMINAL | {"ARCHIVING_FINISHED", "ARCHIVING_FAILED"}
_PATIENCE_STEP = 0.01
_CONFLICTS = {"inputs": "ignoreInputConflicts", "parameters": "ignoreParameterConflicts"}
"""The options of a resubmit that say what becomes of hidden values; both are true by default."""


# --- list ---------------------------------------------------------------------------------


def list_jobs(call: Call) -> Answer:
    """``GET /`` (agave-v2 §2.1 to §2.6): summary rows, or full ones when ``filter`` is given."""
    if call.fault("list-500") and not call.query.get("orderBy"):
        raise Refusal(500, "Failed to retrieve jobs: could not resolve property: null")
    listing = _listing(call)
    _drift(call, listing)
    rows = call.store.find(listing)
    written = call.wire.summary
    if (projection := call.query.get("filter")) is not None:
        names = {name.strip().partition(".")[0] for name in projection.split(",")} - {""}
        whole = not names or names & {"*", "_links"}
        written = call.wire.job if whole else call.wire.fields
    return Answer([written(row) for row in rows])


def _listing(call: Call) -> Listing:
    known = job_terms(call.site.dialect)
    try:
        column, descending = order(call.query, known, "last_updated", descending=True)
    except Refusal as error:
        # Meant to be a 400, but the list wraps it (agave-v2 §2.2).
        raise Refusal(500, f"Failed to retrieve jobs: {error.message}") from error
    terms: tuple[Condition, ...] = ()
    if not call.fault("drop-filters"):
        terms = conditions(call.request.args.items(multi=True), known, call.site.dialect)
    page = window(call.query)
    limit = page.limit
    if fault := call.fault("page-limit"):
        limit = min(limit, fault.number("limit"))
    if hidden := call.site.faults.hidden():
        terms += (Condition("id", "nin", tuple(hidden)),)
    if call.site.dialect.is_aloe and call.site.aloe_delay:
        terms += (Condition("created", "lte", (call.site.clock() - call.site.aloe_delay,)),)
    return Listing(call.user, terms, column, descending, limit, page.offset)


def _drift(call: Call, listing: Listing) -> None:
    """Touch the rows that the asked page begins with: in the default order they move to the top,
    push a row of the page before onto this one, and are missed (agave-v2 §2.2)."""
    if listing.offset and (fault := call.fault("drift")):
        for row in call.store.find(replace(listing, limit=fault.number("rows"))):
            call.store.update(row.id)


# --- submit -------------------------------------------------------------------------------


def submit(call: Call) -> Answer:
    """``POST /``: 201 and the job. The notifications are looked at when it is stored already."""
    read = bodies.json_only if call.site.dialect.is_aloe else bodies.document
    body = read(call.request)
    row = _accept(call, _resolved(call, body))
    return Answer(
        call.wire.submitted(row, _engine_types(call, row), notifications.subscriptions(body)),
        status=201,
    )


def _resolved(call: Call, body: dict[str, Any]) -> JobRow:
    with _tripping():
        return submission.resolve(
            body,
            owner=call.user,
            apps=call.site.apps,
            systems=call.site.systems,
            storage=call.site.storage,
            clock=call.site.clock,
            dialect=call.site.dialect.name,
        )


@contextmanager
def _tripping() -> Iterator[None]:
    """What the service says of a value that it trips over (agave-v2 §3.2)."""
    try:
        yield
    except (ValueError, OverflowError) as error:
        text = f"Job processing failed with exception type {type(error).__name__}: {error}"
        raise Refusal(400, text) from error


def _accept(call: Call, row: JobRow) -> JobRow:
    if fault := call.fault("late"):
        call.site.faults.hide(row.id, fault.seconds())
    row = call.store.insert_job(row, "Job accepted and queued for submission.")
    call.site.wake()
    return row


def _engine_types(call: Call, row: JobRow) -> tuple[str, str]:
    system = call.site.systems.get(row.system)
    return (system.execution_type, system.scheduler_type) if system else ("CLI", "FORK")


# --- one job ------------------------------------------------------------------------------


def show(call: Call) -> Answer:
    """``GET /{id}``: 404 comes before 403, so existence leaks (agave-v2 §3.5)."""
    row = visible(call)
    if not may_read(call, row):
        raise Refusal(403, _NO_VIEW)
    return Answer(call.wire.job(row))


def show_status(call: Call) -> Answer:
    """``GET /{id}/status`` (agave-v2 §4.3), with the service's own spelling."""
    job_id = call.names["job"]
    row = call.job(job_id)
    if row is None or not row.visible:
        raise Refusal(404, f"Not job found with job id {job_id}")
    if not may_read(call, row):
        raise Refusal(403, _NO_VIEW)
    return Answer(call.wire.status(row))


def show_history(call: Call) -> Answer:
    """``GET /{id}/history``: oldest first unless asked otherwise (agave-v2 §4.6)."""
    row = visible(call)
    if not may_read(call, row):
        raise Refusal(403, f"{_NO_VIEW} history")
    column, descending = order(call.query, EVENT_TERMS, "id", descending=False)
    page = window(call.query)
    events = call.store.events(
        row.id,
        conditions(call.request.args.items(multi=True), EVENT_TERMS, call.site.dialect),
        order_by=column,
        descending=descending,
        limit=page.limit,
        offset=page.offset,
    )
    return Answer([call.wire.event(event, row) for event in events])


# --- manage -------------------------------------------------------------------------------


def manage(call: Call) -> Answer:
    """``POST /{id}`` with an action (agave-v2 §4.4): 404, 403, body, action, in this order."""
    row = _manageable(call)
    fields = bodies.fields(call.request)
    if "action" not in fields:
        raise Refusal(400, "No action specified")
    return _act(call, row, fields["action"], fields)


def act_by_path(call: Call) -> Answer:
    """Aloe's ``POST /{id}/cancel|kill|stop|hide|unhide|resubmit`` (agave-v2 §9.3)."""
    return _act(call, _manageable(call), call.names["action"], {})


def _manageable(call: Call) -> JobRow:
    job_id = call.names["job"]
    row = call.job(job_id)
    if row is None:
        raise Refusal(404, f"No job found with job id {job_id}.")
    if not may_write(call, row):
        raise Refusal(403, _NO_VIEW)
    return row


def _act(call: Call, row: JobRow, action: str, options: Mapping[str, str]) -> Answer:
    word = action.lower()
    if call.site.dialect.is_aloe:
        word = {"cancel": "stop", "kill": "stop", "unhide": "restore"}.get(word, word)
    if word == "restore":
        return _restore(call, row)
    if not row.visible:
        raise Refusal(404, f"Job with uuid {row.id} is not visible.")
    match word:
        case "stop":
            return _stop(call, row)
        case "resubmit":
            return _resubmit(call, row, options)
        case "hide" if call.site.dialect.is_aloe:
            return Answer(call.wire.job(_hide(call, row)))
        case "reset":
            raise Refusal(403, "User does not have permission to roll back this job")
        case _:
            raise Refusal(400, f"Invalid action {action}")


def _restore(call: Call, row: JobRow) -> Answer:
    if row.visible:
        raise Refusal(500, "Job is already visible.")
    row = call.store.update(row.id, visible=True)
    call.store.add_event(row.id, "RESTORED", f"Job was restored by {call.user}", call.user)
    return Answer(call.wire.job(row))


def _stop(call: Call, row: JobRow) -> Answer:
    """Stop, and answer when it is done: without ``result`` (agave-v2 §4.4).

    Aloe answers the job (its own source is not known, agave-v2 §12).
    """
    row = _stopped(call, _let_end(call, row))
    return Answer(call.wire.job(row)) if call.site.dialect.is_aloe else Answer()


def _let_end(call: Call, row: JobRow) -> JobRow:
    """Give a job that runs since an instant the time that a kill takes on its way to a remote
    system: what is that short ends by itself and is not turned into a failure."""
    while row.status != "PENDING" and row.status not in _SETTLED:
        if call.site.clock() - (row.submitted or row.created) >= call.site.kill_delay:
            break
        time.sleep(_PATIENCE_STEP)
        row = call.store.job(row.id) or row
    return row


def _stopped(call: Call, row: JobRow) -> JobRow:
    """The job after its stop was carried out, or as it is when the engine takes too long."""
    if row.status in _SETTLED:
        return replace(row, cancel_requested=False)
    call.store.request_cancel(row.id)
    call.site.wake()
    patience = time.monotonic() + call.site.stop_patience
    while time.monotonic() < patience:
        now = call.store.job(row.id)
        if now is None or now.status in TERMINAL:
            return now or row
        time.sleep(_PATIENCE_STEP)
    return call.store.job(row.id) or row


def _resubmit(call: Call, row: JobRow, options: Mapping[str, str]) -> Answer:
    """A new submit by whoever asks, who is its owner (agave-v2 §4.4)."""
    keep_hidden = frozenset(
        kind
        for kind, option in _CONFLICTS.items()
        if option in options and not is_true(options[option])
    )
    with _tripping():
        new = submission.again(
            row,
            requester=call.user,
            keep_hidden=keep_hidden,
            apps=call.site.apps,
            systems=call.site.systems,
            storage=call.site.storage,
            clock=call.site.clock,
            dialect=call.site.dialect.name,
        )
    return Answer(call.wire.job(_accept(call, new)), status=202)


# --- delete -------------------------------------------------------------------------------


def delete(call: Call) -> Answer:
    """``DELETE /{id}`` and, because of prefix matching, ``DELETE /{id}/ANYTHING-UNKNOWN``:
    stop what runs, then hide (agave-v2 §1.1, §4.5)."""
    row = visible(call)
    if not may_write(call, row):
        raise Refusal(403, _NO_VIEW)
    _hide(call, row)
    return Answer()


def _hide(call: Call, row: JobRow) -> JobRow:
    # ARCHIVING does not count as running: hidden without being stopped (agave-v2 §4.5).
    if row.status not in _SETTLED | {"ARCHIVING"}:
        _stopped(call, row)
    row = call.store.update(row.id, visible=False)
    call.store.add_event(row.id, "DELETED", f"Job was deleted by user {call.user}.", call.user)
    return row
