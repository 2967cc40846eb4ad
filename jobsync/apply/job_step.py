"""Carries out one change of a job: submit, restore, stop, hide."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jobsync.apply.audit import AuditLine
from jobsync.apply.journal import JournalFailed
from jobsync.apply.journal_entry import Entry, State
from jobsync.apply.references import UnresolvedReference, fill_references
from jobsync.apply.report import OutcomeKind
from jobsync.apply.session import Session
from jobsync.apply.sharing import is_of_job
from jobsync.apply.submit_protocol import submit
from jobsync.backend import Backend
from jobsync.errors import NotFound, ServiceError
from jobsync.manifest.app_folders import moved
from jobsync.model import (
    SUBMITS,
    Action,
    Address,
    IdRef,
    JobChange,
    Outcome,
    OutputRef,
    Result,
    Run,
    RunState,
    Value,
)
from jobsync.sensitive import secrets_in
from jobsync.structs import replace

_RESULTS: Mapping[State, Result] = {
    State.CONFIRMED: Result.DONE,
    State.INTENT: Result.FAILED,
    State.REJECTED: Result.FAILED,
    State.DENIED: Result.BLOCKED,
}


def carry_out(session: Session, change: JobChange, upstream: Mapping[Address, str]) -> Outcome:
    """Do *change*; *upstream* maps the jobs it takes something from to their finished runs' ids.

    Never raises for what the service says: that is in the outcome.
    """
    before = change.before.id if change.before else ""
    began = session.started(change, before)
    if change.action in SUBMITS:
        outcome = _submit(session, change, upstream)
    else:
        outcome = _manage(session, change)
    trouble = session.audited(
        AuditLine(
            address=change.address,
            job=outcome.run_id or before,
            user="",
            before=before,
            after=change.name if change.action in SUBMITS else str(change.action),
            result=outcome.result,
            action=str(change.action),
        )
    )
    if trouble:
        detail = "; ".join(filter(None, (outcome.detail, trouble)))
        outcome = replace(outcome, result=_or_failed(outcome.result), detail=detail)
    return session.ended(outcome, began)


def _or_failed(result: Result) -> Result:
    """A change that was made but not audited has failed; what is unknown stays so."""
    return Result.FAILED if result is Result.DONE else result


def outcome_of(change: JobChange, entry: Entry) -> Outcome:
    """The outcome of *change*, by the last journal entry of its submit."""
    result = _RESULTS.get(entry.state, Result.UNKNOWN)
    run_id = entry.ids[0] if entry.ids else ""
    return Outcome(
        change.address, str(OutcomeKind.JOB), change.action, result, explained(entry), run_id=run_id
    )


def earlier(entry: Entry) -> Outcome:
    """What is known of a submit that an earlier apply may have sent."""
    run_id = entry.ids[0] if entry.ids else ""
    result = Result.DONE if entry.state is State.CONFIRMED else Result.UNKNOWN
    return Outcome(
        entry.address, str(OutcomeKind.JOB), Action.CREATE, result, explained(entry), run_id
    )


def explained(entry: Entry) -> str:
    """The state of a submit in words, with what to do next."""
    if entry.state is State.CONFIRMED:
        return (
            "found on the service: an earlier apply had submitted it"
            if entry.reason in ("found", "hidden")
            else ""
        )
    if entry.state is State.DUPLICATE:
        return f"more than one job is named {entry.name}: {', '.join(entry.ids)}"
    if entry.state in (State.INTENT, State.REJECTED):
        return entry.reason
    if entry.state is State.DENIED:
        return f"not sent: {entry.reason}"
    said = f" ({entry.reason})" if entry.reason else ""
    return (
        f"it is not known whether {entry.name} was submitted{said}; the next apply searches "
        f"again; if you know, run: jobsync resolve {entry.address} --submitted ID, or: "
        f"jobsync resolve {entry.address} --not-submitted"
    )


def _submit(session: Session, change: JobChange, upstream: Mapping[Address, str]) -> Outcome:
    kind = str(OutcomeKind.JOB)
    try:
        if changed := moved(session.plan.root, change.digests, session.backend.platform):
            return Outcome(change.address, kind, change.action, Result.STALE, "; ".join(changed))
        runs = _upstream_runs(session.backend, change, upstream)
        request = fill_references(change.request, runs, session.backend.platform)
        protocol = submit(
            change.name,
            change.address,
            session.driver.past(change.name),
            session.settings.submits,
        )
        secrets = secrets_in(change.request)
        ours = is_of_job(session.backend.platform, session.plan, change)
        entry = session.driver.drive(protocol, request, change.places, secrets, ours)
        return outcome_of(change, entry)
    except (UnresolvedReference, JournalFailed, ServiceError) as error:
        return Outcome(change.address, kind, change.action, Result.FAILED, f"not sent: {error}")


def _upstream_runs(
    backend: Backend, change: JobChange, upstream: Mapping[Address, str]
) -> dict[Address, Run]:
    """The finished runs that *change* takes something from, read now."""
    wanted = _referenced(change.request) & set(upstream)
    return {address: backend.run(upstream[address]) for address in sorted(wanted)}


def _referenced(value: Value | Mapping[str, Value]) -> set[Address]:
    if isinstance(value, (OutputRef, IdRef)):
        return {value.address}
    if isinstance(value, Mapping):
        return set().union(*map(_referenced, value.values()))
    if isinstance(value, list):
        return set().union(*map(_referenced, value))
    return set()


def _manage(session: Session, change: JobChange) -> Outcome:
    if change.before is None:
        raise ValueError(f"{change.action} of {change.address} without a run")
    run_id = change.before.id
    verbs: Mapping[Action, Callable[[Backend, str], str]] = {
        Action.RESTORE: _restore,
        Action.STOP: _stop,
        Action.DELETE: _hide,
    }
    try:
        detail, result = verbs[change.action](session.backend, run_id), Result.DONE
    except ServiceError as error:
        detail, result = str(error), Result.FAILED
    return Outcome(
        change.address, str(OutcomeKind.JOB), change.action, result, detail, run_id=run_id
    )


def _restore(backend: Backend, run_id: str) -> str:
    """Restoring a job that is visible may be an error on the service: look first."""
    try:
        backend.run(run_id, brief=True)
    except NotFound:
        backend.restore(run_id)
        backend.run(run_id, brief=True)
        return ""
    return "it was already visible"


def _stop(backend: Backend, run_id: str) -> str:
    """What a stopped job ends as is the service's business: only that it has ended counts."""
    try:
        run = backend.run(run_id, brief=True)
    except NotFound:
        return "it no longer exists"
    if run.state is not RunState.ACTIVE:
        return f"it had already ended: {run.status}"
    backend.stop(run_id)
    return ""


def _hide(backend: Backend, run_id: str) -> str:
    backend.hide(run_id)
    return ""
