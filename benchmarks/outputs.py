"""Fetching outputs against curl, from the same local server, on this machine.

    python benchmarks/outputs.py [--size MIB] [--files N] [--latency MS] [--rounds N] [--folder DIR]

Large: one file, ``curl -o``, alone and with ``sha256sum`` after it, against a fetch. Small: many
files at some latency, ``curl --parallel --parallel-max 32`` against a fetch with 32 at once. Ours
hashes, fsyncs, lists again and records; curl only writes. Medians of rounds side by side, the
ratio is that of the pairs; ``wall`` is the fetch of what a plan names, ``process`` the whole
process with the start of Python and the first listing. Memory is the peak of the fetching process.
The server is a process of its own. Prints JSON at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

JOB = "0001-benchmark-007"
TIME = "2020-01-01T00:00:00.000Z"
PAGE = 250
PARALLEL = 32


# --- the server ------------------------------------------------------------------------


def serve(folder: str, latency: float) -> None:
    """Serve the files of *folder* as the outputs of one job; the port goes to stdout."""
    lengths = {path.name: path.stat().st_size for path in sorted(Path(folder).iterdir())}
    rows = [
        {"name": n, "path": f"/{n}", "length": size, "lastModified": TIME, "type": "file"}
        for n, size in lengths.items()
    ]
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        print(listening.getsockname()[1], flush=True)
        while True:
            connection, _ = listening.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            arguments = (connection, folder, rows, latency)
            threading.Thread(target=converse, args=arguments, daemon=True).start()


def converse(
    connection: socket.socket, folder: str, rows: list[dict[str, Any]], latency: float
) -> None:
    with connection, connection.makefile("rb") as lines:
        while request := lines.readline():
            while lines.readline() not in (b"\r\n", b""):
                pass
            url = urlsplit(request.split()[1].decode())
            kind, _, name = url.path.partition("/outputs/")[2].partition("/")
            if latency:
                time.sleep(latency)
            try:
                if kind == "listings":
                    send_rows(connection, rows, parse_qs(url.query))
                else:
                    send_file(connection, Path(folder) / name)
            except OSError:
                return


def send_rows(
    connection: socket.socket, rows: list[dict[str, Any]], query: dict[str, list[str]]
) -> None:
    offset, limit = int(query.get("offset", ["0"])[0]), int(query.get("limit", ["100"])[0])
    page = rows[offset : offset + min(limit, PAGE)]
    body = json.dumps({"status": "success", "message": None, "version": "2", "result": page})
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    connection.sendall((head + body).encode())


def send_file(connection: socket.socket, path: Path) -> None:
    with path.open("rb") as file:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {path.stat().st_size}\r\n\r\n"
        connection.sendall(head.encode())
        connection.sendfile(file)


# --- ours, in a process of its own -----------------------------------------------------


def fetch(url: str, folder: str) -> None:
    """Fetch everything; one line of JSON with the seconds and the peak of memory."""
    from jobsync.model import OutputChange, OutputRule, Result, Run, RunState
    from jobsync.outputs.fetch import fetch_all
    from jobsync.outputs.fetch_record import Ledger
    from jobsync.outputs.listing import walk_outputs
    from jobsync.outputs.result import FetchLimits
    from jobsync.plan.output_rules import choose_files
    from jobsync.platforms.agave import connections as agave
    from jobsync.platforms.agave.credentials import explicit

    run = Run(JOB, "p.a.aaaaaaaaaa", "alice", "app", "FINISHED", RunState.FINISHED)
    how = agave.Connection(concurrency=PARALLEL)
    rules = (OutputRule("**", "out/"),)
    with agave.connect_reader(url, explicit(url, "token"), how=how) as reader:
        # What planning has done already, as curl has been given its list.
        files = choose_files(rules, (), walk_outputs(reader, JOB)).fetches
        began = time.perf_counter()
        result = fetch_all(
            reader,
            OutputChange("a", None, rules, files=files),
            run,
            ledger=Ledger(folder, folder, ["a"]),
            limits=FetchLimits(),
            report=lambda progress: None,
            stop=lambda: False,
        )
        seconds = time.perf_counter() - began
    assert result.result is Result.DONE, result.detail
    # Not ru_maxrss: that begins with what the parent had when it forked.
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) // 1024
    print(json.dumps({"wall": seconds, "peak_mib": peak, "files": len(result.fetched)}))


# --- the comparison --------------------------------------------------------------------


def measure(source: Path, latency: float, rounds: int, work: Path) -> dict[str, float]:
    """Both, side by side, *rounds* times; medians."""
    command = [sys.executable, __file__, "--serve", str(source), str(latency)]
    found: dict[str, list[float]] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        try:
            for number in range(rounds):
                for one in (curl, ours):
                    # A new folder each: some file systems are slow to make files where others
                    # have just been removed, which would be a matter of luck.
                    folder = work / f"{number}-{one.__name__}"
                    folder.mkdir(parents=True)
                    os.sync()
                    before = cpu()
                    for key, value in one(url, source, folder).items():
                        found.setdefault(key, []).append(value)
                    for large in folder.rglob("*.bin"):
                        large.unlink()
                    found.setdefault(f"{one.__name__}_cpu", []).append(cpu() - before)
                if "curl" in found:
                    found.setdefault("ratio", []).append(found["wall"][-1] / found["curl"][-1])
                if "curl_sha256" in found:
                    paired = found["wall"][-1] / found["curl_sha256"][-1]
                    found.setdefault("ratio_sha256", []).append(paired)
        finally:
            server.kill()
    return {key: round(statistics.median(values), 3) for key, values in found.items()}


def cpu() -> float:
    """CPU seconds, user and system, of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def curl(url: str, source: Path, work: Path) -> dict[str, float]:
    """The same files with curl; nothing when it is not installed."""
    if shutil.which("curl") is None:
        return {}
    lines = [
        f'url = "{url}/jobs/v2/{JOB}/outputs/media/{path.name}"\noutput = "{work / path.name}"'
        for path in sorted(source.iterdir())
    ]
    settings = work / "curl.config"
    settings.write_text("\n".join(lines))
    parallel = ["--parallel", "--parallel-max", str(PARALLEL)] if len(lines) > 1 else []
    began = time.perf_counter()
    subprocess.run(
        ["curl", "-sS", "--no-progress-meter", "--fail", *parallel, "-K", str(settings)], check=True
    )
    found = {"curl": time.perf_counter() - began}
    if len(lines) == 1 and shutil.which("sha256sum"):
        subprocess.run(
            ["sha256sum", str(next(work.glob("*.bin")))], check=True, capture_output=True
        )
        found["curl_sha256"] = time.perf_counter() - began
    return found


