"""Snapshots: each step asks what the step before showed to be needed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from itertools import count

from jobsync.backend import Listed, Reader
from jobsync.base_url import base_url
from jobsync.errors import SettingsError
from jobsync.lock_format import Lock
from jobsync.manifest.settings import is_this_machine
from jobsync.model import Address, Archived, DesiredState, Run, Snapshot, Target
from jobsync.observe import questions
from jobsync.observe.asker import Asker, Grants, ask_apps, asking
from jobsync.observe.owners import shared_by
from jobsync.observe.questions import Known, with_runs
from jobsync.outputs import lockfile
from jobsync.structs import replace

LOCAL = "local"
"""What names the embedded service in plans and journals: its URL is another one each time."""


Remembered = Callable[[str], Mapping[str, Collection[str]]]
"""The ids of runs that journals have, by the runs' names, of whoever is acting."""


def _nothing_remembered(user: str) -> Mapping[str, Collection[str]]:
    return {}


def observe(
    desired: DesiredState,
    reader: Reader,
    lock: Lock,
    target: Target,
    outputs_of: Collection[Address] | None = None,
    remembered: Remembered = _nothing_remembered,
) -> Snapshot:
    """Read everything that planning *desired* needs, from one service and from ``jobsync.lock``.

    The cost in requests is: the pages of one listing, and of two more where a job names its archive
    folder; for each job without a finished or active run, a search by each of its exact names,
    visible and hidden (two for most jobs: one is of the scheme before); one permission list for
    each run whose job declares permissions; and a walk for each finished run whose outputs are not
    proven by the lock to be here. Walks cover the addresses *outputs_of* (all of them when None)
    and the jobs needed by those of them that may be submitted. Where no search finds hidden runs,
    each run that the lock or *remembered* knows for such a name, or for the name of a current run,
    is asked for as well.

    Where somebody else than the target's ``owner`` is acting, the snapshot has the owner's runs
    that are shared with that user, and nothing that only a submit needs: it proves of no run that
    it does not exist.

    Raises :class:`SettingsError` when *desired* was loaded for another kind of target.
    """
    _refuse_other_targets(desired, reader, target)
    jobs = desired.jobs
    outputs_of = jobs if outputs_of is None else outputs_of
    with asking(reader) as asker:
        # Asked while the first page is on its way: nothing is decided before it is answered.
        user = asker.begin(reader.whoami)
        owner = shared_by(user.result(), target) if target.owner else ""
        if owner:
            return _as_shared(asker, desired, user, _nothing_seen(target, lock, owner), outputs_of)
        archived = _begin_archived(asker, desired, user)
        now, asked = _listed(asker, desired, user, _nothing_seen(target, lock))
        if not desired.platform.finds_hidden:
            originals = questions.hidden_originals(now, remembered(now.seen.user))
            now = with_runs(now, asker.pinned(originals))
        submits = questions.may_be_submitted(now)
        # A run that is not listed may be hidden, or may have moved between two pages: only a search
        # by its exact name shows that it does not exist.
        now = _asked_by_name(asker, now, submits, remembered)
        now = with_runs(now, asker.runs(questions.records(now)))
        now = questions.at_present_addresses(now)
        # Lists that were requested with the first pages are used again; only the others are read.
        managed = questions.managed_runs(now)
        access = {run_id: asked.get(run_id) or asker.begin_access(run_id) for run_id in managed}
        needs = {need for one in submits.intersection(outputs_of) for need in jobs[one].needs}
        walked = asker.outputs(questions.runs_to_walk(now, needs.union(outputs_of)))
        others = sorted(archived.result(), key=lambda one: one.run.id) if archived else ()
        now = _with(now, outputs=walked, archived=tuple(others))
        # The walks and the archived runs may show more jobs that have to be submitted.
        more = questions.may_be_submitted(now) - submits
        now = _asked_by_name(asker, now, more, remembered)
        apps, missing = ask_apps(reader, questions.apps_to_check(now))
        now = _with(now, apps=apps, missing_apps=missing)
        if target.base_url:
            changed = asker.changes_of_apps(questions.apps_that_change(now))
            now = _with(now, changed_apps=changed)
        lists = {run_id: got.result() for run_id, got in access.items()}
        # Anybody may be on the service of this machine, whose users are known to it alone.
        users = questions.users_to_check(now, lists) if target.base_url else set()
        known = asker.each(reader.has_user, sorted(users))
        return replace(now.seen, access=lists, users=known)


def with_unmanaged_access(desired: DesiredState, reader: Reader, seen: Snapshot) -> Snapshot:
    """*seen* with the access lists of the runs whose jobs declare no permissions.

    A plan needs none of them, because it changes none. One request for each run.
    """
    with asking(reader) as asker:
        run_ids = questions.unmanaged_runs(questions.known(desired, seen))
        asked = {run_id: asker.begin_access(run_id) for run_id in run_ids}
        lists = {run_id: answer.result() for run_id, answer in asked.items()}
    return replace(seen, access={**seen.access, **lists})


def lock_of(desired: DesiredState) -> Lock:
    """What ``jobsync.lock`` of a set records for this kind of target, and whether each file is
    still in its place."""
    lock = lockfile.load_lockfile(desired.root, desired.outputs_root)
    is_ours = desired.platform.is_run_id
    return Lock(
        tuple(line for line in lock.files if is_ours(line.job_id)),
        frozenset(pair for pair in lock.expectations if is_ours(pair[1])),
        tuple(line for line in lock.old if is_ours(line.job_id)),
    )


