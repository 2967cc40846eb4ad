"""The live view of an apply, with events as an apply reports them."""

from __future__ import annotations

import io
import re
import time
from datetime import datetime, timedelta, timezone

from rich.console import Console

from jobsync.apply.report import ApplyEvent, EventType, OutcomeKind
from jobsync.cli.live_view import Board
from jobsync.cli.progress import Lines, in_a_group
from jobsync.model import Action, Result, RunState
from jobsync.plan.typical_times import typical_times
from tests.fakes.planworld import World, desired, job
from tests.line.linebench import Bench, add_app


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def event(kind: EventType, address: str, about: OutcomeKind, **more: object) -> ApplyEvent:
    return ApplyEvent(kind, 0.0, address=address, kind=str(about), **more)  # type: ignore[arg-type]


def screen(board: Board, width: int = 100, *, color: bool = False) -> str:
    out = io.StringIO()
    if color:
        console = Console(file=out, width=width, force_terminal=True, color_system="standard")
    else:
        console = Console(file=out, width=width, color_system=None)
    console.print(board)
    return out.getvalue()


def begun(board: Board, jobs: int) -> None:
    for number in range(jobs):
        address = f"f.{number}"
        board(event(EventType.PLANNED_CHANGE, address, OutcomeKind.JOB, action=Action.CREATE))
        board(event(EventType.APPLY_START, address, OutcomeKind.JOB, action=Action.CREATE))
        board(event(EventType.APPLY_COMPLETE, address, OutcomeKind.JOB, result=Result.DONE))
        board(event(EventType.APPLY_PROGRESS, address, OutcomeKind.RUN, status="PENDING"))


def runs(board: Board, address: str) -> None:
    board(
        event(EventType.APPLY_PROGRESS, address, OutcomeKind.RUN, status="RUNNING", has_begun=True)
    )


def ends(board: Board, address: str, result: Result) -> None:
    board(event(EventType.APPLY_COMPLETE, address, OutcomeKind.RUN, result=result))


def test_what_runs_is_first_and_the_counts_are_of_the_whole() -> None:
    clock = Clock()
    board = Board({"f.29": 200.0, "f.28": 5.0}, clock)
    begun(board, 30)
    for number in (28, 29, 27):
        runs(board, f"f.{number}")
    clock.now += 65
    ends(board, "f.0", Result.DONE)
    ends(board, "f.1", Result.FAILED)
    lines = screen(board).splitlines()
    assert [line.split()[:3] for line in lines[:3]] == [
        ["f.27", "RUNNING", "1m05s"], ["f.28", "RUNNING", "1m05s"], ["f.29", "RUNNING", "1m05s"]
    ]  # fmt: skip
    assert "longer than before" in lines[1] and "about 2m15s left" in lines[2]
    assert lines[3].split()[1] == "PENDING" and len(lines) == 21
    assert lines[-1].strip() == (
        "2 of 30 jobs ended, 3 running, 25 waiting, 30 of 30 changes made, 1 failed, "
        "8 more in progress"
    )
    coloured = screen(board, color=True)
    assert "\x1b[36m3 running" in coloured and "\x1b[31m1 failed" in coloured


def test_a_fetch_shows_bytes_and_their_rate() -> None:
    clock = Clock()
    board = Board({}, clock)
    board(event(EventType.APPLY_START, "a", OutcomeKind.OUTPUT, action=Action.FETCH))
    clock.now += 4
    board(event(EventType.APPLY_PROGRESS, "a", OutcomeKind.OUTPUT, done=2**22, total=2**30))
    assert "fetching" in screen(board) and "4.0 MiB of 1.0 GiB, 1.0 MiB/s" in screen(board)


def test_ten_thousand_rows_are_shown_in_a_moment() -> None:
    board = Board()
    begun(board, 10_000)
    began = time.process_time()
    for number in range(10):
        runs(board, f"f.{number}")
        assert "of 10000 jobs ended" in screen(board, 120)
    assert (time.process_time() - began) / 10 < 0.2


def test_earlier_runs_tell_how_long_a_job_takes() -> None:
    world = World()
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    for number, seconds in ((1, 10), (2, 30)):
        ended = start + timedelta(seconds=seconds)
        world._set(world.of(job(f"f.{number}")), started=start, ended=ended)
    world._set(world.of(job("bad"), RunState.FAILED), started=start, ended=start)
    wanted = desired(job("f.1"), job("f.2"), job("f.3"), job("bad"), job("new"))
    found = typical_times(wanted, world.snapshot(wanted))
    assert found == {"f.1": 10.0, "f.2": 30.0, "f.3": 20.0}


def test_a_log_has_one_line_an_event_and_is_a_group_where_ci_folds_it(bench: Bench) -> None:
    said: list[str] = []
    lines = Lines(said.append)
    for _ in range(3):
        lines(event(EventType.APPLY_PROGRESS, "a", OutcomeKind.RUN, status="RUNNING"))
    assert said == ["a: RUNNING"]
    add_app(bench, {"name": "no", "version": "1.0", "templatePath": "w.sh"})
    (bench.folder / "apps/no/w.sh").write_text("echo the last word >&2\nexit 3\n")
    (bench.folder / "m.yaml").write_text(
        "apiVersion: jobsync/v1\nproject: p\ntarget: local\njobs:\n  up: {appId: no-1.0}\n"
        "  down: {appId: no-1.0, needs: [up], matrix: {n: [1, 2, 3]}}\n"
    )
    done = bench.run("apply", "--auto-approve", GITHUB_ACTIONS="true")
    assert done.code == 7
    before, _, after = done.err.partition("::endgroup::\n")
    assert "::group::" in before and "up: submitted" in before
    assert re.match(r"up +run +failed ", after), "what failed comes first"
    assert after.index("up wrote to") < after.index("  | the last word") < after.index("Applied ")
    assert after.count("\ndown (3 jobs)  submit  skipped  ") == 1
    assert "see its log with: jobsync logs up" in after
    with in_a_group({}):
        pass
