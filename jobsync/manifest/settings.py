"""What a set says beside its jobs: targets, guards, where outputs go."""

# ruff: noqa: PTH100, PTH118

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from urllib.parse import urlsplit

from jobsync.base_url import base_url, is_loopback
from jobsync.destinations import is_outside, root_refusal
from jobsync.errors import ManifestError, Problem, SettingsError
from jobsync.manifest.files import real, show
from jobsync.manifest.merge import LOCAL_TARGETS, JobEntry, RawSet
from jobsync.manifest.messages import did_you_mean, one_of, quoted, wrong_value
from jobsync.manifest.source_map import Raw
from jobsync.model import Guards, JournalRef, Target
from jobsync.platform import Platform
from jobsync.structs import Struct

DEFAULT_REF = "refs/jobsync/journal"
"""The ref of a shared journal of which a set does not say it."""


def project(raw: RawSet) -> str:
    """The project of the set. A problem is recorded when no file names it."""
    name = raw.text("project")
    if name is None and not raw.problems:
        hint = "add project: NAME to one of the files"
        raw.problems.append(Problem(None, "no file of the set declares its project", hint))
    return name or ""


def requires(raw: RawSet, version: str) -> str:
    """What the set says of the jobsync that may be used on it.

    Raises :class:`ManifestError` when *version*, that of this one, is older: whatever else seems
    wrong with the set may only be new.
    """
    said = raw.text("requires")
    if said is None:
        return ""
    if _numbers(version) < _numbers(said):
        hint = "install a newer jobsync here; an older one may submit jobs again"
        message = f"the set requires jobsync {said}, and this is version {version}"
        raise ManifestError([Problem(raw.once["requires"].at_value, message, hint)])
    return said


def _numbers(version: str) -> list[int]:
    """The first three numbers in the text of a version."""
    numbers = [int(number) for number in re.findall(r"[0-9]+", version)[:3]]
    return numbers + [0] * (3 - len(numbers))


def targets(
    raw: RawSet, chosen: str | None, platforms: Mapping[str, Platform]
) -> dict[str, Target]:
    """The declared targets; *chosen* and the set's own ``target:`` must be among them.

    *platforms* are those that a target may name as its api, the first where it names none.
    """
    found = {name: _target(entry, raw, platforms) for name, entry in raw.targets.items()}
    names = {*raw.targets, *LOCAL_TARGETS}
    default = raw.once.get("target")
    if default is not None and default.value not in names:
        hint = did_you_mean(str(default.value), names) or one_of(names)
        message = f"there is no target {quoted(str(default.value))}"
        raw.problems.append(Problem(default.at_value, message, hint))
    if chosen is not None and chosen not in names:
        hint = did_you_mean(chosen, names) or one_of(names)
        raw.problems.append(Problem(None, f"there is no target {quoted(chosen)}", hint))
    return found


def is_service_here(
    name: str | None,
    targets: Mapping[str, Target],
    environ: Mapping[str, str],
    platform: Platform,
) -> bool:
    """Whether the target *name* may run the apps of the folder of the set."""
    declared = targets[name].base_url if name and name in targets else ""
    return name == "local" or is_this_machine(
        declared or environ.get(platform.address_variable, "")
    )


def is_this_machine(url: str) -> bool:
    """Whether a service is the embedded one (no URL) or listens on this machine.

    A URL on this machine does not tell whose service listens there.
    """
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return not url or is_loopback(host)


def guards(raw: RawSet) -> Guards:
    """The limits that the set says; the defaults for the rest."""
    default = Guards()
    values = {name: entry.value for name, entry in raw.guards.items()}
    allow = values.get("allow")
    return Guards(
        allow=frozenset(str(name) for name in allow) if isinstance(allow, list) else frozenset(),
        max_node_hours=_number(values.get("maxNodeHours")),
        rerun_node_hours=_or(_number(values.get("rerunNodeHours")), default.rerun_node_hours),
        mass_submit=int(_or(_number(values.get("massSubmit")), default.mass_submit)),
        mass_revoke=int(_or(_number(values.get("massRevoke")), default.mass_revoke)),
    )


