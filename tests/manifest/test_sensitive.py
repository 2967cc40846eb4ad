"""Values of the environment and of sensitive variables: sent, compared, never shown or kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobsync.errors import ManifestError
from jobsync.manifest import check_apps
from jobsync.model import App, AppField, DesiredState
from jobsync.platforms.loading import load
from jobsync.secret import HIDDEN, Sensitive
from jobsync.sensitive import revealed

SECRET = "s3cret-nonce"
HEAD = """\
apiVersion: jobsync/v1
project: p
env: [TOKEN, EMPTY, UNSET]
variables:
  key: {default: 7, sensitive: true}
  open: {default: seen}
jobs:
  a:
"""
ENVIRON = {"TOKEN": SECRET, "EMPTY": ""}


def loaded(folder: Path, body: str, **options: object) -> DesiredState:
    (folder / "a.yaml").write_text(HEAD + "".join(f"    {line}\n" for line in body.splitlines()))
    return load([folder], **{"environ": ENVIRON, **options})  # type: ignore[arg-type]


def refused(folder: Path, body: str, **options: object) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        loaded(folder, body, **options)
    said = f"{caught.value} {caught.value.hint} {caught.value.problems}"
    assert SECRET not in said
    return [str(problem) for problem in caught.value.problems]


BODY = """\
appId: x-1
batchQueue: ${env.TOKEN}
nodeCount: ${var.key}
parameters:
  whole: ${env.TOKEN}
  part: "--token=${env.TOKEN}"
  many: [a, "${env.TOKEN}", "${var.open}"]
  empty: ${env.EMPTY}
  open: ${var.open}
