"""What a declaration and the request of a run say, part by part.

The record that is compared is the request as it was sent (tapis-v3 §5.2), so what differs here is
what differs in the fingerprint. Entries of lists are found by their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jobsync.identity import leaf_text
from jobsync.model import JsonValue, Value
from jobsync.platforms.tapis.canonical import meaning

_ARGUMENTS = ("appArgs", "containerArgs")


def sides(
    declared: Mapping[str, Value], record: Mapping[str, Value], keep: frozenset[str]
) -> dict[str, tuple[Value, Value]]:
    """(the record's, the declared) of every path that is compared. *keep* are paths that only the
    record may have."""
    ours, theirs = parts(declared), parts(record)
    if "archiveMode" in declared:
        ours.setdefault("archiveMode", "ALWAYS")
        theirs.setdefault("archiveMode", "ALWAYS")
    paths = [*ours, *(path for path in theirs if path not in ours and path in keep)]
    found = {path: (theirs.get(path), ours.get(path)) for path in paths}
    for name in _ARGUMENTS:
        one, other = (_order(side, name) for side in (theirs, ours))
        if one != other and sorted(one) == sorted(other):
            found[f"parameterSet.{name} (their order)"] = [*one], [*other]
    return found


def tells_request(record: Mapping[str, JsonValue]) -> bool:
    """Whether a full record has the request: of some jobs the service does not tell it any more
    (tapis-v3 §3)."""
    return "appId" in record


def same(path: str, declared: Value, remote: Value) -> bool:
    """Whether two leaves are the same once they are text."""
    return leaf_text(declared) == leaf_text(remote)


def given(request: Mapping[str, Value]) -> frozenset[str]:
    """The path of everything that *request* says and that means something."""
    return frozenset(parts(request))


def parts(request: Mapping[str, Value]) -> dict[str, Value]:
    """Everything in *request* that means something, by path; each value is a leaf or a list."""
    found: dict[str, Value] = {}
    for name, value in meaning(request, lambda leaf: leaf).items():
        if name == "fileInputs":
            found.update(_entries("fileInputs", value, "name", "sourceUrl"))
        elif name == "fileInputArrays":
            found.update(_entries("fileInputArrays", value, "name", "sourceUrls"))
        elif name in _ARGUMENTS:
            found.update(_entries(f"parameterSet.{name}", value, "name", "arg"))
        elif name == "envVariables":
            found.update(_entries("parameterSet.envVariables", value, "key", "value"))
        elif isinstance(value, dict):
            found.update({f"parameterSet.{name}.{key}": one for key, one in value.items()})
        else:
            found[name] = value
    return found


def _entries(path: str, value: Value, key: str, main: str) -> Iterator[tuple[str, Value]]:
    """The parts of a list's entries: *main* under the name of the entry, the others below it."""
    used: dict[str, int] = {}
    for entry in value if isinstance(value, list) else []:
        if not isinstance(entry, dict):
            continue
        name = entry.get(key)
        label = f"{path}.{name}" if isinstance(name, str) else path
        used[label] = used.get(label, 0) + 1
        if not isinstance(name, str) or used[label] > 1:
            label += f"[{used[label] - 1}]"
        yield label, entry.get(main)
        for other, one in entry.items():
            if other not in (key, main):
                yield f"{label}.{other}", one


def _order(side: Mapping[str, Value], name: str) -> list[str]:
    start = f"parameterSet.{name}"
    found = (path.removeprefix(start) for path in side if path.startswith(start))
    return [rest.removeprefix(".") for rest in found if rest[:1] in (".", "[")]
