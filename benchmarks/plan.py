"""A no-op plan of many jobs, against the least it could take and against the platform's own SDK.

    python benchmarks/plan.py [--api API] [--declared N ...] [--remote N ...] [--latency MS ...]
                              [--rounds N] [--sdk-python PYTHON] [--json FILE]

Every job is declared with permissions and has one finished run. All over TLS, each figure a whole
process from start to exit:

* *jobsync*: ``jobsync plan`` with a ceiling of 32 connections;
* *bound*: the same number of calls by 32 threads on bare ``http.client`` connections that look at
  no answer: the first page alone, then everything else as fast as it goes;
* *agavepy* or *tapipy*: the plain script doing the same reads, one after another: list the jobs,
  then who may see each (``plan_agave.py`` and ``plan_tapis.py`` have the scripts).
  ``--sdk-python``, or ``JOBSYNC_AGAVEPY_PYTHON`` and ``JOBSYNC_TAPIPY_PYTHON``, name an
  interpreter that has agavepy 0.9.5 or tapipy 25.4.0; without one this part is left out and the
  reason printed.

The server is a process of its own, made for latency only: it gives out answers in the service's
shapes that were prepared before, waits the latency before each, and knows nothing else. Rounds go
in turns, medians are shown. Other work on the machine disturbs all of them; CPU seconds less.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import plan_agave
import plan_tapis

SIDES: dict[str, Any] = {"agave/v2": plan_agave, "tapis/v3": plan_tapis}
"""What each api asks, answers and is asked by others."""

CEILING = 32


# --- what there is ---------------------------------------------------------------------


def names_of(folder: Path, remote: int) -> list[str]:
    """The names on the service: of all that is declared, then of other people's habits."""
    import jobsync

    names = [job.name for job in jobsync.load([folder]).jobs.values()]
    return names + [f"my analysis {number}" for number in range(remote - len(names))]


# --- the server ------------------------------------------------------------------------


def serve(folder: Path, side: Any) -> None:
    """Answer until killed. A line on standard input sets the latency and starts a new count."""
    world, state = side.World(folder), State(side)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        world.url = f"https://localhost:{listening.getsockname()[1]}"
        print(listening.getsockname()[1], flush=True)
        threading.Thread(target=state.listen, daemon=True).start()
        while True:
            raw, _ = listening.accept()
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            arguments = (raw, context, world, state)
            threading.Thread(target=converse, args=arguments, daemon=True).start()


class State:
    """The latency in seconds, and the targets that were asked for since it was set."""

    def __init__(self, side: Any) -> None:
        self.side = side
        self.latency = 0.0
        self.asked: list[str] = []

    def listen(self) -> None:
        for line in sys.stdin:
            pages = sum(map(self.side.is_of_a_list, self.asked))
            report = {"asked": len(self.asked), "pages": pages}
            self.latency, self.asked = float(line), []
            print(json.dumps(report), flush=True)


def converse(raw: socket.socket, context: ssl.SSLContext, world: Any, state: State) -> None:
    try:
        with context.wrap_socket(raw, server_side=True) as connection:
            pending = b""
            while True:
                while b"\r\n\r\n" not in pending:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    pending += piece
                head, _, pending = pending.partition(b"\r\n\r\n")
                target = head.split(b" ", 2)[1].decode("ascii")
                state.asked.append(target)
                answer = world.answer(target)
                time.sleep(state.latency)
                connection.sendall(answer)
    except OSError:
        return


# --- the least it could take -----------------------------------------------------------


def bound(url: str, ca: str, pages: int, calls: int, side: Any) -> None:
    """*calls* calls on bare connections, *pages* of them of the listing."""
    host = urlsplit(url).netloc
    context = ssl.create_default_context(cafile=ca)
    own = threading.local()

    def get(path: str) -> None:
        if not hasattr(own, "connection"):
            own.connection = http.client.HTTPSConnection(host, context=context)
        own.connection.request("GET", path, headers=side.CREDENTIAL)
        own.connection.getresponse().read()

    first, *others = side.paths(pages, calls)
    get(first)
    with ThreadPoolExecutor(CEILING) as pool:
        list(pool.map(get, others))


# --- measuring -------------------------------------------------------------------------


@dataclass(frozen=True)
class Took:
    """Seconds on the wall and of CPU, peak memory in MB."""

    wall: float
    cpu: float
    memory: float


def run(command: list[str], environ: dict[str, str], folder: Path) -> Took:
    """Run *command* to its end. A figure of something that failed would be worth nothing."""
    with (folder / "out").open("w+b") as out, (folder / "err").open("w+b") as err:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=environ, cwd=folder, stdout=out, stderr=err)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            err.seek(0)
            raise SystemExit(f"{command}: {err.read()[-2000:].decode(errors='replace')}")
    return Took(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def median(rounds: list[Took]) -> Took:
    return Took(*(statistics.median(one) for one in zip(*map(_fields, rounds), strict=True)))


def _fields(took: Took) -> tuple[float, float, float]:
    return took.wall, took.cpu, took.memory


class Server:
    """The server process of one world."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout
        self.url = f"https://localhost:{int(process.stdout.readline())}"

    def reset(self, latency: float) -> dict[str, int]:
        """Set the latency in seconds; how many calls came since the last time, and of pages."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{latency}\n")
        self._process.stdin.flush()
        counts: dict[str, int] = json.loads(self._process.stdout.readline())
        return counts


