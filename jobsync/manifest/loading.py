"""Load a manifest set."""

# ruff: noqa: PTH100, PTH206

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from jobsync import __version__
from jobsync.collector import collector_at_rest
from jobsync.destinations import Destinations
from jobsync.errors import Location, ManifestError, Problem, SettingsError
from jobsync.manifest import access, settings
from jobsync.manifest.app_folders import AppFolders
from jobsync.manifest.digests import Workspace
from jobsync.manifest.fetched_files import FetchedFiles
from jobsync.manifest.files import ManifestFiles, Source, discover, read_bytes, real, show
from jobsync.manifest.ignore_rules import Ignored
from jobsync.manifest.link_jobs import link_drafts
from jobsync.manifest.merge import (
    ENVIRONMENT,
    is_manifest,
    is_meant_as_manifest,
    meant_platform,
    meant_target,
    merge,
    named_apis,
)
from jobsync.manifest.output_targets import Landings
from jobsync.manifest.resolve_jobs import draft_jobs
from jobsync.manifest.schema import Platforms
from jobsync.manifest.variables import VariableScope, scope
from jobsync.manifest.yaml_reader import Document, read
from jobsync.model import DesiredState, Target
from jobsync.platform import Platform, platform_of, platform_of_environment
from jobsync.searched import Searched
from jobsync.structs import Struct, astuple, replace

_AS_THE_SET_SAYS = settings.OutputsFolder()

InEnvironment = Callable[[Mapping[str, str], "Platform | None", Platforms], "Platform | None"]
"""Finds the platform of target ``env``: see :func:`~jobsync.platform.platform_of_environment`."""


def load(
    paths: Sequence[str | Path],
    *,
    platforms: Platforms,
    target: str | Target | None = None,
    variables: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    permitted: Collection[str] | None = None,
    outputs: settings.OutputsFolder = _AS_THE_SET_SAYS,
    in_environment: InEnvironment = platform_of_environment,
) -> DesiredState:
    """All that the manifests under *paths* declare.

    *platforms* are those that a target may name, the first where it names none. *target* is the
    chosen target or its name, None for the set's own; *variables* are the values of ``--var``; of
    *environ* only the address of the service and the names that the set lists under ``env:`` are
    looked at, and of these only *permitted* unless that is None. *outputs* is what the caller says
    of the folder of outputs, *in_environment* what tells the platform of target ``env``.
    Raises :class:`ManifestError` with every problem of every file.
    """
    caller = _Caller(
        platforms, target, variables or {}, environ or {}, permitted, outputs, in_environment
    )
    with collector_at_rest():
        return _resolved(_read(paths, outputs), caller)


def load_each(
    paths: Sequence[str | Path],
    *,
    platforms: Platforms,
    variables: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    permitted: Collection[str] | None = None,
    outputs: settings.OutputsFolder = _AS_THE_SET_SAYS,
    in_environment: InEnvironment = platform_of_environment,
) -> list[DesiredState]:
    """The same for each api that the files name, the one of the set's own target first.

    Raises :class:`ManifestError` with the problems of all of them.
    """
    caller = _Caller(
        platforms, None, variables or {}, environ or {}, permitted, outputs, in_environment
    )
    with collector_at_rest():
        return _each_resolved(_read(paths, outputs), caller)


def _each_resolved(files: _Files, caller: _Caller) -> list[DesiredState]:
    platforms = caller.platforms
    states: list[DesiredState] = []
    problems: list[Problem] = []
    try:
        own = _platform(files.documents, caller).name
    except SettingsError:  # nothing is asked here, so which service it is does not matter
        own = next(iter(platforms))
    for api in dict.fromkeys((own, *named_apis(files.documents, platforms))):
        try:
            states.append(_resolved(files, caller, api))
        except ManifestError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise ManifestError(problems)
    return states


class _Caller(Struct, frozen=True):
    """What whoever loads a set says: see :func:`load`."""

    platforms: Platforms
    target: str | Target | None
    variables: Mapping[str, str]
    environ: Mapping[str, str]
    permitted: Collection[str] | None
    outputs: settings.OutputsFolder
    in_environment: InEnvironment

    @property
    def named(self) -> str | None:
        return self.target.name if isinstance(self.target, Target) else self.target


class _Files(Struct, frozen=True):
    """The files of a set as they were read."""

    found: ManifestFiles
    documents: list[Document]
    digest: list[tuple[str, str]]
    searched: Searched


def _read(paths: Sequence[str | Path], outputs: settings.OutputsFolder) -> _Files:
    found = discover(paths)
    return _Files(found, *_documents(found, outputs.chosen))


def _platform(documents: Sequence[Document], caller: _Caller) -> Platform:
    """What the jobs of the set mean, on the target that *caller* or the set itself names."""
    platforms, target = caller.platforms, caller.target
    if isinstance(target, Target) and (target.api or target.base_url):
        return platform_of(target, platforms)
    said = meant_platform(documents, caller.named, platforms)
    chosen = caller.named or meant_target(documents)
    fallen_into = chosen is None and not any(_declares_targets(one) for one in documents)
    if (fallen_into or chosen == ENVIRONMENT) and not isinstance(target, Target):
        said = caller.in_environment(caller.environ, said, platforms)
    return said or platform_of(None, platforms)


def _declares_targets(document: Document) -> bool:
    return isinstance(document.value, dict) and bool(document.value.get("targets"))


