"""git is run so that nothing around it runs code, asks a person, or tells a password."""

from __future__ import annotations

import base64
import http.server
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync import git as door
from jobsync.apply.shared.claims import Unread
from jobsync.apply.shared.location import is_ref, locate
from jobsync.apply.shared.repository import Repository
from jobsync.errors import SettingsError
from jobsync.model import JournalRef
from tests.shared import https_remote
from tests.shared.ref_world import ENVIRON, World, git

DECLARED = JournalRef("origin", "refs/jobsync/journal")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.init()
    return made


def test_inherited_variables_of_git_are_dropped(world: World) -> None:
    marker = world.root / "ran"
    environ = {
        **ENVIRON,
        "GIT_SSH_COMMAND": f"touch {marker}",
        "GIT_DIR": "/nonexistent",
        "GIT_CONFIG_PARAMETERS": "'core.hooksPath=/nonexistent'",
        "GIT_EXEC_PATH": "/nonexistent",
        "GIT_ASKPASS": f"touch {marker}",
        "SSH_ASKPASS": f"touch {marker}",
    }
    found = locate(DECLARED, str(world.checkout), environ)
    assert found is not None
    repository = Repository(found, world.machine(), environ)
    assert not isinstance(repository.fetch([]), Unread)
    assert not marker.exists()


def test_hooks_and_watchers_of_the_checkout_and_of_its_owner_do_not_run(world: World) -> None:
    marker = world.root / "ran"
    hooks = world.root / "hooks"
    hooks.mkdir()
    for name in ("pre-push", "reference-transaction", "post-checkout", "fsmonitor"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {marker}\n")
        (hooks / name).chmod(0o755)
    home = world.root / "home"
    home.mkdir()
    settings = f"[core]\n hooksPath = {hooks}\n fsmonitor = {hooks}/fsmonitor\n"
    (home / ".gitconfig").write_text(settings)
    environ = {**ENVIRON, "HOME": str(home)}
    git("config", "core.hooksPath", hooks, cwd=world.checkout)
    git("config", "core.fsmonitor", hooks / "fsmonitor", cwd=world.checkout)
    found = locate(DECLARED, str(world.checkout), environ)
    assert found is not None
    repository = Repository(found, world.machine(), environ)
    look = repository.fetch([])
    assert not isinstance(look, Unread)
    repository.push(look, {})
    assert world.now().serial == 2
    door.commit(str(world.checkout), environ)
    assert not marker.exists()


def test_a_folder_that_is_laid_out_like_a_repository_is_not_one(world: World) -> None:
    """A pull request can commit every file of a bare repository, its configuration too."""
    planted = world.checkout / "jobs"
    git("init", "-q", "--bare", planted)
    marker = world.root / "ran"
    for flag in ("true", "false"):
        (planted / "config").write_text(
            f'[core]\n repositoryformatversion = 0\n bare = {flag}\n fsmonitor = "touch {marker}"\n'
            f' sshCommand = "touch {marker}"\n[remote "origin"]\n url = ssh://localhost/x\n'
        )
        with pytest.raises(door.GitError):
            locate(DECLARED, str(planted), ENVIRON)
        with pytest.raises(door.GitError):
            locate(DECLARED, str(planted / "objects"), ENVIRON)
    assert door.commit(str(planted), ENVIRON) == ""
    assert not marker.exists()


@pytest.mark.parametrize(
    "remote", ["--upload-pack=touch x", "-o", "", "a b", "../x", "https://h/x", "x\ny", "ext::sh"]
)
def test_a_name_that_is_no_name_of_a_remote_is_refused(world: World, remote: str) -> None:
    environ = {**ENVIRON, "JOBSYNC_JOURNAL": f"git:{remote}#refs/jobsync/journal"}
    with pytest.raises(SettingsError):
        locate(None, str(world.checkout), environ)


@pytest.mark.parametrize(
    "url",
    ["ext::sh -c touch% ran", "http://host/x", "--upload-pack=x", "fd::17", "", "ssh://-oX/x"],
)
def test_a_url_of_another_protocol_never_reaches_git_or_is_refused_by_it(
    world: World, url: str
) -> None:
    environ = {**ENVIRON, "JOBSYNC_JOURNAL": f"git+{url}#refs/jobsync/journal"}
    try:
        found = locate(None, str(world.root), environ)
    except SettingsError:
        return
    assert found is not None
    assert isinstance(Repository(found, world.machine(), environ).fetch([]), Unread)


def test_a_remote_of_the_checkout_with_another_protocol_is_refused_by_git(world: World) -> None:
    marker = world.root / "ran"
    git("remote", "set-url", "origin", f"ext::touch {marker}", cwd=world.checkout)
    found = world.repository().fetch([])
    assert isinstance(found, Unread) and "transport 'ext' not allowed" in found.reason
    assert not marker.exists()


@pytest.mark.parametrize(
    ("ref", "fine"),
    [
        ("refs/jobsync/journal", True),
        ("refs/heads/jobsync-journal", True),
        ("refs/jobsync/team.one", True),
        ("refs/heads/main", False),
        ("refs/tags/v1", False),
        ("refs/jobsync/a..b", False),
        ("refs/jobsync/a.lock", False),
        ("refs/jobsync/", False),
        ("refs/jobsync/a/../../heads/main", False),
        ("refs/jobsync/*", False),
        ("refs/jobsync/a:refs/heads/main", False),
        ("main", False),
    ],
)
def test_a_journal_never_lies_where_somebody_s_commits_are(ref: str, *, fine: bool) -> None:
    assert is_ref(ref) is fine


def test_a_remote_that_the_checkout_has_not_is_told_with_those_it_has(world: World) -> None:
    with pytest.raises(SettingsError, match="no such remote") as caught:
        locate(JournalRef("upstream", "refs/jobsync/journal"), str(world.checkout), ENVIRON)
    assert "its remotes: origin" in caught.value.hint


def test_a_folder_in_no_checkout_is_told(tmp_path: Path) -> None:
    with pytest.raises(door.GitError, match="git does not work in this folder"):
        locate(DECLARED, str(tmp_path), ENVIRON)


def test_git_that_is_missing_or_too_old_is_told(world: World) -> None:
    with pytest.raises(door.GitError, match="git cannot be run"):
        locate(DECLARED, str(world.checkout), {"PATH": str(world.root)})
    fake = world.root / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho git version 2.30.9\n")
    fake.chmod(0o755)
    with pytest.raises(door.GitError, match=r"2\.30\.9: the shared journal needs git 2\.31"):
        locate(DECLARED, str(world.checkout), {"PATH": f"{fake.parent}:/usr/bin:/bin"})


def test_a_git_that_hangs_is_killed_with_all_that_it_started(world: World) -> None:
    pids = world.root / "pids"
    fake = world.root / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\nsleep 300 &\necho $! > {pids}\nwait\n")
    fake.chmod(0o755)
    answer = door.run(["push"], {"PATH": f"{fake.parent}:/usr/bin:/bin"}, seconds=0.5)
    assert answer.code is None
    assert "did not end within" in answer.said
    state = Path(f"/proc/{pids.read_text().strip()}/stat")
    assert not state.exists() or " Z " in state.read_text()


def test_no_password_is_asked_for_and_none_is_told(world: World) -> None:
    git(
        *("remote", "set-url", "origin", "https://bob:s3cret@127.0.0.1:9/x.git"),
        cwd=world.checkout,
    )
    found = world.location()
    assert "s3cret" not in found.label
    told = Repository(found, world.machine(), ENVIRON).fetch([])
    assert isinstance(told, Unread)
    assert "s3cret" not in told.reason and "bob" not in told.reason


def test_what_is_never_among_the_arguments(world: World, tmp_path: Path) -> None:
    """A token of the checkout's configuration and one of ours are in the environment only."""
    seen = tmp_path / "seen"
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True)
    fake.write_text(f'#!/bin/sh\necho "$@" >> {seen}\nexec {real.stdout.strip()} "$@"\n')
    fake.chmod(0o755)
    key = "http.https://forge.example/.extraheader"
    git("config", key, "AUTHORIZATION: basic c2VjcmV0", cwd=world.checkout)
    environ = {**ENVIRON, "PATH": f"{fake.parent}:/usr/bin:/bin", "JOBSYNC_JOURNAL_TOKEN": "t0ken"}
    found = locate(DECLARED, str(world.checkout), environ)
    assert found is not None
    assert (key, "AUTHORIZATION: basic c2VjcmV0") in found.settings
    Repository(found, world.machine(), environ).fetch([])
    text = seen.read_text()
    assert "fetch" in text and "c2VjcmV0" not in text and "t0ken" not in text


