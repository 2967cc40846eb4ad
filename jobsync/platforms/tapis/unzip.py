"""The one member of a zip, read as it comes: memory does not grow with its size.

Large files come from the jobs service as a zip made on the way (tapis-v3 §8.3). Such a zip tells
the size and the checksum of its member only behind it, so nothing is known of them before; both are
checked at the end, twice: there and in the directory that ends a zip. The name of the member is
somebody else's: it is compared, and never used as a path.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from jobsync.errors import Unreadable

MAGIC = b"PK\x03\x04"

_LOCAL = struct.Struct("<4s2xHH4xIIIHH")
_CENTRAL = struct.Struct("<4s4xHH4xIIIHHH12x")
_DESCRIBED = 0x08
_ENCRYPTED = 0x2041
_STORED, _DEFLATED = 0, 8
_DESCRIPTOR = b"PK\x07\x08"
_DIRECTORY = b"PK\x01\x02"
_ENDS = (b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07")
_HUGE = 0xFFFFFFFF
_LONGEST_TAIL = 1 << 20
_PIECE = 1 << 18

LONGEST_HEAD = _LOCAL.size + 0xFFFF
"""How many bytes a zip begins with, at most, before the content of its first member."""


def first_name(start: bytes) -> str:
    """The name of the first member, without its folder, of the zip that begins with *start*; empty
    where that is too short to tell."""
    if len(start) < _LOCAL.size:
        return ""
    *_, length, _ = _LOCAL.unpack_from(start)
    name = start[_LOCAL.size : _LOCAL.size + length]
    return name.decode("utf-8", "replace").rpartition("/")[2] if len(name) == length else ""


def member(chunks: Iterator[bytes], length: int) -> Iterator[bytes]:
    """The content of the only member of the zip in *chunks*, which must have *length* bytes.

    Raises :class:`Unreadable` where it is anything else, at the latest after the last byte.
    """
    source = _Source(chunks)
    signature, flags, method, _, packed, _, names, extras = _head(source)
    if signature != MAGIC or flags & _ENCRYPTED or method not in (_STORED, _DEFLATED):
        raise Unreadable("a zip of a kind that the service does not make")
    source.take(names + extras)
    if method == _STORED:
        is_told = packed != _HUGE and not flags & _DESCRIBED
        content = _stored(source, packed if is_told else length)
    else:
        content = _inflated(source, length)
    checksum = received = 0
    for piece in content:
        received += len(piece)
        if received > length:
            raise Unreadable(f"the zip holds more than the {length} bytes that are listed")
        checksum = zlib.crc32(piece, checksum)
        yield piece
    if received != length:
        raise Unreadable(f"the zip holds {received} bytes, not the {length} that are listed")
    _check_tail(source.rest(_LONGEST_TAIL), checksum, length)


class _Source:
    """Bytes that come in pieces."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = b""

    def some(self) -> bytes:
        """The next piece; empty at the end."""
        if self._held:
            piece, self._held = self._held, b""
            return piece
        return next(self._chunks, b"")

    def give_back(self, piece: bytes) -> None:
        """Put *piece* before what is still to come."""
        self._held = piece + self._held

    def take(self, count: int) -> bytes:
        """The next *count* bytes. Raises :class:`Unreadable` when there are fewer."""
        taken = bytearray()
        while len(taken) < count:
            piece = self.some()
            if not piece:
                raise Unreadable("the zip ends early")
            taken += piece
        self.give_back(bytes(taken[count:]))
        return bytes(taken[:count])

    def rest(self, most: int) -> bytes:
        """All that is left, of which there must not be more than *most* bytes."""
        left = bytearray()
        while piece := self.some():
            left += piece
            if len(left) > most:
                raise Unreadable("the zip has more than one member")
        return bytes(left)


def _head(source: _Source) -> tuple[bytes, int, int, int, int, int, int, int]:
    found: tuple[bytes, int, int, int, int, int, int, int] = _LOCAL.unpack(source.take(_LOCAL.size))
    return found


def _stored(source: _Source, size: int) -> Iterator[bytes]:
    while size > 0:
        piece = source.some()
        if not piece:
            raise Unreadable("the zip ends early")
        if len(piece) > size:
            source.give_back(piece[size:])
            piece = piece[:size]
        size -= len(piece)
        yield piece


def _inflated(source: _Source, length: int) -> Iterator[bytes]:
    """What is packed, piece by piece: few bytes may stand for very many, and very many for none."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    received = taken = 0
    while not inflater.eof:
        packed = inflater.unconsumed_tail
        if not packed:
            packed = source.some()
            taken += len(packed)
        if taken > length + length // 100 + _LONGEST_TAIL:
            raise Unreadable(f"the zip is far longer than the {length} bytes that are listed")
        try:
            piece = inflater.decompress(packed, _PIECE)
        except zlib.error as error:
            raise Unreadable(f"the zip is damaged: {error}") from error
        if not packed and not piece and not inflater.eof:
            raise Unreadable("the zip ends early")
        received += len(piece)
        if piece:
            yield piece
        if received > length:
            return
    source.give_back(inflater.unused_data)


def _check_tail(tail: bytes, checksum: int, length: int) -> None:
    """What is behind the member: its sizes, then the directory with one entry."""
    start = tail.find(_DIRECTORY)
    if start < 0 or start > len(_DESCRIPTOR) + 20:
        raise Unreadable("the zip has more than one member, or ends early")
    if len(tail) < start + _CENTRAL.size:
        raise Unreadable("the zip ends early")
    _, _, _, told, _, size, names, extras, comments = _CENTRAL.unpack_from(tail, start)
    if told != checksum:
        raise Unreadable("the zip is damaged: the checksum of its member is another")
    if size not in (length, _HUGE):
        raise Unreadable(f"the zip says that its member has {size} bytes")
    end = tail[start + _CENTRAL.size + names + extras + comments :]
    if not end.startswith(_ENDS):
        raise Unreadable("the zip has more than one member, or ends early")
