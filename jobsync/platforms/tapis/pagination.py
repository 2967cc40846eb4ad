"""Complete lists out of pages (tapis-v3 §6, §16).

Jobs are asked for in the order of their numbers, which only rise. One that is there all the time
moves to an earlier place where others are hidden meanwhile, to a later one where they are shown
again, and could be missed between two pages or behind the last. So each page begins with the last
row of the one before, and one that begins later shows a gap; the last one must end where its count
says. Else the list is read once more, and at last page by page, going back where rows have moved.
More rows than counted are jobs that were submitted meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jobsync.backend import HistoryEvent
from jobsync.errors import Refused, Unreadable
from jobsync.model import RemoteFile
from jobsync.outputs.listing import ENTRY_LIMIT, too_many_entries
from jobsync.platforms.records import Record
from jobsync.platforms.tapis import describe, envelope
from jobsync.platforms.tapis.app_definitions import joined_id
from jobsync.platforms.tapis.describe import Row
from jobsync.platforms.tapis.operations import Jobs, Page, Terms

LIMIT = 1000
"""Rows asked for at a time. What comes back tells how many the service gives out."""

_PASSES = 2
_MOST_PAGES = 10_000
_SPARE_PAGES = 50
_LOOKS_AT_END = 20
_COUNT = (("computeTotal", "true"),)

SHARED = ("listType", "SHARED_JOBS")
"""What asks for the jobs that others share with the user in place of the user's own."""

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
        members = [name for name in select if name not in self._jobs.lacking]
        try:
            return self._whole((*terms, ("select", ",".join(members)), ("orderBy", "id(asc)")))
        except Refused as error:
            if describe.NEWER.isdisjoint(members) or not envelope.refuses_members(error):
                raise
        self._jobs.lacking = describe.NEWER
        return self.rows(terms, select)

    def _whole(self, asked: Terms) -> list[Row]:
        for _ in range(_PASSES):
            total, found, is_whole = self._once(asked)
            if is_whole and len(found) >= total:
                return found
        return self._walked(asked, total)

    def _once(self, asked: Terms) -> tuple[int, list[Row], bool]:
        """The number of rows by the first page, the rows, and whether no page left a gap."""
        total, first = self._counted(asked, 0)
        rows = _in_order(first)
        found = {row.id: row for row in rows}
        step = len(rows) - 1
        if len(rows) < total and not 1 <= step >= total // _MOST_PAGES:
            raise Unreadable(f"{total} jobs in pages of {len(rows)} ({first.asked})")
        starts = range(step, total - 1, step) if len(rows) < total else ()
        end = starts[-1] if starts else 0

        def read(at: int) -> Page:
            return self._jobs.search((*asked, *_window(at), *(_COUNT if at == end else ())))

        is_whole = True
        for page in self._each(read, starts):
            last, rows = rows[-1].number if rows else -1, _in_order(page)
            is_whole &= bool(rows) and rows[0].number <= last
            found.update((row.id, row) for row in rows)
        if starts:  # one that is shown again pushes others behind the last page
            is_whole &= page.total == end + len(rows)
        return total, list(found.values()), is_whole

    def _walked(self, asked: Terms, total: int) -> list[Row]:
        """Every row up to the one that is the last now, each page from the last row of the one
        before. A page that begins later is asked for again from further back.

        Rows that come meanwhile are new ones behind it, or were hidden: neither has to be found.
        """
        end = self._last_number(asked, total)
        found: dict[str, Row] = {}
        last, at, back = -1, 0, 1
        for _ in range(min(_SPARE_PAGES + 4 * total, _MOST_PAGES)):
            if last >= end:
                return sorted(found.values(), key=lambda row: row.number)
            rows = _in_order(self._jobs.search((*asked, *_window(at))))
            if at > 0 and not (rows and rows[0].number <= last):
                at, back = max(0, at - back), back * 4
                continue
            found.update((row.id, row) for row in rows)
            before, last, back = last, rows[-1].number if rows else -1, 1
            at += max(0, len(rows) - 1)
            if last <= before:  # the last one may be hidden by now
                end = min(end, self._last_number(asked, total))
        raise Unreadable(
            f"the service counts {total} jobs, and shows {len(found)} of them: "
            "they change faster than they can be read, or it repeats pages"
        )

    def _last_number(self, asked: Terms, total: int) -> int:
        """The number of the row that is the last one now, by the count that comes with it; -1 for
        an empty list."""
        for _ in range(_LOOKS_AT_END):
            at = max(0, total - 1)
            total, page = self._counted(asked, at)
            rows = _in_order(page)
            if total == at + len(rows) and (rows or at == 0):
                return rows[-1].number if rows else -1
        raise Unreadable(f"the list does not end where the service says ({page.asked})")

    def _counted(self, asked: Terms, at: int) -> tuple[int, Page]:
        """The number of all rows, and the page that begins after *at*. A list without any row may
        come without the number, or, where nothing is shared with the user, with that of the jobs
        of all (tapis-v3 §6.1)."""
        page = self._jobs.search((*asked, *_window(at), *_COUNT))
        is_wrong = page.total is None or SHARED in asked
        if is_wrong and at == 0 and not page.rows:
            return 0, page
        if page.total is None:
            raise Unreadable(f"the list does not say how many jobs it has ({page.asked})")
        return page.total, page


def all_files(
    page: PageAt,
    read: Callable[[Record, str], RemoteFile],
    is_whole: Callable[[int], bool] = lambda rows: False,
) -> tuple[list[RemoteFile], int]:
    """Every entry of one folder, by name, and the most rows that a page had.

    *is_whole* tells whether a first page of so many rows is the whole folder, by what else this
    service has given out; that it is shorter than the limit which the service reports proves
    nothing. Raises :class:`Unreadable` for more than is kept, and where no end is found.
    """
    for _ in range(_PASSES + 1):
        found, most = _one_folder(page, read, is_whole)
        if found is not None:
            return [found[path] for path in sorted(found)], most
    raise Unreadable(
        "a folder of outputs comes one row at a time, or changes faster than it can be read"
    )


def _one_folder(
    page: PageAt, read: Callable[[Record, str], RemoteFile], is_whole: Callable[[int], bool]
) -> tuple[dict[str, RemoteFile] | None, int]:
    """The entries by their paths, None where one may be missing, and the most rows of a page.

    Each page begins with the last row of the one before. One that brings nothing new, and is
    shorter than others were, is the end.
    """
    found: dict[str, RemoteFile] = {}
    end = most = 0
    for _ in range(_MOST_PAGES):
        start = end - 1 if end > 1 else end
        one = page(start)
        rows = [read(row, one.asked) for row in one.rows]
        if start < end and not (rows and rows[0].path in found):
            return None, most
        before, most = len(found), max(most, len(rows))
        found.update((file.path, file) for file in rows)
        if len(found) > ENTRY_LIMIT:
            raise too_many_entries(ENTRY_LIMIT)
        if not rows or (start == 0 and is_whole(len(rows))):
            return found, most
        if len(found) == before and len(rows) < most:
            return found, most
        end = start + len(rows)
        if end > 1 and most == 1:
            return None, most
    raise Unreadable(f"a folder of outputs without end ({one.asked})")


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
    """All pages, up to one without rows: a short one may have been cut off."""
    found: list[Page] = []
    at = 0
    for _ in range(_MOST_PAGES):
        one = page(at)
        if not one.rows:
            return found
        if found and one.rows == found[-1].rows:
            raise Unreadable(f"a page has nothing new ({one.asked})")
        found.append(one)
        at += len(one.rows)
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
