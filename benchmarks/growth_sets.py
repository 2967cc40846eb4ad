"""The dimensions of ``growth.py``: what grows, the set of each size, and the commands on it.

Jobs that need not run are written into the database of the local service as finished ones: with
plain SQL, so that the set can be that of another version of jobsync as well.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from growth_commands import Commands


class Dimension(NamedTuple):
    """What grows. ``prepare`` makes the set of a size in an empty folder; nothing of it counts.

    ``steps`` are what is measured, by name: the arguments of one command each, in their order.
    ``served`` is whether the service is always a process of its own.
    """

    unit: str
    sizes: tuple[int, ...]
    prepare: Callable[[Commands, int], None]
    steps: dict[str, tuple[str, ...]]
    served: bool = False


APPLY = ("apply", "--auto-approve", "--wait", "-q", "--allow", "mass-submit")
APP = "wc-demo-1.00"
"""An app that ships with the local service."""

READERS = "permissions: {bob: READ, carol: READ_WRITE}"


# --- jobs ---------------------------------------------------------------------------------


def jobs(commands: Commands, size: int) -> None:
    """Trivial jobs, each shared with two users and with one output."""
    make_app(commands.folder, 'echo "${n}" > out.txt', parameter="n")
    body = [
        line
        for number in range(size)
        for line in (
            f"  job{number:06}:",
            "    appId: work-1.0",
            f"    parameters: {{n: {number}}}",
            f"    {READERS}",
            f"    outputs: [{{path: out.txt, to: results/job{number:06}/}}]",
        )
    ]
    write_set(commands.folder, body)


def finished_jobs(commands: Commands, size: int) -> None:
    """Jobs that have run already, shared with two users, as they are declared."""
    body = [line for number in range(size) for line in declared(f"job{number:06}", number)]
    write_set(commands.folder, body)
    insert(commands, names_of(commands.folder), users=("bob", "carol"))


def matrix(commands: Commands, size: int) -> None:
    """One job over a matrix of many values."""
    values = ", ".join(map(str, range(size)))
    body = ["  work:", f"    matrix: {{n: [{values}], limit: {size}}}", f"    appId: {APP}"]
    write_set(commands.folder, [*body, "    parameters: {lines: '${matrix.n}'}"])


def references(commands: Commands, size: int) -> None:
    """A chain of jobs, each with an output of the one before as its input."""
    body = ["  job000000:", f"    appId: {APP}", "    inputs: {text: agave://data/a.txt}"]
    for number in range(1, size + 1):
        before = f"${{jobs.job{number - 1:06}.outputs/out.txt}}"
        body += [f"  job{number:06}:", f"    appId: {APP}", f"    inputs: {{text: '{before}'}}"]
    write_set(commands.folder, body)


def planned(commands: Commands, size: int) -> None:
    """A saved plan that submits many jobs and shares them."""
    body = [line for number in range(size) for line in declared(f"job{number:06}", number)]
    write_set(commands.folder, body)
    commands.run("plan", "--out", "saved.plan")


# --- outputs ------------------------------------------------------------------------------


def files(commands: Commands, size: int) -> None:
    """A finished job whose output folder holds *size* empty files, none of them fetched."""
    ran(commands, f'for i in $(seq {size}); do echo "f$i.txt"; done | xargs touch', "*.txt")


def folders(commands: Commands, size: int) -> None:
    """A finished job with *size* folders of ten files each, none of them fetched."""
    make = 'mkdir "d$i"; (cd "d$i"; touch a.txt b.txt c.txt d.txt e.txt f.txt g.txt h.txt i.txt'
    ran(commands, f"for i in $(seq {size}); do {make} j.txt); done", "**/*.txt")


def bytes_of_a_file(commands: Commands, size: int) -> None:
    """A finished job with one file of *size* MiB, which is not fetched."""
    ran(commands, f"head -c {size << 20} /dev/zero > big.txt", "big.txt")


def lines_of_the_lock(commands: Commands, size: int) -> None:
    """A finished job with one file to fetch, and *size* lines about another one's files."""
    ran(commands, "touch a.txt", "a.txt")
    lines = ["# jobsync.lock 1: what was fetched; written by jobsync, commit it"]
    digest = "0" * 64
    lines += [
        f"file\told{number % 50}\tgone/f{number}.txt\tf{number}.txt\t1-007\t1\t{digest}"
        for number in range(size)
    ]
    (commands.folder / "jobsync.lock").write_text("\n".join([lines[0], *sorted(lines[1:]), ""]))


