"""A page of a listing looks at what it shows, however large the folder is."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobsync.local.storage import folders
from jobsync.local.store.rows import JobRow
from jobsync.testing import LocalService


def let_settle(folder: Path) -> None:
    """Until the last change of *folder* is so old that a reading of it may be kept."""
    while time.time_ns() - folder.stat().st_ctime_ns <= folders._SETTLED:
        time.sleep(0.05)


@pytest.fixture
def work(service: LocalService, owner: str) -> Path:
    folder: Path = service.state / "work" / owner / "job-x"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def job(put: Callable[..., JobRow], work: Path) -> str:
    return str(put(work_dir=str(work)).id)


def names(service: LocalService, user: str, job: str, query: str = "") -> list[str]:
    reply = service.call(user, "GET", f"/jobs/v2/{job}/outputs/listings?{query}")
    assert reply.status == 200, reply.body
    return [row["name"] for row in reply.result]


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch, work: Path) -> Counter[str]:
    """How often each file was looked at, and the folder read (as ``.``)."""
    seen: Counter[str] = Counter()

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any = ".", *arguments: Any, **named: Any) -> Any:
            if isinstance(path, (str, os.PathLike)) and Path(path).parent == work:
                seen[Path(path).name] += 1
            return function(path, *arguments, **named)

        return call

    def read(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any = ".", *arguments: Any, **named: Any) -> Any:
            if os.fspath(path) == str(work):
                seen["."] += 1
            return function(path, *arguments, **named)

        return call

    for name in ("stat", "lstat", "readlink"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))
    for name in ("scandir", "listdir"):
        monkeypatch.setattr(os, name, read(getattr(os, name)))
    return seen


def test_a_page_looks_at_its_own_files_and_the_folder_is_read_once(
    service: LocalService, owner: str, job: str, work: Path, looked_at: Counter[str]
) -> None:
    for number in range(60):
        (work / f"f{number:02}").touch()
    let_settle(work)
    looked_at.clear()
    found = []
    for at in range(2, 62, 10):
        found += names(service, owner, job, f"limit=10&offset={at}")
    assert found == [f"f{number:02}" for number in range(60)]
    assert looked_at.pop(".") == 1
    assert len(looked_at) == 60 and max(looked_at.values()) <= 2


def test_what_comes_and_goes_is_seen_at_once(
    service: LocalService, owner: str, job: str, work: Path
) -> None:
    for moment in range(2):
        if moment:
            let_settle(work)
        assert names(service, owner, job) == []
        for number in range(20):
            (work / f"f{number}").touch()
            assert len(names(service, owner, job)) == number + 1
        for number in range(20):
            (work / f"f{number}").unlink()
        assert names(service, owner, job) == []


def test_a_time_that_somebody_set_back_hides_nothing(
    service: LocalService, owner: str, job: str, work: Path
) -> None:
    os.utime(work, (1_000_000_000, 1_000_000_000))
    let_settle(work)
    assert names(service, owner, job) == []
    (work / "new").touch()
    os.utime(work, (1_000_000_000, 1_000_000_000))
    assert names(service, owner, job) == ["new"]


def test_a_file_that_grows_is_listed_as_it_is(
    service: LocalService, owner: str, job: str, work: Path
) -> None:
    (work / "log").write_text("1")
    let_settle(work)
    for length in range(1, 4):
        with (work / "log").open("w") as file:
            file.write("x" * length)
        [row] = service.call(owner, "GET", f"/jobs/v2/{job}/outputs/listings").result
        assert row["length"] == length


def test_links_are_followed_as_far_as_they_may_be(
    service: LocalService, owner: str, job: str, work: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("secret")
    (work / ".jobsync").mkdir()
    (work / ".jobsync" / "run.sh").touch()
    (work / "a").write_text("12345")
    (work / "inside").symlink_to("a")
    (work / "outside").symlink_to(outside)
    (work / "hidden").symlink_to(".jobsync/run.sh")
    (work / "nowhere").symlink_to("nothing")
    os.mkfifo(work / "pipe")
    let_settle(work)
    for _ in range(2):
        assert names(service, owner, job) == ["a", "inside"]
    # The target of a link may change, which the folder's time does not tell.
    (work / "a").unlink()
    (work / "a").symlink_to(outside)
    assert names(service, owner, job) == []


def test_a_file_that_has_become_a_link_meanwhile_is_not_followed(
    service: LocalService,
    owner: str,
    job: str,
    work: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between the reading of the names and the look at each."""
    outside = tmp_path / "outside"
    outside.write_text("secret")
    (work / "a").write_text("1")
    read = os.scandir

    def scandir(path: str = ".") -> Listed:
        found = list(read(path))
        if os.fspath(path) == str(work):
            (work / "a").unlink()
            (work / "a").symlink_to(outside)
        return Listed(found)

    class Listed(list[os.DirEntry[str]]):
        def __enter__(self) -> Iterator[os.DirEntry[str]]:
            return iter(self)

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr(os, "scandir", scandir)
    assert names(service, owner, job) == []
