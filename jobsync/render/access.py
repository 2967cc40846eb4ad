"""``jobsync access``: who can do what with which run, as a table, CSV or JSON. And read back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from jobsync.errors import SettingsError
from jobsync.model import NO_ACCESS, Access, Address, EffectiveAccess
from jobsync.render import escape
from jobsync.render.escape import terminal
from jobsync.render.natural import natural

Rows = Sequence[EffectiveAccess]
Runs = Collection[tuple[Address, str]]
"""Runs by their addresses and ids."""
_COLUMNS = ("address", "run", "user", "access", "after")


def changed(rows: Rows) -> tuple[EffectiveAccess, ...]:
    """Only those whose access the plan changes."""
    return tuple(row for row in rows if row.before != row.after)


def kept(rows: Rows, undeclared: Collection[Address]) -> list[str]:
    """Who keeps access to which of the jobs *undeclared*, which declare no permissions, and how to
    end that: a line for all that the same users keep."""
    users: dict[Address, dict[str, None]] = {}
    for row in rows:
        if row.address in undeclared and row.before != NO_ACCESS:
            users.setdefault(row.address, {})[terminal(row.user)] = None
    same: dict[tuple[str, ...], list[str]] = {}
    for address, found in users.items():
        same.setdefault(tuple(found), []).append(terminal(address))
    return [
        f"{_some(addresses)} {'declares' if len(addresses) == 1 else 'declare'} no permissions, so "
        f"{', '.join(names)} {'keeps' if len(names) == 1 else 'keep'} access; "
        "to end that, write: permissions: {}"
        for names, addresses in same.items()
    ]


def _some(addresses: Sequence[str]) -> str:
    more = len(addresses) - 3
    return ", ".join(addresses[:3]) + (f" and {more} more" if more > 0 else "")


def as_text(rows: Rows, unknown: Runs = ()) -> str:
    """A matrix, runs down and users across; ``READ -> NONE`` where the plan changes it."""
    if not (rows or unknown):
        return "No other user has access to a run of the declared jobs.\n"
    users = sorted({row.user for row in rows}, key=natural) or ["access"]
    runs = dict.fromkeys([*((row.address, row.run_id) for row in rows), *unknown])
    cells = {(row.address, row.run_id, row.user): _cell(row) for row in rows}
    cells.update({(*run, user): "unknown" for run in unknown for user in users})
    table = [["job", "run", *(terminal(user) for user in users)]]
    table += [
        [terminal(address), terminal(run), *(cells.get((address, run, user), "") for user in users)]
        for address, run in sorted(runs, key=lambda run: natural(run[0]))
    ]
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]
    return "\n".join(lines) + "\n"


def as_csv(rows: Rows, unknown: Runs = ()) -> str:
    """One line for each run and user: ``address,run,user,access,after``. Runs whose permissions
    are unknown are left out."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        names = (escape.csv(row.address), escape.csv(row.run_id), escape.csv(row.user))
        writer.writerow([*names, str(row.before), str(row.after)])
    return out.getvalue()


def as_json(rows: Rows, unknown: Runs = ()) -> str:
    """A list of objects with the columns of the CSV, and who may share it further; and the runs
    whose permissions are unknown."""
    items = [
        {
            "address": row.address,
            "run": row.run_id,
            "user": row.user,
            "access": str(row.before),
            "after": str(row.after),
            "share": "share" in row.before.gives,
        }
        for row in rows
    ]
    untold = [{"address": address, "run": run} for address, run in unknown]
    document = {"format_version": "1.0", "access": items, "unknown": untold}
    return escape.in_json(json.dumps(document, indent=2, sort_keys=True)) + "\n"


FORMATS: dict[str, Callable[[Rows, Runs], str]] = {"text": as_text, "csv": as_csv, "json": as_json}
"""Every way to show the matrix."""


def unexpected(
    rows: Rows,
    committed: str,
    levels: Mapping[str, Access],
    unknown: Runs = (),
    unseen: Collection[Address] = (),
) -> tuple[str, ...]:
    """How *rows* differ from a matrix that :func:`as_csv` or :func:`as_json` once printed.

    Column ``access`` is compared for each (address, run, user); a file without runs (the column
    left out or empty) holds for every run of an address. A user that is not listed has none.
    *levels* are the words of the platform. Of the runs *unknown* and the addresses *unseen* it is
    not known who has access, which is never taken for nobody. Raises :class:`SettingsError` for a
    file that is no such matrix.
    """
    # A CSV file has names as it can hold them, so they are compared in that form.
    told = _as_they_are if _is_json(committed) else escape.csv
    wanted: dict[tuple[Address, str, str], Access] = {
        (told(address), told(run), told(user)): access
        for (address, run, user), access in _read(committed, levels)
    }
    hidden = {(told(address), told(run)) for address, run in unknown}
    partly, dark = {address for address, _ in hidden}, set(map(told, unseen))
    found = []
    seen: set[tuple[Address, str, str]] = set()
    for row in rows:
        address, user = told(row.address), told(row.user)
        keys = ((address, told(row.run_id), user), (address, "", user))
        seen.update(keys)
        want = next((wanted[key] for key in keys if key in wanted), NO_ACCESS)
        if row.before != want:
            found.append(f"{_who(*keys[0])} has {row.before}, expected {want}")
    for (address, run, user), access in sorted(wanted.items()):
        if (address, run, user) not in seen and access != NO_ACCESS:
            has = f"{_who(address, run, user)} has"
            doubt = address in dark or (address, run) in hidden or (not run and address in partly)
            found.append(f"{has} {'unknown access' if doubt else 'NONE'}, expected {access}")
    return tuple(found)


def _as_they_are(text: str) -> str:
    return text


def _is_json(text: str) -> bool:
    return text.lstrip().startswith("{")


def _who(address: Address, run: str, user: str) -> str:
    which = f" (run {terminal(run)})" if run else ""
    return f"{terminal(address)}{which}: {terminal(user)}"


def _cell(row: EffectiveAccess) -> str:
    return str(row.before) if row.before == row.after else f"{row.before} -> {row.after}"


def _read(
    text: str, levels: Mapping[str, Access]
) -> Iterable[tuple[tuple[Address, str, str], Access]]:
    try:
        items = _json_items(text) if _is_json(text) else _csv_items(text)
        return [
            (
                (str(item["address"]), str(item.get("run") or ""), str(item["user"])),
                levels[item["access"]],
            )
            for item in items
        ]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise SettingsError(
            f"the expected matrix cannot be read: {error}",
            hint="make one with: jobsync access --format csv",
        ) from error


def _json_items(text: str) -> list[dict[str, str]]:
    items = json.loads(text)["access"]
    return [{str(key): str(value) for key, value in item.items()} for item in items]


def _csv_items(text: str) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(text))
    if lacking := {"address", "user", "access"} - set(reader.fieldnames or ()):
        raise ValueError(f"its first line has no {', '.join(sorted(lacking))}")
    return list(reader)
