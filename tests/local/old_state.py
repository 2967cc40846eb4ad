"""A state folder as written before there was a second api, and the answers it gave then.

``python tests/local/old_state.py`` writes the answers of the code it runs with; those in
``old_state.json`` were recorded with the code that knew one api, and again where an answer was
made truer to the platform.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
from pathlib import Path

from jobsync.local.store.schema import MIGRATIONS, statements
from jobsync.testing import Drive, LocalService, local_service

ANSWERS = Path(__file__).with_name("old_state.json")
TOKENS = {"alice": "a" * 64, "bob": "b" * 64}
PATHS = (
    "/jobs/v2",
    "/jobs/v2?limit=1&offset=1",
    "/jobs/v2?filter=*",
    "/jobs/v2?status=FINISHED",
    "/jobs/v2?name.like=r*&filter=*",
    "/jobs/v2?orderBy=id&order=asc",
    *(f"/jobs/v2/{number}-007{rest}" for number in (1, 2, 3, 4, 5)
      for rest in ("", "/status", "/history", "/pems", "/outputs/listings")),
    "/jobs/v2/1-007/outputs/media/out.txt",
    "/jobs/v2/9-007",
    "/files/v2/listings/system/archive/alice/archive/jobs/job-1-007/out.txt",
    "/apps/v2?filter=id,name,label,revision",
    "/profiles/v2/me",
    "/clients/v2",
)  # fmt: skip


def make(folder: Path) -> None:
    """Write the state folder of *folder*: four jobs of alice, one of bob, in all kinds of ends."""
    state = folder / ".jobsync"
    (state / "archive" / "alice/archive/jobs/job-1-007").mkdir(parents=True)
    made = state / "archive" / "alice/archive/jobs/job-1-007/out.txt"
    made.write_text("counted\n")
    os.utime(made, (1_500_000_000, 1_500_000_000))
    (state / "users.json").write_text(json.dumps(TOKENS))
    db = sqlite3.connect(state / "jobs.db")
    for statement in statements(MIGRATIONS[0]):
        db.execute(statement)
    db.execute("PRAGMA user_version = 1")
    ends = ("FINISHED", "FAILED", "STOPPED", "KILLED", "FINISHED")
    for number, status in enumerate(ends, 1):
        _job(db, number, status, "bob" if number == 5 else "alice")
    db.execute("INSERT INTO pems VALUES ('5-007', 'alice', 'READ')")
    db.execute("INSERT INTO pems VALUES ('2-007', 'bob', 'ALL')")
    db.commit()
    db.close()


def _job(db: sqlite3.Connection, number: int, status: str, owner: str) -> None:
    at = 1_500_000_000.0 + 100 * number
    archived = status == "FINISHED"
    values = {
        "id": f"{number}-007", "owner": owner, "name": f"run{number}", "app_id": "wc-demo-1.00",
        "request": json.dumps({"name": f"run{number}", "inputs": {"text": ["a"]},
                               "parameters": {"lines": number}}),
        "system": "local", "queue": "debug", "node_count": 1, "processors_per_node": 1,
        "memory_gb": 0.0, "max_run_time": "999:59:59", "work_dir": None, "archive": 1,
        "archive_system": "archive", "archive_path": f"{owner}/archive/jobs/job-{number}-007",
        "status": status, "message": f"ended {number}", "native_id": None, "exit_code": 0,
        "retries": 0, "created": at, "submitted": at + 1, "started": at + 2, "ended": at + 9,
        "last_updated": at + 9, "deadline": None, "cancel_requested": 0,
        "visible": number != 4, "archived": archived, "notifications": "[]",
    }  # fmt: skip
    marks = ", ".join("?" * len(values))
    db.execute(f"INSERT INTO jobs ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))
    for step, word in enumerate(("PENDING", "PROCESSING_INPUTS", "STAGED", "RUNNING", status)):
        db.execute(
            "INSERT INTO events (job_id, status, created, by, description) VALUES (?, ?, ?, ?, ?)",
            (f"{number}-007", word, at + step, owner, f"step {step}"),
        )


def ask(service: LocalService) -> dict[str, list[object]]:
    """What it answers to both users, the address left out."""
    found: dict[str, list[object]] = {}
    for user in TOKENS:
        for path in PATHS:
            reply = service.call(user, "GET", path)
            text = reply.body.decode().replace(service.url, "BASE")
            found[f"{user} {path}"] = [reply.status, text]
    return found


def answers(folder: Path) -> dict[str, list[object]]:
    """Make the folder and ask a service on it."""
    make(folder)
    with local_service(folder, users=(), drive=Drive.NONE) as service:
        return ask(service)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        text = json.dumps(answers(Path(name)), indent=1, sort_keys=True)
    Path(sys.argv[1] if sys.argv[1:] else ANSWERS).write_text(text + "\n", encoding="utf-8")
