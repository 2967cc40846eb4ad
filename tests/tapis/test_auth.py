"""``jobsync auth`` on Tapis v3, through the command."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.testing import Drive, LocalService, local_service
from tests.line.linebench import Bench, Done
from tests.tapis.tokens import jwt


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder = tmp_path_factory.mktemp("service")
    with local_service(folder, api="tapis/v3", drive=Drive.NONE) as running:
        yield running


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def login(bench: Bench, password: str, *arguments: str, **environ: str) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "jobsync", "auth", "login", "--password-stdin", *arguments],
        cwd=bench.folder, env={**bench.environ, **environ}, input=password + "\n",
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def test_a_login_is_used_by_every_command_until_logout(bench: Bench, service: LocalService) -> None:
    password = service.tokens["alice"]
    here = {"TAPIS_BASE_URL": service.url}
    done = login(bench, password, "--url", service.url, "--api", "tapis/v3", "--username", "alice",
                 "--client")  # fmt: skip
    store = bench.folder / ".config/jobsync/tapis.json"
    assert (done.code, done.out) == (
        0, f"Logged in to {service.url} as alice; saved in {store}\n",
    ), done.err  # fmt: skip
    assert password not in store.read_text() and store.stat().st_mode & 0o777 == 0o600
    assert not (bench.folder / ".agave").exists()

    status = bench.run("auth", "status", "--target", "env", **here)
    assert status.out == f"alice at {service.url}, credentials from {store}\n", status.err
    listed = bench.run("jobs", "list", "--target", "env", "--format", "json", **here)
    assert (listed.code, json.loads(listed.out)) == (0, []), "the saved login tells the api"

    other = login(bench, service.tokens["bob"], "--target", "env", "--username", "bob",
                  TAPIS_API="tapis/v3", **here)  # fmt: skip
    assert other.code == 1 and "alice's login" in other.err

    out = bench.run("auth", "logout", "--target", "env", **here)
    assert (out.code, out.err) == (0, "") and "Removed" in out.out
    assert service.call("alice", "GET", "/v3/oauth2/clients").result == []
    gone = bench.run("auth", "status", "--target", "env", TAPIS_API="tapis/v3", **here)
    assert gone.code == 1 and "no credentials" in gone.err and "TAPIS_ACCESS_TOKEN" in gone.err


def test_the_wrong_password_says_refused(bench: Bench, service: LocalService) -> None:
    done = login(bench, "wr0ng", "--url", service.url, "--api", "tapis/v3", "--username", "alice")
    assert done.code == 1 and "the login was refused: 400" in done.err
    assert "wr0ng" not in done.err and not (bench.folder / ".config/jobsync/tapis.json").exists()


def test_a_password_goes_nowhere_before_somebody_says_which_service_it_is(
    bench: Bench, service: LocalService
) -> None:
    service.arm("slow,seconds=0,times=-1")
    here = {"TAPIS_BASE_URL": service.url}
    for arguments in (["--url", service.url], ["--target", "env"]):
        done = login(bench, "s3cret", *arguments, "--username", "alice", **here)
        assert done.code == 64, done.err
        assert "does not say which service it is" in done.err
        assert "--api agave/v2 or --api tapis/v3" in done.err
    done = login(bench, "s3cret", "--url", service.url, "--api", "tapis/v4", "--username", "alice")
    assert done.code == 1 and "known apis: agave/v2, tapis/v3" in done.err
    assert service.hits("slow") == 0
    service.disarm()


def test_no_credential_reaches_the_service_that_a_set_names(
    bench: Bench, service: LocalService
) -> None:
    """A pull request may name any target; what is for another service is not sent there."""
    service.arm("slow,seconds=0,times=-1")
    (bench.folder / ".tapis_tokens.json").write_text(
        json.dumps({"access_token": jwt("https://designsafe.tapis.io")})
    )
    target = f"{{api: tapis/v3, baseUrl: '{service.url}'}}"
    (bench.folder / "set.yaml").write_text(
        "apiVersion: jobsync/v1\napi: tapis/v3\nproject: p\ntarget: theirs\n"
        f"targets: {{theirs: {target}}}\njobs: {{a: {{appId: a, appVersion: '1'}}}}\n"
    )
    ours = {
        "TAPIS_BASE_URL": "https://tacc.tapis.io",
        "TAPIS_ACCESS_TOKEN": jwt("https://tacc.tapis.io"),
        "TAPIS_USERNAME": "alice",
        "TAPIS_PASSWORD": "s3cret",
        "DESIGNSAFE_USERNAME": "alice",
        "DESIGNSAFE_PASSWORD": "s3cret",
    }
    for command in (["plan"], ["apply", "--auto-approve"], ["doctor"], ["jobs", "list"]):
        done = bench.run(*command, **ours)
        assert done.code == 1 and "no credentials for" in done.err + done.out
        assert "is for https://tacc.tapis.io" in done.err + done.out
    assert service.hits("slow") == 0, "nothing was asked"
    service.disarm()
