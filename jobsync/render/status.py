"""How the declared jobs stand, as a table that fits its place. Pure."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from datetime import datetime, tzinfo

from jobsync.model import Address, Run, Standing
from jobsync.plan.together import FEWEST, together
from jobsync.render.alike import few, grouped, of_one_matrix, without_values
from jobsync.render.escape import terminal
from jobsync.render.natural import natural
from jobsync.render.options import Palette
from jobsync.render.short_ids import short_ids
from jobsync.render.times import lasted, queued, ran, when
from jobsync.render.values import counted
from jobsync.structs import Struct, replace

ORDER = (
    Standing.FAILED,
    Standing.STOPPED,
    Standing.INCOMPLETE,
    Standing.BLOCKED,
    Standing.IN_PROGRESS,
    Standing.PENDING,
    Standing.NOT_VISIBLE,
    Standing.CURRENT,
)
"""The states, those that need a person first."""

_GAP = "  "


class Row(Struct, frozen=True):
    """One declared address: its state, its run with the attempt that it is, and what to say of it.

    ``attempt`` is ``2`` or ``2 of 3``. ``advice`` ends in a command, so no line of it is broken.
    ``is_bad`` is whether a person has to do something.
    """

    address: Address
    standing: Standing
    run: Run | None = None
    attempt: str = ""
    notes: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    is_bad: bool = False


class Look(Struct, frozen=True):
    """For whom the table is: its width in characters (None: any), the time and its zone.

    ``ids`` are all run ids from which a shortened one must differ.
    """

    now: datetime
    width: int | None = None
    zone: tzinfo | None = None
    ids: Collection[str] = ()


_Column = tuple[str, Callable[[Row], str]]


def status_table(rows: Sequence[Row], look: Look, palette: Palette) -> list[str]:
    """Lines: headings, and for each row its cells and below them its notes.

    The first set of columns that fits is chosen: ids are shortened, then less is shown. Nothing is
    ever cut; where even the least does not fit, an address stands on a line of its own.
    """
    if not rows:
        return []
    ordered = sorted(rows, key=lambda row: natural(row.address))
    for columns in _choices(look):
        table = [[head for head, _ in columns]]
        table += [[terminal(cell(row)) or "-" for _, cell in columns] for row in ordered]
        widths = [max(len(line[number]) for line in table) for number in range(len(columns))]
        if look.width is None or sum(widths) + len(_GAP) * (len(widths) - 1) <= look.width:
            lines = [_joined(line, widths) for line in table]
            break
    else:
        rest = widths[1:]
        lines = [f"{line[0]}\n    {_joined(line[1:], rest)}" for line in table]
    found = [palette.paint(palette.bold, lines[0])]
    for row, line in zip(ordered, lines[1:], strict=True):
        found.append(palette.paint(_colour(row, palette), line))
        found += _notes(row, look.width)
    return found


def folded(rows: Sequence[Row]) -> list[Row]:
    """*rows* in natural order; those of one matrix without a run of which the same is said are one
    row."""
    found: list[Row] = []
    for group in grouped(sorted(rows, key=lambda row: natural(row.address)), _likeness):
        if len(group) < FEWEST:
            found += group
            continue
        first, addresses = group[0], [row.address for row in group]
        notes = tuple(without_values(note, first.address) for note in first.notes)
        named = f"{few(addresses)}; --expand shows each"
        found.append(replace(first, address=together(addresses), notes=(*notes, named)))
    return found


def _likeness(row: Row) -> Hashable | None:
    alike = of_one_matrix(row.address, row.notes)
    if row.run or row.advice or alike is None:
        return None
    return *alike, row.standing, row.is_bad


def summary(rows: Sequence[Row], declared: int, undeclared: Sequence[Address] = ()) -> str:
    """``3 of 12 jobs: 1 failed, 2 current. Not declared any more: sort.``"""
    numbers = Counter(row.standing for row in rows)
    parts = [f"{numbers[one]} {_word(one)}" for one in ORDER if numbers[one]]
    jobs = counted(declared, "job")
    which = jobs if len(rows) == declared else f"{len(rows)} of {jobs}"
    text = f"{which}: {', '.join(parts)}." if parts else f"{which}."
    if undeclared:
        names = ", ".join(map(terminal, undeclared[:5]))
        more = f" and {len(undeclared) - 5} more" if undeclared[5:] else ""
        text += f" Has runs, but is not declared: {names}{more}."
    return text


def _choices(look: Look) -> Iterator[tuple[_Column, ...]]:
    short = short_ids(look.ids)
    address: _Column = ("ADDRESS", lambda row: row.address)
    state: _Column = ("STATE", lambda row: _word(row.standing))
    status: _Column = ("STATUS", lambda row: row.run.status if row.run else "")
    whole: _Column = ("RUN", lambda row: row.run.id if row.run else "")
    brief: _Column = ("RUN", lambda row: short.get(row.run.id, row.run.id) if row.run else "")
    attempt: _Column = ("ATTEMPT", lambda row: row.attempt)
    created: _Column = (
        "SUBMITTED",
        lambda row: when(row.run.created, look.zone) if row.run else "",
    )
    waited: _Column = ("QUEUED", lambda row: _of(row, look, queued_for))
    took: _Column = ("RAN", lambda row: _of(row, look, ran_for))
    yield address, state, status, whole, attempt, created, waited, took
    yield address, state, status, brief, attempt, created, waited, took
    yield address, state, status, brief, attempt, waited, took
    yield address, state, brief, waited, took
    yield address, state, brief, took
    yield address, state, brief


def queued_for(run: Run, now: datetime) -> float | None:
    """Seconds for which *run* has waited or waits to begin."""
    return queued(run.created, run.started, run.ended, now)


def ran_for(run: Run, now: datetime) -> float | None:
    """Seconds for which *run* has run or runs."""
    return ran(run.started, run.ended, now)


def _of(row: Row, look: Look, measure: Callable[[Run, datetime], float | None]) -> str:
    return lasted(measure(row.run, look.now)) if row.run else ""


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(c.ljust(w) for c, w in zip(cells, widths, strict=True)).rstrip()


def _notes(row: Row, width: int | None) -> Iterator[str]:
    for note in row.notes:
        if width is None:
            yield f"    {terminal(note)}"
        else:
            yield from textwrap.wrap(
                terminal(note),
                max(width, 20),
                initial_indent="    ",
                subsequent_indent="      ",
                break_long_words=False,
                break_on_hyphens=False,
            )
    for advice in row.advice:
        yield f"    {terminal(advice)}"


def _word(standing: Standing) -> str:
    return str(standing).replace("_", " ")


def _colour(row: Row, palette: Palette) -> str:
    if row.is_bad:
        return palette.red
    return {
        Standing.BLOCKED: palette.yellow,
        Standing.IN_PROGRESS: palette.cyan,
        Standing.CURRENT: palette.green,
        Standing.PENDING: palette.dim,
        Standing.NOT_VISIBLE: palette.dim,
    }.get(row.standing, "")