def service_name(target: Target) -> str:
    """The name of the service in plans and journals: its base URL in one spelling."""
    return base_url(target.base_url) if target.base_url else LOCAL


def _refuse_other_targets(desired: DesiredState, reader: Reader, target: Target) -> None:
    """What a set means hangs on the kind of service, and apps of the workspace count where they
    run: with another target names would differ, and jobs would run again."""
    is_here = desired.service_here in (None, is_this_machine(target.base_url))
    if not is_here or desired.platform.name != reader.platform.name:
        raise SettingsError(
            f"the manifests were loaded for another target than {target.name}",
            hint="load them for it: jobsync.load(paths, target=target)",
        )


def _as_shared(
    asker: Asker,
    desired: DesiredState,
    acting: Future[str],
    nothing: Snapshot,
    outputs_of: Collection[Address],
) -> Snapshot:
    """What an owner shares with the acting user. A run that no list shows may still be open to
    everybody, so those that the lock knows are asked for."""
    now, asked = _listed(asker, desired, acting, nothing)
    unlisted = {
        run_id
        for address in questions.may_be_submitted(now)
        for run_id in questions.unseen_runs(now, address)
    }
    found = [run for run in asker.runs(sorted(unlisted)) if run.owner == nothing.owner]
    now = with_runs(now, found)
    now = with_runs(now, asker.runs(questions.records(now)))
    now = questions.at_present_addresses(now)
    access = {
        run_id: asked.get(run_id) or asker.begin_access(run_id)
        for run_id in questions.managed_runs(now)
    }
    walked = asker.outputs(questions.runs_to_walk(now, outputs_of))
    lists = {run_id: got.result() for run_id, got in access.items()}
    return replace(now.seen, access=lists, outputs=walked)


def _nothing_seen(target: Target, lock: Lock, owner: str = "") -> Snapshot:
    return Snapshot(
        user="",
        target=target.name,
        base_url=service_name(target),
        runs=(),
        fetched=lock.files,
        expectations=lock.expectations,
        owner=owner,
    )


def _with(before: Known, **seen: object) -> Known:
    """*before* with more seen that is not of runs."""
    return replace(before, seen=replace(before.seen, **seen))


def _begin_archived(
    asker: Asker, desired: DesiredState, acting: Future[str]
) -> Future[list[Archived]] | None:
    """Who else has files where a declared job archives; None where no job names a folder."""
    named = questions.archive_folders(desired)
    if not named:
        return None
    reader = asker.reader
    return asker.begin(
        lambda: reader.archived(acting.result(), lambda one: any(named.meeting(one)))
    )


def _listed(
    asker: Asker, desired: DesiredState, acting: Future[str], seen: Snapshot
) -> tuple[Known, dict[str, Future[Grants]]]:
    """What the listing and the pinned runs show, and the access lists that are asked for already,
    while the listing goes on."""
    names = questions.Names(desired)
    access: dict[str, Future[Grants]] = {}

    def keep(run: Listed) -> bool:
        mark = names.mark(run)
        if mark is None:
            return False
        whose = seen.owner or acting.result()
        if names.is_managed(run, mark, whose):
            access[run.id] = asker.begin_access(run.id)
        return names.is_wanted(run, mark, whose)

    listing = asker.reader.shared_runs if seen.owner else asker.reader.runs
    rows = listing(keep, names.prefixes)
    seen = replace(seen, user=acting.result())
    foreign = sorted((run for run in rows if run.owner != seen.owned_by), key=lambda run: run.id)
    ours = [run for run in rows if run.owner == seen.owned_by and run.visible]
    runs = questions.merged_runs(ours, asker.pinned(questions.pinned(desired)))
    seen = replace(seen, runs=runs, foreign=tuple(foreign))
    return questions.known(desired, seen), access


def _asked_by_name(
    asker: Asker, now: Known, addresses: Collection[Address], remembered: Remembered
) -> Known:
    """The listing may only find. That a name does not exist takes a question of its own."""
    user = now.seen.user
    hides = not now.desired.platform.finds_hidden
    journals = remembered(user) if hides and addresses else {}
    asked_by_id: set[Address] = set()

    def attempts(address: Address) -> tuple[list[str], list[Run]]:
        """Every attempt under every name, up to the first that no run of mine carries."""
        highest = questions.highest_attempt(now, address)
        recorded = questions.unseen_runs(now, address) if hides else frozenset()
        names: list[str] = []
        runs: list[Run] = []
        for attempt in count(1):
            asked = questions.names_of_attempt(now, address, attempt)
            rows: list[Run] = []
            for name in asked:
                ids = {*recorded, *journals.get(name, ())}
                if ids:
                    asked_by_id.add(address)
                rows += asker.reader.runs_named(name, ids)
            names += asked
            runs += rows
            if attempt > highest and all(run.owner != user for run in rows):
                break
        return names, runs

    answers = asker.each(attempts, sorted(addresses))
    names = {name for asked, _ in answers.values() for name in asked}
    rows = [run for _, found in answers.values() for run in found]
    foreign = {run.id: run for run in now.seen.foreign}
    foreign.update({run.id: run for run in rows if run.owner != user and run.visible})
    now = _with(
        now,
        confirmed=now.seen.confirmed | names,
        asked_by_id=now.seen.asked_by_id | asked_by_id,
        foreign=tuple(sorted(foreign.values(), key=lambda run: run.id)),
    )
    return with_runs(now, [run for run in rows if run.owner == user])
