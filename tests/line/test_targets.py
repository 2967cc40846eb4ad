"""Which target: every line of product §9, on the choice itself and through the command."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync import load
from jobsync.base_url import base_url
from jobsync.cli.target import choose, choose_without_set
from jobsync.errors import JobsyncError, SettingsError
from jobsync.platforms.agave.credentials import find_credentials
from jobsync.testing import LocalService
from tests.line.linebench import Bench

URL = {"TAPIS_BASE_URL": "https://api.example.org"}
TARGETS = "targets:\n  tacc: {baseUrl: https://api.tacc.example, owner: labbot, concurrency: 8}\n"


def chosen(folder: Path, head: str, flag: str | None = None, **environ: str) -> str:
    """The target of a set that begins with *head*; the first words of what is said against it."""
    (folder / "set.yaml").write_text(f"apiVersion: jobsync/v1\nproject: p\n{head}jobs: {{}}\n")
    try:
        return choose(load([folder], target=flag), flag, environ).name
    except JobsyncError as error:
        return f"refused: {error}"


@pytest.mark.parametrize(
    ("head", "flag", "environ", "name"),
    [
        # --target, else JOBSYNC_TARGET, else target: in the set
        (f"target: tacc\n{TARGETS}", "local", {"JOBSYNC_TARGET": "env", **URL}, "local"),
        (f"target: tacc\n{TARGETS}", None, {"JOBSYNC_TARGET": "env", **URL}, "env"),
        (f"target: tacc\n{TARGETS}", None, {"JOBSYNC_TARGET": "", **URL}, "tacc"),
        (f"target: tacc\n{TARGETS}", None, URL, "tacc"),
        ("target: local\n", None, URL, "local"),
        # a set that declares targets and names none is an error, whatever TAPIS_BASE_URL says
        (TARGETS, None, {}, "refused: the manifests declare targets, but none is chosen"),
        (TARGETS, None, URL, "refused: the manifests declare targets, but none is chosen"),
        (TARGETS, "tacc", {}, "tacc"),
        (TARGETS, None, {"JOBSYNC_TARGET": "tacc"}, "tacc"),
        # else env if TAPIS_BASE_URL is set, else local
        ("", None, URL, "env"),
        ("", None, {}, "local"),
        ("", None, {"TAPIS_BASE_URL": ""}, "local"),
        # with CI set, local is chosen and never fallen into
        ("", None, {"CI": "1"}, "refused: no target is chosen, and in CI the local service is"),
        ("", "local", {"CI": "1"}, "local"),
        ("", None, {"CI": "1", "JOBSYNC_TARGET": "local"}, "local"),
        ("target: local\n", None, {"CI": "1"}, "local"),
        ("", None, {"CI": "1", **URL}, "env"),
        ("", None, {"CI": ""}, "local"),
        # local and env always exist, others must be declared
        ("", "env", {}, "refused: target env needs TAPIS_BASE_URL, which is not set"),
        ("", "nosuch", {}, 'refused: there is no target "nosuch"'),
        (TARGETS, "tac", {}, 'refused: there is no target "tac" (did you mean tacc?)'),
    ],
)
def test_the_target(
    tmp_path: Path, head: str, flag: str | None, environ: dict[str, str], name: str
) -> None:
    got = chosen(tmp_path, head, flag, **environ)
    assert got == name or (name.startswith("refused") and got.startswith(name))


def test_what_a_target_says_is_used(tmp_path: Path) -> None:
    (tmp_path / "set.yaml").write_text(
        f"apiVersion: jobsync/v1\nproject: p\ntarget: tacc\n{TARGETS}jobs: {{}}\n"
    )
    target = choose(load([tmp_path]), None, {})
    assert (target.base_url, target.owner, target.concurrency) == (
        *("https://api.tacc.example", "labbot", 8),
    )


def test_without_a_set_the_environment_decides() -> None:
    assert choose_without_set(None, {}).name == "local"
    assert choose_without_set(None, URL).name == "env"
    assert choose_without_set(None, {"JOBSYNC_TARGET": "local", **URL}).name == "local"
    with pytest.raises(SettingsError):
        choose_without_set(None, {"CI": "true"})


@pytest.mark.parametrize(
    "url", ["http://api.example.org", "http://10.0.0.7", "http://localhost.evil.example"]
)
def test_clear_text_is_for_loopback_alone(url: str) -> None:
    with pytest.raises(SettingsError, match="clear"):
        base_url(url)


def test_a_token_is_for_the_service_it_was_issued_for(tmp_path: Path) -> None:
    environ = {**URL, "TAPIS_TOKEN": "t", "HOME": str(tmp_path)}
    assert find_credentials(environ, "https://API.example.org/").token.reveal() == "t"
    with pytest.raises(SettingsError, match="no credentials for"):
        find_credentials(environ, "https://other.example")


# --- the same through the command ------------------------------------------------------

SET = """\
    apiVersion: jobsync/v1
    project: pick
    targets:
      lab: {baseUrl: %s, owner: %s}
    jobs:
      one: {appId: wc-demo-1.00}
    """


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def test_the_command_goes_where_it_is_told(bench: Bench, service: LocalService) -> None:
    manifest = bench.folder / "set.yaml"
    manifest.write_text(textwrap.dedent(SET % (service.url, "alice")))
    environ = {"TAPIS_BASE_URL": service.url, "TAPIS_TOKEN": service.tokens["alice"]}

    none = bench.run("plan", **environ)
    assert none.code == 1
    assert "none is chosen" in none.err and "known targets: env, lab, local" in none.err

    for arguments, more in (
        (["--target", "lab"], {"JOBSYNC_TARGET": "local"}),
        ([], {"JOBSYNC_TARGET": "lab"}),
    ):
        done = bench.run("plan", "--format", "json", *arguments, **environ, **more)
        assert done.code == 0, done.err
        plan = json.loads(done.out)
        assert (plan["target"], plan["user"], plan["service"]) == ("lab", "alice", service.url)
    assert not (bench.folder / ".jobsync").exists(), "no local service was started on the way"


def test_another_user_than_the_targets_owner_only_looks(
    bench: Bench, service: LocalService
) -> None:
    manifest = bench.folder / "set.yaml"
    manifest.write_text(textwrap.dedent(SET % (service.url, "labbot")))
    environ = {"TAPIS_BASE_URL": service.url, "TAPIS_TOKEN": service.tokens["alice"]}
    done = bench.run("plan", "--target", "lab", **environ)
    assert done.code == 0 and "only labbot applies to target lab" in done.out
    done = bench.run("apply", "--target", "lab", "--auto-approve", **environ)
    assert done.code == 1
    assert "for labbot, but the credentials are alice's" in done.err


def test_a_user_name_that_disagrees_with_the_token_is_an_error(
    bench: Bench, service: LocalService
) -> None:
    manifest = bench.folder / "set.yaml"
    manifest.write_text("apiVersion: jobsync/v1\nproject: p\njobs: {}\n")
    environ = {"TAPIS_BASE_URL": service.url, "TAPIS_TOKEN": service.tokens["alice"]}
    assert bench.run("plan", **environ, TAPIS_USERNAME="alice").code == 0
    done = bench.run("plan", **environ, TAPIS_USERNAME="bob")
    assert done.code == 1
    assert "alice" in done.err and "bob" in done.err
