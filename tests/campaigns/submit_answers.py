"""Fuzz the answer to a submit: does anything it says ever look like "not sent"?

    python -m tests.campaigns.submit_answers [--count 100000] [--seed 1] [--api tapis/v3]

Each submit goes over a real socket to a server that takes the whole request and then answers
something: odd names and values of headers, encoded parameters, lengths and chunks that lie, interim
answers, cuts and resets, bodies that are nearly the service's. A submit may end in two ways only:
with the job, or with "nobody knows, look for it by name". Anything else would let apply send it
again. Tapis v3 is also answered refusals, and what is nearly one: those of the table, and no
others, prove that no job was made. Prints one line of JSON; exit 1 when anything is wrong, with the
seed of each answer to repeat it (``--only SEED``).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from jobsync.backend import Backend
from jobsync.errors import SubmitAmbiguous, SubmitRejected
from jobsync.http.connection import Connection
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave import credentials as agave_login
from jobsync.platforms.tapis import connections as tapis
from jobsync.platforms.tapis import credentials as tapis_login
from tests.campaigns.apis import CHOICES
from tests.fakes.scripted_server import JOB
from tests.tapis.tokens import jwt

NAMES = [
    *("Content-Type", "Content-Disposition", "Content-Encoding", "Content-Length", "Location"),
    *("Transfer-Encoding", "Connection", "Set-Cookie", "Retry-After", "Date", "Trailer", "X", ""),
    *("Content-Transfer-Encoding", "MIME-Version", "Subject", "From", "Keep-Alive", "Upgrade"),
    *("WWW-Authenticate", "Content-type ", " X", "X\tY", "Bcc", "To", "Content-Range", "\u00e9"),
]
CODECS = [
    *("idna", "punycode", "utf-16", "utf-7", "rot13", "hex", "zlib", "undefined", "unknown-8bit"),
    *("utf-8", "latin-1", "us-ascii", "no-such", "mbcs", "raw_unicode_escape", "", "\0", "uu"),
]
TYPES = [
    *("application/json", "multipart/mixed", "message/rfc822", "text/html", "message/partial"),
    *("application/vnd.x+json", "multipart/digest", "multipart/", "/", "", "text/plain"),
    *("message/delivery-status", "message/external-body"),
]
WORDS = [
    *("close", "keep-alive", "chunked", "gzip", "identity", "base64", "quoted-printable", "-1"),
    *("uuencode", "=?utf-8?q?a?=", "=?idna?b?w6k=?=", "0", "99999999999999999999", "a=b; Path=/"),
    *("soon", "1e9", "Mon, 99 Zzz 2026 12:00:30 GMT", "\x00", "\x0b", "\x85", "\u2028", '"', "("),
    *("http://[", "http://127.0.0.1:x/", "//", "%zz", "\r", "a\rContent-Length: 1"),
]


STATUSES = [
    *("200", "202", "204", "301", "304", "400", "500", "502", "", "-1", "099", "1000", "2e2"),
    *("201.5", "0201", "201 ", "\u0662\u0660\u0661"),
]
NAME = "p.a.bh4txw5qcd"
JOB_V3 = {
    "uuid": "5753a008-d545-4e2f-8b66-f64e9f446c62-007", "id": 7, "name": NAME, "owner": "alice",
    "appId": "wc", "appVersion": "1.0", "status": "PENDING",
}  # fmt: skip
HOW = Connection(idle_timeout=5.0)


@dataclass(frozen=True)
class Dialect:
    """How an api answers a submit: the job, the frame around it, the status. ``refuses`` is
    whether refusals come too."""

    job: dict[str, Any]
    frame: dict[str, Any]
    status: str
    connect: Callable[[str], AbstractContextManager[Backend]]
    refuses: bool = False

    @property
    def good(self) -> bytes:
        return json.dumps({**self.frame, "result": self.job}).encode()


DIALECTS = {
    "agave/v2": Dialect(
        JOB,
        {"status": "success", "message": None, "version": "2"},
        "201 Created",
        lambda url: agave.connect(url, agave_login.explicit(url, "t"), how=HOW),
    ),
    "tapis/v3": Dialect(
        JOB_V3,
        {"status": "success", "message": "JOBS_JOB_CREATED Job made.", "version": "1"},
        "200 OK",
        lambda url: tapis.connect(url, tapis_login.explicit(url, jwt(url)), how=HOW),
        refuses=True,
    ),
}


def _said(message: object, spelled: object = "error", **more: object) -> str:
    return json.dumps({"status": spelled, "message": message, "version": "1", **more})


ENVELOPE, PLAIN, NONE = {"400", "401", "403", "404", "409"}, {"400", "401"}, set[str]()
EXPIRED = "TAPIS_SECURITY_JWT_EXPIRED The JWT has expired."
REFUSALS: list[tuple[str, str, set[str]]] = [
    ("application/json", _said("TAPIS_APPCLIENT_NOT_FOUND no app", result=None), ENVELOPE),
    ("application/json", _said("JOBS_X", "success", result={"name": "x"}), ENVELOPE),
    ("application/json", _said("JOBS_JOB_CREATED made", "success", result=JOB_V3), NONE),
    ("application/json", _said("JOBS_X y", result=JOB_V3), NONE),
    ("application/json", _said("JOBS_X y"), NONE),
    ("application/json", _said("no code", result=None), NONE),
    ("application/json", _said("said JOBS_X y", result=None), NONE),
    ("application/json", _said("jobs_x y", result=None), NONE),
    ("application/json", _said("JOBS y", result=None), NONE),
    ("application/json", _said(None, result=None), NONE),
    ("application/json", _said(["JOBS_X y"], result=None), NONE),
    ("application/json", _said("JOBS_X y", 400, result=None), NONE),
    ("application/json", f"[{_said('JOBS_X y', result=None)}]", NONE),
    ("application/json", json.dumps(_said("JOBS_X y", result=None)), NONE),
    ("application/json", _said("HTTP 404 Not Found", "Not Found"), NONE),
    ("application/json", EXPIRED, NONE),
    ("text/plain", EXPIRED, PLAIN),
    ("text/plain", "TAPIS_INVALID_QUERY limit", PLAIN),
    ("text/plain", "Bad Request", NONE),
    ("text/plain", "BAD_REQUEST: no", NONE),
    ("text/plain", "BAD_REQUEST", NONE),
    ("text/plain", "", NONE),
    ("text/html", EXPIRED, NONE),
    ("text/html", "<html>400 JOBS_X Bad Request</html>", NONE),
    ("", EXPIRED, NONE),
]
"""Type and body of a refusal, or of something near it, and the statuses with which it proves that
no job was made."""

REFUSING = [
    *("400", "401", "403", "404", "409") * 3,
    *("200", "201", "204", "301", "307", "402", "405", "406", "408", "413", "418", "422", "425"),
    *("429", "499", "500", "501", "502", "503", "504", "040", "4000", "4e2", "400.5"),
]


def parameter(rng: random.Random) -> str:
    """A parameter of a header, often continued or encoded as RFC 2231 has it."""
    name = rng.choice(["boundary", "boundary", "charset", "filename", "name", "x"])
    way = rng.randrange(4)
    value = rng.choice(["x", "%E9%ff", "%", "\u00e9", "a" * 80, "", '"', "xn--a", "\x00"])
    if way == 0:
        return f"; {name}={value}"
    if way == 1:
        return f"; {name}*={rng.choice(CODECS)}'{rng.choice(['', 'en'])}'{value}"
    if way == 2:
        return f"; {name}*0*={rng.choice(CODECS)}''{value}; {name}*1={value}"
    return f"; {name}*{rng.choice(['', '0', '1*', '-1', '9' * 30])}={value}"


def line(rng: random.Random) -> str:
    """One header line, or something in its place."""
    if rng.random() < 0.05:
        return rng.choice(["", " ", "no colon", ":", "<html>", "HTTP/1.1 200 OK", "\t folded"])
    name = rng.choice(NAMES) if rng.random() < 0.7 else "Content-Type"
    kind = rng.random()
    if kind < 0.4:
        value = rng.choice(TYPES)
    elif kind < 0.8:
        value = rng.choice(WORDS)
    else:
        value = "".join(chr(rng.randrange(1, 256)) for _ in range(rng.randrange(40)))
    value += "".join(parameter(rng) for _ in range(rng.choice([0, 0, 1, 1, 2])))
    return f"{name}{rng.choice([':', ': ', ':', ' : '])}{value}"


def body(rng: random.Random, api: Dialect) -> bytes:
    """The service's answer, or something near it. Never one that proves a refusal."""
    job = api.job
    frame: dict[str, object] = {**api.frame, "result": job}
    if api.refuses:
        frame["message"] = "no code"
    odd: list[object] = [
        job,
        None,
        [],
        {},
        [job],
        {**job, "name": "x"},
        {**job, "id": "7" if api.refuses else 7},
        {**job, "owner": {}},
    ]
    odd += [{**job, "created": rng.choice(["x", 10**400, -1, "9999-99-99T00:00:00Z"])}, "x", 1]
    if rng.random() < 0.5:
        frame["result"] = rng.choice(odd)
    frame["status"] = rng.choice(["success"] * 5 + ["error", "", None, 1])
    text = json.dumps(frame).encode(rng.choice(["utf-8"] * 6 + ["utf-16", "utf-32"]))
    way = rng.randrange(8)
    if way == 0:
        return text[: rng.randrange(len(text))]
    if way == 1:
        at = rng.randrange(len(text))
        return text[:at] + rng.randbytes(3) + text[at:]
    if way == 2:
        return rng.choice([b"[" * 3000, b"", b"\xff", b"1" * 6000, b'{"status":"success"}', b"nul"])
    return text


