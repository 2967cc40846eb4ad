"""``jobsync apply``: make the service match the manifests."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jobsync.cli import connect
from jobsync.cli.carrying_out import carry_out
from jobsync.cli.confirming import confirm
from jobsync.cli.duration import FOREVER, WaitingCommand, duration
from jobsync.cli.files import FilePath
from jobsync.cli.login_time import warn_of_its_end
from jobsync.cli.options import (
    call_of,
    color_option,
    decision_options,
    expand_option,
    paths_argument,
    quiet_option,
    selection_options,
    target_options,
)
from jobsync.cli.plan_file import read_plan
from jobsync.cli.plan_output import code_of, print_plan, say_what_is_wrong
from jobsync.cli.planning import options_from
from jobsync.cli.policies import broken_by, policy_option
from jobsync.cli.reporting import Reporting, marker_option, report_option, reporting
from jobsync.errors import (
    Blocked,
    ExitCode,
    PlanFileError,
    StalePlan,
    Usage,
)
from jobsync.structs import replace

if TYPE_CHECKING:
    from jobsync.apply import ApplySettings
    from jobsync.model import App, Plan

wait_option = click.option(
    "--wait",
    is_flag=False,
    flag_value=FOREVER,
    metavar="[=TIME]",
    callback=duration,
    help="Wait for jobs to finish and fetch their outputs; =90, =30m, =1h30m: at most that long.",
)


_UNCONFIRMED = "pass --auto-approve, or apply a saved plan with --plan FILE --auto-approve"


NONE = "none"
"""In place of a digest: no plan was reviewed, so there is none to apply."""


def _digest(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:
    """Refuse what is no digest, such as an empty variable of CI: it must not mean "any plan"."""
    if text is not None and text != NONE and not re.fullmatch("[0-9a-f]{64}", text):
        raise click.BadParameter(f"{text!r} is not the digest of a plan: 64 digits, 0-9 and a-f")
    return text


@click.command("apply", cls=WaitingCommand)
@paths_argument
@target_options
@selection_options
@decision_options
@policy_option
@wait_option
@click.option("--plan", "plan_file", type=FilePath(), help="Apply this saved plan.")
@click.option(
    "--expect",
    metavar="DIGEST",
    callback=_digest,
    help="Apply only if the plan has this digest, which jobsync plan printed; "
    "'none' shows the plan and exits with 3.",
)
@click.option("--auto-approve", is_flag=True, help="Do not ask for confirmation.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    help="json: one event per line. markdown: the result, for a comment.",
)
@click.option(
    "--audit", type=FilePath(dir_okay=False), help="Append a line for each change to this file."
)
@report_option
@marker_option
@quiet_option
@expand_option
@color_option
def command(
    paths: tuple[str, ...], target: str | None, format_name: str, **options: Any
) -> ExitCode:
    """Make the service match the manifests: submit what is missing, then permissions and outputs.

    The plan is shown first and has to be confirmed. A submit is never sent twice by accident.
    """
    with reporting("apply", paths, target, format_name) as told:
        code = _apply(told, paths, target, format_name=format_name, **options)
        told.show()
        return told.ended(code)


def _apply(
    told: Reporting,
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    wait: float | None,
    plan_file: str | None,
    expect: str | None,
    auto_approve: bool,
    format_name: str,
    audit: str | None,
    policies: tuple[str, ...],
    quiet: bool,
    color: str,
    **flags: Any,
) -> ExitCode:
    from jobsync.cli import pipeline
    from jobsync.outputs.lockfile import follow_renames
    from jobsync.plan import Stale, check, digest
    from jobsync.plan.exit_status import addresses_of_runs
    from jobsync.plan.reviewed import refuse_other_manifests, refuse_other_plan
    from jobsync.plan.typical_times import typical_times

    environ = os.environ
    allow = frozenset(flags["allow"])
    saved = read_plan(Path(plan_file)) if plan_file else None
    if saved:
        _refuse_decisions(saved, target, flags)
        if expect:
            refuse_other_plan(saved, expect)
    meant = saved.target if saved else target
    desired, chosen = pipeline.load(paths, meant, variables, environ)
    told.knows(desired)
    call = call_of(paths, target, variables, variables if saved else desired.sensitive)
    place = connect.ServicePlace(desired.root, chosen)
    if saved:
        refuse_other_manifests(saved, desired)
    # The service of this command ends with it, and nothing would look after its jobs then.
    if place.target.name == connect.LOCAL and wait is None:
        wait = math.inf
        if not quiet:
            click.echo("The local target runs inside this command, so apply waits.", err=True)
    with connect.backend(place, environ) as (backend, service):
        stale: tuple[Stale, ...] = ()
        typical: dict[str, float] = {}
        # A saved plan is never believed: it only limits what the new plan may do.
        if saved:
            plan, stale = pipeline.review(saved, desired, chosen, backend, allow)
            apps: Mapping[str, App | None] = {}
        else:
            plan, seen = pipeline.decide(desired, chosen, backend, options_from(flags))
            apps = seen.apps
            typical = typical_times(desired, seen)
        told.planned(plan)
        if format_name != "text" or quiet:
            say_what_is_wrong(plan, call)
        elif plan.changes or not stale:
            print_plan(plan, "text", color, call)
        # Checked after the plan is shown, so that people see what differs from the reviewed one.
        if expect == NONE:
            raise StalePlan(
                "no reviewed plan is known, so nothing was done",
                hint=f"review this plan, then apply it with --expect {digest(plan)}",
            )
        if expect and not saved:
            refuse_other_plan(plan, expect)
        if broken := broken_by(plan, policies):
            told.add(broken)
            raise Blocked("\n".join(one.text for one in broken), hint="a policy forbids this plan")
        check(plan)
        settings = pipeline.settings(place, environ, wait=wait, stale=stale)
        if plan.submits:
            say = _unsaid if quiet else _say
            settings = pipeline.with_shared(
                settings, plan, desired, place, environ, warn=_say, say=say
            )
        # A submit that an earlier apply left open is work too, even when the plan is empty.
        to_do = plan.changes or plan.awaiting or stale or service.is_held
        if not (to_do or pipeline.unsettled(desired, plan, settings.state_dir)):
            follow_renames(plan.root, addresses_of_runs(plan))
            return code_of(plan)
        if wait is not None:
            warn_of_its_end(plan, desired, apps, service.login_ends, call)
        if (plan.changes or service.is_held) and not auto_approve:
            confirm("Apply these changes?", "the plan", _UNCONFIRMED)
        # The embedded service starts nothing before somebody has agreed to the plan.
        service.start_jobs()
        with _audited(settings, audit, saved or plan, plan.root) as audited:
            return carry_out(
                plan,
                backend,
                audited,
                format_name,
                call,
                quiet=quiet,
                ended=told.applied,
                typical=typical,
            )


def _say(line: str) -> None:
    click.echo(line, err=True)


def _unsaid(line: str) -> None:
    """With ``-q``."""


def _refuse_decisions(plan: Plan, target: str | None, flags: Any) -> None:
    """What was decided is decided: no flag can change a saved *plan*."""
    decided = [name for name in ("select", "exclude", "only", "outputs", "retry") if flags[name]]
    decided += [name for name in ("prune", "stop_superseded", "retry_failed") if flags[name]]
    if decided:
        names = ", ".join("--" + name.replace("_", "-") for name in decided)
        raise Usage(f"{names} cannot change a saved plan", hint="pass it to: jobsync plan --out")
    if target and target != plan.target:
        raise PlanFileError(f"this plan is for target {plan.target}, not {target}")


@contextlib.contextmanager
def _audited(
    settings: ApplySettings, path: str | None, plan: Plan, root: str
) -> Iterator[ApplySettings]:
    if path is None:
        yield settings
        return
    from jobsync.apply import AuditFile
    from jobsync.git import commit
    from jobsync.plan import digest

    audit = AuditFile(
        Path(path),
        who=plan.user,
        target=plan.target,
        plan_digest=digest(plan),
        commit=commit(root, os.environ),
    )
    try:
        yield replace(settings, audit=audit)
    finally:
        audit.close()
