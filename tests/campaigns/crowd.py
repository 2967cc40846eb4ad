"""Does the local service answer while one peer crowds it?

    python tests/campaigns/crowd.py [--half-open 2000] [--downloads 100] [--tokens 1000]

One peer opens connections and says half a head on each, another asks for large files and reads
nothing, a third sends bad tokens; meanwhile alice lists her jobs, and the slowest answer that she
got is printed, in seconds. The service is a real ``jobsync serve``.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

HALF = b"GET /jobs/v2 HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "


@contextmanager
def serving(folder: Path) -> Iterator[tuple[int, str]]:
    """The port of a service in *folder* and the token of alice."""
    environ = {**os.environ, "HOME": str(folder), "JOBSYNC_STATE_KEY": "the key of a campaign"}
    command = [sys.executable, "-m", "jobsync", "serve", "--user", "alice", "--port", "0"]
    with subprocess.Popen(
        command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().decode().strip()
            token = json.loads((folder / ".jobsync/users.json").read_text())["alice"]
            yield urlsplit(url).port or 0, token
        finally:
            process.terminate()
            process.wait(30)


def slowest(port: int, token: str, seconds: float) -> float:
    """The longest that one of alice's requests took, each on a new connection."""
    worst, until = 0.0, time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("GET", "/jobs/v2", headers={"Authorization": f"Bearer {token}"})
            assert connection.getresponse().status == 200
        except OSError:
            return math.inf
        connection.close()
        worst = max(worst, time.monotonic() - began)
        time.sleep(0.05)
    return worst


def open_half(port: int, count: int, stack: ExitStack) -> None:
    for _ in range(count):
        with suppress(OSError):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            one.sendall(HALF)


def open_downloads(port: int, token: str, count: int, stack: ExitStack) -> None:
    head = (
        f"GET /files/v2/media/system/local/large HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    )
    for _ in range(count):
        one = stack.enter_context(socket.socket())
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", port))
        one.sendall(head.encode())


def send_bad_tokens(port: int, rate: int, ended: threading.Event, sent: list[int]) -> None:
    """On kept connections, *rate* a second."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    number, began = 0, time.monotonic()
    while not ended.is_set():
        ahead = number / rate - (time.monotonic() - began)
        if ahead > 0:
            time.sleep(ahead)
        try:
            connection.request("GET", "/jobs/v2", headers={"Authorization": f"Bearer {number:x}"})
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            connection.close()
        number += 1
    sent.append(number)
    connection.close()


def crowd(half: int, downloads: int, tokens: int, seconds: float) -> dict[str, float]:
    """The slowest answer, in seconds, without a crowd and in each of the three."""
    found = {}
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as (port, token):
        with (Path(name) / "large").open("wb") as file:
            file.truncate(200 * 1024 * 1024)
        found["alone"] = slowest(port, token, seconds)
        with ExitStack() as stack:
            open_half(port, half, stack)
            found[f"{half} half-open connections"] = slowest(port, token, seconds)
        with ExitStack() as stack:
            open_downloads(port, token, downloads, stack)
            found[f"{downloads} stalled downloads"] = slowest(port, token, seconds)
        ended, sent = threading.Event(), list[int]()
        senders = [
            threading.Thread(target=send_bad_tokens, args=(port, tokens // 4, ended, sent))
            for _ in range(4)
        ]
        began = time.monotonic()
        for sender in senders:
            sender.start()
        worst = slowest(port, token, seconds)
        ended.set()
        for sender in senders:
            sender.join()
        rate = sum(sent) / (time.monotonic() - began)
        found[f"{rate:.0f} bad tokens a second"] = worst
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half-open", type=int, default=2000)
    parser.add_argument("--downloads", type=int, default=100)
    parser.add_argument("--tokens", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10)
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))
    for what, worst in crowd(given.half_open, given.downloads, given.tokens, given.seconds).items():
        print(f"{what:32} {worst:8.3f} s")


if __name__ == "__main__":
    main()
