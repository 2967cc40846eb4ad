"""The outputs of runs: where they are, what lies there, and two ways to read them.

Paths in a list are those of the storage system; what is not below the folder that was asked for is
refused (tapis-v3 §8.2). A large file of one's own comes through the Files service, which honours a
range; where that refuses, and for the files of others, through the jobs service, which sends large
files as a zip (tapis-v3 §8.3, §8.5).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain

from jobsync.archives import canonical
from jobsync.backend import Content
from jobsync.errors import NotFound, RangeRefused, Refused, Unreadable
from jobsync.http.messages import Response, Stream, sanitised
from jobsync.model import Archive, JsonValue, RemoteFile, RunState
from jobsync.platforms.records import Record
from jobsync.platforms.tapis import archive, describe, envelope, unzip
from jobsync.platforms.tapis.archive import LAUNCH_FILES
from jobsync.platforms.tapis.operations import Jobs, Page, Terms
from jobsync.platforms.tapis.pagination import LIMIT, all_files
from jobsync.structs import Struct, replace

LARGE = 1_000_000
"""Bytes above which the jobs service sends a zip instead of the file (tapis-v3 §8.3)."""

_LINK = "symbolic_link"
_RUNNING = ("execSystemId", "execSystemOutputDir")


class Place(Struct, frozen=True):
    """Where the outputs of a run are: a system, and a folder from its root (``/jobs/x``, or empty).

    ``state`` is that of the run, ``is_mine`` whether the acting user owns it.
    """

    system: str
    base: str
    state: RunState
    visible: bool
    is_mine: bool


def place_of(job: Record, me: str, asked: str) -> Place:
    """Where the outputs of *job* are (tapis-v3 §8.1)."""
    run = describe.run(job, asked)
    if run.state is RunState.ACTIVE:
        system, base = (describe.text(job, name, asked) for name in _RUNNING)
        found: Archive | None = Archive(system, canonical(base))
    else:
        found = archive.place_of(job)
    if found is None:
        raise Unreadable(f"the record of {run.id} does not say where its outputs are ({asked})")
    base = f"/{found.path}" if found.path else ""
    return Place(found.system, base, run.state, run.visible, run.owner == me)


class Outputs:
    """The outputs of the runs of one service. Safe to use from many threads."""

    def __init__(self, jobs: Jobs, me: str) -> None:
        self._jobs, self._me = jobs, me
        self._places: dict[str, Place] = {}
        self._without_files: set[str] = set()
        self._without_ranges: set[tuple[str, str]] = set()
        self._longest = 0
        self._ends: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def remember(self, job: Record, asked: str) -> None:
        """Keep where the outputs of a run are that has ended: that does not change any more. A run
        that does not say it is an error only for whoever wants them."""
        try:
            place = place_of(job, self._me, asked)
        except Unreadable:
            return
        if place.state is not RunState.ACTIVE and place.visible:
            with self._lock:
                self._places[str(job["uuid"])] = place

    def entries(self, run_id: str, folder: str) -> list[RemoteFile]:
        """The entries of one folder, by name (see :class:`~jobsync.backend.Reader`)."""
        place = self._place(run_id)
        top = "/".join([place.base, folder]) if folder else place.base

        def page(at: int) -> Page:
            terms = (*_live(place), ("limit", LIMIT), ("skip", at))
            return self._jobs.outputs(run_id, folder, terms)

        def is_whole(rows: int) -> bool:
            """A page has been longer, or this folder has ended after so many entries before."""
            return rows < self._longest or rows == self._ends.get((run_id, folder))

        links: set[str] = set()

        def read(row: Record, asked: str) -> RemoteFile:
            found = _entry(row, top, folder, asked)
            if row.get("type") == _LINK:
                links.add(found.path)
            return found

        try:
            found, most = all_files(page, read, is_whole)
        except NotFound as error:
            return self._nothing(run_id, folder, error)
        with self._lock:
            self._longest = max(self._longest, most)
            self._ends[run_id, folder] = len(found)
        ends = (self._end_of(run_id, place, one) if one.path in links else one for one in found)
        return [one for one in ends if one is not None]

    @contextmanager
    def opened(self, run_id: str, path: str, offset: int, size: int | None) -> Iterator[Content]:
        """One output from *offset* on (see :class:`~jobsync.backend.Reader`).

        *size* is the length that the folder lists; it is asked for where that is not known.
        """
        place = self._place(run_id)
        if size is None:
            size = self._size(run_id, place, path)
        if offset and offset >= size:
            line = f"{path!r} of {run_id} has {size} bytes: nothing is from byte {offset} on"
            raise RangeRefused(line, status=416)
        with ExitStack() as stack:
            content = None
            if size > LARGE and place.is_mine and run_id not in self._without_files:
                content = self._through_files(stack, run_id, place, path, offset, size)
            if content is None:
                content = self._through_jobs(stack, run_id, place, path, size)
            yield content

    # --- the two ways --------------------------------------------------------------------

    def _through_files(
        self, stack: ExitStack, run_id: str, place: Place, path: str, offset: int, size: int
    ) -> Content | None:
        """By the Files service; None where it refuses. A range counts if the answer is exactly as
        long as that, or as the file (tapis-v3 §13)."""
        key, at = (run_id, path), f"{place.base}/{path}"
        span = (offset, size - 1) if offset and key not in self._without_ranges else None
        outcome = stack.enter_context(self._jobs.content(place.system, at, span))
        if isinstance(outcome, Stream) and span is not None:
            length = _length(outcome)
            if length == size:
                return Content(0, size, outcome.chunks)
            if length is None or length == size - offset:
                chunks = self._exactly(key, outcome, size - offset)
                return Content(offset, size, chunks)
            self._without_ranges.add(key)
            stack.close()
            outcome = stack.enter_context(self._jobs.content(place.system, at, None))
        if isinstance(outcome, Stream):
            length = _length(outcome)
            return Content(0, size if length is None else length, outcome.chunks)
        refused = outcome.status in (401, 403, 404) or outcome.status >= 500
        if not refused:
            raise envelope.error_of(outcome)
        stack.close()
        self._without_files.add(run_id)
        return None

    def _exactly(self, key: tuple[str, str], outcome: Stream, length: int) -> Iterator[bytes]:
        """The bytes of a range, of which there must be *length*. Otherwise it was no range, and
        none is asked for again."""
        received = 0
        for chunk in outcome.chunks:
            received += len(chunk)
            if received > length:
                break
            yield chunk
        if received != length:
            self._without_ranges.add(key)
            raise Unreadable(f"another range than the {length} bytes asked for ({outcome.head})")

    def _through_jobs(
        self, stack: ExitStack, run_id: str, place: Place, path: str, size: int
    ) -> Content:
        """By the jobs service: always the whole file, which may come as a zip."""
        download = self._jobs.download(run_id, path, _live(place))
        outcome = stack.enter_context(download)
        if isinstance(outcome, Response):
            raise envelope.error_of(outcome)
        first = b""
        head = unzip.LONGEST_HEAD if path.lower().endswith(".zip") else len(unzip.MAGIC)
        while len(first) < head and (more := next(outcome.chunks, b"")):
            first += more
        chunks = chain([first], outcome.chunks)
        length = _length(outcome)
        if _is_zip(outcome, path, size, length, first):
            return Content(0, size, unzip.member(chunks, size))
        return Content(0, size if length is None else length, chunks)

    # --- what is there -------------------------------------------------------------------

    def _place(self, run_id: str) -> Place:
        place = self._places.get(run_id)
        if place is None:
            job, asked = self._jobs.get(run_id)
            self.remember(job, asked)
            place = place_of(job, self._me, asked)
        return place

    def _nothing(self, run_id: str, folder: str, error: NotFound) -> list[RemoteFile]:
        """No entries, where a run failed before it archived anything; raises *error* else."""
        if folder:
            raise error
        run = describe.run(*self._jobs.get(run_id))
        if run.visible and run.status == "FAILED":
            return []
        if not run.visible:
            raise NotFound(f"run {run_id} is hidden ({error})", status=404, said=error.said)
        what = f"the outputs of {run_id} are not where its record says: {error}"
        raise Refused(what, status=404, said=error.said) from error

    def _end_of(self, run_id: str, place: Place, link: RemoteFile) -> RemoteFile | None:
        """What *link* leads to, under its name: a folder lists links with lengths of their own, but
        the list of one is that of what it leads to (tapis-v3 §8.2). None where that is nothing."""
        try:
            page = self._jobs.outputs(run_id, link.path, (*_live(place), ("limit", 2), ("skip", 0)))
        except NotFound:
            return None
        path = f"{place.base}/{link.path}"
        if len(page.rows) == 1 and _path_of(page.rows[0], page.asked) == path:
            return replace(link, length=_size_of(page.rows[0].get("size"), page.asked))
        return replace(link, is_folder=True)

    def _size(self, run_id: str, place: Place, path: str) -> int:
        """The length of one file, by the list of it, which has one row (tapis-v3 §8.2)."""
        page = self._jobs.outputs(run_id, path, (*_live(place), ("limit", 2), ("skip", 0)))
        folder, _, name = path.rpartition("/")
        top = "/".join([place.base, folder]) if folder else place.base
        found = [_entry(row, top, folder, page.asked) for row in page.rows]
        if len(found) != 1 or found[0].is_folder or found[0].path != path:
            raise Refused(f"{name!r} is not a file of {run_id} ({page.asked})", status=404)
        return found[0].length


def _entry(row: Record, top: str, folder: str, asked: str) -> RemoteFile:
    """One row below *top*. Raises :class:`Unreadable` for a path that is not directly there."""
    path = _path_of(row, asked)
    above, _, name = path.rpartition("/")
    if above != top or name in ("", ".", ".."):
        said = sanitised(path)
        raise Unreadable(f"{said!r} does not lie directly in {top or '/'!r} ({asked})")
    inside = f"{folder}/{name}" if folder else name
    return RemoteFile(
        path=inside,
        length=_size_of(row.get("size"), asked),
        last_modified=describe.kept(row.get("lastModified")),
        is_folder=row.get("type") == "dir",
        by_name_only=inside in LAUNCH_FILES,
    )


def _path_of(row: Record, asked: str) -> str:
    """Where a row lies, from the root of its system."""
    return "/" + describe.text(row, "path", asked).strip("/")


def _size_of(value: JsonValue, asked: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise Unreadable(f"a file whose size is {sanitised(repr(value))} ({asked})")
    return value


def _live(place: Place) -> Terms:
    """What has to be said so that a run that goes on shows what it has."""
    return (("allowIfRunning", "true"),) if place.state is RunState.ACTIVE else ()


def _length(outcome: Stream) -> int | None:
    length = outcome.headers.get("content-length")
    return int(length) if length and re.fullmatch("[0-9]{1,18}", length) else None


def _is_zip(outcome: Stream, path: str, size: int, length: int | None, first: bytes) -> bool:
    """Whether a zip came instead of the file *path* (tapis-v3 §8.3).

    Its announced name is that of the file with ``.zip`` behind it, or in place of an extension: of
    ``a.zip`` it may be ``a.zip``, and then the file in it is called so. Without such a name the
    first bytes and the length tell; where they cannot, :class:`Unreadable` is raised.
    """
    if not first.startswith(unzip.MAGIC):
        return False
    announced = outcome.headers.get("content-disposition", "").rpartition("filename=")[2]
    announced, name = announced.strip().strip('"'), path.rpartition("/")[2]
    if announced:
        if not name.lower().endswith(".zip"):
            return announced.lower().endswith(".zip")
        holds_it = size > LARGE and length != size and unzip.first_name(first) == name
        return holds_it or announced.lower().endswith(".zip.zip")
    if length is None:
        raise Unreadable(f"it cannot be told whether a file or a zip of it came ({outcome.head})")
    return length != size
