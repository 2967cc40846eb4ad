"""Fetching against an in-memory service: what ends up on the disk and in the lock file."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import stat
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobsync.errors import (
    ExitCode,
    Forbidden,
    NotFound,
    Refused,
    Throttled,
    Unauthorized,
    Unreachable,
    Unreadable,
)
from jobsync.model import OutputChange, OutputRule, RemoteFile, Result, Run, RunState
from jobsync.outputs import lockfile
from jobsync.outputs.fetch import fetch_all
from jobsync.outputs.fetch_record import Ledger
from jobsync.outputs.listing import walk_outputs
from jobsync.outputs.result import FetchLimits, FetchResult, Progress
from jobsync.structs import replace
from tests.fakes.memory import JOB, OneRun, finished_run

BIG = os.urandom(300_000)


def fetch(
    reader: OneRun,
    root: Path,
    *rules: tuple[str, str],
    expect: tuple[str, ...] = (),
    run: Run | None = None,
    address: str = "align",
    ledger: Ledger | None = None,
    limits: FetchLimits | None = None,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[Progress], None] = lambda progress: None,
) -> FetchResult:
    change = OutputChange(address, None, tuple(OutputRule(*rule) for rule in rules), expect)
    return fetch_all(
        reader,
        change,
        run or finished_run(),
        ledger=ledger or Ledger(str(root), str(root), ["align", "tree"]),
        limits=limits or FetchLimits(patience=(0.0, 0.0)),
        report=report,
        stop=stop,
    )


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != "jobsync.lock"
    }


def test_files_land_where_the_rules_say_and_are_recorded(tmp_path: Path) -> None:
    reader = OneRun({"out/a.aln": BIG, "out/b.aln": b"", "log.txt": b"hello"})
    result = fetch(reader, tmp_path, ("out/*.aln", "results/"), ("log.txt", "the.log"))
    assert result.result is Result.DONE and result.exit_code is ExitCode.OK
    assert tree(tmp_path) == {"results/a.aln": BIG, "results/b.aln": b"", "the.log": b"hello"}
    lock = lockfile.load_lockfile(str(tmp_path), str(tmp_path))
    assert {f.to: (f.path, f.size, f.sha256, str(f.presence)) for f in lock.files} == {
        "results/a.aln": ("out/a.aln", len(BIG), hashlib.sha256(BIG).hexdigest(), "here"),
        "results/b.aln": ("out/b.aln", 0, hashlib.sha256(b"").hexdigest(), "here"),
        "the.log": ("log.txt", 5, hashlib.sha256(b"hello").hexdigest(), "here"),
    }
    assert result.received == len(BIG) + 5


def test_modes_are_private_and_never_executable(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        fetch(OneRun({"a/b/c": b"x" * 100_000}), tmp_path, ("**", "out/"))
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "out/a/b/c").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "out/a/b").stat().st_mode) == 0o700


def test_a_second_fetch_brings_no_bytes(tmp_path: Path) -> None:
    reader = OneRun({"a": BIG, "b": b"x"})
    fetch(reader, tmp_path, ("*", "out/"))
    reader.outputs.sent = 0
    result = fetch(reader, tmp_path, ("*", "out/"))
    assert result.result is Result.DONE and reader.outputs.sent == 0 and len(result.fetched) == 2


def test_a_broken_download_goes_on_with_only_the_overlap_again(tmp_path: Path) -> None:
    reader = OneRun({"a": BIG}, chunk=10_000)
    seen: list[Progress] = []

    def stop() -> bool:
        return reader.outputs.sent >= 200_000

    result = fetch(reader, tmp_path, ("a", "out/"), stop=stop)
    assert (
        result.left == 1 and result.result is Result.SKIPPED and not (tmp_path / "out/a").exists()
    )
    reader.outputs.sent = 0
    result = fetch(reader, tmp_path, ("a", "out/"), report=seen.append)
    assert (tmp_path / "out/a").read_bytes() == BIG
    assert reader.outputs.opened[-1] == ("a", 200_000 - 65_536)
    assert reader.outputs.sent == 100_000 + 65_536
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]
    assert seen[-1].files == seen[-1].total_files == 1


def test_a_part_of_another_content_is_not_gone_on_with(tmp_path: Path) -> None:
    reader = OneRun({"a": BIG}, chunk=10_000)
    fetch(reader, tmp_path, ("a", "out/"), stop=lambda: reader.outputs.sent >= 200_000)
    other = os.urandom(len(BIG))
    reader.outputs.set("a", other, "2021-01-01T00:00:00.000Z")
    fetch(reader, tmp_path, ("a", "out/"))
    assert (tmp_path / "out/a").read_bytes() == other


def test_a_rewrite_that_keeps_size_and_time_is_seen_in_the_overlap(tmp_path: Path) -> None:
    reader = OneRun({"a": BIG}, chunk=10_000)
    fetch(reader, tmp_path, ("a", "out/"), stop=lambda: reader.outputs.sent >= 200_000)
    other = os.urandom(len(BIG))
    reader.outputs.contents["a"] = other
    fetch(reader, tmp_path, ("a", "out/"))
    assert (tmp_path / "out/a").read_bytes() == other


def test_a_file_that_changes_while_it_is_fetched_is_fetched_again(tmp_path: Path) -> None:
    reader = OneRun({"a": BIG, "b": b"x"})
    other = os.urandom(len(BIG))
    changes = iter([lambda: reader.outputs.set("a", other, "2022-01-01T00:00:00.000Z")])
    reader.outputs.on_open = lambda path, offset: (
        next(changes, lambda: None)() if path == "a" else None
    )
    result = fetch(reader, tmp_path, ("*", "out/"))
    assert result.result is Result.DONE
    assert (tmp_path / "out/a").read_bytes() == other


def test_a_file_that_never_rests_fails_and_the_others_come(tmp_path: Path) -> None:
    reader = OneRun({"a": BIG, "b": b"x"})
    ticks = iter(range(1000, 9999))
    reader.outputs.on_open = lambda path, offset: (
        reader.outputs.set("a", os.urandom(len(BIG)), f"{next(ticks)}-01-01T00:00:00Z")
        if path == "a"
        else None
    )
    result = fetch(reader, tmp_path, ("*", "out/"))
    assert [name for name, _ in result.failed] == ["a"] and "changing" in result.failed[0][1]
    assert tree(tmp_path / "out").keys() - {"b"} == {
        path.name for path in (tmp_path / "out").glob(".jobsync-*")
    }
    assert result.exit_code is ExitCode.ERROR


def test_a_file_that_vanishes_before_the_check_is_not_committed(tmp_path: Path) -> None:
    reader = OneRun({"a": b"1", "b": b"2"})
    listings = iter([None])

    def on_files(folder: str) -> None:
        if next(listings, "again") == "again":
            reader.outputs.contents.pop("a", None)

    reader.outputs.on_files = on_files
    result = fetch(reader, tmp_path, ("*", "out/"))
    assert result.failed == (("a", "no longer exists on the service"),)
    assert not (tmp_path / "out/a").exists() and (tmp_path / "out/b").exists()


def test_expectations_are_judged_said_and_recorded(tmp_path: Path) -> None:
    reader = OneRun({"a.txt": b"1"})
    result = fetch(reader, tmp_path, ("*.txt", "out/"), expect=("*.nwk", "a.txt"))
    assert result.missing == ("expected '*.nwk' matched nothing; there are 'a.txt'",)
    assert result.exit_code is ExitCode.JOB_FAILED and result.result is Result.FAILED
    assert lockfile.read_lockfile(str(tmp_path)).expectations == frozenset()
    fetch(reader, tmp_path, ("*.txt", "out/"), expect=("a.txt",))
    assert lockfile.read_lockfile(str(tmp_path)).expectations == {("align", JOB)}


def test_optional_and_required_rules(tmp_path: Path) -> None:
    reader = OneRun({"a.txt": b"1"})
    change = OutputChange("align", None, (OutputRule("*.log", "out/", required=False),))
    ledger = Ledger(str(tmp_path), str(tmp_path), ["align"])
    say: dict[str, Any] = {
        "report": lambda p: None,
        "stop": lambda: False,
        "limits": FetchLimits(),
        "ledger": ledger,
    }
    assert fetch_all(reader, change, finished_run(), **say).result is Result.DONE
    assert "output '*.log' matched nothing" in fetch(reader, tmp_path, ("*.log", "o/")).missing[0]


def test_hostile_names_are_refused_by_name_and_the_rest_comes(tmp_path: Path) -> None:
    names = ["ok", "a..b", "b~", "con", "x\u202ey", "../../evil", "/abs", ".git/config", "dot."]
    reader = OneRun({})
    reader.outputs.rows[""] = [RemoteFile(name, 1, "t") for name in names]
    reader.outputs.contents = dict.fromkeys(names, b"!")
    reader.outputs.times = dict.fromkeys(names, "t")
    result = fetch(reader, tmp_path / "set", ("*", "out/"), ("**/*", "out/"))
    assert {name for name, _ in result.refused} == {
        "a..b",
        "b~",
        "con",
        "x\u202ey",
        "dot.",
        "/abs/",
    }
    assert tree(tmp_path) == {"set/out/ok": b"!"}
    assert result.exit_code is ExitCode.ERROR


def test_a_folder_that_lists_itself_ends_and_is_named(tmp_path: Path) -> None:
    reader = OneRun({"a": b"1"})

    def rows(folder: str) -> list[RemoteFile]:
        prefix = f"{folder}/" if folder else ""
        return [
            RemoteFile(f"{prefix}a", 1, "t"),
            RemoteFile(f"{prefix}loop", 0, "t", is_folder=True),
        ]

    reader.files = lambda run_id, folder="", at_least=0: rows(folder)  # type: ignore[method-assign]
    reader.outputs.times["a"] = "t"
    result = fetch(reader, tmp_path, ("**", "out/"))
    assert [name for name, _ in result.refused] == ["loop/"] and "inside itself" in str(
        result.refused
    )
    assert tree(tmp_path) == {"out/a": b"1"}


def test_deep_folders_are_capped(tmp_path: Path) -> None:
    deep = "/".join("d" * 1 + str(n) for n in range(40))
    reader = OneRun({f"{deep}/x": b"1", "y": b"2"})
    result = fetch(reader, tmp_path, ("**", "out/"))
    assert len(result.refused) == 1 and "deeper than 32" in result.refused[0][1]
    assert tree(tmp_path) == {"out/y": b"2"}


@pytest.mark.parametrize("kind", ["symlink", "fifo", "folder", "dangling"])
def test_what_is_planted_under_the_final_name_is_left_alone(tmp_path: Path, kind: str) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    out = tmp_path / "set" / "out"
    out.mkdir(parents=True)
    target = out / "a"
    if kind == "symlink":
        target.symlink_to(outside)
    elif kind == "dangling":
        target.symlink_to(tmp_path / "nowhere")
    elif kind == "fifo":
        os.mkfifo(target)
    else:
        target.mkdir()
    before = os.lstat(target)
    result = fetch(OneRun({"a": b"new", "b": b"2"}), tmp_path / "set", ("*", "out/"))
    assert [name for name, _ in result.failed] == ["a"]
    assert os.lstat(target).st_ino == before.st_ino and outside.read_bytes() == b"precious"
    assert not (tmp_path / "nowhere").exists() and (out / "b").read_bytes() == b"2"


def test_a_planted_folder_link_leads_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "out").symlink_to(outside)
    result = fetch(OneRun({"a": b"new", "d/b": b"2"}), tmp_path / "set", ("**", "out/"))
    assert {name for name, _ in result.failed} == {"a", "d/b"}
    assert "symlink" in result.failed[0][1] and list(outside.iterdir()) == []


@pytest.mark.parametrize("kind", ["symlink", "hardlink", "fifo", "open-mode"])
def test_a_planted_part_file_is_not_written_through(tmp_path: Path, kind: str) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    outside.chmod(0o600)
    out = tmp_path / "out"
    out.mkdir()
    part = out / f".jobsync-{hashlib.sha256(b'a').hexdigest()[:20]}.part"
    if kind == "symlink":
        part.symlink_to(outside)
    elif kind == "hardlink":
        os.link(outside, part)
    elif kind == "fifo":
        os.mkfifo(part)
    else:
        part.write_bytes(b"old")
        part.chmod(0o755)
    result = fetch(OneRun({"a": BIG}), tmp_path, ("a", "out/"))
    assert result.result is Result.DONE and (out / "a").read_bytes() == BIG
    assert outside.read_bytes() == b"precious"
    assert stat.S_IMODE((out / "a").stat().st_mode) == 0o600


def test_a_file_of_the_user_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    result = fetch(OneRun({"a": b"new", "b": b"same"}), tmp_path, ("a", "notes"))
    assert "did not fetch" in result.failed[0][1] and (tmp_path / "notes").read_text() == "mine"
    (tmp_path / "same").write_bytes(b"same")
    assert fetch(OneRun({"b": b"same"}), tmp_path, ("b", "same")).result is Result.DONE
    assert fetch(OneRun({"b": b"diff"}), tmp_path, ("b", "notes")).failed


def test_a_new_run_replaces_its_own_files_and_lines(tmp_path: Path) -> None:
    fetch(OneRun({"a": b"old", "gone": b"1"}), tmp_path, ("*", "out/"), expect=("a",))
    new = finished_run("0002-007")
    assert fetch(OneRun({"a": b"newer"}), tmp_path, ("*", "out/"), run=new).fetched
    lock = lockfile.read_lockfile(str(tmp_path))
    assert [(f.job_id, f.to) for f in lock.files] == [("0002-007", "out/a")]
    assert lock.expectations == frozenset()
    assert (tmp_path / "out/a").read_bytes() == b"newer"


def test_two_addresses_never_share_a_path(tmp_path: Path) -> None:
    ledger = Ledger(str(tmp_path), str(tmp_path), ["align", "tree"])
    fetch(OneRun({"log": b"1"}), tmp_path, ("*", "out/"), ledger=ledger)
    second = fetch(
        OneRun({"LOG": b"2", "x": b"3"}),
        tmp_path,
        ("*", "out/"),
        address="tree",
        ledger=ledger,
    )
    assert second.refused == (("LOG", "would go to out/LOG, which belongs to align"),)
    assert tree(tmp_path) == {"out/log": b"1", "out/x": b"3"}
    renamed = Ledger(str(tmp_path), str(tmp_path), ["tree"])
    third = fetch(
        OneRun({"log": b"2"}),
        tmp_path,
        ("*", "out/"),
        address="tree",
        ledger=renamed,
        run=finished_run("0002-007"),
    )
    assert third.result is Result.DONE and tree(tmp_path)["out/log"] == b"2"


def test_limits_refuse_before_the_first_byte(tmp_path: Path) -> None:
    reader = OneRun({"a": b"1", "b": b"22"})
    assert "2 files" in fetch(reader, tmp_path, ("*", "o/"), limits=FetchLimits(max_files=1)).detail
    assert "3 bytes" in fetch(reader, tmp_path, ("*", "o/"), limits=FetchLimits(max_bytes=2)).detail
    assert reader.outputs.opened == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NotFound("x", status=400, said="Not job found with job id X"), "no job"),
        (Forbidden("x", status=401, said="User does not have permission"), "READ"),
        (Unauthorized("x", status=401), "log in"),
        (Refused("x", status=500, said="Unable to locate job data. Work folder no longer exists."),
         "purged"),
        (Refused("x", status=500, said="No work directory specified for this job."), "never had"),
        (Refused("x", status=500, said="Job output system s is not currently available"),
         "is down"),
        (Refused("x", status=504), "is down"),
        (Refused("x", status=500), "not there"),
        (Refused("x", status=418), "refused"),
        (Unreachable("no route"), "did not answer"),
    ],
)  # fmt: skip
def test_each_unreadable_state_has_its_own_words(
    tmp_path: Path, error: Exception, words: str
) -> None:
    reader = OneRun({"a": b"1"})

    def fail(folder: str) -> None:
        raise error

    reader.outputs.on_files = fail
    result = fetch(reader, tmp_path, ("*", "o/"))
    assert words in result.unavailable and result.result is Result.FAILED


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        (RunState.ACTIVE, "RUNNING", "once it has finished"),
        (RunState.FAILED, "FAILED", "failed"),
        (RunState.STOPPED, "STOPPED", "was stopped"),
    ],
)
def test_only_finished_runs_are_fetched(
    tmp_path: Path, state: RunState, status: str, words: str
) -> None:
    run = Run(JOB, "n", "alice", "app", status, state)
    assert words in fetch(OneRun({"a": b"1"}), tmp_path, ("*", "o/"), run=run).unavailable


def test_an_outage_in_the_middle_is_survived_or_said(tmp_path: Path) -> None:
    reader = OneRun({"a": BIG, "b": b"1"})
    failures = iter([Unreachable("reset"), Unreadable("no HTTP")])

    def on_open(path: str, offset: int) -> None:
        if path == "a" and (error := next(failures, None)):
            raise error

    reader.outputs.on_open = on_open
    assert fetch(reader, tmp_path, ("*", "out/")).result is Result.DONE

    def always(path: str, offset: int) -> None:
        raise Unreachable("reset")

    reader.outputs.on_open = always
    result = fetch(reader, tmp_path, ("a", "again/"))
    assert "reset" in result.failed[0][1] and len(reader.outputs.opened) < 20


@pytest.mark.parametrize("data", [b"1", BIG])
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Refused("x", status=500, said="Unable to locate job data. Work folder no longer exists."),
         "purged"),
        (Refused("x", status=500, said="File/folder does not exist"), "no longer"),
        (Refused("x", status=504, said="Job output system s is not currently available"),
         "is down"),
        (Throttled("x", status=429), "fewer requests"),
        (NotFound("x", status=404, said="File not found"), "it is not (or no longer) among"),
        (NotFound("x", status=400, said="Invalid job id"), "no job"),
    ],
)  # fmt: skip
def test_a_file_that_is_refused_is_not_asked_for_again_and_has_its_own_words(
    tmp_path: Path, error: Refused, words: str, data: bytes
) -> None:
    reader = OneRun({"a": data, "b": b"2"})

    def on_open(path: str, offset: int) -> None:
        if path == "a":
            raise error

    reader.outputs.on_open = on_open
    result = fetch(reader, tmp_path, ("*", "out/"))
    ((name, why),) = result.failed
    assert name == "a" and words in why, why
    assert [path for path, _ in reader.outputs.opened].count("a") == 1
    assert [file.path for file in result.fetched] == ["b"]


def test_of_many_that_failed_a_line_names_a_few_and_the_result_all(tmp_path: Path) -> None:
    reader = OneRun({f"f{number:04}": b"1" for number in range(1500)})

    def on_open(path: str, offset: int) -> None:
        raise Refused("x", status=504)

    reader.outputs.on_open = on_open
    result = fetch(reader, tmp_path, ("*", "out/"))
    assert len(result.failed) == 1500 and len(result.detail) < 1000
    assert "f0004: " in result.detail and "f0005" not in result.detail
    assert result.detail.endswith("; and 1,495 more")


def test_a_file_listed_as_empty_is_asked_for_all_the_same(tmp_path: Path) -> None:
    reader = OneRun({"a": b"not empty", "b": b""})
    reader.outputs.rows[""] = [RemoteFile("a", 0, "t"), RemoteFile("b", 0, "t")]
    result = fetch(reader, tmp_path, ("*", "out/"))
    assert [name for name, _ in result.failed] == ["a"] and not (tmp_path / "out/a").exists()
    assert [file.path for file in result.fetched] == ["b"]


def test_what_only_an_earlier_run_made_stays_known(tmp_path: Path) -> None:
    """A later run that makes it again may replace it: it is no file of the user's."""
    rules = ("**", "out/")
    runs = [replace(finished_run(), id=f"000{number}-007") for number in range(1, 4)]
    fetch(OneRun({"a": b"1", "b": b"1", "c": b"1"}), tmp_path, rules, run=runs[0])
    (tmp_path / "out/c").unlink()
    fetch(OneRun({"a": b"2"}), tmp_path, rules, run=runs[1])
    lock = lockfile.load_lockfile(str(tmp_path), str(tmp_path))
    assert [(f.job_id, f.to) for f in lock.files] == [("0002-007", "out/a")]
    assert [(f.job_id, f.to) for f in lock.old] == [("0001-007", "out/b")]
    assert fetch(OneRun({"a": b"3", "b": b"3"}), tmp_path, rules, run=runs[2]).failed == ()
    lock = lockfile.load_lockfile(str(tmp_path), str(tmp_path))
    assert [(f.job_id, f.to) for f in lock.files] == [("0003-007", "out/a"), ("0003-007", "out/b")]
    assert lock.old == () and tree(tmp_path) == {"out/a": b"3", "out/b": b"3"}


