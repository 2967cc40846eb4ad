"""The engine moves and deletes files, so it must never take a folder that it did not make."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobsync.local import records
from jobsync.local.archive import ArchiveError, archive


@pytest.mark.parametrize("work_dir", [None, "", ".", "relative/folder"])
def test_a_row_without_a_work_folder_never_means_the_current_folder(
    work_dir: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "relative/folder").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert not records.work_of(work_dir).exists()


def test_a_folder_that_was_not_staged_is_not_archived(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".jobsync").mkdir(parents=True)
    (home / "thesis.tex").write_text("years")
    with pytest.raises(ArchiveError, match="not the work folder of a job"):
        archive(home, tmp_path / "archive")
    assert (home / "thesis.tex").read_text() == "years"
    assert not (tmp_path / "archive").exists()