# --- a token of ours goes to one host ----------------------------------------------------


class _Asked(http.server.BaseHTTPRequestHandler):
    """Notes what it is asked and sends everybody on to ``location``."""

    def do_GET(self) -> None:
        self.server.asked.append(dict(self.headers))  # type: ignore[attr-defined]
        location = self.server.location  # type: ignore[attr-defined]
        self.send_response(301 if location else 403)
        if location:
            self.send_header("Location", location + self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return https_remote.certificate(tmp_path)


@pytest.fixture
def serve(certificate: Path) -> Iterator[object]:
    servers = []

    def start(location: str = "") -> http.server.HTTPServer:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Asked)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.asked, server.location = [], location  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_token_goes_to_its_host_and_no_redirect_takes_it_elsewhere(
    world: World, certificate: Path, serve: object
) -> None:
    elsewhere = serve()  # type: ignore[operator]
    there = f"https://127.0.0.1:{elsewhere.server_address[1]}"
    here = serve(there)  # type: ignore[operator]
    url = f"https://localhost:{here.server_address[1]}/x.git"
    git("config", "http.sslCAInfo", certificate, cwd=world.checkout)
    environ = {
        **ENVIRON,
        "JOBSYNC_JOURNAL": f"git+{url}#refs/jobsync/journal",
        "JOBSYNC_JOURNAL_TOKEN": "t0ken",
    }
    found = locate(None, str(world.checkout), environ)
    assert found is not None
    told = Repository(found, world.machine(), environ).fetch([])
    assert isinstance(told, Unread) and "t0ken" not in told.reason
    code = base64.b64encode(b"x-access-token:t0ken").decode()
    assert here.asked[0]["Authorization"] == f"Basic {code}"
    assert elsewhere.asked == []