def _resolved(files: _Files, caller: _Caller, api: str = "") -> DesiredState:
    """What *files* declare, for the platform *api* where that is given."""
    found, documents, contents, searched = astuple(files)
    platforms, target = caller.platforms, caller.target
    platform = platforms[api] if api else _platform(documents, caller)
    raw = merge(documents, platform, platforms)
    # First, because a set for a newer jobsync may look wrong in every other way.
    requires = settings.requires(raw, __version__)
    raw.problems.extend(found.problems)
    project = settings.project(raw)
    chosen = caller.named or raw.text("target")
    targets = settings.targets(raw, None if isinstance(target, Target) else target, platforms)
    filled = scope(raw, chosen, caller.variables, caller.environ, platform, caller.permitted)
    drafts = draft_jobs(raw, filled, access.teams(raw, platform), platform)
    outputs = caller.outputs
    outputs_root = settings.outputs_root(raw, found.root, outputs)
    judge = Destinations(searched, tuple(map(real, outputs.closed)))
    # The manifests themselves occupy places, so that no output can overwrite one.
    taken = [os.path.relpath(os.path.abspath(s.path), outputs_root) for s in found.sources]
    here, apps = (
        settings.is_service_here(chosen, targets, caller.environ, platform),
        AppFolders(found.root, platform),
    )
    # A target given as a value was not declared, so only its URL says where it is.
    if isinstance(target, Target):
        here = settings.is_this_machine(target.base_url)
    jobs = link_drafts(
        project,
        drafts,
        Workspace(found.root, platform),
        apps if here else None,
        Landings(taken, judge),
        raw.problems,
        platform,
    )
    if secrets := filled.secrets():
        jobs = {address: replace(job, secrets=secrets) for address, job in jobs.items()}
    guards = settings.guards(raw)
    app_ids = {platform.app_id(draft.request) for draft in drafts}
    # All problems are collected up to here, so that people see them at once.
    if raw.problems:
        raise ManifestError(raw.reported())
    return DesiredState(
        platform=platform,
        project=project,
        jobs=jobs,
        root=found.root,
        outputs_root=outputs_root,
        digest=_digest(contents, filled),
        default_target=raw.text("target"),
        targets=targets,
        journal=settings.journal(raw),
        guards=guards,
        requires=requires,
        sources=_sources(contents, filled),
        service_here=here if any(map(apps.has, app_ids)) else None,
        destinations=judge,
        sensitive=filled.sensitive,
    )


def find_destinations(root: str, outputs_root: str, closed: Sequence[str] = ()) -> Destinations:
    """Where the outputs of the set at *root* may be put, by what its files say now.

    *outputs_root* is the folder of the outputs, and *closed* are jobsync's own state folders.
    """
    searched = _documents(discover([root]), outputs_root)[2]
    return Destinations(searched, tuple(map(real, closed)))


def _documents(
    found: ManifestFiles, outputs_root: str = ""
) -> tuple[list[Document], list[tuple[str, str]], Searched]:
    """The documents of the set, what each file held, and where jobsync searches for manifests."""
    ignored = Ignored(found.root, outputs_root)
    fetched = FetchedFiles(found.root)
    found.problems.extend(fetched.problems)
    kept: list[tuple[Source, Document, str]] = []
    # Upper folders first: what they say of outputs decides which folders below are not manifests.
    for source in sorted(found.sources, key=lambda s: (s.relative.count(os.sep), s.relative)):
        if ignored.searched.hides(source.relative):
            continue
        if problem := fetched.problem(source, ignored.searched):
            # Nothing is learnt from what a job wrote: it could hide manifests.
            kept.append((source, _unread(source, problem), ""))
            continue
        data = read_bytes(source)
        if isinstance(data, Problem):
            document, content = _unread(source, data), ""
        else:
            document = read(data, source.shown, show(source.relative))
            content = hashlib.sha256(data).hexdigest()
        ignored.learn(source.relative, document.value)
        kept.append((source, document, content))
    kept = [item for item in kept if not ignored.searched.hides(item[0].relative)]
    kept.sort(key=lambda item: item[0].relative.split(os.sep))
    documents = []
    for source, document, _ in kept:
        if document.problems or is_manifest(document.value):
            documents.append(document)
        else:
            found.problems.append(_no_manifest(source, document))
    found.sources[:] = [item[0] for item in kept]
    return documents, [(source.relative, content) for source, _, content in kept], ignored.searched


def _no_manifest(source: Source, document: Document) -> Problem:
    """A file without ``apiVersion``. One with keys of a manifest is meant to be one."""
    where = Location(source.shown, 1, 1)
    if is_meant_as_manifest(document.value):
        return Problem(
            where, "has no apiVersion", "write as its first line: apiVersion: jobsync/v1"
        )
    hint = f"if it is not one, list it: ignore: [{source.relative}]"
    return Problem(where, "has no apiVersion: is it a manifest?", hint)


def _unread(source: Source, problem: Problem) -> Document:
    return Document(None, read(b"", source.shown).places, (problem,))


def _digest(files: list[tuple[str, str]], filled: VariableScope) -> str:
    """Of everything that was read but what is sensitive: of that a digest would be a hint."""
    total = hashlib.sha256()
    for relative, content in files:
        total.update(f"{os.fsencode(relative)!r} {content}\n".encode())
    for name, value in _shown(filled).items():
        total.update(f"{name}={value}\n".encode())
    return total.hexdigest()


def _sources(files: list[tuple[str, str]], filled: VariableScope) -> dict[str, str]:
    """The SHA-256 of each thing that :func:`_digest` is made of, by what people call it."""
    found = {show(relative): content for relative, content in files}
    for name, value in _shown(filled).items():
        found[f"variable {name}"] = hashlib.sha256(value.encode()).hexdigest()
    return dict(sorted(found.items()))


def _shown(filled: VariableScope) -> dict[str, str]:
    """The variables that are not sensitive, each value in a form of its own."""
    return {
        name: ascii(value)
        for name, value in sorted(filled.variables.items())
        if name not in filled.sensitive
    }
