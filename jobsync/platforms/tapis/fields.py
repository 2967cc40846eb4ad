"""The request fields of a job: what the service would refuse is refused here first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from jobsync.manifest.messages import quoted
from jobsync.model import Value
from jobsync.platform import Step, Wrong
from jobsync.platforms.tapis.request import SHAPES
from jobsync.platforms.tapis.shapes import checked
from jobsync.platforms.tapis.urls_of_inputs import WORKSPACE


def request_schema() -> dict[str, Any]:
    """What each field may be before references in it are filled in."""
    return {"properties": {name: shape.schema() for name, shape in SHAPES.items()}}


FIELDS: Mapping[str, Callable[[Value], Value]] = {
    name: partial(checked, shape) for name, shape in SHAPES.items()
}
"""Every request field and what makes its value ready to send."""

PLACEMENT = (
    "execSystemId", "execSystemLogicalQueue", "nodeCount", "coresPerNode", "memoryMB",
    "maxMinutes", "parameterSet.schedulerOptions", "jobType", "dynamicExecSystem",
    "execSystemConstraints",
)  # fmt: skip
"""What says where and how long, not what: changing it never re-runs a job."""

REFERRING = frozenset({"fileInputs", "fileInputArrays"})
MERGED = frozenset({"parameterSet"})
NAMED_ENTRIES: Mapping[str, str] = {
    "fileInputs": "name",
    "fileInputArrays": "name",
    "parameterSet.appArgs": "name",
    "parameterSet.containerArgs": "name",
    "parameterSet.schedulerOptions": "name",
    "parameterSet.envVariables": "key",
}
UNITED = frozenset({"tags"})
HIDING = frozenset({
    "fileInputs", "fileInputArrays", "parameterSet", "subscriptions",
    "execSystemId", "execSystemLogicalQueue", "nodeCount", "coresPerNode", "memoryMB",
    "maxMinutes", "jobType",
})  # fmt: skip
"""The fields in which a value of the environment can be used."""


NEEDED = {
    "appId": "name the app to run; jobsync apps lists them",
    "appVersion": 'the service has no latest version: write appVersion: "1.0"',
}


def check_request(request: Mapping[str, Value]) -> Iterator[Wrong]:
    """What is wrong with fields together (tapis-v3 §4.1, §4.2)."""
    if request.get("isMpi") is True and request.get("cmdPrefix"):
        yield Wrong("isMpi and cmdPrefix exclude each other", "remove one", path=("cmdPrefix",))
    parameters = request.get("parameterSet")
    variables = parameters.get("envVariables") if isinstance(parameters, dict) else None
    seen: set[Value] = set()
    for number, one in enumerate(variables if isinstance(variables, list) else []):
        key = one.get("key") if isinstance(one, dict) else None
        if isinstance(key, str) and key in seen:
            text = f"envVariables has {quoted(key)} twice"
            yield Wrong(text, path=("parameterSet", "envVariables", number))
        seen.add(key if isinstance(key, str) else None)


def wrong_reference(field: str, at: Step, *, is_file: bool, is_list: bool) -> str:
    """Why a reference to a job cannot stand at *at* below *field*; empty where it can."""
    last = next((step for step in reversed(at) if isinstance(step, str)), "")
    if last not in ("sourceUrl", "sourceUrls"):
        return REFERENCES_HINT
    if not is_file:
        return "an input is a file: write ${jobs.KEY.outputs/PATH}"
    if is_list and last == "sourceUrl":
        return "it selects several runs: use sourceUrls of fileInputArrays, or [axis=value]"
    return ""


REFERENCES_HINT = (
    "references to jobs can be used as the sourceUrl of a file input, and in sourceUrls of "
    "fileInputArrays"
)


def names_workspace(field: str, value: Value) -> bool:
    """Whether *value* of *field* names a file of the workspace."""
    return field in REFERRING and WORKSPACE in str(value)


def workspace_path(uri: str) -> str:
    """The path of a file of the workspace: the text as it stands, which nothing decodes."""
    return uri[len(WORKSPACE) :]


def workspace_inputs(request: Mapping[str, Value]) -> Iterator[tuple[Step, str]]:
    """The URLs of files of the workspace among the inputs, and where they stand.

    What lies in the job area, ``.work``, belongs to other jobs and not to the workspace.
    """
    for at, url in urls(request):
        if url.startswith(WORKSPACE) and workspace_path(url).lstrip("/").split("/")[0] != ".work":
            yield at, url


def urls(request: Mapping[str, Value]) -> Iterator[tuple[Step, str]]:
    """Every URL of an input that is known, and where it stands."""
    for field, name in (("fileInputs", "sourceUrl"), ("fileInputArrays", "sourceUrls")):
        entries = request.get(field)
        for number, one in enumerate(entries if isinstance(entries, list) else []):
            value = one.get(name) if isinstance(one, dict) else None
            if isinstance(value, str):
                yield (field, number, name), value
            for place, url in enumerate(value if isinstance(value, list) else []):
                if isinstance(url, str):
                    yield (field, number, name, place), url


def parameters_of(request: Mapping[str, Value]) -> Mapping[str, Value]:
    """The parameter set of *request*; empty where it has none."""
    found = request.get("parameterSet")
    return found if isinstance(found, dict) else {}
