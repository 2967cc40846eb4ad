"""Complete listings out of pages, on a service where rows move while they are read.

The service has no cursor, no total, and clips a limit without saying so (agave-v2 §2.1). Jobs are
asked for in the order of the id, which never changes, and each page begins with the last row of
the one before. Then nothing that was there all the time can be missing between two pages,
whatever was submitted or hidden meanwhile: the second begins at or before the row where the first
ends. Where that does not hold, the page is asked for again from further back. The end is an empty
page, together with one that begins at or before the last row, has nothing after it, and is shorter
than pages of this service are: a full one may have been cut off just there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from operator import gt, lt
from typing import Protocol, TypeVar

from jobsync.backend import HistoryEvent
from jobsync.errors import Unreadable
from jobsync.model import Access, RemoteFile
from jobsync.outputs.listing import ENTRY_LIMIT, too_many_entries
from jobsync.platforms.agave.permissions import READ_WRITE
from jobsync.platforms.agave.wire import Permission
from jobsync.structs import Struct, replace

LIMIT = 250
"""Asked for, never relied on: what comes back tells the stride."""

_ROUNDS_WITHOUT_NEWS = 40
_LEAST_STRIDE = 2
"""A service that gives one row a page cannot be listed; one job on a page is a short page."""

_MOST_PAGES = 10_000
_FOLDER_PAGES = 10
"""The service lists the whole folder on its storage for each page (6.2): not too many at once, but
2,000 entries, which are fetched in one go, and the page that shows their end."""

_DOTS = 2
"""Rows by which a page of a folder may be shorter than what it stands for."""

_FAR_SHORTER = 10
"""How many times longer a page must have been seen for a short one to be the whole list."""

_PASSES = 5


class Identified(Protocol):
    """A job, or its record in a listing."""

    @property
    def id(self) -> str:
        """The id by which the row of a listing is known."""


R = TypeVar("R", bound=Identified)
PermissionPage = Callable[[int], Sequence[Permission]]
FilePage = Callable[[int], Sequence[RemoteFile]]
EventPage = Callable[[int], Sequence[HistoryEvent]]


class _Reach(Struct, frozen=True):
    """How far a listing has come.

    ``last`` is the last id, ``at`` the offset after it, ``stride`` the longest page seen, ``back``
    how many rows before ``at`` the next page begins, ``window`` how many pages to ask for at once.
    """

    last: str
    at: int
    stride: int
    back: int = 1
    window: int = 1
    idle: int = 0

    def aims(self) -> list[int]:
        step = max(1, self.stride - 1)
        return [max(0, self.at - self.back) + step * number for number in range(self.window)]


def all_runs(page: Callable[[int], Sequence[R]], executor: Executor, ahead: int) -> Iterator[R]:
    """Every run that *page* gives out from an offset on, each once, in the order of the id.

    Once the first page has told the stride, up to *ahead* pages are asked for at a time. Raises
    :class:`Unreadable` when the listing cannot be shown to be complete.
    """
    first = _in_order(page(0))
    if not first:
        return
    yield from _after(first, "")
    reach = _Reach(first[-1].id, len(first), max(_LEAST_STRIDE, len(first)))
    while True:
        aims = reach.aims()
        answers = [executor.submit(page, offset) for offset in aims]
        # The end is only looked for from the last row: there, not in the middle of a big step.
        end = executor.submit(page, reach.at) if reach.window == 1 else None
        before, anchored = reach, False
        try:
            for offset, answer in zip(aims, answers, strict=True):
                rows = _in_order(answer.result())
                # A page that begins at or before the last row leaves no gap behind it.
                anchored = bool(rows) and rows[0].id <= reach.last
                fresh = _after(rows, reach.last) if anchored else ()
                yield from fresh
                whole = bool(fresh) and len(rows) >= reach.stride
                if fresh:
                    reach = _reached(reach, rows[-1].id, offset + len(rows), len(rows))
                if not whole:  # what was asked for beyond it may have a gap before it
                    break
            else:  # every page was full: the list goes on, so ask for more at once
                reach = replace(reach, window=min(ahead, before.window * 2))
                continue
        finally:
            for answer in answers:
                answer.cancel()
        # A short page alone is no end, for rows move: the page after it must be empty too.
        if reach.last != before.last or end is None:
            reach = replace(reach, window=1)
        elif anchored and len(rows) < reach.stride and not end.result():
            return
        else:
            reach = _searching(reach, aims[0] + len(rows) if anchored else None)


def _reached(reach: _Reach, last: str, at: int, length: int) -> _Reach:
    return replace(reach, last=last, at=at, stride=max(reach.stride, length), back=1, idle=0)


def _searching(reach: _Reach, after: int | None) -> _Reach:
    """Rows have moved. *after* is where the last page ended, None when it began too late.

    Without one, look further back for the last row; with one, go on from there.
    """
    if reach.idle >= _ROUNDS_WITHOUT_NEWS:
        raise Unreadable("the list of jobs cannot be read completely: the service repeats pages")
    idle = reach.idle + 1
    if after is None:
        return replace(reach, back=reach.back * 4, idle=idle)
    return replace(reach, at=after, back=1, idle=idle)


def _in_order(rows: Sequence[R]) -> Sequence[R]:
    """*rows*, each once, when they come in the order asked for.

    Without the order no completeness can be shown. A row that comes twice counts once: how long a
    page is tells where the next begins.
    """
    ids = [row.id for row in rows]
    if all(map(lt, ids, ids[1:])):
        return rows
    if any(map(gt, ids, ids[1:])):
        raise Unreadable("the list of jobs does not have the requested order")
    return [row for row, before in zip(rows, [None, *ids], strict=False) if row.id != before]


def _after(rows: Sequence[R], last: str) -> Sequence[R]:
    return rows[bisect_right(rows, last, key=lambda row: row.id) :]


def all_permissions(page: PermissionPage, longest: int = 0) -> dict[str, Access]:
    """Every explicit grant, without the owner's row, which stands first on every page (5.2).

    A row that allows nothing that can be told (EXECUTE) is kept: it hides later rows (5.1).

    Each page begins with the last row of the one before, as with jobs: then nobody who is on the
    list all the time can be missing between two pages, whoever comes and goes. The end is a page
    that holds that row, brings nothing new and is shorter than pages of this list are. Where that
    row is gone, the list is read again.

    The end need not be asked for after a first page that is far shorter than the *longest* page
    this service has given out in answer to the same limit: the limit is clipped for all
    collections alike (2.1), so this one was not (docs/decisions/0007).
    """
    for _ in range(_PASSES):
        found = _permissions_once(page, longest)
        if found is not None:
            return found
    raise Unreadable("the permissions change faster than they can be read")


def _owned(rows: Sequence[Permission]) -> tuple[str, dict[str, Access]]:
    """The owner, who stands first on every page, and the grants of all others."""
    if not rows or rows[0].access != READ_WRITE:
        raise Unreadable("a page of permissions that does not begin with the owner")
    owner = rows[0].username
    return owner, {row.username: row.access for row in rows if row.username != owner}


def _is_far_shorter(rows: Sequence[Permission], longest: int) -> bool:
    return (len(rows) - 1) * _FAR_SHORTER <= longest


def _permissions_once(page: PermissionPage, longest: int) -> dict[str, Access] | None:
    """One reading; None when a page did not begin where the one before ended."""
    rows = page(0)
    owner, found = _owned(rows)
    if not found or _is_far_shorter(rows, longest):
        return found
    offset = stale = 0
    grants, last, stride = found, rows[-1].username, len(rows)
    for _ in range(_MOST_PAGES):
        # The owner may come twice, before the window or inside it (agave-v2 §5.2): counting only
        # the others never skips a row, and at worst reads one again.
        offset += max(1, len(grants) - 1)
        rows = page(offset)
        named, grants = _owned(rows)
        if named != owner:
            raise Unreadable("two pages of permissions name different owners")
        if not grants and len(found) == 1:
            return found  # a page of one row is not full: no service gives out rows one by one
        if last not in {row.username for row in rows[1:]}:
            return None
        known = grants.keys() <= found.keys()
        if known and len(rows) < stride:
            return found
        stale = stale + 1 if known else 0
        if stale > 2:
            raise Unreadable("a page of permissions has nothing new")
        found |= grants
        if len(found) > ENTRY_LIMIT:
            raise Unreadable(f"more than {ENTRY_LIMIT:,} users hold permissions")
        last, stride = rows[-1].username, max(stride, len(rows))
    raise Unreadable("permissions without end")


def all_files(
    page: FilePage,
    executor: Executor,
    at_least: int = 0,
    stride: int = 0,
    *,
    longest_page: int = 0,
    limit: int = ENTRY_LIMIT,
) -> list[RemoteFile]:
    """Every entry of one folder, by name. ``.`` and ``..`` are left out of a page (agave-v2 §6.2).

    A first page that is far shorter than the *longest_page* that this service has given out is the
    whole folder, as with permissions (docs/decisions/0007).

    Once pages have come that are as long as the first, several are asked for at a time; at once
    where *at_least* says how many entries are there, and *stride* how long a page has been before.
    A page counts where it begins at or before the end of the one before; else it is asked for
    again from there. One that would hold what follows, and brings nothing new, shows the end.

    Raises :class:`Unreadable` for more than *limit* entries: what is kept is bounded by that,
    whatever the service says.
    """
    found: dict[str, RemoteFile] = {}
    offset = longest = 0
    window = 1
    for _ in range(_MOST_PAGES):
        if len(found) > limit:
            raise too_many_entries(limit)
        step = max(1, stride - _DOTS)
        count = window
        if offset == 0 and _is_one_page(at_least, longest_page):
            count = 1
        elif stride and offset < at_least:  # as many as reach the end, which the last may show
            count = 1 - (offset - at_least) // step
        aims = [offset + step * number for number in range(min(count, _FOLDER_PAGES))]
        # The last request begins where the known entries end, so that it can show the end.
        if stride and len(aims) > 1 and aims[-1] > at_least > offset:
            aims[-1] = at_least
        answers = [executor.submit(page, aim) for aim in aims]
        try:
            for aim, answer in zip(aims, answers, strict=True):
                # A page that begins after the end of the one before would leave a gap.
                if aim > offset:
                    break
                rows = answer.result()
                fresh = {row.path: row for row in rows if row.path not in found}
                found.update(fresh)
                ended = aim == offset or not rows or offset - aim + _DOTS < longest
                whole = aim == 0 and _is_one_page(len(rows), longest_page)
                if whole or (ended and not fresh):
                    return [found[path] for path in sorted(found)]
                offset = max(offset, aim + len(rows))
                longest = max(longest, len(rows))
        finally:
            for answer in answers:
                answer.cancel()
        window = min(2 * window, _FOLDER_PAGES) if len(rows) >= stride > 0 else 1
        stride = len(rows)
    raise Unreadable("an output folder without end")


def _is_one_page(entries: int, longest_page: int) -> bool:
    """Whether no page of so many files was cut off, where one of *longest_page* rows was not."""
    return (entries + _DOTS) * _FAR_SHORTER <= longest_page


def all_events(page: EventPage) -> list[HistoryEvent]:
    """A whole history. Events have no id and may repeat, so only an empty page ends it."""
    found: list[HistoryEvent] = []
    before: Sequence[HistoryEvent] = ()
    for _ in range(_MOST_PAGES):
        rows = page(len(found))
        if not rows:
            return found
        if rows == before:
            raise Unreadable("a page of the history has nothing new")
        found.extend(rows)
        if len(found) > ENTRY_LIMIT:
            raise Unreadable(f"the history has more than {ENTRY_LIMIT:,} events")
        before = rows
    raise Unreadable("a history without end")