def test_a_few_files_of_a_replaced_job_by_hand_and_then_the_rest(tmp_path: Path) -> None:
    fetch(OneRun({"a": b"1", "b": b"1"}), tmp_path, ("**", "out/"))
    later, run = OneRun({"a": b"2", "b": b"2"}), replace(finished_run(), id="0002-007")
    fetch(later, tmp_path, ("a", "out/"), run=run)
    assert fetch(later, tmp_path, ("**", "out/"), run=run).result is Result.DONE
    assert tree(tmp_path) == {"out/a": b"2", "out/b": b"2"}


def test_one_output_that_fails_on_its_way_to_two_places_fails_twice(tmp_path: Path) -> None:
    reader = OneRun({"a": b"1"})

    def gone(path: str, offset: int) -> None:
        raise NotFound("no such output", status=404)

    reader.outputs.on_open = gone
    result = fetch(reader, tmp_path, ("a", "one/"), ("a", "two/"))
    assert [path for path, _ in result.failed] == ["a", "a"] and result.left == 0


# --- the lock says what a run's files are ----------------------------------------------


@pytest.mark.parametrize("data", [b"other", b"of another size", BIG[:-1] + b"!"])
@pytest.mark.parametrize("address", ["align", "renamed"])
def test_a_restore_brings_what_the_lock_says_or_nothing(
    tmp_path: Path, data: bytes, address: str
) -> None:
    old = BIG if len(data) > 100 else b"first"
    fetch(OneRun({"a": old, "b": b"1"}), tmp_path, ("*", "out/"))
    recorded = (tmp_path / "jobsync.lock").read_bytes()
    shutil.rmtree(tmp_path / "out")
    reader = OneRun({"a": data, "b": b"1"})
    ledger = Ledger(str(tmp_path), str(tmp_path), [address])
    result = fetch(reader, tmp_path, ("*", "out/"), address=address, ledger=ledger)
    ((name, why),) = result.failed
    assert name == "a" and result.exit_code is ExitCode.ERROR
    assert hashlib.sha256(old).hexdigest() in why and hashlib.sha256(data).hexdigest() in why
    assert tree(tmp_path) == {"out/b": b"1"}
    if address == "align":
        assert (tmp_path / "jobsync.lock").read_bytes() == recorded
    assert [file.path for file in lockfile.read_lockfile(str(tmp_path)).files] == ["a", "b"]
    # As the message says: without its line it is a new file.
    assert "delete its line from jobsync.lock" in why
    lines = (tmp_path / "jobsync.lock").read_bytes().splitlines(keepends=True)
    left = b"".join(line for line in lines if b"\tout/a\t" not in line)
    (tmp_path / "jobsync.lock").write_bytes(left)
    ledger = Ledger(str(tmp_path), str(tmp_path), [address])
    assert not fetch(reader, tmp_path, ("*", "out/"), address=address, ledger=ledger).failed
    assert tree(tmp_path) == {"out/a": data, "out/b": b"1"}


