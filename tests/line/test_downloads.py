"""One file downloaded by hand: it stays below what was allowed, and below what the disk has."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from itertools import repeat
from pathlib import Path

import pytest

from jobsync.backend import Content
from jobsync.cli import download
from jobsync.errors import SettingsError

ENDLESS: Iterator[bytes] = repeat(bytes(1000))


def test_a_file_that_does_not_say_how_long_it_is_stops_at_the_limit(tmp_path: Path) -> None:
    out = BytesIO()
    with pytest.raises(SettingsError, match="more bytes than --max-bytes 4500"):
        download.copy(Content(0, None, ENDLESS), out, 4500)
    assert len(out.getvalue()) == 4000
    with pytest.raises(SettingsError, match="more bytes than --max-bytes 4500"):
        download.save(Content(0, None, ENDLESS), tmp_path / "x", 4500)
    assert list(tmp_path.iterdir()) == []
    assert download.save(Content(0, None, iter([bytes(1000)])), tmp_path / "x", 1000) == 1000


def test_a_file_that_the_disk_cannot_hold_is_not_begun(tmp_path: Path) -> None:
    def read() -> Iterator[bytes]:
        raise AssertionError("a byte was asked for")
        yield b""

    with pytest.raises(SettingsError, match=r"\d bytes, but only \d+ are free in "):
        download.save(Content(0, 1 << 62, read()), tmp_path / "x")
    assert list(tmp_path.iterdir()) == []
