"""The dimensions of ``growth.py``: what grows, the set of each size, and the commands on it.

Jobs that need not run are written into the database of the local service as finished ones. What
depends on the api is in ``growth_apis.py``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from growth_apis import Api
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


# --- jobs ---------------------------------------------------------------------------------


def jobs(commands: Commands, size: int) -> None:
    """Trivial jobs, each shared with two users and with one output."""
    api = commands.api
    api.make_app(commands.folder, 'echo "${n}" > out.txt', "n")
    body = [
        line
        for number in range(size)
        for line in job(
            f"job{number:06}",
            *api.work,
            parameter(api, "n", number),
            api.readers,
            f"outputs: [{{path: out.txt, to: results/job{number:06}/}}]",
        )
    ]
    write_set(commands, body)


def finished_jobs(commands: Commands, size: int) -> None:
    """Jobs that have run already, shared with two users, as they are declared."""
    body = [line for n in range(size) for line in declared(commands.api, f"job{n:06}", n)]
    write_set(commands, body)
    insert(commands, names_of(commands.folder), users=("bob", "carol"))


def matrix(commands: Commands, size: int) -> None:
    """One job over a matrix of many values."""
    api, values = commands.api, ", ".join(map(str, range(size)))
    axes = f"matrix: {{n: [{values}], limit: {size}}}"
    given = parameter(api, "lines", "'${matrix.n}'")
    write_set(commands, job("work", axes, *api.demo, given.replace("''", "'")))


def references(commands: Commands, size: int) -> None:
    """A chain of jobs, each with an output of the one before as its input."""
    api = commands.api
    body = job("job000000", *api.demo, api.input.replace("URL", "https://example.org/a.txt"))
    for number in range(1, size + 1):
        before = f"${{jobs.job{number - 1:06}.outputs/out.txt}}"
        body += job(f"job{number:06}", *api.demo, api.input.replace("URL", before))
    write_set(commands, body)


def planned(commands: Commands, size: int) -> None:
    """A saved plan that submits many jobs and shares them."""
    body = [line for n in range(size) for line in declared(commands.api, f"job{n:06}", n)]
    write_set(commands, body)
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
    api = commands.api
    api.make_app(commands.folder, script, "")
    write_set(commands, job("work", *api.work))
    commands.run(*APPLY)
    rule = f'{{path: "{outputs}", to: results/, required: false}}'
    write_set(commands, job("work", *api.work, f"outputs: [{rule}]"))


# --- what has gathered ----------------------------------------------------------------------


def grants(commands: Commands, size: int) -> None:
    """A finished job that *size* users may read, of which the service knows nothing yet."""
    users = ", ".join(f"user{number:05}: READ" for number in range(size))
    api = commands.api
    body = job("work", *api.demo, parameter(api, "lines", 2), f"permissions: {{{users}}}")
    write_set(commands, body)
    insert(commands, names_of(commands.folder))


def users_of_access(commands: Commands, size: int) -> None:
    """The same, as it is declared."""
    grants(commands, size)
    users = tuple(f"user{number:05}" for number in range(size))
    with database(commands) as db:
        [(job,)] = db.execute("SELECT id FROM jobs").fetchall()
        commands.api.permit(db, [job], users)


def superseded_runs(commands: Commands, size: int) -> None:
    """A job with *size* older runs; all of them are shared as it is declared."""
    write_set(commands, declared(commands.api, "work", 1))
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
    write_set(commands, declared(commands.api, "work", 1))
    others = [f"my analysis {number}" for number in range(size)]
    insert(commands, [*names_of(commands.folder), *others])
    with database(commands) as db:
        [(job,)] = db.execute("SELECT id FROM jobs ORDER BY id LIMIT 1").fetchall()
        commands.api.permit(db, [job], ("bob", "carol"))


def records_of_the_journal(commands: Commands, size: int) -> None:
    """A set that was applied, and *size* records of earlier submits in its journal."""
    from jobsync.apply.journal_entry import Entry, State, encode, entry_document

    work = commands.api.work
    commands.api.make_app(commands.folder, "touch a.txt", "")
    write_set(commands, job("work", *work))
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
    write_set(commands, [*job("work", *work), *job("more", *work)])


# --- sets -----------------------------------------------------------------------------------


def job(address: str, *fields: str) -> list[str]:
    """The lines of a job."""
    return [f"  {address}:", *(f"    {field}" for field in fields)]


def parameter(api: Api, key: str, value: object) -> str:
    """The line that gives a parameter of the app its value."""
    return api.parameter.replace("KEY", key).replace("VALUE", str(value))


def declared(api: Api, address: str, number: int) -> list[str]:
    """A job of an app that ships with the service, shared with two users."""
    return job(address, *api.demo, parameter(api, "lines", number + 1), api.readers)


def write_set(commands: Commands, body: Iterable[str]) -> None:
    """The set ``growth`` with *body* below ``jobs:``."""
    lines = ["apiVersion: jobsync/v1", *commands.api.head, "project: growth", "jobs:", *body, ""]
    (commands.folder / "growth.yaml").write_text("\n".join(lines))


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
        rows = [commands.api.finished(number, name) for number, name in enumerate(names)]
        for number, row in enumerate(rows, 1):
            row["owner"] = owner
            if is_numbered:
                row["number"] = number
            marks = ", ".join("?" * len(row))
            sql = f"INSERT INTO jobs ({', '.join(row)}) VALUES ({marks})"
            db.execute(sql, tuple(row.values()))
        commands.api.permit(db, [row["id"] for row in rows], users)
    commands_db.close()


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
