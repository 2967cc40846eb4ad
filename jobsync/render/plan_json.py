"""A plan as one JSON document, printed and saved alike; ``plan.schema.json`` describes it.

Most of it is for other programs, in the shape of Terraform's ``resource_changes[].change.actions``.
A replacement is ``["create"]`` with an ``action_reason``: nothing is destroyed, the old run is
kept. A fetch is ``["read"]``. The member ``apply`` has what jobsync needs besides to read the plan
again; whoever reads it checks that the rest says the same.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import NoReturn

from jobsync.collector import collector_at_rest
from jobsync.errors import PlanFileError, StalePlan
from jobsync.model import (
    SUBMITS,
    Access,
    AccessChange,
    Action,
    Change,
    EffectiveAccess,
    FieldChange,
    GrantChange,
    Hazard,
    JobChange,
    OutputChange,
    Plan,
)
from jobsync.plan import codec
from jobsync.plan.codec import encoded
from jobsync.plan.decisions import digest
from jobsync.plan.seal import sealed
from jobsync.render import json_lines
from jobsync.render.escape import in_json
from jobsync.render.options import RenderOptions
from jobsync.render.summary import summarise
from jobsync.render.values import plain

FORMAT_VERSION = "2.3"
"""The first number changes when something is taken away or means something else."""

Record = dict[str, object]

_ACTIONS = {
    Action.DELETE: ["delete"],
    Action.FETCH: ["read"],
    Action.RESTORE: ["update"],
    Action.UPDATE: ["update"],
    Action.STOP: ["update"],
}

_MEMBERS = {
    "api": "api",
    "project": "project",
    "target": "target",
    "base_url": "service",
    "user": "user",
    "manifest_digest": "manifest_digest",
    "states": "addresses",
    "undeclared": "undeclared",
    "duplicates": "duplicates",
    "warnings": "warnings",
    "view": "view",
    "options": "options",
    "sources": "sources",
}
"""Fields of a plan that are members of the document, and not of its ``apply``."""

_OF_THIS_MACHINE: Record = {"open_submits": [], "outputs_root": ""}
"""Members that say what is here: they are printed, but no part of the plan that is saved."""

_PLAIN = RenderOptions()


def dumps(plan: Plan, options: RenderOptions = _PLAIN) -> str:
    """One document, ASCII only, keys sorted, ending with a line break."""
    return in_json(json_lines.dumps(document(plan, options))) + "\n"


@collector_at_rest()
def loads(text: str) -> Plan:
    """The plan in a document that :func:`dumps` made, with its sensitive values sealed.

    The folders of its set are empty, and submits that were open are not in it.

    Raises :class:`PlanFileError` for a text that is no plan or was edited, and :class:`StalePlan`
    for a plan of another format.
    """
    found = _parsed(text)
    version, apply = found.get("format_version"), found.get("apply")
    if isinstance(version, str) and version != FORMAT_VERSION:
        raise StalePlan(
            f"this plan has format {version}, and this version of jobsync reads {FORMAT_VERSION}",
            hint="plan again with this version",
        )
    if version is None or not isinstance(apply, dict):
        raise PlanFileError("this is not a saved plan", hint="make one with: jobsync plan --out")
    plan = codec.decode({**apply, **{name: found.get(key) for name, key in _MEMBERS.items()}})
    derived = {**_derived(plan), "checksum": _checksum(found)}
    known = {*derived, *_MEMBERS.values(), *_OF_THIS_MACHINE, "apply"}
    if found.keys() != known or any(_text(found[key]) != _text(derived[key]) for key in derived):
        raise PlanFileError("this plan was edited after it was made", hint="plan again")
    return plan


def _text(value: object) -> str:
    """*value* so that values of different types are never equal, as 1 and true are to Python."""
    return in_json(json.dumps(value, sort_keys=True))


def _checksum(document: Record) -> str:
    """The SHA-256 of all of *document* that is saved: a cut or edited file has another one. Whoever
    edits a file can compute it, so it proves nothing; see ``plan.reviewed``."""
    aside = {"checksum", *_OF_THIS_MACHINE}
    kept = {key: value for key, value in document.items() if key not in aside}
    return hashlib.sha256(_text(kept).encode("ascii")).hexdigest()


def schema() -> str:
    """The published JSON Schema of the document."""
    return Path(__file__).with_name("plan.schema.json").read_text("utf-8")


def document(plan: Plan, options: RenderOptions) -> Record:
    """The document as values. It has no machine's folders, secrets or times in it."""
    plan = sealed(plan)
    apply = codec.encode(plan)
    members = {key: apply.pop(name) for name, key in _MEMBERS.items()}
    found = {
        **members,
        **_derived(plan),
        "open_submits": encoded(options.open_submits),
        "outputs_root": options.outputs_root,
        "apply": apply,
    }
    return {**found, "checksum": _checksum(found)}


