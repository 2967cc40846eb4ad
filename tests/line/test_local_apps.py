"""The apps of a workspace: what is taken, what each refuses, and that a bad one harms no other."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from jobsync.platforms.agave.platform import AGAVE
from tests.line.linebench import Bench, add_app, serving, write_set

BAM = {
    "name": "bam",
    "version": "1.0",
    "templatePath": "w.sh",
    "inputs": [{"id": "f", "value": {"validator": r"(?i)([^\s]+(\.(bam))$)"}}],
    "parameters": [{"id": "n", "value": {"type": "number", "validator": "^[0-9]{1,2}$"}}],
}


@pytest.mark.parametrize("command", [["plan"], ["validate", "--online", "--target", "local"]])
def test_what_an_expression_of_an_app_refuses_is_told_at_its_place(
    bench: Bench, command: list[str]
) -> None:
    add_app(bench, BAM)
    (bench.folder / "a.sam").write_text("x")
    (bench.folder / "b.BAM").write_text("x")
    target = [] if "--target" in command else ["--target", "local"]
    write_set(
        bench,
        "j: {appId: bam-1.0, inputs: {f: agave://local/a.sam}, parameters: {n: 7}}\n"
        "  k: {appId: bam-1.0, inputs: {f: agave://local/b.BAM}, parameters: {n: 700}}\n"
        "  l: {appId: bam-1.0, inputs: {f: agave://local/b.BAM}, parameters: {n: 70}}",
    )
    done = bench.run(*command, *target, ".")
    assert done.code == 1
    assert "m.yaml:4:32: jobs.j.inputs.f: bam-1.0 takes only values that match (?i)(" in done.err
    assert 'not "agave://local/a.sam"' in done.err
    assert "m.yaml:5:70: jobs.k.parameters.n: " in done.err and 'not "700"' in done.err
    assert "2 problems" in done.err


def test_an_expression_that_cannot_be_tried_here_is_a_note_and_no_refusal(bench: Bench) -> None:
    field = {"id": "s", "value": {"type": "string", "validator": "^[a-z&&[^b]]+$"}}
    add_app(bench, {"name": "x", "version": "1.0", "templatePath": "w.sh", "parameters": [field]})
    write_set(bench, "j: {appId: x-1.0, parameters: {s: b}}")
    done = bench.run("plan", "--target", "local", ".")
    assert done.code == 0, done.err
    assert "^[a-z&&[^b]]+$, which cannot be checked here: " in done.out
    assert bench.run("apply", "--target", "local", "--auto-approve", ".").code == 0


BAD: dict[str, dict[str, object] | str] = {
    "not json": "{",
    "a template": {"name": "{{ app.name }}", "version": "{{ app.version }}"},
    "no wrapper": {"name": "bad", "version": "1.0", "templatePath": "none.sh"},
    "leads out": {"name": "bad", "version": "1.0", "templatePath": "/../w.sh"},
    "no list": {"name": "bad", "version": "1.0", "templatePath": "w.sh", "inputs": 5},
}


@pytest.mark.parametrize("kind", BAD)
def test_an_app_that_cannot_be_read_stops_only_the_jobs_that_use_it(
    bench: Bench, kind: str
) -> None:
    write_set(bench, "j: {appId: echo-1.0}")
    add_app(bench, BAD[kind], "bad")
    done = bench.run("plan", "--target", "local", ".")
    assert (done.code, done.err) == (0, ""), done.err
    assert "1 to add" in done.out

    write_set(bench, "j: {appId: echo-1.0}\n  k: {appId: bad-1.0}")
    done = bench.run("plan", "--target", "local", ".")
    assert done.code == 1
    assert 'm.yaml:5:7: jobs.k.appId: the service has no app "bad-1.0"' in done.err
    assert "apps/bad/app.json" in done.err and "1 problem in" in done.err


def test_a_running_service_names_the_file_of_an_app_it_cannot_read(bench: Bench) -> None:
    add_app(bench, BAD["no wrapper"], "bad")
    process = bench.start("serve")
    assert process.stdout and process.stderr
    url = process.stdout.readline().strip()
    heard = ""
    while "Warning" not in heard:
        heard += process.stderr.readline()
    process.terminate()
    process.communicate(timeout=30)
    assert url.startswith("http://") and "apps/bad/app.json: there is no template none.sh" in heard


def test_an_app_mended_is_seen_by_the_next_submit(bench: Bench) -> None:
    add_app(bench, BAD["no wrapper"], "bad")
    write_set(bench, "k: {appId: bad-1.0}")
    with serving(bench) as (url, tokens):
        run = {"TAPIS_BASE_URL": url, "TAPIS_TOKEN": next(iter(tokens.values()))}
        assert bench.run("plan", "--target", "env", ".", **run).code == 1
        (bench.folder / "apps/bad/none.sh").write_text("echo ok > out.txt\n")
        assert bench.run("plan", "--target", "env", ".", **run).code == 0


def test_an_app_that_breaks_between_plan_and_apply_is_named(bench: Bench) -> None:
    write_set(bench, "j: {appId: echo-1.0}")
    assert bench.run("plan", "--target", "local", "--out", "p.json", ".").code == 0
    (bench.folder / "apps/echo/app.json").write_text("{")
    done = bench.run("apply", "--target", "local", "--plan", "p.json", "--auto-approve")
    assert done.code == 1, done.err
    assert "apps/echo/app.json:1:2: not JSON" in done.err and bench.jobs() == []


def test_a_submit_that_a_bad_app_refuses_names_the_file(bench: Bench) -> None:
    """A request that no plan looked at: the app breaks in the folder of somebody else's service."""
    elsewhere = Bench(bench.folder / "elsewhere")
    elsewhere.folder.mkdir()
    (elsewhere.folder / "job.json").write_text('{"name": "j", "appId": "echo-1.0"}')
    with serving(bench, "--user", "alice") as (url, tokens):
        elsewhere.environ |= {"TAPIS_BASE_URL": url, "TAPIS_TOKEN": tokens["alice"]}
        (bench.folder / "apps/echo/app.json").write_text("{")
        done = elsewhere.run("jobs", "submit", "-f", "job.json", "--target", "env")
    assert done.code == 1, done.err
    assert "No app found matching echo-1.0 for " in done.err
    assert "apps/echo/app.json" in done.err


