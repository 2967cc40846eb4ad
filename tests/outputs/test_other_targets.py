"""One lock file, two targets of different kinds: what one has fetched is not the other's to
replace, to list or to forget."""

from __future__ import annotations

from pathlib import Path

from jobsync.lock_format import Lock
from jobsync.model import OutputChange, OutputRule, Run
from jobsync.outputs import lockfile
from jobsync.outputs.fetch import fetch_all
from jobsync.outputs.fetch_record import Ledger
from jobsync.outputs.result import FetchLimits, FetchResult
from jobsync.platforms.tapis.urls import is_run_id
from tests.fakes.memory import OneRun, finished_run

V3 = "5753a008-d545-4e2f-8b66-f64e9f446c62-007"


def _other(text: str) -> bool:
    return not is_run_id(text)


def fetch(root: Path, data: bytes, run: Run) -> FetchResult:
    """Fetch ``a`` of *run* to ``out/a``, for a target whose runs have ids like *run*."""
    is_ours = is_run_id if is_run_id(run.id) else _other
    return fetch_all(
        OneRun({"a": data}),
        OutputChange("align", None, (OutputRule("a", "out/"),), ()),
        run,
        ledger=Ledger(str(root), str(root), ["align"], is_ours=is_ours),
        limits=FetchLimits(patience=(0.0, 0.0)),
        report=lambda progress: None,
        stop=lambda: False,
    )


def lock(root: Path) -> Lock:
    return lockfile.load_lockfile(str(root), str(root))


def test_a_file_of_another_target_is_not_replaced(tmp_path: Path) -> None:
    first, other = finished_run(), finished_run(V3)
    assert not fetch(tmp_path, b"one", first).failed
    for data in (b"another", b"two"):
        [(_, why)] = fetch(tmp_path, data, other).failed
        assert first.id in why and "another target" in why and "move it away" in why
    assert (tmp_path / "out/a").read_bytes() == b"one"
    assert [line.job_id for line in lock(tmp_path).files] == [first.id]


def test_once_it_is_moved_away_the_other_takes_its_place(tmp_path: Path) -> None:
    fetch(tmp_path, b"one", finished_run())
    (tmp_path / "out/a").unlink()
    assert not fetch(tmp_path, b"two", finished_run(V3)).failed
    assert [line.job_id for line in lock(tmp_path).files] == [V3]


def test_what_another_target_has_elsewhere_stays_recorded(tmp_path: Path) -> None:
    first = finished_run()
    fetch(tmp_path, b"one", first)
    kept = lock(tmp_path)
    retired = lockfile.with_retired(kept, "align", V3, str(tmp_path), is_run_id)
    assert retired == kept
    assert lockfile.with_retired(kept, "align", V3, str(tmp_path)) != kept
