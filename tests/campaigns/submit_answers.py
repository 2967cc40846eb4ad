"""Fuzz the answer to a submit: does anything it says ever look like "not sent"?

    python tests/campaigns/submit_answers.py [--count 100000] [--seed 1]

Each submit goes over a real socket to a server that takes the whole request and then answers
something: odd names and values of headers, encoded parameters, lengths and chunks that lie, interim
answers, cuts and resets, bodies that are nearly the service's. No answer here is one of those that
prove a refusal, so a submit may end in two ways only: with the job, or with "nobody knows, look for
it by name". Anything else would let apply send it again. Prints one line of JSON; exit 1 when
anything is wrong, with the seed of each answer to repeat it (``--only SEED``).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import socket
import struct
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from jobsync.errors import SubmitAmbiguous
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave.credentials import explicit
from tests.fakes.scripted_server import JOB

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
GOOD = json.dumps({"status": "success", "message": None, "version": "2", "result": JOB}).encode()


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


def body(rng: random.Random) -> bytes:
    """The service's answer, or something near it. Never one that proves a refusal."""
    frame: dict[str, object] = {"status": "success", "message": None, "version": "2", "result": JOB}
    odd: list[object] = [
        JOB,
        None,
        [],
        {},
        [JOB],
        {**JOB, "name": "x"},
        {**JOB, "id": 7},
        {**JOB, "owner": {}},
    ]
    odd += [{**JOB, "created": rng.choice(["x", 10**400, -1, "9999-99-99T00:00:00Z"])}, "x", 1]
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


def answer(rng: random.Random) -> tuple[bytes, bool]:
    """What is sent, and whether the connection is then reset: good but for a few things."""
    odd = {rng.choice(ODD) for _ in range(rng.choice([1, 1, 1, 2, 3]))}
    content = body(rng) if "body" in odd else GOOD
    lines = ["Content-Type: application/json"]
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
    start = "HTTP/1.1 201 Created"
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
    if "cut" in odd:
        whole = whole[: rng.randrange(len(whole) + 1)]
    return whole, rng.random() < 0.05


class AnsweringServer:
    """Takes each submit whole, gives the answer of the next seed, and closes. One at a time."""

    def __init__(self) -> None:
        self.seed = 0
        self.posts = 0
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
        whole, resets = answer(random.Random(self.seed))
        connection.sendall(whole)
        if resets:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def judge(client: agave.AgaveBackend, server: AnsweringServer, seed: int) -> str:
    """How the submit that the answer of *seed* meets ended."""
    server.seed, server.posts = seed, 0
    try:
        made = client.submit("p.a.f", {"appId": "wc-1.0"})
        end = "made" if made.id else "made without an id"
    except SubmitAmbiguous:
        end = "unknown"
    except BaseException as error:
        end = f"{type(error).__name__}: {error}"
    return end if server.posts == 1 else f"{end}, after {server.posts} POSTs"


def run(seeds: range) -> tuple[Counter[str], dict[int, str]]:
    """How the submits ended, and, by seed, those that ended wrongly."""
    ends, wrong = Counter[str](), {}
    server = AnsweringServer()
    how = agave.Connection(idle_timeout=5.0)
    with agave.connect(server.url, explicit(server.url, "t"), how=how) as client:
        for seed in seeds:
            end = judge(client, server, seed)
            good = end in ("made", "unknown")
            ends[end if good else "wrong"] += 1
            if not good:
                wrong[seed] = end
    server.close()
    return ends, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    given = parser.parse_args()
    first = given.seed * 1_000_000_000
    seeds = range(first, first + given.count)
    if given.only is not None:
        seeds = range(given.only, given.only + 1)
        print(answer(random.Random(given.only)))
    began = time.monotonic()
    ends, wrong = run(seeds)
    spent = time.monotonic() - began
    print(json.dumps({"submits": len(seeds), **ends, "seconds": round(spent), "wrong": wrong}))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
