"""The last look before a plan is carried out: for this platform, and its hazards accepted."""

from __future__ import annotations

from jobsync.errors import Blocked, PlanFileError, SettingsError, StalePlan
from jobsync.model import AccessChange, Plan
from jobsync.permission_model import is_named
from jobsync.platform import Platform


def check(plan: Plan, allow: frozenset[str] = frozenset()) -> None:
    """Raise :class:`Blocked` for hazards that neither *plan* nor *allow* accepts, and
    :class:`SettingsError` for a plan of somebody who may only look."""
    refuse_view(plan)
    still_open = [h for h in plan.hazards if not h.accepted and h.name not in allow]
    if still_open:
        raise Blocked(
            "\n".join(f"{hazard.name}: {hazard.message}" for hazard in still_open),
            hint="accept with " + " ".join(hazard.accept for hazard in still_open),
        )


def refuse_view(plan: Plan) -> None:
    """Raise :class:`SettingsError` for a plan of somebody who may only look."""
    if plan.view:
        raise SettingsError(
            f"this plan was made for {plan.user}: only {plan.view.owner} applies to target "
            f"{plan.target}",
            hint=f"plan again with the credentials of {plan.view.owner}",
        )


def refuse_api(plan: Plan, platform: Platform) -> None:
    """Raise :class:`StalePlan` for a plan of jobs of another platform: nothing in it would mean the
    same here. Raise :class:`PlanFileError` where a word for permissions is not the one for what it
    gives: hazards look at the one, and the service is sent the other."""
    if plan.api != platform.name:
        raise StalePlan(
            f"this plan was made for a service of api {plan.api}, and target {plan.target} is now "
            f"one of {platform.name}",
            hint="plan again",
        )
    model = platform.permissions
    for change in plan.changes:
        for grant in change.grants if isinstance(change, AccessChange) else ():
            if not (is_named(model, grant.before) and is_named(model, grant.after)):
                text = f"{change.address}: {grant.after} for {grant.user} means something else"
                raise PlanFileError(text, hint="this plan was edited: plan again")