def test_what_lies_here_outlives_what_has_changed_there(tmp_path: Path) -> None:
    fetch(OneRun({"a": b"first"}), tmp_path, ("*", "out/"))
    result = fetch(OneRun({"a": b"longer now"}), tmp_path, ("*", "out/"))
    assert "SHA-256" in result.failed[0][1] and tree(tmp_path) == {"out/a": b"first"}


def test_the_lock_holds_for_a_second_place_too(tmp_path: Path) -> None:
    fetch(OneRun({"a": b"first"}), tmp_path, ("a", "one/"))
    result = fetch(OneRun({"a": b"other"}), tmp_path, ("a", "two/"))
    assert "SHA-256" in result.failed[0][1] and tree(tmp_path) == {"one/a": b"first"}
    assert fetch(OneRun({"a": b"first"}), tmp_path, ("a", "two/")).result is Result.DONE


def test_another_run_may_bring_other_content(tmp_path: Path) -> None:
    fetch(OneRun({"a": b"first"}), tmp_path, ("a", "out/"))
    new = replace(finished_run(), id="0002-007")
    assert fetch(OneRun({"a": b"other"}), tmp_path, ("a", "out/"), run=new).fetched
    assert tree(tmp_path) == {"out/a": b"other"}


@pytest.mark.parametrize("edit", [b"edit!", b"edited and longer"])
@pytest.mark.parametrize("job", [JOB, "0002-007"])
def test_a_file_that_was_edited_here_is_not_replaced(tmp_path: Path, edit: bytes, job: str) -> None:
    """Not by a restore, and not by what a new run made."""
    fetch(OneRun({"a": b"first"}), tmp_path, ("a", "out/"))
    (tmp_path / "out/a").write_bytes(edit)
    new = b"first" if job == JOB else b"newer"
    run = replace(finished_run(), id=job)
    result = fetch(OneRun({"a": new}), tmp_path, ("a", "out/"), run=run)
    assert "edited here" in result.failed[0][1] and (tmp_path / "out/a").read_bytes() == edit
    (tmp_path / "out/a").unlink()
    assert fetch(OneRun({"a": new}), tmp_path, ("a", "out/"), run=run).fetched
    assert tree(tmp_path) == {"out/a": new}


