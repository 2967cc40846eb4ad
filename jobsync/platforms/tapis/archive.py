"""Where the outputs of runs are, and how an input names one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from jobsync.archives import canonical
from jobsync.globs import is_glob
from jobsync.java_globs import check, covered, disjoint, matches
from jobsync.manifest.messages import quoted
from jobsync.model import Archive, JsonValue, Run, Value
from jobsync.platforms.tapis.fields import parameters_of
from jobsync.platforms.tapis.macros import DIRECTORIES, EACH_RUN, MACRO
from jobsync.platforms.tapis.urls_of_inputs import SCHEME, cannot_be_named

LAUNCH_FILES = frozenset({"tapisjob.sh", "tapisjob.env"})
"""The files with which the service starts a job, in its folder of outputs. The latter holds the
variables of the environment, also those that the app or the user sets (tapis-v3 §4.5)."""

JOB = "job"
"""The member of a full record that has the job as the service resolved it; all others are those
of the request as it was sent."""

NEVER = "NEVER"


def no_output(request: Mapping[str, Value], path: str) -> str:
    """The part of the ``archiveFilter`` of *request* that leaves out *path*; empty where none does.

    Excludes come first, then includes (tapis-v3 §8.4). What cannot be judged here leaves nothing
    out.
    """
    kept = _filter_of(request)
    path = path.strip("/")
    for glob in _texts(kept.get("excludes")):
        if _fits(glob, path, unknown=False):
            return f"archiveFilter.excludes: [{glob}]"
    includes = _texts(kept.get("includes"))
    if includes and not any(_fits(glob, path) or _may_fit_below(glob, path) for glob in includes):
        return f"archiveFilter.includes: [{', '.join(includes)}]"
    return ""


def never_kept(request: Mapping[str, Value], glob: str) -> str:
    """The part of the ``archiveFilter`` of *request* that leaves out every file that *glob*, of
    ``outputs`` or ``expect``, means; empty where none does.

    The app appends its own globs (tapis-v3 §11.2): what is excluded stays so.
    """
    kept, wish = _filter_of(request), _as_java(glob)
    if not wish or _is_launch_file(kept, wish):
        return ""
    excludes = _texts(kept.get("excludes"))
    globs = [one for one in excludes if "${" not in one]
    if is_glob(glob) or glob.endswith("/"):
        leaving = next((one for one in globs if covered(wish, (one,))), "")
    else:
        leaving = next((one for one in globs if _fits(one, glob.strip("/"), unknown=False)), "")
    if not leaving and len(globs) > 1 and covered(wish, globs):
        leaving = ", ".join(globs)
    return f"archiveFilter.excludes: [{leaving}]" if leaving else ""


def hardly_kept(request: Mapping[str, Value], glob: str) -> str:
    """Why no file that *glob* means is kept unless the app has ``includes`` too, which would count
    (tapis-v3 §11.2); empty where it may be kept."""
    kept, wish = _filter_of(request), _as_java(glob)
    includes = _texts(kept.get("includes"))
    if not wish or not includes or any("${" in one for one in includes):
        return ""
    if _is_launch_file(kept, wish) or not disjoint(wish, includes):
        return ""
    kept_by_app = "unless the app's archiveFilter includes it"
    return f"{kept_by_app}: add it to archiveFilter.includes: [{', '.join(includes)}]"


def _filter_of(request: Mapping[str, Value]) -> Mapping[str, Value]:
    """The ``archiveFilter`` of *request*; empty where there is none, or where none counts: what is
    not archived, or lies in the archive already, is not filtered (tapis-v3 §8.4)."""
    kept = parameters_of(request).get("archiveFilter")
    place = request.get("archiveSystemDir")
    is_there = isinstance(place, str) and (
        "ExecSystemOutputDir" in place or place == request.get("execSystemOutputDir")
    )
    if request.get("archiveMode") == NEVER or is_there or not isinstance(kept, dict):
        return {}
    return kept


def _is_launch_file(kept: Mapping[str, Value], wish: str) -> bool:
    """Whether *wish* names a file that is archived whatever the filter says (tapis-v3 §8.4). No
    glob means one of them."""
    return kept.get("includeLaunchFiles") is not False and wish in LAUNCH_FILES


def _as_java(glob: str) -> str:
    """A glob as Java has them that fits whatever *glob*, of ``outputs`` or ``expect``, means; empty
    where none is made."""
    parts = [part for part in glob.split("/") if part not in ("", ".")]
    if glob.endswith("/") or parts[-1:] in ([], ["**"]):
        parts = [*parts, "**", "*"]
    wish = ""
    for part, before in zip(parts, ["", *parts], strict=False):
        if part != "**":
            wish += re.sub(r"\*+", "*", re.sub(r"([{}\\])", r"\\\1", part)) + "/"
        elif before != "**":
            wish += "{,**/}"
    try:
        check(wish)
    except ValueError:
        return ""
    return "" if "[" in glob else wish.rstrip("/")


def _fits(glob: str, path: str, *, unknown: bool = True) -> bool:
    """Whether *glob* fits *path*; *unknown* where that cannot be told, as for one with a macro."""
    try:
        return unknown if "${" in glob else matches(glob, path)
    except ValueError:
        return unknown


def _may_fit_below(glob: str, folder: str) -> bool:
    """Whether *glob* may fit a file in *folder*: an output may be a folder too."""
    if "**" in glob or glob.startswith("REGEX:"):
        return True
    head = glob.split("/")[: folder.count("/") + 1]
    return len(head) < glob.count("/") + 1 and _fits("/".join(head), folder)


def doubtful_output(request: Mapping[str, Value], path: str) -> str:
    """That runs of *request* are not archived, so that outputs stay where others may clear them."""
    if request.get("archiveMode") == NEVER:
        return "archiveMode: NEVER leaves it in the output directory of the job"
    return ""


def output_folder(request: Mapping[str, object]) -> Archive | None:
    """The folder that a request names for its outputs, or that a record tells.

    None when it is not archived, names no folder, or names another one for each run.
    """
    if isinstance(job := request.get(JOB), dict):
        return place_of(job)
    path = request.get("archiveSystemDir")
    if request.get("archiveMode") == NEVER or not isinstance(path, str) or not path.strip():
        return None
    for macro, field in _OF_THE_RUN:
        path = path.replace(f"${{{macro}}}", str(request.get(field) or "${JobUUID}"))
    if any(name in EACH_RUN for name in MACRO.findall(path)):
        return None
    for macro, field in (("AppId", "appId"), ("AppVersion", "appVersion")):
        path = path.replace(f"${{{macro}}}", str(request.get(field)))
    path = _ON_HOST.sub(lambda match: f"${{**{match[0].replace('/', ':')}}}", path.strip())
    path = MACRO.sub(_deep, path)
    return Archive(str(request.get("archiveSystemId") or ""), canonical(path))


_OF_THE_RUN = (
    ("ExecSystemOutputDir", "execSystemOutputDir"),
    ("ExecSystemInputDir", "execSystemInputDir"),
    ("ExecSystemExecDir", "execSystemExecDir"),
)
"""Directories that are each run's own where a request does not name them (tapis-v3 §4.4)."""
_ON_HOST = re.compile(r"HOST_EVAL\([^()]*\)")


