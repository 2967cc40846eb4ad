"""Where outputs land: rules made tidy, kept inside, and never two on one path."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from jobsync import destinations, filenames
from jobsync.destinations import Destinations
from jobsync.errors import Location, Problem
from jobsync.manifest.messages import quoted
from jobsync.model import Address, OutputRule
from jobsync.searched import ADVICE, SUFFIXES

_WILD = frozenset("*?[")
_SEARCHED = "where jobsync searches for manifests"


class Landings:
    """Every path at which an output of the set is known to be put, and by which job."""

    def __init__(self, taken: Iterable[str], judge: Destinations) -> None:
        """*taken* are the files of the set itself, relative to where outputs land."""
        self._judge = judge
        self._taken = {filenames.collision_key(path) for path in (*taken, filenames.LOCKFILE)}
        self._files: dict[str, tuple[Address, Location | None]] = {}
        self._folders: dict[str, str] = {}

    def add(self, address: Address, rule: OutputRule) -> Problem | None:
        """Record the destination of *rule*; returns a problem when something else is put there."""
        path = _path(rule)
        if path is None:
            return self._as_manifests(address, rule)
        key = filenames.collision_key(path)
        if key in self._taken:
            message = f"{address}: an output would replace {quoted(path)}, a file of the set"
            return Problem(rule.where, message, "put it into a folder of its own")
        if self._judge.searched.takes(path):
            message = f"{address}: an output would go to {quoted(path)}, {_SEARCHED}"
            return Problem(rule.where, message, ADVICE)
        if why := self._judge.refusal(path):
            return Problem(rule.where, f"{address}: an output {why}")
        first = self._files.setdefault(key, (address, rule.where))
        if first[1] is not rule.where or first[0] != address:
            place = f" ({first[1]})" if first[1] != rule.where else ""
            message = f"{address}: an output of {first[0]}{place} also goes to {quoted(path)}"
            return Problem(rule.where, message, "give each of them its own path")
        return self._in_the_way(address, rule, path, key)

    def _as_manifests(self, address: Address, rule: OutputRule) -> Problem | None:
        """What to say of a rule for a folder: for YAML files only, whatever they are called."""
        if why := self._judge.refusal(tidy(f"{rule.to}x")):
            return Problem(rule.where, f"{address}: an output {why}")
        for suffix in SUFFIXES:
            if rule.path.endswith(suffix) and self._judge.searched.takes(
                tidy(f"{rule.to}x{suffix}")
            ):
                message = f"{address}: {quoted(rule.path)} would land in {quoted(rule.to)}"
                return Problem(rule.where, f"{message}, {_SEARCHED}", ADVICE)
        return None

    def _in_the_way(
        self, address: Address, rule: OutputRule, path: str, key: str
    ) -> Problem | None:
        hint = "a path cannot be both a file and a folder"
        if key in self._folders:
            message = f"{address}: {quoted(path)} is the folder of {self._folders[key]}"
            return Problem(rule.where, message, hint)
        folder = key.rpartition("/")[0]
        while folder and folder not in self._folders:
            if folder in self._files:
                message = f"{address}: {quoted(folder)} is a file, an output of"
                return Problem(rule.where, f"{message} {self._files[folder][0]}", hint)
            self._folders[folder] = f"an output of {address}"
            folder = folder.rpartition("/")[0]
        return None


def tidy(path: str) -> str:
    """A path without empty and ``.`` segments; a trailing ``/`` is kept."""
    if path and path[0] not in "./" and "//" not in path and "/." not in path:
        return path
    plain = "/".join(part for part in path.split("/") if part not in ("", "."))
    return f"{plain}/" if plain and path.endswith(("/", "/.")) else plain or "./"


def refuse_to(path: str) -> str:
    """Why nothing may be put at *path*, or empty."""
    if path.startswith("/"):
        return "must be relative to the folder of the set"
    plain = tidy(path)
    if plain == "./":
        return ""
    if ".." in plain.rstrip("/").split("/"):
        return "leads out of the folder of the set (for another folder use outputsRoot)"
    if plain.endswith("/"):
        return destinations.name_refusal(f"{plain}x")
    return destinations.name_refusal(plain)


@lru_cache(maxsize=4096)
def refuse_glob(glob: str) -> str:
    """Why *glob* can match no output, or empty."""
    if glob.startswith("/"):
        return "must be relative to the outputs of the job"
    if ".." in glob.split("/"):
        return 'cannot have ".." in it'
    if not glob.isprintable():
        return "has a control character in it"
    if not _WILD.intersection(glob):
        return filenames.refusal(tidy(glob).rstrip("/"))
    return ""


def folder(to: str) -> str:
    """The folder that holds what lands at *to*, up to the first reference; may be empty."""
    fixed = to.split("${", 1)[0] if "${" in to else to
    plain = tidy(fixed.rsplit("/", 1)[0]) if "/" in fixed else ""
    return plain.rstrip("/") if plain not in ("./",) else ""


def _path(rule: OutputRule) -> str | None:
    if rule.to != "./" and not rule.to.endswith("/"):
        return rule.to
    if _WILD.intersection(rule.path) or rule.path.endswith("/"):
        return None
    return tidy(f"{rule.to}/{rule.path.rsplit('/', 1)[-1]}")