def ours(url: str, source: Path, work: Path) -> dict[str, float]:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, "--fetch", url, str(work)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    whole = time.perf_counter() - began
    said = json.loads(done.stdout)
    return {"wall": said["wall"], "process": whole, "peak_mib": said["peak_mib"]}


def show(title: str, found: dict[str, float]) -> None:
    print(f"{title}: fetch {found['wall']:.2f} s (process {found['process']:.2f} s), ", end="")
    if "curl" in found:
        print(f"curl {found['curl']:.2f} s, ratio {found['ratio']:.2f}, ", end="")
        if "curl_sha256" in found:
            print(f"curl and sha256sum {found['curl_sha256']:.2f} s, ", end="")
            print(f"ratio {found['ratio_sha256']:.2f}, ", end="")
        print(f"CPU {found['ours_cpu']:.2f} and {found['curl_cpu']:.2f} s, ", end="")
    else:
        print("curl is not installed: nothing to compare with, ", end="")
    print(f"peak {found['peak_mib']:.0f} MiB")


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        return serve(sys.argv[2], float(sys.argv[3]))
    if sys.argv[1:2] == ["--fetch"]:
        return fetch(sys.argv[2], sys.argv[3])
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=1024, help="MiB of the large file")
    parser.add_argument("--files", type=int, default=2000, help="number of small files")
    parser.add_argument("--latency", type=float, default=20.0, help="ms before each small answer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="where to write; default: a temporary folder")
    options = parser.parse_args()
    figures: dict[str, Any] = {"size_mib": options.size, "files": options.files}
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        source, work = Path(temporary, "source"), Path(temporary, "work")
        source.mkdir()
        block = os.urandom(1024 * 1024)
        with (source / "large.bin").open("wb") as file:
            for _ in range(options.size):
                file.write(block)
        figures["large"] = measure(source, 0.0, options.rounds, work / "large")
        show(f"one file of {options.size} MiB", figures["large"])
        (source / "large.bin").unlink()
        for number in range(options.files):
            (source / f"f{number:05}").write_bytes(block[:2000])
        figures["small"] = measure(source, options.latency / 1000, options.rounds, work / "small")
        show(f"{options.files} files at {options.latency:g} ms", figures["small"])
    print(json.dumps(figures))
    return None


if __name__ == "__main__":
    main()
