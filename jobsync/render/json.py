"""A plan as JSON for other programs: ``plan.schema.json`` beside this file describes it.

The shape follows Terraform's ``resource_changes[].change.actions``. A replacement is ``["create"]``
with an ``action_reason``: nothing is destroyed, the old run is kept. A fetch is ``["read"]``.
"""

from __future__ import annotations

from pathlib import Path

from jobsync.errors import Location
from jobsync.model import (
    SUBMITS,
    Access,
    AccessChange,
    Action,
    AddressState,
    Change,
    EffectiveAccess,
    FieldChange,
    GrantChange,
    Hazard,
    JobChange,
    OpenSubmit,
    OutputChange,
    Plan,
    RunRef,
    Scope,
)
from jobsync.plan import json_lines
from jobsync.render.escape import in_json
from jobsync.render.options import RenderOptions
from jobsync.render.summary import summarise
from jobsync.render.values import plain, redacted
from jobsync.structs import asdict

FORMAT_VERSION = "1.2"
"""The first number changes when something is taken away or means something else."""

Record = dict[str, object]

_ACTIONS = {
    Action.DELETE: ["delete"],
    Action.FETCH: ["read"],
    Action.RESTORE: ["update"],
    Action.UPDATE: ["update"],
    Action.STOP: ["update"],
}


def json(plan: Plan, options: RenderOptions) -> str:
    """One document, ASCII only, keys sorted, ending with a line break."""
    return in_json(json_lines.dumps(document(plan, options))) + "\n"


def schema() -> str:
    """The published JSON Schema of the document."""
    return Path(__file__).with_name("plan.schema.json").read_text("utf-8")


def document(plan: Plan, options: RenderOptions) -> Record:
    """The document as values. It has no machine's paths, secrets or times in it."""
    return {
        "format_version": FORMAT_VERSION,
        "project": plan.project,
        "target": plan.target,
        "service": plan.base_url,
        "user": plan.user,
        "manifest_digest": plan.manifest_digest,
        "scope": _scope(plan.scope),
        "resource_changes": [_change(change) for change in plan.changes],
        "awaiting": [_output(change) for change in plan.awaiting],
        "addresses": [_state(state) for state in plan.states],
        "hazards": [_hazard(hazard) for hazard in plan.hazards],
        "effective_access": [_effective(row) for row in plan.effective],
        "undeclared": [_run(run) for run in plan.undeclared],
        "open_submits": [open_submit(submit) for submit in options.open_submits],
        "duplicates": {address: list(ids) for address, ids in plan.duplicates.items()},
        "warnings": list(plan.warnings),
        "summary": asdict(summarise(plan)),
    }


def open_submit(submit: OpenSubmit) -> Record:
    """A submit whose outcome is open; ``settle`` are the commands that say what became of it."""
    return {
        "address": submit.address,
        "name": submit.name,
        "reason": submit.reason,
        "ids": list(submit.ids),
        "settle": list(submit.settle),
    }


def _scope(scope: Scope) -> Record:
    left_out = len(scope.left_out)
    return {"kinds": list(scope.kinds), "declared": scope.declared, "left_out": left_out}


def _change(change: Change) -> Record:
    if isinstance(change, JobChange):
        return _job(change)
    if isinstance(change, AccessChange):
        return _access(change)
    return _output(change)


def _job(change: JobChange) -> Record:
    submits = change.action in SUBMITS
    after = {field: redacted(field, change.request[field]) for field in sorted(change.request)}
    return {
        "address": change.address,
        "type": "job",
        "name": change.name,
        "change": {
            "actions": ["create"] if submits else _ACTIONS[change.action],
            "before": _run(change.before) if change.before else None,
            "after": after if submits else None,
            "fields": [_field(field) for field in change.fields],
        },
        "action_reason": f"{change.action}_because_{change.reason}",
        "attempt": change.attempt,
        "needs": list(change.needs),
        "node_hours": change.node_hours,
        "notes": list(change.notes),
        "where": _where(change.where),
    }


def _access(change: AccessChange) -> Record:
    return {
        "address": change.address,
        "type": "permissions",
        "name": f"{change.address}.permissions",
        "run": _run(change.run) if change.run else None,
        "change": {
            "actions": ["create"] if change.run is None else ["update"],
            "before": {grant.user: str(grant.before) for grant in change.grants},
            "after": {grant.user: str(grant.after) for grant in change.grants},
            "grants": [_grant(grant) for grant in change.grants],
        },
        "mode": str(change.mode),
        "where": _where(change.where),
    }


def _output(change: OutputChange) -> Record:
    files = change.files
    return {
        "address": change.address,
        "type": "output",
        "name": f"{change.address}.outputs",
        "run": _run(change.run) if change.run else None,
        "change": {
            "actions": ["read"],
            "before": None,
            "after": None if files is None else [asdict(file) for file in files],
        },
        "known_after_apply": files is None,
        "rules": [
            {"path": rule.path, "to": rule.to, "required": rule.required} for rule in change.rules
        ],
        "expect": list(change.expect),
        "missing": list(change.missing),
        "refused": [{"path": path, "reason": reason} for path, reason in change.refused],
        "where": _where(change.where),
    }


def _field(change: FieldChange) -> Record:
    return {
        "path": change.path,
        "before": plain(change.before),
        "after": plain(change.after),
        "note": change.note,
        "where": _where(change.where),
    }


def _grant(grant: GrantChange) -> Record:
    return {
        "user": grant.user,
        "before": str(grant.before),
        "after": str(grant.after),
        "via": grant.via,
        "note": grant.note,
        "where": _where(grant.where),
    }


def _state(state: AddressState) -> Record:
    return {
        "address": state.address,
        "standing": str(state.standing),
        "run": _run(state.run) if state.run else None,
        "notes": list(state.notes),
        "problems": list(state.problems),
    }


def _hazard(hazard: Hazard) -> Record:
    return {
        "name": hazard.name,
        "message": hazard.message,
        "limit": hazard.limit,
        "actual": hazard.actual,
        "addresses": list(hazard.addresses),
        "accepted": hazard.accepted,
        "accept": hazard.accept,
        "accept_key": "guards.allow",
    }


def _effective(row: EffectiveAccess) -> Record:
    return {
        "address": row.address,
        "run_id": row.run_id,
        "user": row.user,
        "before": _can(row.before),
        "after": _can(row.after),
    }


def _can(access: Access) -> Record:
    """Who can write can share further (agave-v2 §5.1)."""
    return {"read": access.read, "write": access.write, "share": access.write}


def _run(run: RunRef) -> Record:
    return {"id": run.id, "name": run.name, "status": run.status}


def _where(where: Location | None) -> Record | None:
    return where._asdict() if where else None
