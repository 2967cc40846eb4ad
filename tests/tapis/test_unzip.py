"""Zips that the service makes of large files, read as they come."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.errors import Unreadable
from jobsync.platforms.tapis.unzip import member


class OneWay(io.RawIOBase):
    """A stream that cannot go back, as a response is: sizes then follow what is packed."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.data += bytes(data)  # type: ignore[call-overload]
        return len(bytes(data))  # type: ignore[call-overload]


def zipped(*contents: bytes, stored: bool = False, streamed: bool = True) -> bytes:
    stream = OneWay() if streamed else io.BytesIO()
    method = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(stream, "w", method) as made:
        for number, content in enumerate(contents):
            made.writestr(f"../{number}", content)
    return bytes(stream.data) if isinstance(stream, OneWay) else stream.getvalue()


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def unpacked(data: bytes, length: int, size: int = 4096) -> bytes:
    return b"".join(member(pieces(data, size), length))


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
@settings(max_examples=40, deadline=None)
@given(content=st.binary(max_size=3000), size=st.integers(1, 700), times=st.integers(1, 40))
def test_the_one_member_comes_whatever_the_pieces(
    stored: bool, streamed: bool, content: bytes, size: int, times: int
) -> None:
    content *= times
    data = zipped(content, stored=stored, streamed=streamed)
    assert unpacked(data, len(content), size) == content


@pytest.mark.parametrize("stored", [False, True])
def test_a_zip_that_is_cut_off_is_never_whole(stored: bool) -> None:
    content = os.urandom(700) + b"a" * 700
    data = zipped(content, stored=stored)
    for end in range(len(data) - 22):  # without the record that ends it nothing is whole
        with pytest.raises(Unreadable):
            unpacked(data[:end], len(content), 100)


@pytest.mark.parametrize("stored", [False, True])
def test_no_changed_byte_of_what_is_packed_goes_through(stored: bool) -> None:
    content = b"the same words again and again " * 30
    data = bytearray(zipped(content, stored=stored))
    start = 30 + len("../0")
    for at in range(start, start + 60):
        data[at] ^= 0x20
        with pytest.raises(Unreadable):
            assert unpacked(bytes(data), len(content)) == content
            raise Unreadable("the same after all")
        data[at] ^= 0x20


@pytest.mark.parametrize("length", [0, 4, 6, 1_000_000])
def test_another_length_than_listed_is_refused(length: int) -> None:
    with pytest.raises(Unreadable):
        unpacked(zipped(b"12345"), length)


@pytest.mark.parametrize("contents", [(), (b"a", b"b"), (b"a", b"")])
def test_a_zip_of_none_or_several_is_refused(contents: tuple[bytes, ...]) -> None:
    with pytest.raises(Unreadable):
        unpacked(zipped(*contents), 1)


def test_a_bomb_is_left_after_what_is_listed() -> None:
    data = zipped(bytes(50_000_000))
    received = 0
    with pytest.raises(Unreadable):
        for piece in member(pieces(data, 4096), 1000):
            received += len(piece)
    assert received <= 1 << 18


@given(st.binary(max_size=200))
def test_anything_else_is_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable):
        unpacked(b"PK\x03\x04" + data, 10)
