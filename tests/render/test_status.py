"""The table of ``status``: what fits a terminal, short ids, times and durations."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from jobsync.model import Run, RunState, Standing
from jobsync.render.natural import natural
from jobsync.render.options import ANSI, PLAIN
from jobsync.render.short_ids import SHORTEST, short_ids
from jobsync.render.status import Look, Row, folded, status_table, summary
from jobsync.render.times import lasted, when
from jobsync.structs import replace

START = datetime(2026, 11, 26, 19, 31, 5, tzinfo=timezone.utc)
BERLIN = timezone(timedelta(hours=1))
IDS = [f"{n}aaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee-007" for n in range(3)]


def run(number: int, state: RunState = RunState.FINISHED, **more: datetime | None) -> Run:
    times = {"created": START, "started": START + timedelta(seconds=75), "ended": None, **more}
    return Run(IDS[number], "n", "alice", "app", state.upper(), state, **times)  # type: ignore[arg-type]


ROWS = [
    Row("f.10", Standing.CURRENT, run(0, ended=START + timedelta(hours=3)), "1"),
    Row("f.2", Standing.IN_PROGRESS, run(1, RunState.ACTIVE), "2 of 3"),
    Row(
        "sort",
        Standing.FAILED,
        run(2, RunState.FAILED, started=None, ended=START + timedelta(days=1)),
        "1",
        notes=("Job exceeded its maximum run time and was killed by the scheduler of the system",),
        advice=("see its log with: jobsync logs sort -m a/long/path/of/manifests --target tacc",),
        is_bad=True,
    ),
    Row("pack", Standing.BLOCKED),
]


def table(width: int | None) -> list[str]:
    look = Look(START + timedelta(minutes=5), width, BERLIN, IDS)
    return status_table(ROWS, look, PLAIN)


def test_all_is_shown_where_any_width_fits() -> None:
    lines = table(None)
    assert lines[0].split() == [
        "ADDRESS", "STATE", "STATUS", "RUN", "ATTEMPT", "SUBMITTED", "QUEUED", "RAN"
    ]  # fmt: skip
    addresses = [line.split()[0] for line in lines[1:] if not line.startswith(" ")]
    assert addresses == ["f.2", "f.10", "pack", "sort"]
    assert f"{IDS[1]}  2 of 3   2026-11-26 20:31:05 +01:00  1m15s   3m45s" in lines[1]
    assert "2h58m" in lines[2]
    assert lines[4].endswith("2026-11-26 20:31:05 +01:00  -       -"), "it never began"


def test_nothing_is_cut_or_broken_on_a_narrow_terminal() -> None:
    for width in (200, 120, 100, 80, 60, 40):
        lines = table(width)
        rows = [line for line in lines if not line.startswith(" ")]
        assert all(len(line) <= width for line in rows)
        for number, row in enumerate(("f.10", "f.2", "sort")):
            (line,) = (line for line in rows if line.startswith(f"{row} "))
            assert IDS[number][:SHORTEST] in line
    narrow = table(60)
    assert narrow[0].split() == ["ADDRESS", "STATE", "RUN", "QUEUED", "RAN"]
    assert sum("maximum run time" in line for line in narrow) == 1
    assert max(len(line) for line in narrow if "killed" in line) <= 60
    assert any(line.endswith("--target tacc") for line in narrow), "a command stays on one line"


def test_an_address_too_long_for_the_line_stands_on_its_own() -> None:
    row = Row("a" * 47, Standing.IN_PROGRESS, run(1, RunState.ACTIVE), "1")
    lines = status_table([row], Look(START, 50, BERLIN, IDS), PLAIN)
    assert "\n".join(lines).splitlines()[2:] == ["a" * 47, f"    in progress  {IDS[1][:8]}"]


def test_equal_rows_of_one_matrix_are_one_row() -> None:
    blocked = [
        Row(f"calc.{n}", Standing.BLOCKED, notes=(f"needs prep.{n}, which is failed",))
        for n in range(12, 0, -1)
    ]
    pending = [Row(f"calc.{n}", Standing.PENDING) for n in (20, 21)]
    current = [Row(f"calc.{n}", Standing.CURRENT, run(0)) for n in (30, 31, 32)]
    alone = Row("single", Standing.BLOCKED, notes=("needs prep.1, which is failed",))
    rows = folded([*blocked, *pending, *current, alone])
    assert [row.address for row in rows] == [
        "calc (12 jobs)", "calc.20", "calc.21", "calc.30", "calc.31", "calc.32", "single"
    ]  # fmt: skip
    assert rows[0].standing is Standing.BLOCKED
    assert rows[0].notes == (
        "needs prep.*, which is failed",
        "calc.1, calc.2, calc.3 and 9 more; --expand shows each",
    )
    assert folded(blocked[:2]) == blocked[1::-1]
    other = replace(blocked[0], notes=("needs sort",))
    assert [row.address for row in folded([other, *blocked[1:]])][:2] == [
        "calc (11 jobs)",
        "calc.12",
    ]


def test_states_have_colours_only_where_wanted() -> None:
    look = Look(START, None, BERLIN, IDS)
    text = "\n".join(status_table(ROWS, look, ANSI))
    assert "\x1b[31msort" in text and "\x1b[32mf.10" in text and "\x1b[36mf.2" in text
    assert "\x1b" not in "\n".join(status_table(ROWS, look, PLAIN))


def test_the_summary_counts_the_worst_first() -> None:
    assert summary(ROWS, 4, ["old"]) == (
        "4 jobs: 1 failed, 1 blocked, 1 in progress, 1 current. Has runs, but is not declared: old."
    )
    assert summary(ROWS[:1], 4) == "1 of 4 jobs: 1 current."
    assert summary([], 1) == "0 of 1 job."


@given(st.sets(st.text("ab-", min_size=1, max_size=12), max_size=12))
def test_a_short_id_begins_one_id_only(ids: set[str]) -> None:
    short = short_ids(ids)
    assert short.keys() == ids
    for one, begun in short.items():
        assert one.startswith(begun)
        assert len(begun) >= min(SHORTEST, len(one))
        others = {other for other in ids if other.startswith(begun)} - {one}
        assert not others or begun == one


def test_numbers_in_addresses_count_as_numbers() -> None:
    texts = ["f.10", "f.2", "f", "f.2.b", "g1", "f.02", "10", "²"]
    assert sorted(texts, key=natural) == ["10", "f", "f.02", "f.2", "f.2.b", "f.10", "g1", "²"]


def test_times_and_durations() -> None:
    assert when(START, BERLIN) == "2026-11-26 20:31:05 +01:00" and when(None) == ""
    texts = [lasted(n) for n in (-3, 0, 59.9, 60, 3599, 3600, 86399, 86400, 200000)]
    assert texts == ["0s", "0s", "59s", "1m00s", "59m59s", "1h00m", "23h59m", "1d00h", "2d07h"]
    assert lasted(None) == ""