def journal(raw: RawSet) -> JournalRef | None:
    """The shared journal that the set names; None when it names none."""
    entry = raw.once.get("journal")
    if entry is None or not isinstance(entry.value, dict):
        return None
    said = {key: str(value) for key, value in entry.value.items()}
    return JournalRef(
        git=said["git"],
        ref=said.get("ref", DEFAULT_REF),
        id=said.get("id", ""),
        where=entry.at_value,
    )


class OutputsFolder(Struct, frozen=True):
    """What whoever runs the command says of where outputs go, against what the set says.

    ``chosen`` is used instead of the set's ``outputsRoot``; ``permitted`` is a folder that the set
    may name although it is outside. ``closed`` are folders that jobsync keeps its state in.
    """

    chosen: str = ""
    permitted: str = ""
    closed: tuple[str, ...] = ()


def outputs_root(raw: RawSet, root: str, outside: OutputsFolder) -> str:
    """The absolute folder below which outputs are put; a problem is recorded when it is not
    allowed."""
    said = raw.text("outputsRoot")
    entry = raw.once.get("outputsRoot")
    if said is not None and entry is not None and "\0" in said:
        message = "outputsRoot cannot hold the character U+0000"
        raw.problems.append(Problem(entry.at_value, message))
        said = None
    chosen = os.path.abspath(outside.chosen) if outside.chosen else ""
    folder = chosen or (os.path.normpath(os.path.join(root, said)) if said else root)
    where, name = (None, "--outputs-root") if chosen or entry is None else (entry.at_value, "")
    name = name or "outputsRoot"
    landed, home = real(folder), real(root)
    if why := root_refusal(landed, home, tuple(map(real, outside.closed))):
        hint = "name a folder that is only for outputs, as with outputsRoot: results"
        shown = show(os.path.relpath(folder))
        raw.problems.append(Problem(where, f"{name} {why}: {shown}", hint))
    elif not chosen and is_outside(landed, home) and landed != _permitted(outside):
        shown = show(os.path.relpath(folder))
        hint = f"if outputs may go there, add: --outputs-root {shlex.quote(shown)}"
        message = f"{name} leads out of the folder of the set, to {shown}"
        raw.problems.append(Problem(where, message, hint))
    return folder


def _permitted(outside: OutputsFolder) -> str:
    return real(os.path.abspath(outside.permitted)) if outside.permitted else ""


def _target(entry: JobEntry, raw: RawSet, platforms: Mapping[str, Platform]) -> Target:
    body = entry.value if isinstance(entry.value, dict) else {}
    path = f"targets.{entry.key}"
    url, owner, concurrency = body.get("baseUrl"), body.get("owner"), body.get("concurrency")
    spelling, why = _spelled(url) if isinstance(url, str) else ("", "")
    if isinstance(url, str):
        if entry.key in LOCAL_TARGETS:
            message = f"{path}.baseUrl: {entry.key} is built in and has its own address"
            where = entry.places.value(body, "baseUrl")
            raw.problems.append(Problem(where, message, "give the target another name"))
        elif why:
            where = entry.places.value(body, "baseUrl")
            raw.problems.append(Problem(where, f"{path}.baseUrl: {why}"))
    elif entry.key not in LOCAL_TARGETS:
        hint = "baseUrl is a URL like https://api.example.org"
        raw.problems.append(Problem(entry.where, f"{path} lacks baseUrl", hint))
    api = body.get("api")
    if api is not None and api not in [*platforms]:  # it may be a mapping
        message, hint = wrong_value(
            ("targets", entry.key, "api"), api, " or ".join(platforms), options=[*platforms]
        )
        raw.problems.append(Problem(entry.places.value(body, "api"), message, hint))
        api = None
    platform = platforms[api if isinstance(api, str) else next(iter(platforms))]
    if isinstance(owner, str) and platform.permissions.wrong_user(owner):
        where = entry.places.value(body, "owner")
        raw.problems.append(Problem(where, f"{path}.owner: {quoted(owner)} cannot be a user name"))
    return Target(
        entry.key,
        base_url=spelling,
        owner=owner if isinstance(owner, str) else "",
        concurrency=concurrency if isinstance(concurrency, int) else 16,
        api=api if isinstance(api, str) else "",
        where=entry.where,
    )


def _spelled(url: str) -> tuple[str, str]:
    """The one spelling of *url*, and why it has none."""
    try:
        return base_url(url), ""
    except SettingsError as error:
        return "", str(error)


def _number(value: Raw) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
