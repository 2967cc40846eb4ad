"""A plan carried out, with what happens and what came of it shown."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from jobsync.errors import ExitCode, ServiceError, worst
from jobsync.structs import replace

if TYPE_CHECKING:
    from jobsync.apply import ApplySettings
    from jobsync.backend import Backend
    from jobsync.model import Address, Outcome, Plan
    from jobsync.outputs.logs import Tail
    from jobsync.render.advice import Call

_TAILS = 5
"""Of more runs that failed no log is shown: every one of them was reported with its command."""


def carry_out(
    plan: Plan,
    backend: Backend,
    settings: ApplySettings,
    format_name: str,
    call: Call,
    *,
    quiet: bool,
    leave: Callable[[], None] | None = None,
    ended: Callable[[Sequence[Outcome]], None] | None = None,
    typical: Mapping[Address, float] | None = None,
) -> ExitCode:
    """Apply *plan*, show what happens and then what came of it. Returns the exit code.

    *leave* is called when somebody asks to stop, *ended* with what came of it. *typical* has the
    seconds that earlier runs of a job took, where that is known.
    """
    from jobsync.apply import apply, exit_code
    from jobsync.cli.progress import reporter
    from jobsync.cli.signals import stopping
    from jobsync.render.outcome import ending, troubles

    with stopping(leave) as stop:
        heeding = replace(settings, stop=stop.event, clock=stop.clock)
        with reporter(format_name, quiet=quiet, typical=typical or {}) as report:
            outcomes = apply(plan, backend, heeding, report)
    if ended:
        ended(outcomes)
    if format_name == "text":
        for line in troubles(outcomes, call):
            click.echo(line, err=True)
    if format_name != "json":
        _show_what_failed_jobs_said(plan, backend, outcomes, call)
    if format_name == "text":
        for line in ending(plan, outcomes, call):
            click.echo(line, err=True)
        if why := backend.login_over():
            click.echo(_after_a_new_login(why, call), err=True)
    return worst([exit_code(plan, outcomes), stop.code])


def _after_a_new_login(why: str, call: Call) -> str:
    from jobsync.render.advice import log_in
    from jobsync.render.escape import terminal

    return (
        f"The login has ended: {terminal(why)}. Jobs that run continue. Log in with: "
        f"{log_in(call)}, or set a valid token; then wait for the jobs with: "
        f"{call.command('wait')}, and continue with: {call.command('apply')}"
    )


def _show_what_failed_jobs_said(
    plan: Plan, backend: Backend, outcomes: Sequence[Outcome], call: Call
) -> None:
    """The last lines of standard error and output of each job that failed while waited for."""
    from jobsync.apply import OutcomeKind
    from jobsync.model import JobChange, Result
    from jobsync.outputs.logs import log_tails
    from jobsync.sensitive import scrubbed, secrets_in

    secrets = [
        secret
        for change in plan.changes
        if isinstance(change, JobChange)
        for secret in secrets_in(change.request)
    ]
    failed = [o for o in outcomes if o.kind == OutcomeKind.RUN and o.result is Result.FAILED]
    for outcome in failed[:_TAILS]:
        # This only explains a failure that has been reported already.
        with contextlib.suppress(ServiceError):
            run = backend.run(outcome.run_id)
            for tail in log_tails(backend, run):
                text = _said(outcome.address, tail, call)
                click.echo(f"{scrubbed(text, secrets)}\n", err=True)


def _said(address: str, tail: Tail, call: Call) -> str:
    from jobsync.render.escape import terminal

    which = "" if tail.is_whole else f", the last {len(tail.lines)} lines"
    lines = [f"{terminal(address)} wrote to {terminal(tail.file.path)}{which}:"]
    lines += [f"  | {terminal(line)}" for line in tail.lines]
    if not tail.is_whole:
        lines.append(f"See all of it: {call.command('logs', address)}")
    return "\n".join(lines)