@contextmanager
def served(folder: Path, declared: int, remote: int, api: str) -> Iterator[Server]:
    """A server with *remote* jobs of which *declared* are ours, and the set beside it."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem")]
    subprocess.run(command, check=True, capture_output=True)
    (folder / "set").mkdir()
    side = SIDES[api]
    (folder / "set/jobs.yaml").write_text(side.manifest(declared, "https://localhost", CEILING))
    (folder / "names.json").write_text(json.dumps(names_of(folder / "set", remote)))
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve", str(folder), api],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        server = Server(process)
        (folder / "set/jobs.yaml").write_text(side.manifest(declared, server.url, CEILING))
        yield server
    finally:
        process.kill()
        process.communicate()


def compare(
    declared: int, remote: int, latencies: list[float], rounds: int, sdk: str, api: str
) -> list[dict[str, Any]]:
    """The figures of one world at each latency (milliseconds)."""
    found = []
    with tempfile.TemporaryDirectory(prefix="jobsync-plan-") as name:
        folder = Path(name)
        with served(folder, declared, remote, api) as server:
            for latency in latencies:
                found.append(_measured(server, folder, declared, latency, rounds, sdk, api))
                found[-1].update({"api": api, "declared": declared, "remote": remote})
                print(line(found[-1]), flush=True)
    return found


def _measured(
    server: Server, folder: Path, declared: int, latency: float, rounds: int, sdk: str, api: str
) -> dict[str, Any]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("TAPIS_")}
    side = SIDES[api]
    environ |= {"HOME": str(folder), **side.environ(server.url)}
    environ |= {"REQUESTS_CA_BUNDLE": str(folder / "ca.pem")}
    # Whatever is installed has its bytecode beside it: here it is kept for the rounds.
    environ |= {"PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    plan = [sys.executable, "-m", "jobsync", "plan", "set", "--detailed-exitcode"]
    took: dict[str, list[Took]] = {"jobsync": [], "bound": [], side.SDK: []}
    seconds = latency / 1000
    run(plan, environ, folder)
    server.reset(seconds)
    for number in range(rounds):
        took["jobsync"].append(run(plan, environ, folder))
        if b"No changes." not in (folder / "out").read_bytes():
            raise SystemExit(f"not a no-op: {(folder / 'out').read_text()[:2000]}")
        counts = server.reset(seconds)
        least = [sys.executable, __file__, "--bound", server.url, str(folder / "ca.pem")]
        least += [str(counts["pages"]), str(counts["asked"]), api]
        took["bound"].append(run(least, environ, folder))
        if sdk and number == 0:
            script = [sdk, "-c", side.SCRIPT, server.url, str(declared)]
            took[side.SDK].append(run(script, environ, folder))
        server.reset(seconds)
    return {
        "latency": latency,
        **counts,
        "arithmetic": seconds * (1 + -(-(counts["asked"] - 1) // CEILING)),
        **{who: _fields(median(rows)) for who, rows in took.items() if rows},
        "ratios": [
            ours.wall / least.wall
            for ours, least in zip(took["jobsync"], took["bound"], strict=True)
        ],
    }


def line(found: dict[str, Any]) -> str:
    wall, cpu, memory = found["jobsync"]
    least, least_cpu, _ = found["bound"]
    text = (
        f"{found['declared']:6} of {found['remote']:6}  {found['latency']:4.0f} ms "
        f"{found['asked']:6} calls  jobsync {wall:6.2f} s ({cpu:5.2f} s cpu, {memory:4.0f} MB)  "
        f"bound {least:6.2f} s ({least_cpu:5.2f} s cpu; arithmetic {found['arithmetic']:.2f} s)  "
        f"{statistics.median(found['ratios']):.2f}x"
    )
    for sdk in {"agavepy", "tapipy"} & found.keys():
        text += f"  {sdk} {found[sdk][0]:.1f} s: {found[sdk][0] / wall:.0f}x ours"
    return text


def memory(found: list[dict[str, Any]]) -> Iterator[str]:
    """What one job more costs, from the difference of two worlds."""
    peaks = {(one["declared"], one["remote"]): one["jobsync"][2] for one in found}
    for (declared, remote), peak in sorted(peaks.items()):
        for (others, there), other in sorted(peaks.items()):
            if declared == others and there > remote:
                each = (other - peak) * 1024 / (there - remote)
                yield f"a remote job costs {each:.2f} KB ({remote} to {there}, {declared} ours)"
            if remote == there and others > declared:
                each = (other - peak) * 1024 / (others - declared)
                yield f"a declared job costs {each:.2f} KB ({declared} to {others})"


def interpreter(given: str, sdk: str) -> str:
    """An interpreter with *sdk*, or an empty text after saying why there is none."""
    variable = f"JOBSYNC_{sdk.upper()}_PYTHON"
    named = given or os.environ.get(variable, "")
    if not named:
        print(f"{sdk} is left out: neither --sdk-python nor {variable} is given")
        return ""
    words = f"from importlib.metadata import version; print(version('{sdk}'))"
    done = subprocess.run([named, "-c", words], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{sdk} is left out: {named} does not have it")
        return ""
    print(f"{sdk} {done.stdout.strip()}", flush=True)
    return named


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--declared", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--remote", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--latency", type=float, nargs="+", default=[0, 20, 100])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--api", choices=SIDES, default="agave/v2")
    parser.add_argument("--sdk-python", default="", metavar="PYTHON")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    sdk = interpreter(options.sdk_python, SIDES[options.api].SDK)
    found = []
    for declared in options.declared:
        for remote in options.remote:
            if remote >= declared:
                small = declared <= 1_000 and remote <= 1_000
                found += compare(
                    declared, remote, options.latency, options.rounds, sdk if small else "",
                    options.api,
                )  # fmt: skip
    print("\n".join(memory(found)))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(Path(sys.argv[2]), SIDES[sys.argv[3]])
    elif sys.argv[1:2] == ["--bound"]:
        bound(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), SIDES[sys.argv[6]])
    else:
        main()
