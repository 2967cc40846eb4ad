"""The matrix of ``jobsync access`` and what ``--expect`` makes of a saved one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.errors import SettingsError
from jobsync.model import NO_ACCESS, EffectiveAccess
from jobsync.platforms.agave.permissions import LEVELS
from jobsync.render.access import FORMATS, changed, unexpected
from jobsync.render.escape import csv
from jobsync.structs import replace

LEVEL = st.sampled_from([LEVELS[word] for word in ("NONE", "READ", "WRITE", "READ_WRITE")])
HANDS = [
    "bob",
    "world",
    "=cmd()",
    "'=cmd()",
    "+1",
    "-1",
    "@x",
    "a,b",
    'a"b',
    "a b",
    "a\r\nb",
    "\u202ex",
]
NAMES = st.sampled_from(HANDS) | st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
ROWS = st.lists(
    st.builds(
        EffectiveAccess,
        st.sampled_from(["align", "tree.lg.1"]),
        st.sampled_from(["1-007", "2-007"]),
        NAMES,
        LEVEL,
        LEVEL,
    ),
    max_size=8,
    unique_by=lambda row: (row.address, row.run_id, row.user),
)


@settings(deadline=None)
@given(ROWS, st.sampled_from(["csv", "json"]), st.data())
def test_a_saved_matrix_is_as_expected_and_any_change_is_not(
    rows: list[EffectiveAccess], format_name: str, data: st.DataObject
) -> None:
    saved = FORMATS[format_name](rows, ())
    assert saved.endswith("\n")
    if format_name == "csv" and len({(r.address, r.run_id, csv(r.user)) for r in rows}) < len(rows):
        return  # two names that a CSV file cannot tell apart
    assert unexpected(rows, saved, LEVELS) == ()
    if rows:
        row = data.draw(st.sampled_from(rows))
        other = replace(row, before=data.draw(LEVEL.filter(lambda level: level != row.before)))
        moved = [other if one is row else one for one in rows]
        (told,) = unexpected(moved, saved, LEVELS)
        assert f"has {other.before}, expected {row.before}" in told
        assert "\n" not in told
        gone = [one for one in rows if one is not row]
        assert len(unexpected(gone, saved, LEVELS)) == (row.before != NO_ACCESS)


def test_jobs_and_users_in_natural_order() -> None:
    rows = [
        EffectiveAccess(f"job{n}", "1", f"u{m}", LEVELS["READ"], LEVELS["READ"])
        for n in (10, 2, 1)
        for m in (10, 9)
    ]
    lines = FORMATS["text"](rows, [("job3", "7")]).splitlines()
    assert lines[0].split() == ["job", "run", "u9", "u10"]
    assert [line.split()[0] for line in lines[1:]] == ["job1", "job2", "job3", "job10"]
    assert lines[3].split() == ["job3", "7", "unknown", "unknown"]


def test_only_what_changes() -> None:
    rows = (
        EffectiveAccess("a", "1", "bob", LEVELS["READ"], NO_ACCESS),
        EffectiveAccess("a", "1", "carol", LEVELS["READ"], LEVELS["READ"]),
    )
    assert changed(rows) == rows[:1]
    assert FORMATS["text"](rows, ()).splitlines() == [
        "job  run  bob           carol",
        "a    1    READ -> NONE  READ",
    ]


@pytest.mark.parametrize(
    "text", ["", "x", "{", "[]", "{}", "address,user\n1,2\n", "address,user,access\na,b,MANY\n"]
)
def test_what_is_no_matrix_is_refused(text: str) -> None:
    rows = (EffectiveAccess("a", "1", "bob", LEVELS["READ"], NO_ACCESS),)
    with pytest.raises(SettingsError, match="expected matrix"):
        unexpected(rows, text, LEVELS)
