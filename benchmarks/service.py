"""Load on ``jobsync serve``: clients that list, submit and grant, and count what went wrong.

    python benchmarks/service.py [--api tapis/v3] [--seconds 60] [--clients 32] [--jobs 10000]
                                 [--turns list,submit,grant]

Each client does one of ``--turns`` after the other, chosen by chance; ``read`` asks for the status
of one job. Printed are also the milliseconds of the processor that the service used for a request:
on two cores the clients take much of what it could have.

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
import os
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

sys.path.insert(0, str(Path(__file__).parent))
from service_tapis import TapisTurns, login

APP = "wc-demo-1.00"
USER = "alice"
READERS = [f"reader{number}" for number in range(50)]
PROCESSES = 4
TURN_NAMES = "list,submit,grant"


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


class AgaveTurns:
    """What a client does, in the words of Agave."""

    base = "/jobs/v2"

    def head(self, token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def list_path(self, offset: int) -> str:
        return f"?limit=100&offset={offset}&orderBy=id&order=asc"

    def ids(self, rows: list[dict[str, Any]]) -> list[Any]:
        return [row["id"] for row in rows]

    def submit(self, name: str, **more: Any) -> tuple[str, dict[str, Any], int]:
        return "", {"name": name, "appId": APP, "archive": False, **more}, 201

    def blocker(self) -> dict[str, Any]:
        return {"parameters": {"seconds": 3600}}

    def job_id(self, job: dict[str, Any]) -> str:
        return str(job["id"])

    def grant(self, dice: random.Random, job: str, user: str) -> tuple[str, Any, int, str]:
        level = dice.choice(["READ", "WRITE", "ALL", "NONE"])
        return f"POST /{job}/pems", {"username": user, "permission": level}, 201, level

    def answers(self, row: Any, user: str, level: str) -> bool:
        return row["username"] == user and row["permission"]["read"] == (level in ("READ", "ALL"))

    def stop(self, job: str) -> tuple[str, Any]:
        return f"/{job}", {"action": "stop"}

    def level(self, store: Store, job: str, user: str) -> str:
        return store.grants(job).get(user, "NONE")

    def old(self, number: int, user: str) -> JobRow:
        return JobRow(
            id=f"{number:019d}-load-0001-007", owner=user, name=f"old-{number}", app_id=APP,
            request={"inputs": {"text": ["agave://local/a.txt"]}, "parameters": {"lines": number}},
            status="FINISHED", archive_system="archive", archive_path=f"{user}/archive/{number}",
            created=1.5e9 + number, last_updated=1.5e9 + number,
        )  # fmt: skip


TURNS: dict[str, Any] = {"agave/v2": AgaveTurns(), "tapis/v3": TapisTurns()}


class Client:
    """One connection that is kept open, as a real client does."""

    def __init__(
        self, api: str, url: str, token: str, seed: int, olds: list[str], turns: str = TURN_NAMES
    ) -> None:
        self._names = turns.split(",")
        self._turns = TURNS[api]
        self._connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
        self._head = self._turns.head(token)
        self._dice = random.Random(seed)
        self._seed = seed
        self._olds = olds
        self._mine: list[str] = []
        self.tally = Tally()

    def run(self, until: float) -> None:
        known = {
            "list": self._list, "submit": self._submit, "grant": self._grant, "read": self._read,
        }  # fmt: skip
        turns = [known[name] for name in self._names]
        count = 0
        while time.time() < until:
            count += 1
            self._dice.choice(turns)(count)
        self._connection.close()

    def _list(self, count: int) -> None:
        offset = self._dice.randrange(0, len(self._olds))
        rows = self._ask("list", "GET", self._turns.list_path(offset), None, 200)
        if rows is None:
            return
        ids = self._turns.ids(rows)
        if len(ids) != len(set(ids)) or ids != sorted(ids) or not 0 < len(ids) <= 100:
            self.tally.wrong.append(f"a page out of order: {ids[:3]}")
        if any(row["owner"] != USER for row in rows):
            self.tally.wrong.append("a job of somebody else in the list")

    def _read(self, count: int) -> None:
        job = self._dice.choice(self._olds)
        found = self._ask("read", "GET", f"/{job}/status", None, 200)
        if found is not None and found["status"] != "FINISHED":
            self.tally.wrong.append(f"the status of {job} is {found['status']}")

    def _submit(self, count: int) -> None:
        name = f"load-{self._seed}-{count}"
        path, body, status = self._turns.submit(name)
        job = self._ask("submit", "POST", path, body, status)
        if job is None:
            return
        if job["name"] != name:
            self.tally.wrong.append(f"{job['name']} instead of {name}")
        self.tally.submitted[self._turns.job_id(job)] = name
        self._mine.append(self._turns.job_id(job))

    def _grant(self, count: int) -> None:
        # Only on jobs that no other client touches, so that the last word on a row is known.
        if not self._mine:
            return
        job, user = self._dice.choice(self._mine), self._dice.choice(READERS)
        line, body, status, level = self._turns.grant(self._dice, job, user)
        method, path = line.split(" ")
        row = self._ask("grant", method, path, body, status)
        if row is None:
            return
        if not self._turns.answers(row, user, level):
            self.tally.wrong.append(f"grant of {level} to {user} answered {row}")
        self.tally.granted.append((job, user, level))

    def _ask(self, name: str, method: str, path: str, body: Any, status: int) -> Any:
        began = time.perf_counter()
        try:
            data = json.dumps(body) if body is not None else None
            self._connection.request(method, f"{self._turns.base}{path}", data, self._head)
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
    api: str, url: str, token: str, seeds: list[int], olds: list[str], turns: str, until: float,
    out: Any,
) -> None:  # fmt: skip
    """Some clients in one process, each with its own thread and connection."""
    clients = [Client(api, url, token, seed, olds, turns) for seed in seeds]
    threads = [threading.Thread(target=client.run, args=(until,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tally = Tally()
    for client in clients:
        tally.add(client.tally)
    out.put(tally)


def fill(api: str, state: Path, count: int) -> list[str]:
    """*count* finished jobs of alice; their ids."""
    state.mkdir(parents=True)
    (state / "systems.json").write_text('{"systems": {"local": {"maxJobs": 1}}}')
    store = Store(state / "jobs.db")
    rows = [TURNS[api].old(number, USER) for number in range(count)]
    for start in range(0, count, 1000):
        store.insert_jobs(rows[start : start + 1000], "made before")
    store.close()
    return [row.id for row in rows]


def check(api: str, state: Path, tally: Tally, olds: list[str]) -> list[str]:
    """What was acknowledged and is not there."""
    store = Store(state / "jobs.db")
    lost = []
    for job_id, name in tally.submitted.items():
        row = store.job(job_id)
        if row is None or row.name != name:
            lost.append(f"submit of {name}")
    last = {(job, user): level for job, user, level in tally.granted}
    for (job, user), level in last.items():
        if TURNS[api].level(store, job, user) != level:
            lost.append(f"grant of {level} to {user} on {job}")
    if len(tally.submitted) != len(set(tally.submitted.values())):
        lost.append("two jobs for one submit")
    lost += [f"old job {job}" for job in olds if store.job(job) is None]
    store.close()
    return lost


def measure(
    folder: Path, *, api: str = "agave/v2", seconds: float, clients: int, jobs: int,
    names: str = TURN_NAMES,
) -> dict[str, Any]:  # fmt: skip
    """One run in *folder*; what came of it."""
    state = folder / ".jobsync"
    turns = TURNS[api]
    olds = fill(api, state, jobs)
    command = [sys.executable, "-m", "jobsync", "serve", "--user", USER, "--workspace", str(folder)]
    adopt = [*command, "--adopt-state"]  # the folder was filled by hand
    subprocess.run(adopt, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    service = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert service.stdout is not None
        url = service.stdout.readline().strip()
        token = json.loads((state / "users.json").read_text())[USER]
        if api == "tapis/v3":
            token = login(url, USER, token)
        blocker = Client(api, url, token, -1, olds)
        path, body, status = turns.submit("blocker", **turns.blocker())
        block = turns.job_id(blocker._ask("submit", "POST", path, body, status))
        used = processor_seconds(service.pid)
        tally = _loaded(api, url, token, clients, olds, names, seconds)
        used = processor_seconds(service.pid) - used
        path, body = turns.stop(block)
        blocker._ask("stop", "POST", path, body, 200)
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
    lost = check(api, state, tally, olds)
    return {
        "api": api,
        "jobs": jobs,
        "clients": clients,
        "seconds": seconds,
        "requests": sum(len(times) for times in tally.took.values()),
        "submitted": len(tally.submitted),
        "granted": len(tally.granted),
        "cpu": used,
        "lost": lost,
        "wrong": tally.wrong,
        "took": {name: sorted(times) for name, times in sorted(tally.took.items())},
    }


def processor_seconds(pid: int) -> float:
    """What a process has used of the processors so far, in seconds (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _loaded(
    api: str, url: str, token: str, clients: int, olds: list[str], turns: str, seconds: float
) -> Tally:
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    until = time.time() + seconds + 1.0
    seeds = list(range(clients))
    processes = [
        context.Process(
            target=group, args=(api, url, token, seeds[n::PROCESSES], olds, turns, until, out)
        )
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
        f"{found['api']}: {found['jobs']} jobs in the database,"
        f" {found['clients']} clients, {found['seconds']} s",
        f"{found['requests']} requests, {found['requests'] / found['seconds']:.0f}/s,"
        f" {1000 * found['cpu'] / found['requests']:.2f} ms of the service's processor each;"
        f" {found['submitted']} submits, {found['granted']} grants",
    ]
    together = sorted(seconds for times in found["took"].values() for seconds in times)
    for name, times in {**found["took"], "all": together}.items():
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
    parser.add_argument("--api", choices=[*TURNS], default="agave/v2")
    parser.add_argument("--turns", default=TURN_NAMES, help="of list, submit, grant, read")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jobsync-load-", ignore_cleanup_errors=True) as folder:
        found = measure(
            Path(folder),
            api=options.api,
            seconds=options.seconds,
            clients=options.clients,
            jobs=options.jobs,
            names=options.turns,
        )
    print(report(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    return 1 if found["lost"] or found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
