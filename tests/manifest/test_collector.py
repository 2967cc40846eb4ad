"""What becomes of Python's collector while a set is loaded, and afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.collector import collector_at_rest
from jobsync.errors import ManifestError
from jobsync.manifest import loading
from jobsync.manifest.merge import merge
from jobsync.platforms.loading import load

SET = "apiVersion: jobsync/v1\nproject: p\ntarget: local\njobs: {one: {appId: a-1}}\n"


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    was_on, frozen = gc.isenabled(), gc.get_freeze_count()
    yield
    (gc.enable if was_on else gc.disable)()
    if not frozen:
        gc.unfreeze()


def test_it_rests_while_a_set_is_loaded_and_then_runs_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def watched(*arguments: object) -> object:
        seen.append(gc.isenabled())
        return merge(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(loading, "merge", watched)
    (tmp_path / "set.yaml").write_text(SET)
    gc.enable()
    load(tmp_path)
    assert (seen, gc.isenabled()) == ([False], True)
    (tmp_path / "set.yaml").write_text(SET.replace("appId", "apId"))
    with pytest.raises(ManifestError):
        load(tmp_path)
    assert (seen, gc.isenabled()) == ([False, False], True)


def test_loading_leaves_no_circles_behind(tmp_path: Path) -> None:
    head = (
        "apiVersion: jobsync/v1\nproject: p\ntarget: local\nvariables: {v: {default: x}}\njobs:\n"
    )
    body = (
        "{appId: a-1, parameters: {v: '${var.v}', seed: '${matrix.seed}'}, matrix: {seed: [1, 2]}}"
    )
    jobs = "".join(f"  job-{number}: {body}\n" for number in range(200))
    (tmp_path / "set.yaml").write_text(head + jobs)
    load(tmp_path)
    gc.collect()
    gc.disable()
    loaded = load(tmp_path)
    assert len(loaded.jobs) == 400
    assert gc.collect() < 100


def test_it_stays_off_where_it_was_off() -> None:
    gc.disable()
    with collector_at_rest():
        pass
    assert not gc.isenabled()


def test_what_was_made_meanwhile_is_not_walked_over_at_once() -> None:
    gc.enable()
    young = gc.get_threshold()[0]
    with collector_at_rest():
        kept: list[list[int]] = [[] for _ in range(young * 20)]
    assert len(gc.get_objects(generation=0)) < young
    assert any(each is kept for each in gc.get_objects(generation=2))


def test_garbage_in_circles_is_still_found_later() -> None:
    class Ring:
        pass

    gc.enable()
    with collector_at_rest():
        ring = Ring()
        ring.self = ring  # type: ignore[attr-defined]
        del ring
    assert any(isinstance(each, Ring) for each in gc.get_objects())
    gc.collect()
    assert not any(isinstance(each, Ring) for each in gc.get_objects())


def test_what_a_program_has_frozen_stays_frozen() -> None:
    gc.enable()
    gc.freeze()
    frozen = gc.get_freeze_count()
    with collector_at_rest():
        pass
    assert gc.get_freeze_count() == frozen > 0