def test_a_line_gives_no_right_by_itself(tmp_path: Path) -> None:
    """A line that somebody wrote by hand names a file that jobsync never fetched."""
    (tmp_path / "README.md").write_bytes(b"mine")
    text = f"file\talign\tREADME.md\ta\t1-007\t4\t{'0' * 64}\n"
    (tmp_path / "jobsync.lock").write_text(text)
    result = fetch(OneRun({"a": b"evil"}), tmp_path, ("a", "README.md"))
    assert result.failed and (tmp_path / "README.md").read_bytes() == b"mine"
    assert (tmp_path / "jobsync.lock").read_text() == text


def test_one_of_several_lines_of_a_place_is_enough(tmp_path: Path) -> None:
    """Two branches that fetched different runs were merged: both lines stay."""
    for job, data in (("0001-007", b"1"), ("0002-007", b"2")):
        run = replace(finished_run(), id=job)
        fetch(OneRun({"a": data}), tmp_path / job, ("a", "out/"), run=run)
    lines = [(tmp_path / job / "jobsync.lock").read_text() for job in ("0001-007", "0002-007")]
    for have in (b"1", b"2"):
        root = tmp_path / have.decode()
        (root / "out").mkdir(parents=True)
        (root / "out/a").write_bytes(have)
        (root / "jobsync.lock").write_text("".join(lines))
        run = replace(finished_run(), id="0003-007")
        assert fetch(OneRun({"a": b"3"}), root, ("a", "out/"), run=run).fetched
        assert tree(root) == {"out/a": b"3"}


