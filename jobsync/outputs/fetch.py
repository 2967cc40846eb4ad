"""Fetch the outputs of one run: walk, select, download, verify, commit, record."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from jobsync.backend import Reader
from jobsync.errors import JobsyncError, ServiceError, Unauthorized
from jobsync.model import Address, Fetch, FetchedFile, OutputChange, RemoteFile, Run
from jobsync.outputs import commit, reasons
from jobsync.outputs.destination import OutputsRoot
from jobsync.outputs.download import (
    CHANGES_LIMIT,
    OVERLAP,
    DownloadContext,
    WantedFile,
    WholePart,
    download_file,
)
from jobsync.outputs.failures import FileFailed, Interrupted
from jobsync.outputs.fetch_record import FetchRecord
from jobsync.outputs.listing import walk_outputs
from jobsync.outputs.result import FetchLimits, FetchResult, Progress
from jobsync.plan.output_rules import ChosenFiles, choose_files
from jobsync.structs import replace

_BATCH = 2000
"""Files that are asked for at a time: what waits for its turn costs memory."""

_CHECK_SECONDS = 60.0
"""How much of a long fetch may be lost when it is killed: what has come is checked that often."""


def fetch_all(
    reader: Reader,
    change: OutputChange,
    run: Run,
    *,
    ledger: FetchRecord,
    limits: FetchLimits,
    report: Callable[[Progress], None],
    stop: Callable[[], bool],
) -> FetchResult:
    """Fetch the outputs of *run* as *change* says (``change.run`` may be None).

    Files that ``change.files`` names are fetched as planned; when it is None, the outputs are
    walked and selected now. ``expect`` and ``required`` are checked and, when met, recorded. A file
    that fails does not keep the others back. Nothing is raised for what the service or a file name
    does: the result has it. All changes of one apply share *ledger*, which keeps two addresses from
    writing to one path. *report* is called from several threads. Once *stop()* is true, no more
    bytes are requested; those received are kept, and the next run continues from them.

    Raises :class:`~jobsync.errors.ManifestError` for a damaged lock file and
    :class:`~jobsync.errors.SettingsError` when the folder of the outputs cannot be used.
    """
    if why := reasons.not_ready(run):
        return FetchResult(change.address, run.id, unavailable=why)
    return fetch_from(reader, change, run, ledger=ledger, limits=limits, report=report, stop=stop)


def fetch_from(
    reader: Reader,
    change: OutputChange,
    run: Run,
    *,
    ledger: FetchRecord,
    limits: FetchLimits,
    report: Callable[[Progress], None],
    stop: Callable[[], bool],
) -> FetchResult:
    """As :func:`fetch_all`, whatever the state of *run*: files are fetched as they are now."""
    nothing = FetchResult(change.address, run.id)
    try:
        chosen = _selection(reader, change, run)
    except ServiceError as error:
        return replace(
            nothing, unavailable=reasons.outputs_unavailable(run.id, error, reader.platform)
        )
    refused = {**dict(chosen.refused), **ledger.claim(change.address, chosen.fetches)}
    fetches = [fetch for fetch in chosen.fetches if fetch.path not in refused]
    if why := _over(limits, fetches):
        return replace(nothing, unavailable=why)
    if change.expect and not chosen.missing:
        ledger.record_expectation(change.address, run.id)
    with OutputsRoot(ledger.outputs_root) as root:
        if why := _no_room(root, fetches):
            return replace(nothing, unavailable=why)
        work = _Fetching(reader, change.address, run, ledger, limits, report, stop, root)
        result = work.carry_out(fetches)
    result = replace(result, missing=chosen.missing, refused=tuple(sorted(refused.items())))
    if not (result.missing or result.refused or result.failed or result.left):
        ledger.retire(change.address, run.id)
    return result


def _selection(reader: Reader, change: OutputChange, run: Run) -> ChosenFiles:
    if change.files is not None:
        return ChosenFiles(change.files, change.missing, change.refused)
    return choose_files(change.rules, change.expect, walk_outputs(reader, run.id))


def _over(limits: FetchLimits, fetches: Sequence[Fetch]) -> str:
    size = sum(fetch.length for fetch in fetches)
    if limits.max_files is not None and len(fetches) > limits.max_files:
        return f"{len(fetches)} files to fetch, more than --max-files {limits.max_files}"
    if limits.max_bytes is not None and size > limits.max_bytes:
        return f"{size} bytes to fetch, more than --max-bytes {limits.max_bytes}"
    return ""


def _no_room(root: OutputsRoot, fetches: Sequence[Fetch]) -> str:
    """Why the disk cannot hold what is to come, told before its first byte; empty when it can."""
    free = root.free_bytes()
    if sum(fetch.length for fetch in fetches) <= free:
        return ""
    missing = 0
    for fetch in fetches:
        with contextlib.suppress(FileFailed), root.place(fetch.to) as place:
            found = place.existing()
            if found is None or found.st_size != fetch.length:
                missing += max(0, fetch.length - max(0, place.part_size()))
    if missing <= free:
        return ""
    return (
        f"{missing} bytes to fetch, but only {free} are free where outputs go: free some space, "
        "or choose another folder with outputsRoot:"
    )


class _Fetching:
    """The downloads of one change: what has come is checked and committed.

    A check is one more listing of every folder it is about, because the service has nothing else to
    tell whether a file was still the same when its last byte came. Where even the time says
    nothing, since the storage keeps none, two readings must agree (docs/decisions/0017).
    """

    def __init__(
        self,
        reader: Reader,
        address: Address,
        run: Run,
        ledger: FetchRecord,
        limits: FetchLimits,
        report: Callable[[Progress], None],
        stop: Callable[[], bool],
        root: OutputsRoot,
    ) -> None:
        self._reader, self._address, self._run = reader, address, run
        self._ledger, self._report, self._root = ledger, report, root
        self._stop = stop
        self._threads = max(1, limits.jobs or reader.concurrency)
        # Half as many again, for those that wait for the disk to take a file.
        self._takers = self._threads + (self._threads + 1) // 2
        slots = threading.Semaphore(self._threads)
        self._line = DownloadContext(
            reader, self._again, stop, self._arrived, limits.patience, slots
        )
        self._mutex = threading.Lock()
        self._received = 0
        self._total_bytes = self._total_files = 0
        self._hopeless = ""
        self._fetched: list[FetchedFile] = []
        self._failed: dict[tuple[str, str], str] = {}
        self._read: dict[tuple[str, str], str] = {}  # the SHA-256 of what seemed to change

    def carry_out(self, fetches: Sequence[Fetch]) -> FetchResult:
        self._total_files = len(fetches)
        self._total_bytes = sum(fetch.length for fetch in fetches)
        wanted = [
            WantedFile(self._run.id, f.path, f.to, f.length, f.last_modified) for f in fetches
        ]
        with ThreadPoolExecutor(self._takers, thread_name_prefix="fetch") as pool:
            try:
                for _ in range(CHANGES_LIMIT + 1):
                    wanted = self._turn(pool, wanted)
                for item in wanted:
                    self._fail(item, "keeps changing on the service while it is fetched")
            except BaseException:
                # What has not begun never does; what has is waited for.
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        done = tuple(sorted(self._fetched, key=lambda file: file.to))
        return FetchResult(
            self._address,
            self._run.id,
            fetched=done,
            received=self._received,
            failed=tuple(sorted((path, why) for (path, _), why in self._failed.items())),
            left=len(fetches) - len(done) - len(self._failed),
        )

    def _turn(self, pool: ThreadPoolExecutor, wanted: Sequence[WantedFile]) -> list[WantedFile]:
        """Fetch *wanted*; gives those that moved meanwhile, as they are listed now."""
        moved: list[WantedFile] = []
        got: list[FetchedFile | WholePart | None] = []
        began = time.monotonic()
        # The large ones first, so that none of them is left running alone at the end.
        ordered = sorted(wanted, key=lambda item: -item.length)
        for start in range(0, len(ordered), _BATCH):
            got += self._each_tried(pool, deque(ordered[start : start + _BATCH]))
            if time.monotonic() - began >= _CHECK_SECONDS or start + _BATCH >= len(ordered):
                moved += self._kept(pool, got)
                began = time.monotonic()
        return moved

    def _each_tried(
        self, pool: ThreadPoolExecutor, waiting: deque[WantedFile]
    ) -> list[FetchedFile | WholePart | None]:
        """What became of each file. Every thread takes the next one of those *waiting*: a place in
        the queue of the pool for each would cost a tenth of what a small file does."""

        def take() -> list[FetchedFile | WholePart | None]:
            got: list[FetchedFile | WholePart | None] = []
            while True:
                try:
                    wanted = waiting.popleft()
                except IndexError:  # none is left
                    return got
                got.append(self._tried(wanted))

        takers = [pool.submit(take) for _ in range(self._takers)]
        try:
            return [one for taker in as_completed(takers) for one in taker.result()]
        except BaseException:
            waiting.clear()  # what has not begun never does
            raise

    def _kept(
        self, pool: ThreadPoolExecutor, got: list[FetchedFile | WholePart | None]
    ) -> list[WantedFile]:
        """Check, commit and record what has come; gives those that moved. *got* is used up."""
        done = [item for item in got if isinstance(item, FetchedFile)]
        whole = [item for item in got if isinstance(item, WholePart)]
        got.clear()
        steady, moved = self._checked(pool, whole)
        whole.clear()
        done += self._committed(steady)
        steady.clear()
        self._settle(done)
        return moved

    def _tried(self, wanted: WantedFile) -> FetchedFile | WholePart | None:
        """The file when it is here already, else its part; None when it failed, which is noted."""
        if self._stop():
            return None
        if self._hopeless:
            self._fail(wanted, self._hopeless)
            return None
        try:
            with self._root.place(wanted.to) as place:
                here = commit.already_here(place, wanted, self._ledger)
                if here is not None:
                    return self._file(wanted, here)
                return download_file(self._line, place, wanted)
        except Interrupted:
            pass
        except FileFailed as error:
            self._fail(wanted, str(error))
        except ServiceError as error:
            why = reasons.file_unavailable(self._run.id, error, self._reader.platform)
            if isinstance(error, Unauthorized):
                self._hopeless = why
            self._fail(wanted, why)
        return None

    def _checked(
        self, pool: ThreadPoolExecutor, whole: Sequence[WholePart]
    ) -> tuple[list[WholePart], list[WantedFile]]:
        """Those that are listed as before, and those to fetch again as they are listed now."""
        counts = Counter(_folder(item.wanted.path) for item in whole)
        listings = pool.map(lambda item: self._listing(*item), counts.items())
        listed: dict[str, RemoteFile] = {}
        troubles: dict[str, str] = {}
        for folder, found in zip(counts, listings, strict=True):
            if isinstance(found, str):
                troubles[folder] = found
            else:
                listed.update(found)
        steady: list[WholePart] = []
        moved: list[WantedFile] = []
        for item in whole:
            wanted = item.wanted
            now = listed.get(wanted.path)
            trouble = troubles.get(_folder(wanted.path))
            if trouble and self._stop():
                continue  # nobody waited for that listing: the file is left for the next run
            if trouble:
                self._fail(wanted, f"could not be checked after the download: {trouble}")
            elif now is None:
                self._fail(wanted, "no longer exists on the service")
            elif _is_listed_as(now, wanted) or self._is_read_again(item, now.length):
                steady.append(item)
            else:
                moved.append(_as_listed(wanted, now))
        return steady, moved

    def _is_read_again(self, item: WholePart, length: int) -> bool:
        """Whether this reading agrees with the one before, and the length with both."""
        key = (item.wanted.path, item.wanted.to)
        before, self._read[key] = self._read.get(key), item.sha256
        return before == item.sha256 and length == item.wanted.length

    def _listing(self, folder: str, count: int) -> dict[str, RemoteFile] | str:
        try:
            entries = self._reader.files(self._run.id, folder, count)
        except ServiceError as error:
            return reasons.outputs_unavailable(self._run.id, error, self._reader.platform)
        return {entry.path: entry for entry in entries if not entry.is_folder}

    def _again(self, wanted: WantedFile) -> WantedFile | None:
        for entry in self._reader.files(self._run.id, _folder(wanted.path)):
            if entry.path == wanted.path and not entry.is_folder:
                return _as_listed(wanted, entry)
        return None

    def _committed(self, steady: Sequence[WholePart]) -> list[FetchedFile]:
        """Give the checked parts their final names."""
        done: list[FetchedFile] = []
        for item in steady:
            try:
                with self._root.place(item.wanted.to) as place:
                    commit.commit(place, item, self._ledger)
            except FileFailed as error:
                self._fail(item.wanted, str(error))
            else:
                done.append(self._file(item.wanted, item.sha256))
        return done

    def _settle(self, files: Sequence[FetchedFile]) -> None:
        """Make names durable, then the record of them, then drop what was kept for a resume."""
        lost: dict[str, str] = {}
        for folder in {_folder(file.to) for file in files}:
            try:
                self._root.sync(folder)
            except FileFailed as error:
                lost[folder] = str(error)
        for file in files:
            if why := lost.get(_folder(file.to)):
                self._fail(file, why)
        files = [file for file in files if _folder(file.to) not in lost]
        self._ledger.record(files)
        for file in files:
            if file.size > OVERLAP:
                with contextlib.suppress(JobsyncError), self._root.place(file.to) as place:
                    place.drop_part()
        self._fetched.extend(files)
        for file in files:
            self._tell(file.path)

    def _file(self, wanted: WantedFile, sha256: str) -> FetchedFile:
        return FetchedFile(
            self._address, wanted.job_id, wanted.path, wanted.to, wanted.length, sha256
        )

    def _fail(self, file: WantedFile | FetchedFile, why: str) -> None:
        with self._mutex:
            self._failed[file.path, file.to] = why

    def _arrived(self, wanted: WantedFile, size: int) -> None:
        with self._mutex:
            self._received += size
        self._tell(wanted.path)

    def _tell(self, path: str) -> None:
        self._report(
            Progress(
                self._address,
                path,
                self._received,
                self._total_bytes,
                len(self._fetched),
                self._total_files,
            )
        )


def _is_listed_as(entry: RemoteFile, wanted: WantedFile) -> bool:
    return (entry.length, entry.last_modified) == (wanted.length, wanted.last_modified)


def _as_listed(wanted: WantedFile, entry: RemoteFile) -> WantedFile:
    return replace(wanted, length=entry.length, last_modified=entry.last_modified)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
