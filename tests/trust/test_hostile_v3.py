"""A service of Tapis v3, or a set for it, that is hostile: lies, zips, tokens and paths."""

from __future__ import annotations

import io
import json
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path

import pytest

from jobsync.errors import ManifestError, Unreadable
from jobsync.platforms.tapis.unzip import member
from jobsync.testing import local_service
from tests.campaigns.lying_service import COMMANDS, bench, campaign, run
from tests.fakes.scripted_server import ScriptedServer, http
from tests.line.linebench import Bench
from tests.tapis.sets import HEAD, load_text
from tests.tapis.tokens import jwt
from tests.trust.test_hostile_service import ENDLESS
from tests.trust.test_pull_request import PLACES
from tests.trust.test_service import HOSTILE, acted_on

DATA = b"x" * 2_000_000


def zipped(*members: tuple[str, bytes], packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packed) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def head(method: int = 8, flags: int = 8, size: int = 0) -> bytes:
    return (
        struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, flags, method, 0, 0, 0, size, size, 1, 0)
        + b"a"
    )


def read(chunks: Iterator[bytes], length: int) -> bytes:
    found = bytearray()
    for piece in member(chunks, length):
        found += piece
        assert len(found) <= length + (1 << 19), "more is held than one piece"
    return bytes(found)


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/passwd", "C:\\x", ".git/config", "a\0b", "\x1b[2J", "x.yaml", "a/"]
)
def test_the_name_of_a_member_says_nothing(name: str) -> None:
    assert read(iter([zipped((name, DATA))]), len(DATA)) == DATA


def empty_blocks() -> Iterator[bytes]:
    """Packed data without end that means nothing."""
    return chain([head()], repeat(b"\0\0\0\xff\xff" * 10_000))


def bomb() -> Iterator[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return chain([head()], (packer.compress(bytes(1 << 20)) for _ in range(100_000)))


ZIPS: dict[str, Callable[[], Iterator[bytes]]] = {
    "blocks without content": empty_blocks,
    "a bomb": bomb,
    "a member without end": lambda: chain([head(0)], repeat(bytes(1 << 16))),
    "two members": lambda: iter([zipped(("a", DATA), ("b", b"y"))]),
    "longer": lambda: iter([zipped(("a", DATA + b"y"))]),
    "shorter": lambda: iter([zipped(("a", DATA[1:]))]),
    "cut": lambda: iter([zipped(("a", b"y" + DATA[1:]))[:-50]]),
    "encrypted": lambda: iter([head(flags=9) + DATA]),
    "packed otherwise": lambda: iter([head(99) + DATA]),
    "empty": lambda: iter([b"PK\x05\x06" + bytes(18)]),
    "half a head": lambda: iter([head()[:20]]),
    "damaged": lambda: iter([head() + b"\xff" * 1000]),
    "nothing": lambda: iter([]),
}


@pytest.mark.parametrize("what", ZIPS)
def test_a_zip_that_is_not_the_file_is_refused(what: str) -> None:
    """Packed data without end that means nothing kept a download going for ever."""
    began = time.process_time()
    with pytest.raises(Unreadable):
        read(ZIPS[what](), len(DATA))
    assert time.process_time() - began < 5


def test_no_lie_of_a_v3_service_crashes_a_command_or_moves_the_cursor() -> None:
    tried, _ = campaign(4.0, 11, COMMANDS, api="tapis/v3")
    assert tried > 5


def test_a_file_of_a_v3_service_without_end_is_not_read_for_ever() -> None:
    with bench("tapis/v3") as (folder, liar, environ):
        (folder / "jobsync.lock").unlink()
        (folder / "results/a.txt").unlink()
        liar.endless = True
        for command in ENDLESS:
            said, took = run(command, folder, environ)
            assert took < 30 and len(said) < 1_000_000, f"{command}: {said[:500]}"
            assert sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) < 5_000_000
        assert not (folder / "results/a.txt").exists()


