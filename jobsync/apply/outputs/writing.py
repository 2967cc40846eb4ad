"""Writes the bytes of a part file in their order, past the page cache where the system allows it.

A large download would push everything else out of the cache, and copying it there costs as much
as receiving it. Direct writes need whole blocks at whole offsets from aligned memory, so bytes
are gathered in such blocks. The first few files that come at once have two in turns: one is written
by a thread beside while the other is filled. With more, some are received while others are written
anyway, so one small block each will do. What does not fill a block, and every file system that
refuses, goes the ordinary way.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor

BLOCK = 256 * 1024
"""Bytes gathered before they are written."""

BLOCK_BESIDE = 1024 * 1024
"""The same where there are two blocks. What a killed process loses is both."""

WORTH_DIRECT = 8 * 1024 * 1024
"""Files from this size on are written directly."""

_DIRECT = getattr(os, "O_DIRECT", 0)
_BESIDE = threading.BoundedSemaphore(2)  # files that have a thread beside, in this process


class Writer:
    """Appends to the open file *handle* from *offset* on; *expected* is its size in the end.

    Raises OSError, also for bytes that were appended before: then nothing after those is written
    any more. After :meth:`close` every byte is written and the handle is an ordinary one.
    """

    def __init__(self, handle: int, offset: int, expected: int) -> None:
        self.end = offset
        """Where the next byte goes: all that was appended, written or not."""
        self._file = _File(handle, offset)
        self._blocks: list[mmap.mmap] = []  # the one that is filled, and the one that is written
        self._filled = 0
        self._beside: ThreadPoolExecutor | None = None
        self._written: Future[None] | None = None
        if _DIRECT and expected - offset >= WORTH_DIRECT:
            if _BESIDE.acquire(blocking=False):
                self._beside = ThreadPoolExecutor(max_workers=1)
                self._blocks = [mmap.mmap(-1, BLOCK_BESIDE), mmap.mmap(-1, BLOCK_BESIDE)]
            else:
                self._blocks = [mmap.mmap(-1, BLOCK)]

    def append(self, chunk: bytes) -> None:
        """Write *chunk*, or keep it until its block is full."""
        rest = memoryview(chunk)
        if not self._blocks:
            self._file.write(rest)
            self.end += len(rest)
        while self._blocks and rest:
            block = self._blocks[0]
            size = min(len(rest), len(block) - self.end % len(block))
            start = self._filled
            block[start : start + size] = rest[:size]
            self._filled += size
            self.end += size
            rest = rest[size:]
            if self.end % len(block) == 0:
                self._hand_over()

    def close(self) -> None:
        """Write what is left."""
        if not self._blocks:
            return
        try:
            self._hand_over()
            self._settle()
        finally:
            if self._beside is not None:
                self._beside.shutdown()
                _BESIDE.release()
            self._file.clear_direct()
            for block in self._blocks:
                block.close()
            self._blocks = []

    def _hand_over(self) -> None:
        """Have the filled block written; beside, once the other one is."""
        filled, self._filled = self._filled, 0
        if self._beside is None:
            self._file.write_block(self._blocks[0], filled)
            return
        self._settle()
        self._blocks.reverse()
        self._written = self._beside.submit(self._file.write_block, self._blocks[1], filled)

    def _settle(self) -> None:
        written, self._written = self._written, None
        if written is not None:
            written.result()


class _File:
    """The end of an open file, written directly where that can be done."""

    def __init__(self, handle: int, offset: int) -> None:
        self._handle, self._offset = handle, offset
        self._direct = self._hopeless = False

    def write_block(self, block: mmap.mmap, filled: int) -> None:
        """Write the first *filled* bytes of *block*: directly where they are all of it."""
        if self._offset % len(block) == 0 and filled == len(block):
            self._set_direct()
        else:
            self.clear_direct()
        # Released at once: what an error holds would keep the block from being closed.
        with memoryview(block) as whole, whole[:filled] as full:
            self.write(full)

    def write(self, data: memoryview) -> None:
        """Write *data* after what is there."""
        done = 0
        while done < len(data):
            try:
                with data[done:] as rest:
                    written = os.pwrite(self._handle, rest, self._offset)
            except OSError as error:
                if not (self._direct and error.errno == errno.EINVAL):
                    raise
                # This file system cannot, or wants larger blocks: never ask again.
                self._hopeless = True
                self.clear_direct()
                continue
            self._offset += written
            done += written
            if done < len(data):
                # The disk is nearly full: the rest is no whole block any more.
                self.clear_direct()

    def clear_direct(self) -> None:
        """Make the handle an ordinary one."""
        if self._direct:
            fcntl.fcntl(self._handle, fcntl.F_SETFL, self._flags() & ~_DIRECT)
            self._direct = False

    def _set_direct(self) -> None:
        if not self._direct and not self._hopeless:
            try:
                fcntl.fcntl(self._handle, fcntl.F_SETFL, self._flags() | _DIRECT)
            except OSError:
                self._hopeless = True
            else:
                self._direct = True

    def _flags(self) -> int:
        return fcntl.fcntl(self._handle, fcntl.F_GETFL)
