"""Hostile ids, user names and paths: does any request ever mean something else on the wire?

    python tests/campaigns/hostile_paths.py [--count 1000000] [--seed 1] [--wire 2000]

Each case is either refused before anything is sent, or the request target that requests and
urllib3 would write is exactly the intended one, segment by segment. ``--wire`` of them are really
sent to a socket and compared there. Exits 1 when one differs.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from urllib3.util.url import _encode_target

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "agave"))

from scripted_server import ScriptedServer, envelope

from jobsync.agave.exchange import Call
from jobsync.agave.http import Door, HttpSettings
from jobsync.agave.retry import Timing
from jobsync.agave.urls import UnsafePath, Urls
from jobsync.secret import Secret

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


def text(dice: random.Random) -> str:
    return "".join(dice.choice(PIECES) for _ in range(dice.choice((0, 1, 1, 2, 3, 5))))


def cases(urls: Urls) -> list[tuple[Callable[[str, str], str], Callable[[str, str], list[str]]]]:
    """How to build a URL, and the decoded segments it must have."""
    return [
        (lambda a, b: urls.job(a), lambda a, b: [a]),
        (urls.pems_of, lambda a, b: [a, "pems", b]),
        (
            lambda a, b: urls.media("1-007", b),
            lambda a, b: ["1-007", "outputs", "media", *split(b)],
        ),
        (
            lambda a, b: urls.listing("1-007", b),
            lambda a, b: ["1-007", "outputs", "listings", *split(b)],
        ),
        (lambda a, b: urls.history(a), lambda a, b: [a, "history"]),
    ]


def split(path: str) -> list[str]:
    return path.split("/")


def wrong(target: str, segments: list[str]) -> bool:
    """Whether *target* does not decode to exactly *segments*, or a segment is not what it is."""
    parts = target.split("/")
    if parts[:3] != ["", "jobs", "v2"] or any(c in target for c in "?# \r\n\0"):
        return True
    return [unquote(part) for part in parts[3:]] != segments or ".." in parts or "." in parts


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
    refused = differing = 0
    on_wire: list[tuple[str, str]] = []
    door = Door(HttpSettings(BASE), Timing())
    table = cases(Urls(BASE))
    for _ in range(count):
        build, meant = dice.choice(table)
        one, other = text(dice), text(dice)
        try:
            url = build(one, other)
            request = door._prepare(Call("GET", url), Secret("Bearer t"))
        except UnsafePath:
            refused += 1
            continue
        target = _encode_target(request.path_url)
        if wrong(target, meant(one, other)):
            differing += 1
            print(f"WRONG {one!r} {other!r} -> {target!r}")
        if len(on_wire) < wire:
            on_wire.append((url.removeprefix(BASE), target))
    exact = count - refused - differing
    differing += sent(on_wire)
    seconds = time.monotonic() - began
    print(
        f"{count} cases (seed {seed}): {refused} refused, {exact} exactly as intended, "
        f"{len(on_wire)} sent over a socket, {differing} wrong, {seconds:.0f} s"
    )
    return 1 if differing else 0


def sent(targets: list[tuple[str, str]]) -> int:
    """How many of *targets* arrive as another request line than expected."""
    with ScriptedServer(envelope({})) as server:
        door = Door(HttpSettings(server.url), Timing())
        for path, _ in targets:
            door.whole(Call("GET", server.url + path), Secret("Bearer t"))
        door.close()
        arrived = [seen.target for seen in server.seen]
    return sum(got != meant for got, (_, meant) in zip(arrived, targets, strict=True))


if __name__ == "__main__":
    sys.exit(main())
