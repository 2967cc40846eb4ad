"""What there is to say of a run that is left as it is."""

from __future__ import annotations

import json
from datetime import timezone

from jobsync.model import DeclaredJob, Run
from jobsync.plan.builder import PlanDraft
from jobsync.plan.diff import placement_changes
from jobsync.plan.history import moment
from jobsync.plan.renames import former_note


def notes_on(draft: PlanDraft, job: DeclaredJob, run: Run) -> tuple[str, ...]:
    """How *run* of *job* was placed, called and made otherwise than it would be now."""
    placement = tuple(
        f"{change.path} {_plain(change.before)} -> {_plain(change.after)} applies to the next run"
        for change in placement_changes(job, run, draft.desired.platform)
    )
    former = former_note(draft.desired, job, run)
    return (*placement, *former, *_changed_app(draft, job, run))


def _changed_app(draft: PlanDraft, job: DeclaredJob, run: Run) -> tuple[str, ...]:
    """That the private app of a tenant is another one now, which is not run again by itself."""
    changed = draft.snapshot.changed_apps.get(draft.desired.platform.app_id(job.request))
    if changed is None or moment(run) >= changed:
        return ()
    when = f"{changed.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"
    return (
        f"its app changed at {when}, after this run was submitted: increase rerun to use the new "
        "version",
    )


def _plain(value: object) -> str:
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return "unset" if value is None else str(value)
