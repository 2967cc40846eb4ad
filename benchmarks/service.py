"""Load on ``jobsync serve``: clients that list, submit and grant, and count what went wrong.

    python benchmarks/service.py [--seconds 60] [--clients 32] [--jobs 10000] [--json FILE]

The database holds ``--jobs`` jobs before the first request. One job keeps the only slot of the
engine busy, so that what is measured is the service and not the jobs. Afterwards every
acknowledged submit must exist exactly once and every acknowledged grant must be there (nothing
lost), and every answer must have been what was asked for (nothing wrong). Exit code 1 otherwise.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobsync.local.store.database import Store
from jobsync.local.store.rows import JobRow

APP = "wc-demo-1.00"
USER = "alice"
READERS = [f"reader{number}" for number in range(50)]
PROCESSES = 4


@dataclass
class Tally:
    """What one group of clients did."""

    took: dict[str, list[float]] = field(default_factory=dict)
    submitted: dict[str, str] = field(default_factory=dict)
    granted: list[tuple[str, str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        for name, times in other.took.items():
            self.took.setdefault(name, []).extend(times)
        self.submitted.update(other.submitted)
        self.granted += other.granted
        self.wrong += other.wrong


class Client:
    """One connection that is kept open, as a real client does."""

    def __init__(self, url: str, token: str, seed: int, olds: list[str]) -> None:
        self._connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
        self._head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._dice = random.Random(seed)
        self._seed = seed
        self._olds = olds
        self._mine: list[str] = []
        self.tally = Tally()

    def run(self, until: float) -> None:
        turns = [self._list, self._submit, self._grant]
        count = 0
        while time.time() < until:
            count += 1
            self._dice.choice(turns)(count)
        self._connection.close()

    def _list(self, count: int) -> None:
        offset = self._dice.randrange(0, len(self._olds))
        query = f"limit=100&offset={offset}&orderBy=id&order=asc"
        rows = self._ask("list", "GET", f"?{query}", None, 200)
        if rows is None:
            return
        ids = [row["id"] for row in rows]
        if len(ids) != len(set(ids)) or ids != sorted(ids) or not 0 < len(ids) <= 100:
            self.tally.wrong.append(f"a page out of order: {ids[:3]}")
        if any(row["owner"] != USER for row in rows):
            self.tally.wrong.append("a job of somebody else in the list")

    def _submit(self, count: int) -> None:
        name = f"load-{self._seed}-{count}"
        job = self._ask("submit", "POST", "", {"name": name, "appId": APP, "archive": False}, 201)
        if job is None:
            return
        if job["name"] != name:
            self.tally.wrong.append(f"{job['name']} instead of {name}")
        self.tally.submitted[job["id"]] = name
        self._mine.append(job["id"])

    def _grant(self, count: int) -> None:
        # Only on jobs that no other client touches, so that the last word on a row is known.
        if not self._mine:
            return
        job, user = self._dice.choice(self._mine), self._dice.choice(READERS)
        level = self._dice.choice(["READ", "WRITE", "ALL", "NONE"])
        row = self._ask(
            "grant", "POST", f"/{job}/pems", {"username": user, "permission": level}, 201
        )
        if row is None:
            return
        if row["username"] != user or row["permission"]["read"] != (level in ("READ", "ALL")):
            self.tally.wrong.append(f"grant of {level} to {user} answered {row}")
        self.tally.granted.append((job, user, level))

    def _ask(self, name: str, method: str, path: str, body: Any, status: int) -> Any:
        began = time.perf_counter()
        try:
            data = json.dumps(body) if body is not None else None
            self._connection.request(method, f"/jobs/v2{path}", data, self._head)
            answer = self._connection.getresponse()
            raw = answer.read()
            self.tally.took.setdefault(name, []).append(time.perf_counter() - began)
            if answer.status != status:
                self.tally.wrong.append(f"{name} answered {answer.status}: {raw[:200]!r}")
                return None
            return json.loads(raw)["result"]
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            self.tally.wrong.append(f"{name}: {error!r}")
            self._connection.close()
            return None


def group(
    url: str, token: str, seeds: list[int], olds: list[str], until: float, out: Any
) -> None:  # fmt: skip
    """Some clients in one process, each with its own thread and connection."""
    clients = [Client(url, token, seed, olds) for seed in seeds]
    threads = [threading.Thread(target=client.run, args=(until,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tally = Tally()
    for client in clients:
        tally.add(client.tally)
    out.put(tally)


def fill(state: Path, count: int) -> list[str]:
    """*count* finished jobs of alice; their ids."""
    state.mkdir(parents=True)
    (state / "systems.json").write_text('{"systems": {"local": {"maxJobs": 1}}}')
    store = Store(state / "jobs.db")
    rows = [
        JobRow(
            id=f"{number:019d}-load-0001-007", owner=USER, name=f"old-{number}", app_id=APP,
            request={"inputs": {"text": ["agave://local/a.txt"]}, "parameters": {"lines": number}},
            status="FINISHED", archive_system="archive", archive_path=f"{USER}/archive/{number}",
            created=1.5e9 + number, last_updated=1.5e9 + number,
        )
        for number in range(count)
    ]  # fmt: skip
    for start in range(0, count, 1000):
        store.insert_jobs(rows[start : start + 1000], "made before")
    store.close()
    return [row.id for row in rows]


def check(state: Path, tally: Tally, olds: list[str]) -> list[str]:
    """What was acknowledged and is not there."""
    store = Store(state / "jobs.db")
    lost = []
    for job_id, name in tally.submitted.items():
        row = store.job(job_id)
        if row is None or row.name != name:
            lost.append(f"submit of {name}")
    last = {(job, user): level for job, user, level in tally.granted}
    for (job, user), level in last.items():
        if store.grants(job).get(user, "NONE") != level:
            lost.append(f"grant of {level} to {user} on {job}")
    if len(tally.submitted) != len(set(tally.submitted.values())):
        lost.append("two jobs for one submit")
    lost += [f"old job {job}" for job in olds if store.job(job) is None]
    store.close()
    return lost


def measure(folder: Path, *, seconds: float, clients: int, jobs: int) -> dict[str, Any]:
    """One run in *folder*; what came of it."""
    state = folder / ".jobsync"
    olds = fill(state, jobs)
    command = [sys.executable, "-m", "jobsync", "serve", "--user", USER, "--workspace", str(folder)]
    service = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert service.stdout is not None
        url = service.stdout.readline().strip()
        token = json.loads((state / "users.json").read_text())[USER]
        blocker = Client(url, token, -1, olds)
        body = {"name": "blocker", "appId": APP, "parameters": {"seconds": 3600}}
        block = blocker._ask("submit", "POST", "", body, 201)["id"]
        tally = _loaded(url, token, clients, olds, seconds)
        blocker._ask("stop", "POST", f"/{block}", {"action": "stop"}, 200)
        until = time.time() + 20
        while blocker._ask("get", "GET", f"/{block}/status", None, 200)["status"] == "RUNNING":
            if time.time() > until:
                break
            time.sleep(0.2)
    finally:
        service.terminate()
        code = service.wait(30)
    if code != 0:
        tally.wrong.append(f"serve exited with {code}")
    lost = check(state, tally, olds)
    return {
        "jobs": jobs,
        "clients": clients,
        "seconds": seconds,
        "requests": sum(len(times) for times in tally.took.values()),
        "submitted": len(tally.submitted),
        "granted": len(tally.granted),
        "lost": lost,
        "wrong": tally.wrong,
        "took": {name: sorted(times) for name, times in sorted(tally.took.items())},
    }


def _loaded(url: str, token: str, clients: int, olds: list[str], seconds: float) -> Tally:
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    until = time.time() + seconds + 1.0
    seeds = list(range(clients))
    processes = [
        context.Process(target=group, args=(url, token, seeds[n::PROCESSES], olds, until, out))
        for n in range(min(PROCESSES, clients))
    ]
    for process in processes:
        process.start()
    tally = Tally()
    for _ in processes:
        tally.add(out.get())
    for process in processes:
        process.join()
    return tally


def report(found: dict[str, Any]) -> str:
    """The figures as lines."""
    lines = [
        f"{found['jobs']} jobs in the database, {found['clients']} clients, {found['seconds']} s",
        f"{found['requests']} requests, {found['requests'] / found['seconds']:.0f}/s;"
        f" {found['submitted']} submits, {found['granted']} grants",
    ]
    for name, times in found["took"].items():
        p50, p99 = times[len(times) // 2], times[min(len(times) - 1, int(len(times) * 0.99))]
        lines.append(
            f"{name:7} {len(times) / found['seconds']:7.1f}/s   p50 {p50 * 1000:7.1f} ms"
            f"   p99 {p99 * 1000:7.1f} ms   max {times[-1] * 1000:7.1f} ms"
        )
    lines.append(f"lost {len(found['lost'])}, wrong {len(found['wrong'])}")
    lines += [f"  {text}" for text in [*found["lost"], *found["wrong"]][:10]]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jobsync-load-", ignore_cleanup_errors=True) as folder:
        found = measure(
            Path(folder), seconds=options.seconds, clients=options.clients, jobs=options.jobs
        )
    print(report(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    return 1 if found["lost"] or found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
