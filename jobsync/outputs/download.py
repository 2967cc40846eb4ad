"""Download one file to its part file, whole, whatever the connection and the service do.

A service may have no checksums and no validators, so what can be held is held: the
length and the time of the listing before and after, the overlap of a resumed part, and that not a
byte more or less came than was listed. A part is kept when a download breaks, so that the next
try, or the next run, goes on from there.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from jobsync.backend import Content, Reader
from jobsync.errors import RangeRefused, Refused, ServiceError
from jobsync.outputs.destination import Origin, OutputFile, PartMark, mark_of
from jobsync.outputs.failures import FileChanged, FileFailed, Interrupted
from jobsync.outputs.hashing import Digest
from jobsync.structs import Struct

OVERLAP = 64 * 1024
"""Bytes asked for again on a resume, to see that they are still the same. Smaller files are
fetched anew and need no sidecar."""

CHANGES_LIMIT = 2
"""A file that changes on the service while it is fetched is begun anew this often."""


class WantedFile(Struct, frozen=True):
    """One file of one run, as it was listed."""

    job_id: str
    path: str
    to: str
    length: int
    last_modified: str


class WholePart(Struct, frozen=True):
    """A part file with every byte on the disk, and its SHA-256."""

    wanted: WantedFile
    sha256: str
    mark: PartMark


class DownloadContext(Struct, frozen=True):
    """What a download needs from its caller.

    ``again`` lists the file anew (None: it no longer exists), ``stop`` says whether to end early,
    ``received`` is called with every chunk, and ``patience`` has the seconds to wait between tries.
    A download occupies one of the ``slots`` while it receives bytes, but not while it waits for the
    disk.
    """

    reader: Reader
    again: Callable[[WantedFile], WantedFile | None]
    stop: Callable[[], bool]
    received: Callable[[WantedFile, int], None]
    patience: tuple[float, ...]
    slots: threading.Semaphore


def download_file(line: DownloadContext, place: OutputFile, wanted: WantedFile) -> WholePart:
    """Download *wanted* completely into its part file.

    Raises :class:`FileFailed` when that cannot be done, :class:`Interrupted` when the caller asks
    to stop, :class:`OSError` for the disk, and :class:`~jobsync.errors.Refused` when the service
    refuses.
    """
    trouble = ""
    with place.open_part() as handle:
        for _ in range(CHANGES_LIMIT + 1):
            try:
                with line.slots:
                    digest = _Part(line, place, handle, wanted).complete()
            except FileChanged as change:
                trouble = str(change)
                os.ftruncate(handle, 0)
            else:
                os.fsync(handle)
                return WholePart(wanted, digest, mark_of(os.fstat(handle)))
            found = line.again(wanted)
            if found is None:
                raise FileFailed("no longer exists on the service")
            wanted = found
    raise FileFailed(trouble)


@functools.cache
def boot_id() -> str:
    """An identifier of this start of the machine; empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


class _Part:
    """The part file of one listed state of a file."""

    def __init__(
        self,
        line: DownloadContext,
        place: OutputFile,
        handle: int,
        wanted: WantedFile,
    ) -> None:
        self._line, self._handle, self._wanted = line, handle, wanted
        self._have = self._usable(place)
        self._digest = Digest(wanted.length)

    def complete(self) -> str:
        """Receive until every byte is here; the SHA-256."""
        tries, most = 0, self._have
        try:
            self._digest.feed_file(self._handle, self._have)
            # An empty file is asked for too: the listing alone may be wrong about it.
            done = 0 < self._wanted.length == self._have
            while not done:
                trouble = self._receive()
                done = self._have == self._wanted.length and bool(self._have or not trouble)
                if done:
                    break
                if self._have > most:
                    tries, most = 0, self._have
                if tries == len(self._line.patience):
                    raise FileFailed(trouble) from None
                self._wait(self._line.patience[tries])
                tries += 1
        finally:
            digest = self._digest.close()
        return digest

    def _usable(self, place: OutputFile) -> int:
        """How much of the part is good to go on from; a fresh sidecar when nothing is."""
        wanted = self._wanted
        origin = Origin(wanted.job_id, wanted.path, wanted.length, wanted.last_modified, boot_id())
        have = os.fstat(self._handle).st_size
        if have and have <= wanted.length and _same(place.origin(), origin):
            return have
        if have:
            os.ftruncate(self._handle, 0)
        if wanted.length > OVERLAP:
            place.write_origin(origin)
        else:
            place.drop_origin()
        return 0

    def _receive(self) -> str:
        """One request, as far as it gets. What went wrong, in words."""
        if self._line.stop():
            raise Interrupted("stopped on request")
        offset = max(0, self._have - OVERLAP)
        try:
            wanted = self._wanted
            with self._line.reader.open(
                wanted.job_id, wanted.path, offset, wanted.length
            ) as content:
                self._take(content, offset)
        except RangeRefused as error:
            raise FileChanged(f"the service now has fewer than {offset + 1} bytes of it") from error
        except Refused:  # the transport has asked often enough by then
            raise
        except ServiceError as error:
            return f"could not be fetched completely: {error}"
        if self._have == self._wanted.length:
            return ""
        return f"only {self._have} of {self._wanted.length} bytes arrived"

    def _take(self, content: Content, offset: int) -> None:
        if content.length is not None and content.length != self._wanted.length:
            raise FileChanged(
                f"is listed with {self._wanted.length} bytes, but the service sends "
                f"{content.length}"
            )
        # A service that ignores ranges sends all of it again: then all that is here is compared.
        if content.offset not in (0, offset):
            raise FileChanged(
                f"was requested from byte {offset}, but the service sends it from byte "
                f"{content.offset}"
            )
        known = self._have - content.offset
        for chunk in content.chunks:
            self._line.received(self._wanted, len(chunk))
            known = self._compare(chunk, known) if known else self._append(chunk)
            if self._line.stop():
                raise Interrupted("stopped on request")

    def _compare(self, chunk: bytes, known: int) -> int:
        """Hold *chunk* against the end of the part; what is beyond it is new."""
        old = os.pread(self._handle, min(known, len(chunk)), self._have - known)
        if chunk[: len(old)] != old:
            raise FileChanged("the part fetched before differs from what the service sends now")
        if len(chunk) > known:
            self._append(chunk[known:])
            return 0
        return known - len(chunk)

    def _append(self, chunk: bytes) -> int:
        if self._have + len(chunk) > self._wanted.length:
            raise FileChanged(f"the service sends more than its {self._wanted.length} bytes")
        self._digest.feed(chunk)
        rest = memoryview(chunk)
        while rest:  # a disk that is nearly full takes less than it is given
            written = os.pwrite(self._handle, rest, self._have)
            rest = rest[written:]
            self._have += written
        return 0

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._line.stop():
                raise Interrupted("stopped on request")
            time.sleep(min(left, 0.1))


def _same(found: Origin | None, wanted: Origin) -> bool:
    """Whether a part of *found* may be gone on with.

    After a restart of the machine the end of a part file may be anything, so it is not used.
    """
    if found is None:
        return False
    kept = (found.job_id, found.path, found.length, found.last_modified)
    asked = (wanted.job_id, wanted.path, wanted.length, wanted.last_modified)
    return kept == asked and (found.boot == wanted.boot or not (found.boot and wanted.boot))
