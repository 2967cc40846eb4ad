"""A request becomes a manifest and a request again; a draft validates once its TODOs are done."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobsync.errors import ManifestError
from jobsync.manifest import load
from jobsync.model import DesiredState, Target
from jobsync.platforms.agave.platform import AGAVE
from jobsync.platforms.tapis.convert import convert
from jobsync.platforms.tapis.platform import TAPIS

PLATFORMS = {one.name: one for one in (AGAVE, TAPIS)}
THERE = Target("there", "https://tenant.example", api=TAPIS.name)


def loaded(text: str, variables: Mapping[str, str] | None = None) -> DesiredState:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "set.yaml").write_text(text, encoding="utf-8")
        return load([name], platforms=PLATFORMS, target=THERE, variables=variables or {})


def pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: pruned(one) for key, one in value.items() if one is not None}
    return [pruned(one) for one in value if one is not None] if isinstance(value, list) else value


# --- requests ------------------------------------------------------------------------------

_WORDS = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Cn", "Co", "Zl", "Zp", "Cf")),
    min_size=1,
    max_size=12,
)
_DOLLARS = st.lists(
    st.sampled_from(["$", "${", "}", "${HOME}", "${JobUUID}", "$${x}", "${var.y}", "a", " ", "{"]),
    max_size=5,
).map("".join)
_TEXT = st.one_of(_WORDS, _DOLLARS.filter(bool))
_MAYBE = {"description": st.none() | _TEXT, "notes": st.none() | st.dictionaries(_WORDS, _TEXT)}
_ID = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,15}", fullmatch=True)
_URL = st.builds(
    "tapis://{}/{}".format, _ID, st.from_regex(r"[a-z0-9 %._-]{1,12}x", fullmatch=True)
)
_SIZE = st.none() | st.integers(1, 10**6)


def unique(entries: st.SearchStrategy[dict[str, Any]], key: str) -> st.SearchStrategy[Any]:
    return st.none() | st.lists(entries, max_size=3, unique_by=lambda one: str(one[key]))


_ARGS = unique(
    st.fixed_dictionaries(
        {"name": _TEXT, "arg": _TEXT, "include": st.none() | st.booleans(), **_MAYBE}
    ),
    "name",
)
_PARAMETERS = st.fixed_dictionaries(
    {
        "appArgs": _ARGS,
        "containerArgs": _ARGS,
        "schedulerOptions": _ARGS,
        "envVariables": unique(
            st.fixed_dictionaries(
                {
                    "key": st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True),
                    "value": st.just("") | _TEXT,
                }
            ),
            "key",
        ),
        "archiveFilter": st.none()
        | st.fixed_dictionaries({"includes": st.none() | st.lists(_TEXT, max_size=2, unique=True)}),
    }
)
REQUESTS = st.fixed_dictionaries(
    {
        "name": _TEXT,
        "appId": _ID,
        "appVersion": _ID,
        "description": st.none() | _TEXT,
        "owner": st.none(),
        "tenant": st.none(),
        "mpiCmd": st.none(),
        "isMpi": st.none() | st.booleans(),
        "execSystemLogicalQueue": st.none() | _ID,
        "maxMinutes": _SIZE,
        "memoryMB": _SIZE,
        "nodeCount": _SIZE,
        "jobType": st.sampled_from([None, "FORK", "BATCH"]),
        "archiveSystemDir": st.sampled_from([None, "/a/${JobUUID}", "HOST_EVAL($HOME)/x"]),
        "archiveMode": st.sampled_from([None, "ALWAYS", "SKIP_ON_FAIL"]),
        "tags": st.none()
        | st.lists(
            st.sampled_from(["jobsync:p/a", "jobsync-op:0123", "mine", "portalName: X"]),
            unique=True,
        ),
        "notes": st.none()
        | st.dictionaries(
            _WORDS,
            st.recursive(
                st.booleans() | st.integers() | _TEXT,
                lambda inner: st.lists(inner, max_size=2),
                max_leaves=4,
            ),
        ),
        "fileInputs": unique(
            st.fixed_dictionaries(
                {"name": _TEXT, "sourceUrl": _URL, "targetPath": st.none() | st.just("*")}
            ),
            "name",
        ),
        "parameterSet": st.none() | _PARAMETERS,
    }
)


@settings(max_examples=150, deadline=None)
@given(REQUESTS)
@example(
    {
        "name": "n",
        "appId": "a",
        "appVersion": "1",
        "parameterSet": {"appArgs": [{"name": "x", "arg": "$$$${HOME} ${ $${} ${a.b} ${JobUUID}"}]},
    }
)
def test_the_manifest_asks_for_what_the_request_asked_for(request: dict[str, Any]) -> None:
    for answer in (request, {"status": "success", "message": "m", "result": request}):
        found = convert([("r.json", json.dumps(answer).encode())], "p")
        (job,) = loaded(found.text).jobs.values()
        expected = pruned({key: value for key, value in request.items() if key != "name"})
        if "tags" in expected:
            expected["tags"] = [one for one in expected["tags"] if not one.startswith("jobsync")]
            if not expected["tags"]:
                del expected["tags"]
        assert dict(job.request) == expected


# --- drafts --------------------------------------------------------------------------------

_PARAMETER = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    _WORDS,
    st.just(""),
    st.lists(_WORDS, max_size=2),
    st.none(),
)
_NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
_INPUT = st.one_of(
    _URL.map(lambda url: url.replace("tapis://", "agave://")),
    st.sampled_from(
        [
            "data/x.fa",
            "/abs/x",
            "https://h.example/a",
            "sftp://h/x",
            "agave://s/%2E%2E/x",
            "agave://s/%FF",
            "agave://s/a%0Ab",
            "agave://local/d/a%20b",
            "{{ place }}",
        ]
    ),
)
JOBS = st.fixed_dictionaries(
    {"name": _NAMES, "appId": st.sampled_from(["bwa-0.7.17", "bwa-0.7.17u2", "a-b-1.0"])},
    optional={
        "batchQueue": _NAMES,
        "maxRunTime": st.sampled_from(["00:10:00", "1:00:01", "00:00:00", "{{ time }}"]),
        "memoryPerNode": st.sampled_from([1, "1.5", "512MB", "0.1GB", 3.7]),
        "nodeCount": st.integers(1, 9),
        "processorsPerNode": st.sampled_from([1, "16", 4.0]),
        "archive": st.booleans(),
        "archivePath": st.sampled_from(["x/${JOB_ID}", "${JOB_NAME}/${TENANT_ID}", "plain"]),
        "archiveSystem": _NAMES,
        "inputs": st.dictionaries(_NAMES, _INPUT | st.lists(_INPUT, max_size=2), max_size=3),
        "parameters": st.dictionaries(_NAMES, _PARAMETER, max_size=4),
        "notifications": st.sampled_from(
            ["https://h/${JOB_ID}", "a@b.example", [{"url": "https://h", "event": "*"}], []]
        ),
    },
)


def done(text: str) -> str:
    """The draft with each TODO looked at: the words are gone, and what was asked is filled in."""
    lines = []
    for line in text.splitlines():
        code, mark, _ = line.partition("  # TODO: ")
        if line.lstrip().startswith("# TODO") or (not mark and line.startswith("#")):
            continue
        code = code.replace("TODO", "1.0" if "appVersion" in code else "filled.in")
        code = code.replace("sftp://", "https://").replace("%0A", "n")
        if "sourceUrl" in code or code.lstrip().startswith('- "'):
            code = code.replace("%2E%2E/", "").replace("${var.place}", "tapis://s/x")
        lines.append(code)
    return "\n".join(lines) + "\n"


@settings(max_examples=150, deadline=None)
@given(JOBS)
def test_a_draft_validates_once_its_todos_are_done(job: dict[str, Any]) -> None:
    text = convert([("job.json", json.dumps(job).encode())], "p").text
    given_values = {"time": "5", "place": "tapis://s/x"}
    declared = [name for name in given_values if f"  {name}:\n" in text]
    state = loaded(done(text), {name: given_values[name] for name in declared})
    (found,) = state.jobs.values()
    assert found.request["appVersion"]


def test_a_draft_that_is_not_finished_says_where(tmp_path: Path) -> None:
    job = {"name": "j", "appId": "a-1.0", "inputs": {"i": "sftp://h/x"}}
    text = convert([("job.json", json.dumps(job).encode())], "p").text
    with pytest.raises(ManifestError, match="copies inputs from"):
        loaded(text)
