"""Complete lists out of pages (tapis-v3 §6, §16).

Jobs are asked for in the order of their numbers, which only rise, so a job that is there all the
time keeps its place or moves to an earlier one: it can be missed where others were hidden between
two pages. So each page begins with the last row of the one before, and one that begins later shows
a gap, as fewer rows than the first page counted do. The list is then read once more. More rows than
counted are jobs that were submitted meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jobsync.backend import HistoryEvent
from jobsync.errors import Unreadable
from jobsync.model import RemoteFile
from jobsync.outputs.listing import ENTRY_LIMIT, too_many_entries
from jobsync.platforms.tapis import describe
from jobsync.platforms.tapis.app_definitions import joined_id
from jobsync.platforms.tapis.describe import Record, Row
from jobsync.platforms.tapis.operations import Jobs, Page, Terms

LIMIT = 1000
"""Rows asked for at a time. What comes back tells how many the service gives out."""

_PASSES = 2
_MOST_PAGES = 10_000

PageAt = Callable[[int], Page]
"""The page that begins after so many rows."""


class Listing:
    """Searches of jobs, each read whole. *each* calls a function for many pages: one after the
    other, or in several threads."""

    def __init__(self, jobs: Jobs, each: Callable[..., Iterable[Page]]) -> None:
        self._jobs, self._each = jobs, each

    def rows(self, terms: Terms, select: tuple[str, ...]) -> list[Row]:
        """Every job of mine that has what *terms* say, with the members *select*, oldest first.

        Raises :class:`Unreadable` when the list cannot be shown to be complete.
        """
        asked: Terms = (*terms, ("select", ",".join(select)), ("orderBy", "id(asc)"))
        for _ in range(_PASSES):
            total, found, is_whole = self._once(asked)
            if is_whole and len(found) >= total:
                return found
        raise Unreadable(
            f"the service counts {total} jobs, and shows {len(found)} of them each time it is asked"
        )

    def _once(self, asked: Terms) -> tuple[int, list[Row], bool]:
        """The number of rows by the first page, the rows, and whether no page left a gap."""
        first = self._jobs.search((*asked, *_window(0), ("computeTotal", "true")))
        if first.total is None:
            raise Unreadable(f"the list does not say how many jobs it has ({first.asked})")
        rows = _in_order(first)
        found = {row.id: row for row in rows}
        step = len(rows) - 1
        if len(rows) < first.total and not 1 <= step >= first.total // _MOST_PAGES:
            raise Unreadable(f"{first.total} jobs in pages of {len(rows)} ({first.asked})")
        starts = range(step, first.total - 1, step) if len(rows) < first.total else ()
        others = self._each(lambda at: self._jobs.search((*asked, *_window(at))), starts)
        is_whole = True
        for page in others:
            last, rows = rows[-1].number if rows else -1, _in_order(page)
            is_whole &= bool(rows) and rows[0].number <= last
            found.update((row.id, row) for row in rows)
        return first.total, list(found.values()), is_whole


def all_files(page: PageAt, read: Callable[[Record, str], RemoteFile]) -> list[RemoteFile]:
    """Every entry of one folder, by name. Raises :class:`Unreadable` for more than is kept."""
    found: dict[str, RemoteFile] = {}
    for one in _pages(page):
        fresh = [read(row, one.asked) for row in one.rows]
        found.update((file.path, file) for file in fresh)
        if len(found) > ENTRY_LIMIT:
            raise too_many_entries(ENTRY_LIMIT)
    return [found[path] for path in sorted(found)]


def all_events(page: PageAt) -> list[HistoryEvent]:
    """A whole history, oldest first: the service does not promise that order (tapis-v3 §7)."""
    found = [describe.event(row, one.asked) for one in _pages(page) for row in one.rows]
    if len(found) > ENTRY_LIMIT:
        raise Unreadable(f"the history has more than {ENTRY_LIMIT:,} events")
    return sorted(found, key=lambda event: event.created)


def all_apps(page: PageAt) -> list[str]:
    """The ids of all apps, with their versions."""
    return sorted(
        joined_id(describe.text(row, "id", one.asked), describe.text(row, "version", one.asked))
        for one in _pages(page)
        for row in one.rows
    )


def _pages(page: PageAt) -> list[Page]:
    """All pages: the last one has fewer rows than the limit that the service says it kept to, or
    none."""
    found: list[Page] = []
    at = 0
    for _ in range(_MOST_PAGES):
        one = page(at)
        if found and one.rows and one.rows == found[-1].rows:
            raise Unreadable(f"a page has nothing new ({one.asked})")
        found.append(one)
        at += len(one.rows)
        if not one.rows or (one.limit is not None and len(one.rows) < one.limit):
            return found
    raise Unreadable(f"a list without end ({one.asked})")


def _window(at: int) -> Terms:
    return (("limit", LIMIT), ("skip", at))


def _in_order(page: Page) -> list[Row]:
    """The rows of *page*, which must come in the order asked for."""
    rows = [describe.row(one, page.asked) for one in page.rows]
    numbers = [row.number for row in rows]
    if numbers != sorted(numbers):
        raise Unreadable(f"the list does not have the requested order ({page.asked})")
    return rows
