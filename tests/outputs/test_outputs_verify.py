"""Verifying what was fetched, and the last words of a failed job."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from jobsync.errors import Forbidden
from jobsync.lock_format import Lock
from jobsync.model import DeclaredJob, OutputChange, OutputRule, RemoteFile, Run, RunState
from jobsync.outputs import lockfile
from jobsync.outputs.fetch import fetch_all
from jobsync.outputs.fetch_record import Ledger
from jobsync.outputs.logs import log_tails
from jobsync.outputs.result import FetchLimits
from jobsync.outputs.verify import verify_outputs
from jobsync.structs import replace
from tests.fakes.memory import JOB, OneRun, finished_run

RULES = (OutputRule("**", "out/"),)


def declared(*addresses: str) -> dict[str, DeclaredJob]:
    return {
        address: DeclaredJob(address, "aaaaaaaaaa", f"p.{address}.aaaaaaaaaa", {}, outputs=RULES)
        for address in addresses
    }


def fetched(root: Path) -> None:
    names = {"same", "gone", "grown", "edited", "link", "d/deep"}
    fetch_all(
        OneRun(dict.fromkeys(names, b"content")),
        OutputChange("a", None, RULES),
        finished_run(),
        ledger=Ledger(str(root), str(root), ["a"]),
        limits=FetchLimits(),
        report=lambda progress: None,
        stop=lambda: False,
    )


def test_missing_changed_and_extra_are_told_apart(tmp_path: Path) -> None:
    fetched(tmp_path)
    out = tmp_path / "out"

    def load() -> Lock:
        return lockfile.load_lockfile(str(tmp_path), str(tmp_path))

    clean = verify_outputs(load(), declared("a"), str(tmp_path))
    assert clean.is_clean and clean.intact == 6
    (out / "gone").unlink()
    (out / "grown").write_bytes(b"content and more")
    (out / "edited").write_bytes(b"CONTENT")
    (out / "link").unlink()
    (out / "link").symlink_to(out / "same")
    (out / "d" / "new").write_bytes(b"?")
    (out / ".jobsync-x.part").write_bytes(b"?")
    (tmp_path / "unrelated").write_bytes(b"?")
    found = verify_outputs(load(), declared("a"), str(tmp_path), threads=4)
    assert [f.to for f in found.missing] == ["out/gone"]
    assert {f.to: how for f, how in found.changed} == {
        "out/edited": "has other content of the same size",
        "out/grown": "has 16 bytes instead of 7",
        "out/link": "is a symlink",
    }
    assert [path for path, _ in found.extra] == ["out/d/new"] and found.intact == 2


def test_files_of_a_job_that_is_gone_are_extra(tmp_path: Path) -> None:
    fetched(tmp_path)
    found = verify_outputs(
        lockfile.load_lockfile(str(tmp_path), str(tmp_path)), declared("b"), str(tmp_path)
    )
    assert len(found.extra) == 6 and found.intact == 0
    assert all("no longer declared" in why or "not recorded" in why for _, why in found.extra)


def test_a_fifo_in_the_place_of_a_file_does_not_block(tmp_path: Path) -> None:
    fetched(tmp_path)
    (tmp_path / "out" / "same").unlink()
    os.mkfifo(tmp_path / "out" / "same")
    found = verify_outputs(
        lockfile.load_lockfile(str(tmp_path), str(tmp_path)), declared("a"), str(tmp_path)
    )
    assert {f.to for f, _ in found.changed} == {"out/same"}


def failed_run(name: str) -> Run:
    return Run(JOB, name, "alice", "app", "FAILED", RunState.FAILED)


def test_the_last_lines_of_a_failed_job_and_how_to_get_all() -> None:
    text = "".join(f"line {n}\n" for n in range(30)).encode()
    reader = OneRun({"phylo-tree-lg-1.err": text, "phylo-tree-lg-1.out": b"", "other.err": b"no"})
    (tail,) = log_tails(reader, failed_run("phylo.tree.lg.1"))
    assert tail.lines == tuple(f"line {n}" for n in range(10, 30)) and not tail.is_whole
    assert tail.file.path == "phylo-tree-lg-1.err" and tail.file.is_err and not tail.file.is_out


def test_a_long_log_is_read_from_its_end_and_rubbish_survives() -> None:
    reader = OneRun({"n.out": b"\xff\x00" * 100_000 + b"\nlast"})
    (tail,) = log_tails(reader, failed_run("n"))
    assert tail.lines[-1] == "last" and reader.outputs.sent <= 64 * 1024
    assert all(len(line) <= 500 for line in tail.lines)


def test_nothing_to_read_is_nothing_shown() -> None:
    reader = OneRun({})
    reader.outputs.rows[""] = [RemoteFile("n.err", 5, "t")]
    assert log_tails(reader, failed_run("n")) == ()

    def forbidden(folder: str) -> None:
        raise Forbidden("x", status=401)

    reader.outputs.on_files = forbidden
    assert log_tails(reader, failed_run("n")) == ()


def test_what_no_output_puts_there_any_more_is_extra_and_never_missing(tmp_path: Path) -> None:
    fetched(tmp_path)
    jobs = declared("a")
    moved = {"a": replace(jobs["a"], outputs=(OutputRule("**", "moved/"),))}
    lock = lockfile.load_lockfile(str(tmp_path), str(tmp_path))
    found = verify_outputs(lock, moved, str(tmp_path))
    assert found.intact == 0 and found.missing == found.changed == ()
    assert dict(found.extra)["out/same"] == "was fetched for a, whose outputs now go elsewhere"
    shutil.rmtree(tmp_path / "out")
    assert verify_outputs(lock, moved, str(tmp_path)).is_clean


def test_what_an_earlier_run_left_is_told(tmp_path: Path) -> None:
    fetched(tmp_path)
    ledger = Ledger(str(tmp_path), str(tmp_path), ["a"])
    ledger.retire("a", "0002-007")
    found = verify_outputs(
        lockfile.load_lockfile(str(tmp_path), str(tmp_path)), declared("a"), str(tmp_path)
    )
    assert dict(found.extra)["out/same"] == f"was left by {JOB}, an earlier run of a"