inputs: {data: "https://x.example/?t=${env.TOKEN}"}
notifications: [{url: "https://x.example/${env.TOKEN}", event: FINISHED}]
"""


def test_they_are_of_a_type_that_does_not_print(tmp_path: Path) -> None:
    desired = loaded(tmp_path, BODY)
    job = desired.jobs["a"]
    assert SECRET not in repr(desired) + str(desired)
    hidden = Sensitive(SECRET)
    assert job.request["batchQueue"] == hidden
    assert job.request["nodeCount"] == Sensitive(7)
    assert job.request["parameters"] == {
        "whole": hidden,
        "part": Sensitive(f"--token={SECRET}"),
        "many": ["a", hidden, "seen"],
        "empty": Sensitive(""),
        "open": "seen",
    }
    assert job.request["inputs"] == {"data": Sensitive(f"https://x.example/?t={SECRET}")}
    assert f"{job.request['parameters']}".count(HIDDEN) == 4
    assert set(job.secrets) == {hidden, Sensitive("7")}


def test_the_run_is_the_same_as_with_the_value_written_out(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    for value in (SECRET, "a;b", "1", "true", " x "):
        environ = {**ENVIRON, "TOKEN": value}
        body = "appId: x-1\nparameters: {p: '${env.TOKEN}', q: ['${env.TOKEN}']}\n"
        one = loaded(tmp_path / "one", body, environ=environ).jobs["a"]
        text = body.replace("${env.TOKEN}", value)
        other = loaded(tmp_path / "other", text, environ=environ).jobs["a"]
        assert one.name == other.name
        assert revealed(dict(one.request)) == other.request


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("appId: ${env.TOKEN}", "appId"),
        ("appId: x-${var.key}", "appId"),
        ("appId: x-1\narchive: ${env.TOKEN}", "archive"),
        ("appId: x-1\narchivePath: x/${env.TOKEN}", "archivePath"),
        ("appId: x-1\narchiveSystem: ${env.TOKEN}", "archiveSystem"),
        ("appId: x-1\nid: ${env.TOKEN}", "id"),
        ("appId: x-1\nrerun: ${var.key}", "rerun"),
        ("appId: x-1\nneeds: ['${env.TOKEN}']", "needs[0]"),
        ("appId: x-1\nformerly: ['${env.TOKEN}']", "formerly[0]"),
        ("appId: x-1\nexpect: ['${env.TOKEN}']", "expect[0]"),
        ("appId: x-1\noutputs: [{path: '${env.TOKEN}', to: x/}]", "outputs[0].path"),
        ("appId: x-1\noutputs: [{path: '*', to: 'x/${env.TOKEN}'}]", "outputs[0].to"),
        ("appId: x-1\nmatrix: {m: ['${env.TOKEN}']}", "matrix"),
        ("appId: x-1\ninputs: {i: 'agave://local/${env.TOKEN}'}", "inputs.i"),
        ("appId: x-1\ninputs: {i: ['x', ' agave://local/a/${env.TOKEN}']}", "inputs.i[1]"),
    ],
)
def test_where_one_would_be_shown_is_an_error_at_the_place(
    tmp_path: Path, body: str, field: str
) -> None:
    [said] = refused(tmp_path, body)
    place = 8 + body.count("\n") + 1
    assert said.startswith(f"{tmp_path / 'a.yaml'}:{place}:")
    assert f"jobs.a.{field}: this value is sensitive, and here it would be shown" in said
    assert "--var NAME=VALUE" in said


@pytest.mark.parametrize(
    "body",
    [
        "nodeCount: ${env.TOKEN}",
        "processorsPerNode: ${env.TOKEN}",
        "memoryPerNode: ${env.TOKEN}",
        "maxRunTime: ${env.TOKEN}",
        'batchQueue: "a ${env.TOKEN}"',
        'inputs: {i: "file:/${env.TOKEN}"}',
        'inputs: {i: ["http://${env.TOKEN}@x/"]}',
        f"inputs: {{i: '{'x' * 16384}', j: '${{env.TOKEN}}'}}",
        'parameters: {p: "${env.NUL}"}',
        'notifications: [{url: "${env.TOKEN}", event: FINISHED}]',
        'notifications: [{url: "https://x.example", event: "${env.TOKEN}"}]',
    ],
)
def test_what_is_wrong_with_one_is_said_without_it(tmp_path: Path, body: str) -> None:
    body = "appId: x-1\n" + body.replace("env.NUL", "env.TOKEN")
    environ = {"TOKEN": SECRET + ("\0" if "p:" in body else "")}
    [said] = refused(tmp_path, body, environ=environ)
    assert "cannot be sent; its value is sensitive and not shown" in said


def test_what_an_app_would_refuse_is_said_without_it(tmp_path: Path) -> None:
    fields = {
        "number": AppField("number", type="number"),
        "flag": AppField("flag", type="flag"),
        "choice": AppField("choice", type="enumeration", choices=("s3cret-nonse", "b")),
        "form": AppField("form", validator="^[0-9]+$"),
    }
    app = App("x-1", inputs={"data": AppField("data", validator="^[0-9]+$")}, parameters=fields)
    body = "appId: x-1\ninputs: {data: '${env.TOKEN}'}\nparameters:\n"
    body += "".join(f"  {name}: ${{env.TOKEN}}\n" for name in fields)
    problems = [str(problem) for problem in check_apps(loaded(tmp_path, body), {"x-1": app})]
    assert len(problems) == 5
    assert all("not (sensitive)" in said and SECRET not in said for said in problems)
    assert not any("did you mean" in said for said in problems)


def test_ci_needs_the_word_of_whoever_runs_it(tmp_path: Path) -> None:
    [said] = refused(tmp_path, "appId: x-1\nparameters: {p: '${env.TOKEN}'}", permitted=())
    assert "this set may not read the environment variable TOKEN here" in said
    assert "--allow-env TOKEN" in said and "JOBSYNC_ALLOW_ENV=TOKEN" in said
    body = "appId: x-1\nparameters: {p: '${env.TOKEN}'}"
    job = loaded(tmp_path, body, permitted={"TOKEN", "OTHER"}).jobs["a"]
    assert job.request["parameters"] == {"p": Sensitive(SECRET)}
    [said] = refused(tmp_path, "appId: x-1\nparameters: {p: '${env.X}'}", permitted={"X"})
    assert "does not list" in said


def test_a_given_value_that_is_wrong_is_not_shown(tmp_path: Path) -> None:
    [said] = refused(tmp_path, "appId: x-1", variables={"key": "9" * 700})
    assert "--var key" in said and "999" not in said