def test_a_template_path_may_begin_with_a_slash(bench: Bench) -> None:
    add_app(bench, {"name": "x", "version": "1.0", "templatePath": "/w.sh"})
    write_set(bench, "j: {appId: x-1.0, outputs: [{path: out.txt, to: got/}]}")
    done = bench.run("apply", "--target", "local", "--auto-approve", ".")
    assert done.code == 0, done.err
    assert (bench.folder / "got/out.txt").read_text() == "ok\n"


@pytest.mark.parametrize("app_id", ["x-1.0", "x-1.0u1"])
def test_a_saved_answer_of_an_apps_service_is_an_app(bench: Bench, app_id: str) -> None:
    saved = {
        "id": "x-1.0u1", "name": "x", "version": "1.0", "revision": 1, "isPublic": True,
        "uuid": "1-005", "icon": None, "parallelism": "SERIAL", "defaultQueue": None,
        "defaultMaxRunTime": None, "defaultMemoryPerNode": None, "defaultNodeCount": None,
        "defaultProcessorsPerNode": -1, "deploymentPath": "apps/x", "templatePath": "w.sh",
        "inputs": [{"id": "f", "value": {"default": "", "order": 0, "required": False,
                    "validator": "", "visible": True, "enquote": False},
                    "details": {"argument": None, "showArgument": False},
                    "semantics": {"minCardinality": 0, "maxCardinality": None, "ontology": []}}],
        "parameters": [{"id": "s", "value": {"type": "string", "required": "false",
                        "validator": None, "visible": "true"}, "semantics": None}],
        "_links": {"self": {"href": "https://api.example/apps/v2/x-1.0u1"}},
    }  # fmt: skip
    add_app(bench, saved)
    write_set(bench, f"j: {{appId: {app_id}, parameters: {{s: a}}}}")
    done = bench.run("apply", "--target", "local", "--auto-approve", ".")
    assert done.code == 0, done.err
    assert bench.run("plan", "--target", "local", "--detailed-exitcode", ".").code == 0


def test_an_app_for_a_system_that_is_not_here_says_what_to_do(bench: Bench) -> None:
    document = {"name": "x", "version": "1.0", "templatePath": "w.sh"}
    add_app(bench, {**document, "executionSystem": "stampede2.example"})
    write_set(bench, "j: {appId: x-1.0}")
    done = bench.run("plan", "--target", "local", ".")
    assert done.code == 1
    assert "m.yaml:4:7: jobs.j.appId: " in done.err
    assert "stampede2.example is not one of this service" in done.err
    assert "take it out of app.json" in done.err


NAMES = ["h#1.txt", "q?.txt", "q?a=b#c.txt", "per%25cent.txt", "a b.txt", "pl+us.txt", "\u00e9.txt"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("encoded", [False, True], ids=["plain", "encoded"])
def test_a_job_reads_the_file_that_was_hashed(bench: Bench, name: str, encoded: bool) -> None:
    from urllib.parse import quote, unquote

    path = unquote(name)
    (bench.folder / "in").mkdir()
    (bench.folder / "in" / path).write_text(f"this is {path}\n")
    # What a reader that stops at # or ? would take instead.
    (bench.folder / "in" / "q").write_text("another")
    (bench.folder / "in" / "h").write_text("another")
    wrapper = "cat ${f} > out.txt\n"
    (bench.folder / "apps/echo/w.sh").write_text(wrapper)
    field = {"id": "f", "value": {"required": True, "enquote": True}}
    add_app(bench, {"name": "cat", "version": "1.0", "templatePath": "w.sh", "inputs": [field]})
    (bench.folder / "apps/cat/w.sh").write_text(wrapper)
    uri = "agave://local/in/" + (quote(path, safe="") if encoded else name)
    write_set(
        bench,
        f"a: {{appId: cat-1.0, inputs: {{f: {json.dumps(uri)}}}, "
        "outputs: [{path: out.txt, to: got/}]}",
    )
    assert bench.run("validate", ".").code == 0
    done = bench.run("apply", "--target", "local", "--auto-approve", ".")
    assert done.code == 0, done.err
    got = (bench.folder / "got/out.txt").read_bytes()
    assert got == f"this is {path}\n".encode()
    from jobsync.manifest.digests import Workspace

    assert Workspace(str(bench.folder), AGAVE).digest(uri) == sha256(got).hexdigest()
