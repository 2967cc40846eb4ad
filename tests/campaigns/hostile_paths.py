"""Hostile ids, user names and paths: does any request ever mean something else on the wire?

    python tests/campaigns/hostile_paths.py [--count 1000000] [--seed 1] [--wire 2000]

Every operation that puts an id, a user or a path into a URL is called (``jobs pems-show``,
``pems-revoke``, ``pems-delete``, the outputs and the rest). Each case is either refused before
anything is sent, or the request is exactly the intended one: method, user in the body, and the
target that requests and urllib3 would write, segment by segment. Nothing that is legal may be
refused. ``--wire`` of them are really sent to a socket and compared there. Exits 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from urllib3.util.url import _encode_target

from jobsync.structs import replace

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from jobsync.errors import SubmitNotSent
from jobsync.http.client import HttpClient, HttpSettings
from jobsync.http.messages import Request
from jobsync.http.retry import Timing
from jobsync.platforms.agave.operations import Jobs
from jobsync.platforms.agave.transport import Transport
from jobsync.platforms.agave.urls import UnsafePath, Urls
from jobsync.secret import Secret
from tests.fakes.scripted_server import ScriptedServer, envelope

PIECES = [
    *(
        "",
        ".",
        "..",
        "...",
        "/",
        "//",
        "\\",
        "%",
        "%2e",
        "%2E",
        "%2f",
        "%5c",
        "%00",
        "%25",
        "%u2215",
    ),
    *(
        "?",
        "#",
        "&",
        "=",
        ";",
        ":",
        "@",
        "+",
        " ",
        "\t",
        "\r",
        "\n",
        "\0",
        "\x7f",
        "\x85",
        "\u2028",
    ),
    *(
        "pems",
        "outputs",
        "media",
        "listings",
        "jobs",
        "v2",
        "{jobId}",
        "~",
        "*",
        "'",
        '"',
        "<",
        ">",
    ),
    *("\u202e", "\ufeff", "\uff0e", "\uff0f", "\u2044", "\ud800", "\U0001f600", "e\u0301", "ß"),
    *(
        "a",
        "B",
        "7",
        "-",
        "_",
        "bob",
        "1-007",
        "http://",
        "//host",
        "user@",
        "[",
        "]",
        "|",
        "^",
        "`",
    ),
]
BASE = "http://127.0.0.1:9"


LEGAL = [
    *("1-007", "6608339759546166810-242ac114-0001-007", "bob", "a.b", "x_y-z", "..a", "a..b", "-"),
    *(
        "counts.txt",
        "logs/run 1.log",
        "a+b/c&d=e",
        "x;y",
        "\u00e9t\u00e9.csv",
        ".hidden",
        "100%.txt",
    ),
]
_LEGAL_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
USER = "bob"
JOB = "1-007"


def text(dice: random.Random) -> str:
    if dice.random() < 0.2:
        return dice.choice(LEGAL)
    return "".join(dice.choice(PIECES) for _ in range(dice.choice((0, 1, 1, 2, 3, 5))))


class Stopped(Exception):
    """The request was made; that is all there is to see."""


class Catcher:
    """In place of the transport: keeps the call that would be sent."""

    concurrency = 1
    call: Request

    hides: str = ""

    def send(self, call: Request, *, hides: str = "") -> Any:
        self.call, self.hides = call, hides
        raise Stopped

    @contextmanager
    def stream(self, call: Request) -> Iterator[Any]:
        self.send(call)
        yield


@dataclass(frozen=True)
class Operation:
    """One operation on (id, text): what it calls, and the request that it is meant to be."""

    name: str
    run: Callable[[Jobs, str, str], object]
    method: str
    tail: Callable[[str], list[str]]
    takes: str = ""
    user_in_body: bool = False

    def legal(self, job: str, other: str) -> bool:
        """Whether nothing speaks against it, by the rules of agave-v2 §1.1 and §6.1."""
        if not is_name(job):
            return False
        if self.takes == "name":
            return is_name(other)
        if self.takes == "folder":
            return other == "" or is_path(other.strip("/"))
        return is_path(other.lstrip("/")) if self.takes == "path" else True


def is_name(text: str) -> bool:
    return bool(_LEGAL_NAME.fullmatch(text)) and len(text) <= 128


def is_path(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    segments = path.split("/")
    return ".." not in path and "~" not in path and not {"", ".", ".."} & set(segments)


def _opened(jobs: Jobs, job: str, path: str) -> None:
    with jobs.download_output(job, path):
        pass


def _nothing(_: str) -> list[str]:
    return []


OPERATIONS = [
    Operation("get", lambda j, a, b: j.get(a), "GET", _nothing),
    Operation("status", lambda j, a, b: j.get_status(a), "GET", lambda b: ["status"]),
    Operation("history", lambda j, a, b: j.get_history(a), "GET", lambda b: ["history"]),
    Operation("stop", lambda j, a, b: j.manage(a, "stop"), "POST", _nothing),
    Operation("delete", lambda j, a, b: j.delete(a), "DELETE", _nothing),
    Operation("hide", lambda j, a, b: j.hide(a), "POST", lambda b: ["hide"]),
    Operation("pems-list", lambda j, a, b: j.list_permissions(a), "GET", lambda b: ["pems"]),
    Operation("pems-drop", lambda j, a, b: j.delete_permissions(a), "DELETE", lambda b: ["pems"]),
    Operation(
        "pems-grant",
        lambda j, a, b: j.update_permissions(a, b, "READ"),
        "POST",
        lambda b: ["pems"],
        user_in_body=True,
    ),
    Operation(
        "pems-revoke",
        lambda j, a, b: j.update_permissions(a, b, "NONE"),
        "POST",
        lambda b: ["pems"],
        user_in_body=True,
    ),
    Operation(
        "pems-show",
        lambda j, a, b: j.list_permissions_for_user(a, b),
        "GET",
        lambda b: ["pems", b],
        "name",
    ),
    Operation(
        "pems-update",
        lambda j, a, b: j.update_permissions_for_user(a, b, "READ"),
        "POST",
        lambda b: ["pems", b],
        "name",
    ),
    Operation(
        "pems-delete",
        lambda j, a, b: j.delete_permissions_for_user(a, b),
        "DELETE",
        lambda b: ["pems", b],
        "name",
    ),
    Operation(
        "outputs-list",
        lambda j, a, b: j.list_outputs(a, b),
        "GET",
        lambda b: ["outputs", "listings", *b.strip("/").split("/")],
        "folder",
    ),
    Operation(
        "outputs-download",
        _opened,
        "GET",
        lambda b: ["outputs", "media", *b.lstrip("/").split("/")],
        "path",
    ),
]


def wrong(operation: Operation, call: Request, target: str, job: str, other: str) -> bool:
    """Whether the request is another one than *operation* on *job* and *other* is meant to be."""
    parts = target.split("/")
    if parts[:3] != ["", "jobs", "v2"] or any(c in target for c in "?# \r\n\0"):
        return True
    if [unquote(part) for part in parts[3:]] != [job, *operation.tail(other)]:
        return True
    if operation.user_in_body and json.loads(call.body or b"{}")["username"] != other:
        return True
    return call.method != operation.method or ".." in parts or "." in parts


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--wire", type=int, default=2_000)
    chosen = options.parse_args()
    return campaign(chosen.count, chosen.seed, chosen.wire)


def campaign(count: int, seed: int, wire: int) -> int:
    dice = random.Random(seed)
    began = time.monotonic()
    tally: Counter[str] = Counter()
    seen: set[str] = set()
    on_wire: list[tuple[Request, str]] = []
    client = HttpClient(HttpSettings(BASE))
    transport = Transport(client, None, timing=Timing())  # type: ignore[arg-type]
    catcher = Catcher()
    jobs = Jobs(Urls(BASE), catcher)  # type: ignore[arg-type]
    for _ in range(count):
        operation = dice.choice(OPERATIONS)
        # A legal id most of the time: else hardly a user or a path would come into play.
        job = (
            JOB
            if (operation.takes or operation.user_in_body) and dice.random() < 0.8
            else text(dice)
        )
        other = text(dice)
        try:
            operation.run(jobs, job, other)
        except Stopped:
            call = catcher.call
        except (UnsafePath, SubmitNotSent):
            tally["refused"] += 1
            if operation.legal(job, other):
                tally["legal but refused"] += 1
                print(f"REFUSED {operation.name} {job!r} {other!r}")
            continue
        try:
            transport.check_all(call, catcher.hides)
            target = asked_for(client, call)
        except UnsafePath as error:
            tally["refused"] += 1
            if operation.legal(job, other):
                tally["legal but refused"] += 1
                print(f"REFUSED {operation.name} {job!r} {other!r}: {error}")
            continue
        if wrong(operation, call, target, job, other):
            tally["wrong"] += 1
            print(f"WRONG {operation.name} {job!r} {other!r} -> {call.method} {target!r}")
            continue
        tally["exact"] += 1
        seen.add(operation.name)
        if len(on_wire) < wire:
            on_wire.append((call, target))
    tally["wrong"] += sent(on_wire)
    seconds = time.monotonic() - began
    print(
        f"{count} cases of {len(OPERATIONS)} operations (seed {seed}): {tally['refused']} refused, "
        f"{tally['exact']} exactly as intended, {len(on_wire)} sent over a socket, "
        f"{tally['legal but refused']} legal but refused, {tally['wrong']} wrong, {seconds:.0f} s"
    )
    unseen = {operation.name for operation in OPERATIONS} - seen
    if unseen:
        print(f"never sent: {sorted(unseen)}")
    return 1 if tally["wrong"] or tally["legal but refused"] or unseen else 0


def asked_for(client: HttpClient, request: Request) -> str:
    """What *client* would ask for, on the way that it takes for such a request."""
    target = client._target(request)
    if request.method == "GET":
        return target
    return str(_encode_target(client._prepared(request, {}).path_url))


def sent(calls: list[tuple[Request, str]]) -> int:
    """How many of *calls* arrive as another request line than expected."""
    with ScriptedServer(envelope({})) as server:
        client = HttpClient(HttpSettings(server.url))
        for call, _ in calls:
            url = server.url + call.url.removeprefix(BASE)
            client.send(replace(call, url=url), Secret("Bearer t"))
        client.close()
        arrived = [(seen.method, seen.target) for seen in server.seen]
    meant = [(call.method, target) for call, target in calls]
    return sum(got != want for got, want in zip(arrived, meant, strict=True))


if __name__ == "__main__":
    sys.exit(main())
