"""Writes the bytes of a part file in their order, past the page cache where the system allows it.

A large download would push everything else out of the cache, and copying it there costs as much
as receiving it. Direct writes need whole blocks at whole offsets from aligned memory, so bytes
are gathered in one such block; what does not fill it, and every file system that refuses, goes
the ordinary way.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os

BLOCK = 256 * 1024
"""Bytes gathered before they are written: what a killed process loses at most."""

WORTH_DIRECT = 8 * 1024 * 1024
"""Files from this size on are written directly."""

_DIRECT = getattr(os, "O_DIRECT", 0)


class Writer:
    """Appends to the open file *handle* from *offset* on; *expected* is its size in the end.

    Raises OSError. After :meth:`close` every byte is written and the handle is an ordinary one.
    """

    def __init__(self, handle: int, offset: int, expected: int) -> None:
        self._handle, self._offset = handle, offset
        self._block: mmap.mmap | None = None
        self._filled = 0
        self._direct = self._hopeless = False
        if _DIRECT and expected - offset >= WORTH_DIRECT:
            self._block = mmap.mmap(-1, BLOCK)

    @property
    def end(self) -> int:
        """Where the next byte goes: all that was appended, written or not."""
        return self._offset + self._filled

    def append(self, chunk: bytes) -> None:
        """Write *chunk*, or keep it until its block is full."""
        if self._block is None:
            self._write(memoryview(chunk))
            return
        rest = memoryview(chunk)
        while rest:
            size = min(len(rest), BLOCK - self.end % BLOCK)
            start = self._filled
            self._block[start : start + size] = rest[:size]
            self._filled += size
            rest = rest[size:]
            if self.end % BLOCK == 0:
                self._flush(self._block)

    def close(self) -> None:
        """Write what is left."""
        if self._block is not None:
            block, self._block = self._block, None
            try:
                self._flush(block)
            finally:
                self._clear_direct()
                block.close()

    def _flush(self, block: mmap.mmap) -> None:
        if self._offset % BLOCK == 0 and self._filled == BLOCK:
            self._set_direct()
        else:
            self._clear_direct()
        with memoryview(block) as whole, whole[: self._filled] as full:
            self._filled = 0
            self._write(full)

    def _write(self, data: memoryview) -> None:
        done = 0
        while done < len(data):
            try:
                # Released at once: an error on its way would keep the block from being closed.
                with data[done:] as rest:
                    written = os.pwrite(self._handle, rest, self._offset)
            except OSError as error:
                if not (self._direct and error.errno == errno.EINVAL):
                    raise
                # This file system cannot, or wants larger blocks: never ask again.
                self._hopeless = True
                self._clear_direct()
                continue
            self._offset += written
            done += written
            if done < len(data):
                # The disk is nearly full: the rest is no whole block any more.
                self._clear_direct()

    def _set_direct(self) -> None:
        if not self._direct and not self._hopeless:
            try:
                fcntl.fcntl(self._handle, fcntl.F_SETFL, self._flags() | _DIRECT)
            except OSError:
                self._hopeless = True
            else:
                self._direct = True

    def _clear_direct(self) -> None:
        if self._direct:
            fcntl.fcntl(self._handle, fcntl.F_SETFL, self._flags() & ~_DIRECT)
            self._direct = False

    def _flags(self) -> int:
        return fcntl.fcntl(self._handle, fcntl.F_GETFL)