def _derived(plan: Plan) -> Record:
    """What the document says of a sealed *plan* for others: it follows from the rest."""
    return {
        "format_version": FORMAT_VERSION,
        "digest": digest(plan),
        "scope": {**encoded(plan.scope), "left_out": len(plan.scope.left_out)},
        "resource_changes": [_change(change) for change in plan.changes],
        "awaiting": [_output(change) for change in plan.awaiting],
        "hazards": [_hazard(hazard) for hazard in plan.hazards],
        "effective_access": [_effective(row) for row in plan.effective],
        "summary": encoded(summarise(plan)),
    }


def _parsed(text: str) -> Record:
    try:
        document = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refused, parse_float=_finite
        )
        if not isinstance(document, dict):
            raise ValueError("it is not a JSON object")
    except (ValueError, RecursionError) as error:
        raise PlanFileError(
            f"this is not a saved plan: {error}", hint="make one with: jobsync plan --out"
        ) from error
    return document


def _unique(pairs: list[tuple[str, object]]) -> Record:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key occurs twice")
    return result


def _finite(word: str) -> float:
    value = float(word)
    return value if math.isfinite(value) else _refused(word)


def _refused(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number")


def _change(change: Change) -> Record:
    if isinstance(change, JobChange):
        return _job(change)
    if isinstance(change, AccessChange):
        return _access(change)
    return _output(change)


def _job(change: JobChange) -> Record:
    submits = change.action in SUBMITS
    after = {field: plain(change.request[field]) for field in sorted(change.request)}
    return {
        "address": change.address,
        "type": "job",
        "name": change.name,
        "change": {
            "actions": ["create"] if submits else _ACTIONS[change.action],
            "before": encoded(change.before),
            "after": after if submits else None,
            "fields": [_field(field) for field in change.fields],
        },
        "action_reason": f"{change.action}_because_{change.reason}",
        "attempt": change.attempt,
        "needs": list(change.needs),
        "node_hours": change.node_hours,
        "notes": list(change.notes),
        "where": encoded(change.where),
    }


def _access(change: AccessChange) -> Record:
    return {
        "address": change.address,
        "type": "permissions",
        "name": f"{change.address}.permissions",
        "run": encoded(change.run),
        "change": {
            "actions": ["create"] if change.run is None else ["update"],
            "before": {grant.user: str(grant.before) for grant in change.grants},
            "after": {grant.user: str(grant.after) for grant in change.grants},
            "grants": [_grant(grant) for grant in change.grants],
        },
        "mode": str(change.mode),
        "where": encoded(change.where),
    }


def _output(change: OutputChange) -> Record:
    files = change.files
    return {
        "address": change.address,
        "type": "output",
        "name": f"{change.address}.outputs",
        "run": encoded(change.run),
        "change": {
            "actions": ["read"],
            "before": None,
            "after": encoded(files),
        },
        "known_after_apply": files is None,
        "rules": [
            {"path": rule.path, "to": rule.to, "required": rule.required} for rule in change.rules
        ],
        "expect": list(change.expect),
        "missing": list(change.missing),
        "refused": [{"path": path, "reason": reason} for path, reason in change.refused],
        "where": encoded(change.where),
    }


def _field(change: FieldChange) -> Record:
    return {**encoded(change), "before": plain(change.before), "after": plain(change.after)}


def _grant(change: GrantChange) -> Record:
    return {**encoded(change), "before": str(change.before), "after": str(change.after)}


def _hazard(hazard: Hazard) -> Record:
    return {**encoded(hazard), "accept": hazard.accept, "accept_key": "guards.allow"}


def _effective(row: EffectiveAccess) -> Record:
    return {**encoded(row), "before": _can(row.before), "after": _can(row.after)}


def _can(access: Access) -> Record:
    """What it gives by name; those that every reader of the document looks for are always there."""
    names = {"read", "write", "share", *access.gives}
    return {name: name in access.gives for name in sorted(names)}
