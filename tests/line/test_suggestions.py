"""A name that does not exist: the error names the nearest one that does, at every place."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from jobsync.cli.main import COMMANDS, cli
from jobsync.cli.suggesting import Suggesting
from tests.line.linebench import ECHO, Bench, Lab, add_app, write_set

JOBS = "sort: {appId: wc-demo-1.00}\n  tree: {appId: wc-demo-1.00, matrix: {model: [lg, wag]}}"


def test_every_group_of_commands_suggests() -> None:
    context = click.Context(cli)
    groups = [cli, *filter(None, (cli.get_command(context, name) for name in COMMANDS))]
    plain = [one.name for one in groups if isinstance(one, click.Group)]
    assert len(plain) >= 5
    assert all(isinstance(one, Suggesting) for one in groups if isinstance(one, click.Group)), plain


def test_nothing_is_asked_of_a_service(bench: Bench) -> None:
    """What the command line and the files tell."""
    write_set(bench, JOBS)
    for words, said in {
        "pln": "there is no command 'pln'; did you mean plan?",
        "auth logi": "did you mean login?",
        "outputs gets": "did you mean get?",
        "frobnicate": "commands: plan, apply, validate",
        "plan sort": "sort:1:1: cannot be read: no such file or directory (to choose jobs: "
        "--select sort)",
        "plan --target locl": 'there is no target "locl" (did you mean local?)',
        "why sortt": "the manifests declare no job 'sortt'\n  did you mean sort?",
        "apply --allow over-budge": "there is no such hazard\n  did you mean over-budget?",
    }.items():
        done = bench.run(*words.split())
        assert done.code in (1, 64) and said in done.err, (words, done.err)


def test_globs_and_apps(lab: Lab) -> None:
    lab.write("sort: {appId: wc-demo-1.00}\ntree: {appId: wc-demo-1.00, matrix: {m: [lg, wag]}}")
    for glob, near in (("sor", "sort"), ("tre", "tree"), ("tree.wga", "tree.wag")):
        done = lab.run("plan", "--select", glob)
        assert done.code == 64 and f"did you mean {near}?" in done.err, done.err
    lab.write("sort: {appId: wc-demo-1.0}")
    done = lab.run("plan")
    assert done.code == 1 and "(did you mean wc-demo-1.00?)" in done.err, done.err
    done = lab.run("validate", "--online")
    assert done.code == 1 and "(did you mean wc-demo-1.00?)" in done.err, done.err


def test_apps_are_listed_and_shown(lab: Lab) -> None:
    done = lab.run("apps")
    assert done.code == 0 and "wc-demo-1.00" in done.out.splitlines()
    assert lab.run("apps", "wc-*").out == "wc-demo-1.00\n"
    shown = lab.run("apps", "wc-demo-1.00").out
    assert "inputs:" in shown and "parameters:" in shown and "maxRunTime" in shown
    document = json.loads(lab.run("apps", "wc-demo-1.00", "--format", "json").out)
    assert {one["id"] for one in document["parameters"]} == {"lines", "seconds"}
    done = lab.run("apps", "wc-dem-1.00")
    assert done.code == 64 and "did you mean wc-demo-1.00?" in done.err
    done = lab.run("apps", "no*")
    assert done.code == 64 and "no app that matches" in done.err


def test_apps_needs_no_set(bench: Bench) -> None:
    (bench.folder / "docker-compose.yml").write_text("services: {}\n")
    done = bench.run("apps", "--target", "local")
    assert done.code == 0 and done.out == "echo-1.0\nwc-demo-1.00\n", done


@pytest.mark.parametrize(
    ("app", "script", "body", "said"),
    [
        (ECHO, "w.sh", "appId: ech-1.0", "did you mean echo-1.0?"),
        (ECHO, "w.sh", "appId: echo-1.0, parameters: {n: x}", "must be a number"),
        (ECHO, "w.sh", "appId: echo-1.0, parameters: {m: 1}", "echo-1.0 has no parameter"),
        (ECHO, "", "appId: echo-1.0", "there is no template w.sh"),
        ('{"name": "echo",', "w.sh", "appId: echo-1.0", "not JSON"),
        (ECHO, "w.sh", "appId: echo-1.0, parameters: {n: 1}", ""),
    ],
)
def test_validate_knows_the_apps_beside_the_manifests(
    tmp_path: Path, app: dict[str, object] | str, script: str, body: str, said: str
) -> None:
    bench = Bench(tmp_path)
    add_app(bench, app, "echo")
    if not script:
        (tmp_path / "apps/echo/w.sh").unlink()
    write_set(bench, f"a: {{{body}}}")
    done = bench.run("validate", "--target", "local")
    assert said in done.err and done.code == (1 if said else 0), done
    assert not (tmp_path / ".jobsync").exists(), "no service was started for it"
    done = bench.run("validate")
    assert done.code == (1 if said and "did you mean" not in said else 0), (
        "it may be meant elsewhere"
    )
    done = bench.run("validate", TAPIS_BASE_URL="https://api.example.org")
    assert done.code == 0, "the apps of another service are not known here"
