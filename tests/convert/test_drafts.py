"""A job or set of Agave v2 as a draft for Tapis v3: what is guessed or lost has a TODO."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from jobsync.platforms.converting import NotConvertible
from jobsync.platforms.tapis.convert import convert


def draft(job: dict[str, object]) -> str:
    return convert([("job.json", json.dumps({"name": "j", "appId": "a-1.0", **job}).encode())],
                   "p").text  # fmt: skip


def todos(text: str) -> dict[str, str]:
    """The lines with TODO: what stands before it (without dashes) and the words behind it."""
    found = re.findall(r"^[ -]*(.*?)(?:  )?# TODO:? ?(.*)$", text, re.MULTILINE)
    return {line.strip(): words for line, words in found}


@pytest.mark.parametrize(
    ("job", "lines", "words"),
    [
        ({"appId": "bwa-0.7.17u2"}, ["appId: bwa", 'appVersion: "0.7.17"'], "ids and versions"),
        ({"batchQueue": "normal"}, ["execSystemLogicalQueue: normal"], "other names"),
        ({"maxRunTime": "01:30:10"}, ["maxMinutes: 91"], "rounded up"),
        ({"memoryPerNode": "1.001GB"}, ["memoryMB: 1026"], "rounded up"),
        ({"inputs": {"i": "agave://s/a%20b"}}, ['sourceUrl: "tapis://s/a b"'], "another name"),
        ({"inputs": {"i": "agave://s/a%0Ab"}}, ['sourceUrl: "tapis://s/a%0Ab"'], "rename"),
        ({"inputs": {"i": "agave://s/%2E%2E/b"}}, ['sourceUrl: "tapis://s/%2E%2E/b"'], "rename"),
        ({"inputs": {"i": "agave://s/%FF"}}, ['sourceUrl: "tapis://s/%FF"'], "rename"),
        ({"inputs": {"i": "data/b.fa"}}, ['sourceUrl: "tapis://TODO/data/b.fa"'], "the system"),
        ({"inputs": {"i": "sftp://h/b"}}, ['sourceUrl: "sftp://h/b"'], "only tapis"),
        ({"inputs": {"i": ["agave://s/a"]}}, ['"tapis://s/a"'], "another name"),
        ({"parameters": {"t": 4}}, ['arg: "4"'], "envVariables"),
        ({"parameters": {"t": True}}, ['arg: "--t"'], "envVariables"),
        ({"parameters": {"t": False}}, ['arg: "--t"'], "envVariables"),
        ({"archive": False}, ["archiveMode: NEVER"], "25Q4"),
        ({"archivePath": "a/${JOB_ID}"}, ['archiveSystemDir: "a/${JobUUID}"'], "the root of"),
        ({"archiveSystem": "s"}, ["archiveSystemId: s"], "another name"),
        ({"notifications": "a@b.org"}, ['deliveryAddress: "a@b.org"'], "no macros"),
    ],
)  # fmt: skip
def test_each_line_that_is_guessed_says_so(
    job: dict[str, object], lines: list[str], words: str
) -> None:
    found = todos(draft(job))
    for line in lines:
        assert line in found and words in found[line], draft(job)
        assert "(was" in found[line]


@pytest.mark.parametrize(
    ("job", "line"),
    [
        ({"maxRunTime": "01:30:00"}, "maxMinutes: 90"),
        ({"memoryPerNode": "1.5GB"}, "memoryMB: 1536"),
        ({"processorsPerNode": "16"}, "coresPerNode: 16"),
        ({"nodeCount": 2}, "nodeCount: 2"),
        ({"inputs": {"i": "agave://local/a%20b"}}, 'sourceUrl: "tapis://local/a b"'),
        ({"inputs": {"i": "https://h/a%20b"}}, 'sourceUrl: "https://h/a%20b"'),
        ({"parameters": {"t": False}}, "include: false"),
    ],
)
def test_a_line_that_means_the_same_says_nothing(job: dict[str, object], line: str) -> None:
    text = draft(job)
    (written,) = [one for one in text.splitlines() if line in one]
    assert "TODO" not in written, text


def test_what_a_success_must_have_made_is_a_comment() -> None:
    assert "    # TODO expect:" in draft({})
    assert "expect" not in yaml.safe_load(draft({}))["jobs"]["j"]


def test_one_subscription_for_an_address_and_no_macro_of_the_old_service() -> None:
    url = "https://h/${JOB_ID}"
    given = [{"url": url, "event": event} for event in ("RUNNING", "FAILED")]
    (one,) = yaml.safe_load(draft({"notifications": given}))["jobs"]["j"]["subscriptions"]
    assert one["deliveryTargets"] == [
        {"deliveryMethod": "WEBHOOK", "deliveryAddress": "https://h/$${JOB_ID}"}
    ]


SET = """\
apiVersion: jobsync/v1
api: agave/v2
project: p
target: tacc
targets:
  tacc: {api: agave/v2, baseUrl: https://api.tacc.example, owner: bot}
variables: {q: {default: normal}}
defaults: {archive: false, parameters: {x: 1}}
jobs:
  a:
    appId: app-1.0
    id: 1-2-3-007
    archive: true
    batchQueue: ${var.q}
    maxRunTime: ${var.q}
    parameters: {x: null}
    permissions: {bob: READ, carol: READ_WRITE, dave: NONE, world: READ}
    formerly: [old]
    expect: [out.txt]
  b:
    appId: ${var.q}
    matrix: {n: [1, 2]}
    inputs:
      one: ${jobs.a.outputs/out.txt}
      all: "${jobs.a[*].outputs/out.txt}"
      v: ${var.q}
    permissions: {world: ALL}
    surprise: 7
"""


def test_a_set_keeps_what_is_of_jobsync_and_marks_the_rest() -> None:
    text = convert([("a.yaml", SET.encode())], "x").text
    found, marks = yaml.safe_load(text), todos(text)
    assert (found["api"], found["project"], found["variables"]) == (
        "tapis/v3", "p", {"q": {"default": "normal"}},
    )  # fmt: skip
    assert found["targets"]["tacc"]["api"] == "tapis/v3"
    assert "the tenant's URL" in marks['baseUrl: "https://api.tacc.example"']
    assert found["defaults"]["archiveMode"] == "NEVER"
    a, b = found["jobs"]["a"], found["jobs"]["b"]
    assert a["archiveMode"] == "ALWAYS", "the default says NEVER"
    assert a["parameterSet"]["appArgs"] == [{"name": "x", "remove": True}]
    assert a["permissions"] == {"bob": "READ", "carol": "READ", "dave": "NONE"}
    assert "carol: READ" in marks and "bob: READ" not in marks
    assert a["expect"] == ["out.txt"] and {"id", "formerly"}.isdisjoint(a)
    for left in ("id:", "formerly:", "world:", "surprise:"):
        assert f"# TODO left out: {left}" in text
    assert "maxMinutes: 10" in marks and b["appVersion"] == "TODO"
    assert b["matrix"] == {"n": [1, 2]} and b["permissions"] == {}
    assert b["fileInputs"] == [
        {"name": "one", "sourceUrl": "${jobs.a.outputs/out.txt}"},
        {"name": "v", "sourceUrl": "${var.q}"},
    ]
    assert b["fileInputArrays"] == [{"name": "all", "sourceUrls": ["${jobs.a[*].outputs/out.txt}"]}]


def test_a_set_that_cannot_be_read_is_told_with_its_place() -> None:
    """It was called a job without an appId."""
    for text in ("apiVersion: [", 'apiVersion: jobsync/v1\njobs: {a: {appId: "\\ud800"}}\n'):
        with pytest.raises(NotConvertible, match=r"a\.yaml:\d+:\d+: ") as caught:
            convert([("a.yaml", text.encode())], "x")
        assert "appId" not in str(caught.value)
    with pytest.raises(NotConvertible, match=r"a\.json"):
        convert([("a.json", b'{"appId": ')], "x")


def test_files_of_one_set_are_one_draft_and_say_nothing_twice() -> None:
    other = SET.replace("  a:\n", "  c:\n", 1).replace("  b:\n", "  d:\n", 1)
    other = other[: other.index("target:")] + other[other.index("jobs:") :]
    both = yaml.safe_load(convert([("a.yaml", SET.encode()), ("b.yaml", other.encode())], "x").text)
    assert sorted(both["jobs"]) == ["a", "b", "c", "d"]
    with pytest.raises(NotConvertible, match=r"b.yaml: jobs.a is defined twice"):
        convert([("a.yaml", SET.encode()), ("b.yaml", SET.encode())], "x")
    with pytest.raises(NotConvertible, match="is for tapis/v3 already"):
        convert([("a.yaml", SET.replace("agave/v2", "tapis/v3").encode())], "x")
    with pytest.raises(NotConvertible, match="apart from manifests"):
        convert([("a.yaml", SET.encode()), ("j.json", b'{"appId": "x-1"}')], "x")


def test_nothing_of_a_file_ends_its_comment() -> None:
    text = draft({"inputs": {"i": "agave://s/a\nb\u2028c\x85d: [evil"}, "batchQueue": "q"})
    values = yaml.safe_load(text)
    assert list(values) == ["apiVersion", "api", "project", "jobs"]
    assert list(values["jobs"]) == ["j"]