def test_import_of_a_job_of_v3_prints_no_command(tmp_path: Path) -> None:
    text = "".join(one for one in HOSTILE if "\r" not in one)
    with local_service(tmp_path, users=("alice",), api="tapis/v3") as service:
        parameters = {"envVariables": [{"key": "note", "value": text}]}
        job = service.submit("alice", name="n", description=text, parameterSet=parameters)
        env = {"TAPIS_BASE_URL": service.url, "TAPIS_ACCESS_TOKEN": service.jwt("alice")}
        wanted = ("import", "--target", "env", "--project", "p", job["uuid"])
        done = Bench(tmp_path).run(*wanted, **env)
        service.stop_jobs()
    assert done.code == 0, done.err
    assert "task.setvariable" in done.out and acted_on(done.out) == []


def heard(folder: Path, body: str, environ: dict[str, str], *arguments: str) -> tuple[str, int]:
    """What ``plan`` prints, and how many requests a service of a stranger was sent.

    ``URL`` in *body*, *environ* and *arguments* is its address.
    """
    with ScriptedServer(http(200, b"{}")) as thief:
        (folder / "set.yaml").write_text(body.replace("URL", thief.url))
        known = {name: value.replace("URL", thief.url) for name, value in environ.items()}
        known |= {"HOME": str(folder), "JOBSYNC_STATE_DIR": str(folder / "state")}
        said, _ = run(("plan", *arguments, "."), folder, known)
        return said, len(thief.seen)


JOBS = 'jobs: {one: {appId: a, appVersion: "1.0"}}\n'


def test_no_token_goes_where_a_set_says(tmp_path: Path) -> None:
    """The token of ``TAPIS_*`` is for its own base URL, and for the host that issued it."""
    mine = jwt("https://tacc.tapis.io")
    target = "target: evil\ntargets: {evil: {baseUrl: 'URL', api: tapis/v3}}\n"
    theirs = {"TAPIS_BASE_URL": "https://tacc.tapis.io", "TAPIS_ACCESS_TOKEN": mine}
    for environ in (theirs, {**theirs, "TAPIS_USERNAME": "a", "TAPIS_PASSWORD": "b"}):
        said, count = heard(tmp_path, HEAD + target + JOBS, environ)
        assert count == 0 and mine not in said and "Error" in said
    redirected = {"TAPIS_BASE_URL": "URL", "TAPIS_ACCESS_TOKEN": mine}
    said, count = heard(tmp_path, HEAD + JOBS, redirected, "--target", "env")
    assert count == 0 and mine not in said and "Error" in said


@pytest.mark.parametrize("to", PLACES)
def test_no_output_gets_a_place_that_something_acts_on(to: str, tmp_path: Path) -> None:
    body = f'jobs: {{one: {{appId: a, appVersion: "1", outputs: [{{path: x, to: "{to}"}}]}}}}\n'
    with pytest.raises(ManifestError):
        load_text(tmp_path, body)


@pytest.mark.parametrize(
    "path",
    [
        "/../outside",
        "/.jobsync/users.json",
        "/data/../../outside",
        "/link/x",
        "/%2e%2e/outside",
        "//etc/passwd",
        "/.work/bob/x",
        "/a\0b",
    ],
)
def test_no_path_of_the_service_leads_out(path: str, tmp_path: Path) -> None:
    """As an input of a job, or as a file that is asked for."""
    served = tmp_path / "served"
    served.mkdir()
    (tmp_path / "outside").write_text("secret")
    (served / "link").symlink_to(tmp_path)
    (served / "x").write_text("fine")
    with local_service(served, api="tapis/v3") as service:
        quoted = path.replace("\0", "%00")
        for way in ("content", "ops"):
            answer = service.call("alice", "GET", f"/v3/files/{way}/local{quoted}")
            assert answer.status >= 400 and b"secret" not in answer.body
        fine = service.call("alice", "GET", "/v3/files/content/local/x")
        assert fine.body == b"fine"
        request = {
            "name": "n", "appId": "wc-demo", "appVersion": "1.00",
            "fileInputs": [{"name": "x", "sourceUrl": f"tapis://local{path}", "targetPath": "x"}],
        }  # fmt: skip
        done = service.call("alice", "POST", "/v3/jobs/submit", request)
        if done.status == 200:
            job = service.wait("alice", json.loads(done.body)["result"]["uuid"])
            assert job["status"] == "FAILED"