ODD = [*("headers",) * 6, "body", "status", "framing", "chunks", "early", "cut", "lines", "text"]
"""What is odd about an answer; headers most often, for their parser has the most to trip over."""


@dataclass
class Answer:
    """What is sent, whether the connection is then reset, and how a submit may end."""

    whole: bytes
    resets: bool
    ends: set[str] = field(default_factory=lambda: {"made", "unknown"})


def answer(rng: random.Random, api: Dialect) -> Answer:
    """An answer that is good but for a few things."""
    kinds = [*ODD, *("refusal",) * len(ODD)] if api.refuses else ODD
    odd = {rng.choice(kinds) for _ in range(rng.choice([1, 1, 1, 2, 3]))}
    content = body(rng, api) if "body" in odd else api.good
    lines = ["Content-Type: application/json"]
    status, proves = api.status, False
    if "refusal" in odd:
        odd -= {"body", "status"}
        kind, text, proof = rng.choice(REFUSALS)
        status, content = rng.choice(REFUSING), text.encode()
        lines, proves = [f"Content-Type: {kind}"] if kind else [], status in proof
    if "headers" in odd:
        more = [line(rng) for _ in range(rng.choice([1, 1, 1, 2, 3, 120]))]
        lines = [*more, *lines] if rng.random() < 0.7 else more
    if "chunks" in odd:
        lines.append("Transfer-Encoding: chunked")
        size = rng.choice(
            [f"{len(content):x}", f"0{len(content):X};a=b", "x", "-5", "0x5", "f" * 40]
        )
        content = size.encode() + b"\r\n" + content + rng.choice([b"\r\n0\r\n\r\n", b"\r\n0", b""])
    if "framing" in odd:
        told = rng.choice([len(content) + 5, max(0, len(content) - 5), -1, "x", "5, 5", "1e3", ""])
        lines.append(f"Content-Length: {told}")
    if rng.random() < 0.1 or not odd & {"chunks", "framing"}:
        lines.append(f"Content-Length: {len(content)}")
    if rng.random() < 0.5:
        rng.shuffle(lines)
    start = f"HTTP/1.1 {status}"
    if "status" in odd:
        version = rng.choice(
            ["HTTP/1.1"] * 4 + ["HTTP/1.0", "HTTP/2", "HTTP/1.9", "http/1.1", "ICY"]
        )
        reason = rng.choice([" X", "", " ", " \u00ff", " a\r"])
        start = f"{version} {rng.choice(STATUSES)}{reason}"
    end = "\n" if "lines" in odd else "\r\n"
    encoding = "utf-8" if "text" in odd else "latin-1"
    whole = end.join([start, *lines, "", ""]).encode(encoding, "replace") + content
    if "early" in odd:
        early = rng.choice(
            ["100 Continue", "103 Early Hints", "102 Processing", "101 Switch", "199"]
        )
        whole = f"HTTP/1.1 {early}\r\nLink: x\r\n\r\n".encode() * rng.choice([1, 1, 3]) + whole
    sent = rng.randrange(len(whole) + 1) if "cut" in odd else len(whole)
    made = Answer(whole[:sent], rng.random() < 0.05)
    if "refusal" in odd:
        made.ends = ends_of(status, content, proves, odd, sent == len(whole) and not made.resets)
    return made


