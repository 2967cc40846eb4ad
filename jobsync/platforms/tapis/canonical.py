"""The canonical form of a request: what of it means something, each value in one spelling. Pure.

Absent equals what the service itself assumes, and nothing that an app may assume instead: an app's
defaults can change without the request (tapis-v3 §4.1, §11.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from jobsync.identity import leaf_text
from jobsync.model import JsonValue, Value
from jobsync.sensitive import revealed

PLAIN = (
    "appId", "appVersion", "archiveSystemId", "archiveOnAppError", "isMpi", "mpiCmd", "cmdPrefix",
)  # fmt: skip
"""Fields that are as they stand."""

DIRECTORIES = (
    "execSystemExecDir", "execSystemInputDir", "execSystemOutputDir", "archiveSystemDir",
    "dtnSystemInputDir", "dtnSystemOutputDir",
)  # fmt: skip
"""Fields in which slashes at the end and doubled ones mean nothing (tapis-v3 §4.4)."""

_OWN_NAME = (None, "", "*")
"""An input keeps its own name (tapis-v3 §4.2)."""

Leaf = Callable[[Value], Value]


def canonical_request(request: Mapping[str, Value]) -> dict[str, JsonValue]:
    """What of *request* says what a run is, with references in words.

    Equal results mean: the same run.
    """
    clear = {name: revealed(value) for name, value in request.items()}
    found: dict[str, JsonValue] = meaning(clear, _json)  # type: ignore[assignment]
    return found


def meaning(request: Mapping[str, Value], leaf: Leaf) -> dict[str, Value]:
    """The same with each leaf as *leaf* makes it."""
    found: dict[str, Value] = {
        name: leaf(request[name]) for name in PLAIN if request.get(name) is not None
    }
    for name in DIRECTORIES:
        value = request.get(name)
        if isinstance(value, str):
            found[name] = directory(value)
    if request.get("archiveMode") not in (None, "ALWAYS"):
        found["archiveMode"] = leaf(request["archiveMode"])
    if inputs := [_input(one, leaf) for one in entries(request.get("fileInputs"))]:
        found["fileInputs"] = _sorted(inputs)
    if arrays := [_array(one, leaf) for one in entries(request.get("fileInputArrays"))]:
        found["fileInputArrays"] = _sorted(arrays)
    parameters = request.get("parameterSet")
    parameters = parameters if isinstance(parameters, dict) else {}
    for name in ("appArgs", "containerArgs"):
        if arguments := [_argument(one, leaf) for one in entries(parameters.get(name))]:
            found[name] = [*arguments]
    if variables := [_variable(one, leaf) for one in entries(parameters.get("envVariables"))]:
        found["envVariables"] = _sorted(variables)
    if kept := _filter(parameters.get("archiveFilter"), leaf):
        found["archiveFilter"] = kept
    log = parameters.get("logConfig")
    if isinstance(log, dict) and log:
        found["logConfig"] = {key: leaf(log[key]) for key in sorted(log) if log[key] is not None}
    return found


def scheduler_options(options: Value, leaf: Leaf) -> list[Value]:
    """The options of the batch scheduler, which are placement, in the same form."""
    return [_argument(one, leaf) for one in entries(options)]


def directory(path: str) -> str:
    """The one spelling of a directory, relative to the root of its system."""
    return "/".join(part for part in path.split("/") if part) or "/"


def entries(value: Value) -> list[Mapping[str, Value]]:
    """The entries of a list of mappings; none of anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _json(value: Value) -> Value:
    """A leaf in which references are words."""
    return value if isinstance(value, bool) else leaf_text(value)


def _argument(one: Mapping[str, Value], leaf: Leaf) -> dict[str, Value]:
    found = _named(one, ("name", "arg"), leaf)
    if one.get("include") is False:
        found["include"] = False
    return found


def _variable(one: Mapping[str, Value], leaf: Leaf) -> dict[str, Value]:
    found = _named(one, ("key", "value"), leaf)
    if one.get("include") is False:
        found["include"] = False
    return found


def _input(one: Mapping[str, Value], leaf: Leaf) -> dict[str, Value]:
    found = _named(one, ("name", "sourceUrl", "envKey"), leaf)
    if one.get("targetPath") not in _OWN_NAME:
        found["targetPath"] = leaf(one["targetPath"])
    if one.get("autoMountLocal") is False:
        found["autoMountLocal"] = False
    return found


def _array(one: Mapping[str, Value], leaf: Leaf) -> dict[str, Value]:
    found = _named(one, ("name", "envKey"), leaf)
    urls = one.get("sourceUrls")
    if isinstance(urls, list) and urls:
        found["sourceUrls"] = [leaf(url) for url in urls]
    if one.get("targetDir") not in _OWN_NAME:
        found["targetDir"] = leaf(one["targetDir"])
    return found


def _named(one: Mapping[str, Value], names: Iterable[str], leaf: Leaf) -> dict[str, Value]:
    return {name: leaf(one[name]) for name in names if one.get(name) is not None}


def _filter(value: Value, leaf: Leaf) -> dict[str, Value]:
    if not isinstance(value, dict):
        return {}
    found: dict[str, Value] = {}
    for name in ("includes", "excludes"):
        globs = value.get(name)
        if isinstance(globs, list) and globs:
            found[name] = sorted((leaf(glob) for glob in globs), key=leaf_text)
    if value.get("includeLaunchFiles") is False:
        found["includeLaunchFiles"] = False
    return found


def _sorted(items: list[dict[str, Value]]) -> list[Value]:
    """*items* in an order that depends on nothing but them."""
    return [*sorted(items, key=_key)]


def _key(item: Mapping[str, Value]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, "\0".join(map(leaf_text, value)) if isinstance(value, list) else leaf_text(value))
        for name, value in sorted(item.items())
    )
