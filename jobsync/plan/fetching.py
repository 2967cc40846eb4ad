"""Which of the outputs that could be fetched are."""

from __future__ import annotations

from collections.abc import Iterable

from jobsync.model import Fetching, OutputChange, Snapshot
from jobsync.structs import replace


def chosen(
    changes: Iterable[OutputChange], mode: Fetching, snapshot: Snapshot
) -> list[OutputChange]:
    """The *changes* of outputs that *mode* selects. Every run is searched in any mode."""
    if mode is Fetching.NONE:
        return []
    if mode is Fetching.ALL:
        return list(changes)
    return [new for change in changes if (new := _without_known(change, snapshot)) is not None]


def _without_known(change: OutputChange, snapshot: Snapshot) -> OutputChange | None:
    """*change* without what was fetched before and is only missing here; None when that is all."""
    files = tuple(file for file in change.files or () if not file.available)
    if change.files is None or len(files) == len(change.files):
        return change
    run_id = change.run.id if change.run else ""
    is_checked = not change.expect or (change.address, run_id) in snapshot.expectations
    if not files and is_checked and not change.missing and not change.refused:
        return None
    return replace(change, files=files)