def ends_of(status: str, content: bytes, proves: bool, odd: set[str], is_whole: bool) -> set[str]:
    """How a submit may end that is answered *content*: what else is *odd* may hide a refusal, and
    odd heads may change what is one only by its type, but half of one is none."""
    if odd == {"refusal"} and is_whole:
        return {"refused"} if proves else {"unknown", "made"} if status[:1] == "2" else {"unknown"}
    if odd == {"refusal", "cut"} and not is_whole:
        return {"unknown"}
    typed = "headers" in odd and status in PLAIN and content == EXPIRED.encode()
    return {"unknown", "made", *(["refused"] if proves or typed else [])}


class AnsweringServer:
    """Takes each submit whole, gives the answer of the next seed, and closes. One at a time."""

    def __init__(self, api: Dialect) -> None:
        self.api = api
        self.seed = 0
        self.posts = 0
        self.ends = set[str]()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                self._take(connection)

    def _take(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as reader:
            if not reader.readline().startswith(b"POST "):
                return
            length = 0
            while (field := reader.readline()) not in (b"\r\n", b""):
                if field.lower().startswith(b"content-length:"):
                    length = int(field.split(b":")[1])
            reader.read(length)
        self.posts += 1
        told = answer(random.Random(self.seed), self.api)
        self.ends = told.ends
        connection.sendall(told.whole)
        if told.resets:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def judge(client: Backend, server: AnsweringServer, seed: int) -> str:
    """How the submit that the answer of *seed* meets ended."""
    server.seed, server.posts = seed, 0
    name = str(server.api.job["name"])
    try:
        made = client.submit(name, {"appId": "wc-1.0"})
        end = "made" if made.id else "made without an id"
    except SubmitAmbiguous:
        end = "unknown"
    except SubmitRejected:
        end = "refused"
    except BaseException as error:
        end = f"{type(error).__name__}: {error}"
    return end if server.posts == 1 else f"{end}, after {server.posts} POSTs"


def run(seeds: range, api: str = "agave/v2") -> tuple[Counter[str], dict[int, str]]:
    """How the submits ended, and, by seed, those that ended wrongly."""
    ends, wrong = Counter[str](), {}
    server = AnsweringServer(DIALECTS[api])
    with server.api.connect(server.url) as client:
        for seed in seeds:
            end = judge(client, server, seed)
            good = end in server.ends
            ends[end if good else "wrong"] += 1
            if not good:
                wrong[seed] = f"{end}, not {' or '.join(sorted(server.ends))}"
    server.close()
    return ends, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--api", choices=CHOICES, default=CHOICES[0])
    given = parser.parse_args()
    first = given.seed * 1_000_000_000
    seeds = range(first, first + given.count)
    if given.only is not None:
        seeds = range(given.only, given.only + 1)
        print(answer(random.Random(given.only), DIALECTS[given.api]))
    began = time.monotonic()
    ends, wrong = run(seeds, given.api)
    spent = time.monotonic() - began
    print(json.dumps({"submits": len(seeds), **ends, "seconds": round(spent), "wrong": wrong}))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