# --- whole and still the same ----------------------------------------------------------


class Timeless(OneRun):
    """A storage that keeps no times: what is listed is the time of the listing."""

    def files(self, run_id: str, folder: str = "", at_least: int = 0) -> list[RemoteFile]:
        now = f"2026-01-01T00:00:{len(self.outputs.listed):02}.000Z"
        rows = super().files(run_id, folder, at_least)
        return [replace(row, last_modified=now) for row in rows]


def test_outputs_on_a_storage_without_times_are_read_twice(tmp_path: Path) -> None:
    reader = Timeless({"a": BIG, "b": b"1", "deep/c": b""})
    result = fetch(reader, tmp_path, ("**", "out/"))
    assert result.result is Result.DONE
    assert tree(tmp_path) == {"out/a": BIG, "out/b": b"1", "out/deep/c": b""}
    assert sorted(path for path, _ in reader.outputs.opened) == [
        "a",
        "a",
        "b",
        "b",
        "deep/c",
        "deep/c",
    ]
    assert {offset for _, offset in reader.outputs.opened} == {0}
    reader.outputs.opened.clear()
    assert (
        fetch(reader, tmp_path, ("**", "out/")).result is Result.DONE and not reader.outputs.opened
    )


def test_there_a_file_that_changes_once_is_read_until_two_readings_agree(tmp_path: Path) -> None:
    reader = Timeless({"a": b"first"})
    turns = itertools.count(1)

    def changes(_path: str, _offset: int) -> None:
        if next(turns) == 2:
            reader.outputs.set("a", b"other", "t")

    reader.outputs.on_open = changes
    result = fetch(reader, tmp_path, ("*", "out/"))
    assert result.result is Result.DONE and tree(tmp_path) == {"out/a": b"other"}
    assert len(reader.outputs.opened) == 3


