"""Every folder of ``platforms/`` is a row of the table, and has what the table asks of it."""

from __future__ import annotations

from pathlib import Path

from jobsync import platforms
from jobsync.platforms import PLATFORMS, connections_of

FOLDERS = {path.parent.name for path in Path(platforms.__file__).parent.glob("*/__init__.py")}


def test_every_folder_is_a_row() -> None:
    assert sorted(platforms._TABLE) == sorted(FOLDERS)
    assert len(PLATFORMS) == len(platforms._TABLE), "two platforms have one name"


def test_every_row_can_be_reached() -> None:
    for name, platform in PLATFORMS.items():
        assert platform.name == name
        account = connections_of(platform).account_of("https://there.example", "a-token")
        assert account.source and not account.saved