def _deep(macro: re.Match[str]) -> str:
    """A macro as :mod:`jobsync.archives` writes it: directories may lie in others."""
    return f"${{**{macro[1]}}}" if macro[1] in DIRECTORIES else macro[0]


def output_uri(run: Run, path: str) -> str | None:
    """``tapis://SYSTEM/DIR/PATH``, raw: nothing decodes such a URL (tapis-v3 §4.2).

    None where the record of *run* tells no place, and for a path that cannot be written so.
    """
    place = _place(run)
    if place is None:
        return None
    whole = "/".join(part for part in (place.path, path.strip("/")) if part)
    return None if cannot_be_named(whole) else f"{SCHEME}{place.system}/{whole}"


def no_uri_hint(run: Run, path: str) -> str:
    """What to do about an output that no URL names."""
    place = _place(run)
    if place is None:
        return "its record tells no directory: run it again with rerun"
    why = cannot_be_named(f"{place.path}/{path}")
    return f"no URL can name {quoted(path)}: {why}" if why else ""


def is_output(uri: str, run: Run, path: str) -> bool:
    """Whether *uri* names output *path* of *run*, with whatever slashes."""
    place = _place(run)
    if place is None or not uri.startswith(SCHEME):
        return False
    system, _, found = uri.removeprefix(SCHEME).partition("/")
    return system == place.system and canonical(found) == canonical(f"{place.path}/{path}")


def _place(run: Run) -> Archive | None:
    """Where the outputs of *run* are, by its full record; None where that is not known."""
    job = (run.request or {}).get(JOB)
    return place_of(job) if isinstance(job, dict) else None


def place_of(record: Mapping[str, JsonValue]) -> Archive | None:
    """Where the outputs of a run are, by its record as the service answers it (tapis-v3 §8.1).

    That of an archive, unless the run was not archived: it was cancelled, failed with archiving
    left out for that, or ``archiveMode`` is NEVER. Then it is the output directory.
    """
    failed_unarchived = (
        record.get("status") == "FAILED" and record.get("remoteOutcome") == "FAILED_SKIP_ARCHIVE"
    )
    unarchived = (
        failed_unarchived
        or record.get("status") == "CANCELLED"
        or record.get("archiveMode") == NEVER
    )
    names = ("execSystemId", "execSystemOutputDir") if unarchived else _ARCHIVE
    system, folder = (record.get(name) for name in names)
    if not isinstance(system, str) or not isinstance(folder, str) or not (system and folder):
        return None
    return Archive(system, canonical(folder))


_ARCHIVE = ("archiveSystemId", "archiveSystemDir")


def _texts(value: Value) -> list[str]:
    items: Iterable[Value] = value if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, str)]