def ran(commands: Commands, script: str, outputs: str) -> None:
    """A set of one job that has run *script*; then *outputs* of it are declared."""
    make_app(commands.folder, script)
    body = ["  work:", "    appId: work-1.0"]
    write_set(commands.folder, body)
    commands.run(*APPLY)
    rule = f'{{path: "{outputs}", to: results/, required: false}}'
    write_set(commands.folder, [*body, f"    outputs: [{rule}]"])


# --- what has gathered ----------------------------------------------------------------------


def grants(commands: Commands, size: int) -> None:
    """A finished job that *size* users may read, of which the service knows nothing yet."""
    users = ", ".join(f"user{number:05}: READ" for number in range(size))
    write_set(commands.folder, [*declared("work", 1)[:-1], f"    permissions: {{{users}}}"])
    insert(commands, names_of(commands.folder))


def users_of_access(commands: Commands, size: int) -> None:
    """The same, as it is declared."""
    grants(commands, size)
    users = tuple(f"user{number:05}" for number in range(size))
    with database(commands) as db:
        [(job,)] = db.execute("SELECT id FROM jobs").fetchall()
        permit(db, [job], users)


def superseded_runs(commands: Commands, size: int) -> None:
    """A job with *size* older runs; all of them are shared as it is declared."""
    write_set(commands.folder, declared("work", 1))
    [name] = names_of(commands.folder)
    base, _, fingerprint = name.rpartition(".")
    digits = "abcdefghijklmnopqrstuvwxyz234567"
    older = [
        f"{base}.{fingerprint[:7]}" + digits[n // 1024] + digits[n // 32 % 32] + digits[n % 32]
        for n in range(size)
    ]
    insert(commands, [*(one for one in older if one != name), name], users=("bob", "carol"))


def foreign_jobs(commands: Commands, size: int) -> None:
    """One finished job, and *size* others that nobody declares."""
    write_set(commands.folder, declared("work", 1))
    others = [f"my analysis {number}" for number in range(size)]
    insert(commands, [*names_of(commands.folder), *others])
    with database(commands) as db:
        [(job,)] = db.execute("SELECT id FROM jobs ORDER BY id LIMIT 1").fetchall()
        permit(db, [job], ("bob", "carol"))


def records_of_the_journal(commands: Commands, size: int) -> None:
    """A set that was applied, and *size* records of earlier submits in its journal."""
    from jobsync.apply.journal_entry import Entry, State, encode, entry_document

    make_app(commands.folder, "touch a.txt")
    write_set(commands.folder, ["  work:", "    appId: work-1.0"])
    commands.run(*APPLY)
    [path] = [*(commands.folder / ".jobsync").glob("journal/*.jsonl")] or [
        *(commands.folder / "state").glob("journal/*.jsonl")
    ]
    first = len(path.read_bytes().splitlines())
    states = (State.INTENT, State.SENDING, State.ACCEPTED, State.CONFIRMED)
    with path.open("ab") as file:
        for number in range(size):
            name, state = f"growth.old{number // 4}.baaaaaaaaa", states[number % 4]
            ids = (f"{number // 4:019d}-growth-0001-007",) if number % 4 > 1 else ()
            entry = Entry(name, f"old{number // 4}", state, 1.6e9, 1.6e9, ids)
            file.write(encode(first + number, entry_document(entry)))
    write_set(commands.folder, ["  work:", "    appId: work-1.0", "  more:", "    appId: work-1.0"])


# --- sets -----------------------------------------------------------------------------------


def declared(address: str, number: int) -> list[str]:
    """A job of an app that ships with the service, shared with two users."""
    head = [f"  {address}:", f"    appId: {APP}", f"    parameters: {{lines: {number + 1}}}"]
    return [*head, f"    {READERS}"]


def write_set(folder: Path, body: Iterable[str]) -> None:
    """The set ``growth`` with *body* below ``jobs:``."""
    lines = ["apiVersion: jobsync/v1", "project: growth", "jobs:", *body, ""]
    (folder / "growth.yaml").write_text("\n".join(lines))


def make_app(folder: Path, script: str, parameter: str = "") -> None:
    """The app ``work-1.0``, which runs *script* in its output folder."""
    app = folder / "apps" / "work-1.0"
    app.mkdir(parents=True)
    parameters = [{"id": parameter, "value": {"type": "number"}}] if parameter else []
    document = {"name": "work", "version": "1.0", "executionSystem": "local"}
    document |= {"templatePath": "run.sh"}
    (app / "app.json").write_text(json.dumps({**document, "parameters": parameters}))
    (app / "run.sh").write_text(f"set -eu\n{script}\n")


def names_of(folder: Path) -> list[str]:
    """The names that the runs of the declared jobs have."""
    from jobsync.platforms import loading

    return [job.name for job in loading.load([folder], target="local").jobs.values()]


# --- the database of the service ------------------------------------------------------------


def database(commands: Commands) -> sqlite3.Connection:
    """That of the embedded service, which is made where there is none."""
    path = commands.folder / ".jobsync" / "jobs.db"
    if not path.exists():
        commands.run("jobs", "list")
    return sqlite3.connect(path)


def insert(commands: Commands, names: Sequence[str], users: Sequence[str] = ()) -> None:
    """A finished job of each name, which *users* may read; carol may write, as is declared."""
    commands_db = database(commands)
    with commands_db as db:
        (owner,) = db.execute("SELECT name FROM users").fetchone()
        is_numbered = "number" in {row[1] for row in db.execute("PRAGMA table_info(jobs)")}
        ids = [f"{number:019d}-growth-0001-007" for number in range(len(names))]
        for number, (job, name) in enumerate(zip(ids, names, strict=True)):
            lines = number + 1
            row = {
                "id": job, "owner": owner, "name": name, "app_id": APP, "system": "local",
                "request": json.dumps({"inputs": {}, "parameters": {"lines": lines}}),
                "queue": "debug", "node_count": 1, "processors_per_node": 1, "memory_gb": 1.0,
                "max_run_time": "00:10:00", "archive": 0, "status": "FINISHED", "message": "",
                "retries": 0, "created": 1.6e9 + number, "last_updated": 1.6e9 + number,
                "submitted": 1.6e9 + number, "started": 1.6e9 + number, "ended": 1.6e9 + number,
                "cancel_requested": 0, "visible": 1, "archived": 0, "notifications": "[]",
            }  # fmt: skip
            if is_numbered:
                row["number"] = number + 1
            marks = ", ".join("?" * len(row))
            sql = f"INSERT INTO jobs ({', '.join(row)}) VALUES ({marks})"
            db.execute(sql, tuple(row.values()))
        permit(db, ids, users)
    commands_db.close()


def permit(db: sqlite3.Connection, ids: Sequence[str], users: Sequence[str]) -> None:
    """Let *users* read the jobs *ids*, and carol write as well."""
    table = [
        (job, user, "READ_WRITE" if user == "carol" else "READ") for job in ids for user in users
    ]
    db.executemany("INSERT INTO pems (job_id, username, permission) VALUES (?, ?, ?)", table)


PLAN = {"plan": ("plan",)}
FETCH = {"plan": ("plan",), "fetch": APPLY, "plan again": ("plan",)}

DIMENSIONS = {
    "jobs": Dimension("job", (50, 100, 200, 400), jobs, {"apply": APPLY, "plan again": ("plan",)}),
    "remote jobs": Dimension("job", (1000, 2000, 4000), finished_jobs, PLAN, served=True),
    "files": Dimension("file of a folder", (1000, 2000, 4000), files, FETCH),
    "folders": Dimension("folder of ten files", (50, 100, 200), folders, FETCH),
    "bytes": Dimension("MiB", (64, 128, 256), bytes_of_a_file, {"fetch": APPLY}),
    "grants": Dimension(
        "grant", (100, 200, 400), grants, {"apply": APPLY, "plan again": ("plan",)}
    ),
    "superseded": Dimension("superseded run", (500, 1000, 2000), superseded_runs, PLAN),
    "foreign": Dimension("foreign job", (5000, 10_000, 20_000), foreign_jobs, PLAN),
    "matrix": Dimension("value", (2500, 5000, 10_000), matrix, {"validate": ("validate",)}),
    "references": Dimension(
        "reference", (1000, 2000, 4000), references, {"validate": ("validate",)}
    ),
    "lock": Dimension("line", (10_000, 20_000, 40_000), lines_of_the_lock, FETCH),
    "journal": Dimension(
        "record", (20_000, 40_000, 80_000), records_of_the_journal, {**PLAN, "apply": APPLY}
    ),
    "access": Dimension("user", (250, 500, 1000), users_of_access, {"access": ("access",)}),
    "plan": Dimension(
        "planned job",
        (500, 1000, 2000),
        planned,
        {name: ("show", "saved.plan", "--format", name) for name in ("text", "json", "markdown")},
    ),
}  # fmt: skip
"""What grows, by name."""
