"""The straight line as the commands walk it: load, observe, build."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jobsync.cli.connect import LOCAL, ServicePlace
from jobsync.cli.options import named
from jobsync.cli.sets import read_set
from jobsync.cli.target import choose
from jobsync.errors import JobsyncError, ManifestError, SettingsError, StalePlan, Usage
from jobsync.model import Address, DesiredState, OpenSubmit, Plan, Target

if TYPE_CHECKING:
    from jobsync.apply import ApplySettings
    from jobsync.apply.journal_entry import Entry
    from jobsync.backend import Reader
    from jobsync.model import PlanOptions, Snapshot
    from jobsync.observe.snapshots import Remembered
    from jobsync.plan import Stale
    from jobsync.render.advice import Call


_POLL = (0.2, 1.0)
"""The first and the longest pause, in seconds, between two looks at the jobs of the service that
this command has to itself: it answers in milliseconds."""


def load(
    paths: Sequence[str], flag: str | None, variables: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[DesiredState, Target]:
    """The set at *paths* (this folder by default) and the target it is meant for."""
    desired = read_set(paths, flag, variables, environ)
    return desired, choose(desired, flag, environ)


def snapshot(desired: DesiredState, target: Target, reader: Reader) -> Snapshot:
    """What the service and ``jobsync.lock`` say now; no outputs are listed."""
    from jobsync.observe import lock_of, observe

    remembered = _remembered(desired, target, os.environ)
    return observe(desired, reader, lock_of(desired), target, (), remembered)


def decide(
    desired: DesiredState,
    target: Target,
    reader: Reader,
    options: PlanOptions,
    environ: Mapping[str, str] = os.environ,
) -> tuple[Plan, Snapshot]:
    """Observe, check the declarations against the apps, and build the plan.

    *environ* names the journals that are looked into.

    Raises :class:`ManifestError` for what an app would refuse, all problems at once, and
    :class:`~jobsync.errors.Usage` for a job to retry that is not declared.
    """
    from jobsync import manifest, plan
    from jobsync.cli import app_folders
    from jobsync.observe import known_apps, lock_of, observe
    from jobsync.plan.retrying import needs_of_retried
    from jobsync.plan.selection import in_scope
    from jobsync.structs import replace

    for text in sorted(options.retry):
        named(text, desired.jobs)
    chosen = in_scope(desired.jobs, options) | needs_of_retried(desired.jobs, options)
    remembered = _remembered(desired, target, environ)
    seen = observe(desired, reader, lock_of(desired), target, chosen, remembered)
    known = known_apps(reader) if seen.missing_apps else ()
    missing, where_one_goes = app_folders.why_missing(desired, target, seen.missing_apps)
    problems = manifest.check_apps(desired, seen.apps, missing, known, where_one_goes)
    if problems:
        raise ManifestError(problems)
    built = plan.build(desired, seen, options)
    notes = manifest.unchecked(desired, seen.apps)
    built = replace(built, warnings=tuple(sorted({*built.warnings, *notes})))
    return guarded(built, desired, target, options.allow, environ), seen


def _remembered(desired: DesiredState, target: Target, environ: Mapping[str, str]) -> Remembered:
    """What the journals of this machine say of the runs of *desired* and of its former projects."""
    from jobsync.apply import Binding
    from jobsync.apply.takeover import journaled
    from jobsync.observe import service_name
    from jobsync.plan.history import former_names

    folder = state_dir(ServicePlace(desired.root, target), environ)
    former = (former_names(desired.project, job) for job in desired.jobs.values())
    projects = {desired.project, *(project for pairs in former for project, _ in pairs)}

    def of_user(user: str) -> dict[str, tuple[str, ...]]:
        mark, service = desired.platform.journal_mark, service_name(target)
        bindings = [Binding(service, user, project, mark) for project in sorted(projects)]
        return {
            name: entry.ids
            for binding in bindings
            for name, entry in journaled(folder, binding).items()
            if entry.ids
        }

    return of_user


def guarded(
    plan: Plan,
    desired: DesiredState,
    target: Target,
    allow: frozenset[str],
    environ: Mapping[str, str],
) -> Plan:
    """*plan* with the hazard ``no-journal`` where nothing that lasts records its submits."""
    from jobsync.cli import shared_journal
    from jobsync.plan.guards import without_journal

    if shared_journal.lasts(desired.journal, target, environ):
        return plan
    return without_journal(plan, allow | desired.guards.allow)


def review(
    saved: Plan,
    desired: DesiredState,
    target: Target,
    reader: Reader,
    allow: frozenset[str],
    environ: Mapping[str, str] = os.environ,
) -> tuple[Plan, tuple[Stale, ...]]:
    """The part of a *saved* plan that is still to be done, and the changes that are stale.

    Raises :class:`StalePlan` when the plan can no longer be made as it was.
    """
    from jobsync.plan import reviewed
    from jobsync.structs import replace

    try:
        options = replace(saved.options, allow=allow)
        fresh, seen = decide(desired, target, reader, options, environ)
    except Usage as error:  # such as a job to run again that somebody has run again
        raise StalePlan(f"this cannot be planned any more: {error}", hint="plan again") from error
    part, stale = reviewed(saved, fresh, desired, seen, allow)
    return guarded(part, desired, target, allow, environ), stale


def settings(
    place: ServicePlace,
    environ: Mapping[str, str],
    *,
    wait: float | None,
    stale: tuple[Stale, ...] = (),
) -> ApplySettings:
    """How to apply at *place*. The journal of the local service lies with the service."""
    from jobsync.apply import ApplySettings
    from jobsync.manifest.settings import is_this_machine
    from jobsync.platform import platform_of
    from jobsync.platforms import PLATFORMS
    from jobsync.structs import replace

    found, target = ApplySettings(state_dir(place, environ), wait, stale=stale), place.target
    if target.name == LOCAL:
        return replace(found, embedded=True, poll=_POLL)
    if is_this_machine(target.base_url):
        return found
    return replace(found, poll=platform_of(target, PLATFORMS).pauses)


def with_shared(
    settings: ApplySettings,
    plan: Plan,
    desired: DesiredState,
    place: ServicePlace,
    environ: Mapping[str, str],
    *,
    warn: Callable[[str], None],
    say: Callable[[str], None] = lambda line: None,
) -> ApplySettings:
    """*settings* with the shared journal of *desired*, if any; *say* is told which journal is in
    use, and *warn* why none can be."""
    from jobsync.apply.shared.repository import Nowhere, Repository
    from jobsync.cli import shared_journal
    from jobsync.structs import replace

    try:
        location = shared_journal.locate(desired.journal, place, environ)
    except JobsyncError as error:  # nothing is submitted, and the rest goes on
        warn(f"Warning: {error}")
        reason = "; ".join(filter(None, (str(error), error.hint)))
        return replace(settings, shared=Nowhere(reason))
    line = shared_journal.journal_line(location, place, settings.state_dir, environ)
    if line:
        say(line)
    shared_journal.remember(plan, desired, settings.state_dir, location)
    if location is None:
        cold = not shared_journal.lasts(desired.journal, place.target, environ)
        return replace(settings, cold=cold)
    ref = Repository(location, settings.state_dir, environ)
    return replace(settings, shared=ref, who=shared_journal.who(environ))


def state_dir(place: ServicePlace, environ: Mapping[str, str]) -> Path:
    """The folder of the journal and of the lock of applies.

    That of the local service lies with the service, whatever ``JOBSYNC_STATE_DIR`` says: one that
    outlived it would take the jobs of a deleted folder for lost ones. Raises
    :class:`SettingsError` for a relative ``JOBSYNC_STATE_DIR``.
    """
    return place.state if place.target.name == LOCAL else user_state(environ)


def user_state(environ: Mapping[str, str]) -> Path:
    """The state folder of whoever runs the command. Raises :class:`SettingsError` as above."""
    if named := environ.get("JOBSYNC_STATE_DIR"):
        if not Path(named).is_absolute():
            whole = shlex.quote(str(Path(named).expanduser().absolute()))
            raise SettingsError(
                f"JOBSYNC_STATE_DIR is relative: {named!r}; from another folder jobsync would not "
                "find the submits that it has recorded",
                hint=f"export JOBSYNC_STATE_DIR={whole}",
            )
        return Path(named)
    from platformdirs import user_state_path

    return user_state_path("jobsync", appauthor=False)


def open_submits(
    desired: DesiredState,
    plan: Plan,
    seen: Snapshot,
    place: ServicePlace,
    environ: Mapping[str, str],
    call: Call,
) -> tuple[OpenSubmit, ...]:
    """The submits whose outcome is open and that *seen* does not answer, by address.

    They stand in the journal of this machine or in the shared one; where that cannot be read, a
    warning says so.
    """
    from jobsync.apply import Binding, unknown_to
    from jobsync.cli import shared_journal

    folder, platform = state_dir(place, environ), desired.platform
    embedded = place.target.name == LOCAL
    shared = shared_journal.read(desired, place, folder, Binding.of_plan(plan, platform), environ)
    found = [*unknown_to(platform, plan, seen, folder, embedded=embedded, shared=shared)]
    of_address = Counter(entry.address for _, entry in found)

    def told(address: Address, entry: Entry) -> OpenSubmit:
        mark = platform.read_mark(entry.name)
        is_ours = mark is not None and mark.project == plan.project
        unique = is_ours and of_address[entry.address] == 1
        what = entry.address if unique else entry.name
        job_id = entry.ids[0] if entry.ids else "ID"
        commands = (
            call.command("resolve", what, "--not-submitted"),
            call.command("resolve", what, "--submitted", job_id),
        )
        return OpenSubmit(address, entry.name, entry.reason, entry.ids, commands)

    return tuple(told(*one) for one in sorted(found, key=lambda one: (one[0], one[1].name)))


def unsettled(desired: DesiredState, plan: Plan, folder: Path) -> bool:
    """Whether the journal holds what an apply settles first: open submits, and duplicates.

    A duplicate is settled when a person has deleted all but one of its jobs.
    """
    from jobsync.apply import Binding, open_submits
    from jobsync.apply.journal_entry import OPEN, State

    states = OPEN | {State.DUPLICATE}
    return bool(open_submits(folder, Binding.of_plan(plan, desired.platform), states))
