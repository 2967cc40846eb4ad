"""What depends on more than one run: order, fingerprints, and what two runs must not share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from jobsync import identity
from jobsync.archives import is_same
from jobsync.errors import Location, Problem
from jobsync.manifest.app_folders import AppFolders
from jobsync.manifest.digests import NotThere, Unusable, Workspace
from jobsync.manifest.messages import dotted, quoted
from jobsync.manifest.old_fingerprints import OlderFingerprints
from jobsync.manifest.order import order
from jobsync.manifest.output_targets import Landings
from jobsync.manifest.resolve_jobs import DraftJob
from jobsync.model import Address, AppFolder, Archive, DeclaredJob, Earlier, Mark
from jobsync.platform import Platform, Step


def link_drafts(
    project: str,
    drafts: Iterable[DraftJob],
    workspace: Workspace,
    apps: AppFolders | None,
    landings: Landings,
    problems: list[Problem],
    platform: Platform,
) -> dict[Address, DeclaredJob]:
    """The declared jobs, in address order. Problems are added to *problems*.

    *workspace* is the folder of the set and *apps* are the apps in it. *apps* is None where the
    service is on another machine, which has apps of its own and may have files that are not in the
    folder.
    """
    by_address = {draft.address: draft for draft in drafts}
    addresses = sorted(by_address)
    # A job in a circle has no fingerprint, so it is left out of the sequence and reported.
    sequence, cycles = order({address: by_address[address].needs for address in by_address})
    for cycle in cycles:
        drawn = " -> ".join(cycle)
        where = by_address[cycle[0]].entry.where
        problems.append(Problem(where, f"jobs need each other in a circle: {drawn}"))
    ordered = [by_address[address] for address in addresses]
    problems.extend(_once_a_place(_name_problems(project, ordered, platform)))
    problems.extend(_upstream_problems(ordered, by_address, platform))
    problems.extend(_once_a_place(_kept_problems(ordered, platform)))
    problems.extend(_once_a_place(_landing_problems(ordered, landings)))
    problems.extend(_once_a_place(_archive_problems(ordered, platform)))
    problems.extend(_once_a_place(_pin_problems(ordered)))
    problems.extend(_once_a_place(_former_problems(project, ordered)))
    # Upstream first, because a fingerprint contains those of the jobs whose outputs it takes.
    prints: dict[Address, str] = {}
    # A service on another machine may have files that are not here: then none is missing.
    missing = problems if apps is not None else []
    jobs: dict[Address, DeclaredJob] = {}
    earlier = OlderFingerprints(platform, jobs) if platform.scheme_before else None
    for address in sequence:
        draft = by_address[address]
        digests = _digests(draft, workspace, problems, missing, platform)
        app = _app(draft, apps, problems, platform) if apps else None
        upstream = {other: prints[other] for other in draft.upstream if other in prints}
        fingerprint = identity.fingerprint(
            platform,
            draft.request,
            upstream=upstream,
            digests=digests,
            rerun=draft.rerun,
            app=app.digest if app else "",
        )
        # A pinned run stays the same whatever its declaration says, so its id stands for it.
        prints[address] = draft.pinned or fingerprint
        name = platform.run_name(Mark(project, address, fingerprint))
        jobs[address] = _declared(draft, name, fingerprint, earlier, digests, app)
    return {address: jobs[address] for address in addresses if address in jobs}


def _once_a_place(problems: Iterator[Problem]) -> list[Problem]:
    """The first problem of each place: the runs of a matrix would all say the same."""
    first: dict[Location | None, Problem] = {}
    for problem in problems:
        first.setdefault(problem.where, problem)
    return list(first.values())


def _app(
    draft: DraftJob, apps: AppFolders, problems: list[Problem], platform: Platform
) -> AppFolder | None:
    try:
        return apps.get(platform.app_id(draft.request))
    except Unusable as error:
        field = platform.app_field
        where = draft.places.value(field)
        message = f"jobs.{draft.entry.key}.{field}: {error.message}"
        problems.append(Problem(where, message, error.hint))
        return None


def _declared(
    draft: DraftJob,
    name: str,
    fingerprint: str,
    earlier: Earlier | None,
    digests: Mapping[str, str],
    app: AppFolder | None,
) -> DeclaredJob:
    return DeclaredJob(
        address=draft.address,
        fingerprint=fingerprint,
        name=name,
        request=draft.request,
        permissions=draft.permissions,
        permissions_mode=draft.mode,
        outputs=draft.outputs,
        expect=draft.expect,
        needs=draft.needs,
        upstream=draft.upstream,
        digests=digests,
        retries=draft.retries,
        rerun=draft.rerun,
        pinned=draft.pinned,
        formerly=draft.formerly,
        earlier=earlier,
        app=app,
        protect=draft.protect,
        where=draft.entry.where,
        places=draft.places,
    )


def _name_problems(
    project: str, drafts: Iterable[DraftJob], platform: Platform
) -> Iterator[Problem]:
    limit = platform.address_limit
    for draft in drafts:
        length = len(project) + len(draft.address)
        if length > limit:
            text = (
                f"the project {quoted(project)} and the address {quoted(draft.address)} have "
                f"{length} characters together, more than {limit}"
            )
            hint = f"shorten one of them by {length - limit}: the name of the run has no more room"
            yield Problem(draft.entry.where, text, hint)


def _upstream_problems(
    drafts: Iterable[DraftJob], by_address: Mapping[Address, DraftJob], platform: Platform
) -> Iterator[Problem]:
    for draft in drafts:
        for output, name, at in draft.files_of:
            upstream = by_address.get(output.address)
            if upstream and (why := platform.no_output(upstream.request, output.path)):
                where = draft.places.value(name, at)
                path = f"jobs.{draft.entry.key}.{dotted((name, *at))}"
                message = f"{path} takes an output of {output.address}, which is not archived"
                yield Problem(where, message, f"remove {why} from {upstream.entry.key}")


def _kept_problems(drafts: Iterable[DraftJob], platform: Platform) -> Iterator[Problem]:
    for draft in drafts:
        key = draft.entry.key
        wishes: list[tuple[str, Step, str]] = []
        wishes += [("outputs", (n, "path"), one.path) for n, one in enumerate(draft.outputs)]
        wishes += [("expect", (n,), one) for n, one in enumerate(draft.expect)]
        for field, at, glob in wishes:
            if why := platform.never_kept(draft.request, glob):
                text = f"jobs.{key}.{field}: no file that {quoted(glob)} means is archived"
                hint = f"remove {why} from {key}, or this pattern"
                yield Problem(draft.places.value(field, at), text, hint)


def _landing_problems(drafts: Iterable[DraftJob], landings: Landings) -> Iterator[Problem]:
    for draft in drafts:
        for rule in draft.outputs:
            if problem := landings.add(draft.address, rule):
                yield problem


def _digests(
    draft: DraftJob,
    workspace: Workspace,
    problems: list[Problem],
    missing: list[Problem],
    platform: Platform,
) -> dict[str, str]:
    """The SHA-256 of each input in the workspace, by its URI.

    Files that are not in the folder of the set go to *missing*, other trouble to *problems*.
    """
    found: dict[str, str] = {}
    for (name, *at), uri in platform.workspace_inputs(draft.request):
        if uri not in found:
            try:
                found[uri] = workspace.digest(uri)
            except Unusable as error:
                where = draft.places.value(str(name), tuple(at))
                message = f"jobs.{draft.entry.key}.{name}.{at[0]}: {error.message}"
                into = missing if isinstance(error, NotThere) else problems
                into.append(Problem(where, message, error.hint))
    return found


def _archive_problems(drafts: Iterable[DraftJob], platform: Platform) -> Iterator[Problem]:
    """Two jobs that archive to one folder would overwrite each other's files."""
    taken: dict[str, list[tuple[DraftJob, Archive]]] = {}
    for draft in drafts:
        folder = platform.output_folder(draft.request)
        if folder is None or draft.pinned is not None:
            continue
        others = taken.setdefault(folder.path, [])
        first = next(((d, f) for d, f in others if is_same(folder, f)), None)
        others.append((draft, folder))
        if first is not None:
            field = platform.output_folder_field
            where = draft.places.value(field)
            pair = (first[0].request[field], draft.request[field])
            spelled = dict.fromkeys(quoted(str(path)) for path in pair)
            message = f"{first[0].address} and {draft.address} use the same {field} "
            message += ("spelled " if len(spelled) > 1 else "") + " and ".join(spelled)
            hint = platform.own_folder_hint
            if first[1].system != folder.system:
                hint += f", or name the {platform.output_system_field} of both"
            yield Problem(where, message, hint)


def _pin_problems(drafts: Iterable[DraftJob]) -> Iterator[Problem]:
    taken: dict[str, DraftJob] = {}
    for draft in drafts:
        if draft.pinned and taken.setdefault(draft.pinned, draft) is not draft:
            first = taken[draft.pinned].address
            message = f"{first} and {draft.address} are pinned to the same job, {draft.pinned}"
            yield Problem(draft.places.value("id"), message)


def _former_problems(project: str, drafts: list[DraftJob]) -> Iterator[Problem]:
    declared = {draft.address for draft in drafts}
    taken: dict[str, Address] = {}
    for draft in drafts:
        for number, former in enumerate(draft.formerly):
            where = draft.places.value("formerly", (number,))
            prefix, _, address = former.rpartition("/")
            if prefix in ("", project) and address in declared:
                message = (
                    f"{draft.address}: formerly names {quoted(former)}, which is still declared"
                )
                yield Problem(where, message, "remove it from formerly, or remove that job")
            first = taken.setdefault(f"{prefix or project}/{address}", draft.address)
            if first != draft.address:
                message = f"{first} and {draft.address} both have formerly {quoted(former)}"
                yield Problem(
                    where, message, "keep it in one of them: only one can take over its runs"
                )