def test_there_a_file_that_never_rests_fails_after_a_few_readings(tmp_path: Path) -> None:
    reader = Timeless({"a": BIG, "b": b"1"})
    reader.outputs.on_open = lambda path, offset: reader.outputs.set("a", os.urandom(len(BIG)), "t")
    result = fetch(reader, tmp_path, ("*", "out/"))
    assert [name for name, _ in result.failed] == ["a"] and "changing" in result.failed[0][1]
    assert [path for path, _ in reader.outputs.opened].count("a") == 3
    assert (tmp_path / "out/b").read_bytes() == b"1" and not (tmp_path / "out/a").exists()


def test_a_folder_is_listed_once_before_and_once_after(tmp_path: Path) -> None:
    reader = OneRun({f"many/f{number:05}": b"" for number in range(5_000)} | {"one": b"1"})
    result = fetch(reader, tmp_path, ("**", "out/"))
    assert result.result is Result.DONE and len(result.fetched) == 5_001
    assert sorted(reader.outputs.listed) == ["", "", "many", "many"]


def test_a_long_fetch_keeps_what_it_has_from_time_to_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever kills it loses the last minute, and not all."""
    module = sys.modules["jobsync.outputs.fetch"]
    monkeypatch.setattr(module, "_CHECK_SECONDS", 0.0)
    reader = OneRun({f"f{number:05}": b"" for number in range(5_000)})
    recorded = []
    reader.outputs.on_files = lambda folder: recorded.append(
        len(lockfile.read_lockfile(str(tmp_path)).files)
    )
    assert fetch(reader, tmp_path, ("**", "out/")).result is Result.DONE
    assert recorded == [0, 0, 2_000, 4_000]


def test_the_memory_of_a_walk_is_bounded_by_what_is_kept(tmp_path: Path) -> None:
    """A folder's entries, and for each folder on the way a digest of what it lists."""
    count = 20_000
    rows = [RemoteFile(f"f{number:06}", number, f"t{number}") for number in range(count)]
    reader = OneRun({})
    reader.outputs.rows[""] = rows
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        found = walk_outputs(reader, JOB)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert len(found) == count
    assert peak < 90 * count


def test_a_fault_of_the_caller_ends_the_fetch_with_what_has_begun(tmp_path: Path) -> None:
    reader = OneRun({f"f{number:03}": b"x" for number in range(300)})
    seen: list[Progress] = []

    def report(progress: Progress) -> None:
        seen.append(progress)
        if len(seen) == 3:
            raise RuntimeError("full")
        time.sleep(0.01)

    limits = FetchLimits(jobs=1, patience=())
    with pytest.raises(RuntimeError, match="full"):
        fetch(reader, tmp_path, ("**", "out/"), limits=limits, report=report)
    assert len(seen) < 30
    assert not [name for name in tree(tmp_path) if not name.endswith(".part")]
