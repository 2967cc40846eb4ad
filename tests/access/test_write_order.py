"""At every moment of an apply, and whichever write fails: nobody has more than before and after,
and whoever acts keeps what they need for the writes to come.

All pairs of lists of three names are tried here; of four names some, and all in
``tests/campaigns/access_order.py``.
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobsync.model import NO_ACCESS, Access
from jobsync.permission_model import effective
from jobsync.platforms.agave.permissions import READ, WRITE, access
from jobsync.platforms.agave.platform import AGAVE
from tests.access.order_model import (
    BOTH,
    COLLATIONS,
    DECLARED,
    FOUND,
    OWNER,
    Case,
    Collation,
    cases,
    change_of,
    may,
    without_case,
    wrongs,
)

LISTS = [
    (("bob", "world", "zed"), OWNER),
    (("bob", "mia", "world"), "mia"),
    (("mia", "world", "zed"), "mia"),
    (("bob", "world", "zoe"), "zoe"),
    (("world", "zed", "zoe"), "zoe"),
]
UNSURE = [(("w_x", "world"), OWNER), (("w_x", "world"), "w_x"), (("Zoe", "mia", "world"), "mia")]


@pytest.mark.parametrize(("names", "me"), LISTS)
def test_every_list_of_three_names(names: tuple[str, ...], me: str) -> None:
    tried = 0
    for case in cases(names, me):
        tried += 1
        assert list(wrongs(case)) == []
    assert tried == (4032 if me == OWNER else 1260)


@pytest.mark.parametrize("collation", COLLATIONS)
@pytest.mark.parametrize(("names", "me"), UNSURE)
def test_names_that_databases_sort_differently(
    names: tuple[str, ...], me: str, collation: Collation
) -> None:
    """Whichever way it is."""
    tried = left_out = 0
    for case in cases(names, me, collation=collation, order_is_known=False):
        change = change_of(case)
        tried += 1
        left_out += bool(change and change.left_out)
        assert list(wrongs(case)) == []
    assert 0 < left_out < tried / 8, "only rows of which one reads and the other one writes"


NAMES = st.sampled_from(["amy", "mia", "Yan", "w_x", "world", "worldly", "zed", "zoe", "Öz"])


@settings(deadline=None, max_examples=300)
@given(
    before=st.dictionaries(NAMES, st.sampled_from([row for row in FOUND if row]), max_size=5),
    wanted=st.dictionaries(NAMES, st.sampled_from([row for row in DECLARED if row]), max_size=5),
    me=st.sampled_from([OWNER, "mia", "zoe", "w_x"]),
    collation=st.sampled_from(COLLATIONS),
)
@example(before={"world": NO_ACCESS}, wanted={"Yan": READ}, me=OWNER, collation=without_case)
def test_longer_lists_also_with_rows_without_access(
    before: dict[str, Access], wanted: dict[str, Access], me: str, collation: Collation
) -> None:
    if may(before, me, collation) != BOTH:
        before[me] = BOTH
        before.pop("world", None)
    assert list(wrongs(Case(before, wanted, me, collation, order_is_known=False))) == []


def test_all_rows_are_written_where_there_is_a_safe_order_for_all() -> None:
    change = change_of(Case({"bob": BOTH, "world": WRITE, "xi": READ}, {}, "xi"))
    assert change is not None
    assert [grant.user for grant in change.grants] == ["bob", "xi", "world"]
    assert change.left_out == ()


def test_a_row_without_a_safe_place_is_left_out_and_named() -> None:
    """Removed first, they could write as everybody can; removed last, read by their own row."""
    case = Case({"w_x": READ, "world": WRITE, "bob": READ}, {}, OWNER)
    change = change_of(case)
    assert change is not None
    assert change.left_out == ("bob", "w_x", "world")
    assert change.grants == ()
    known = change_of(Case({"w-x": READ, "world": WRITE, "bob": READ}, {}, OWNER))
    assert known is not None
    assert ([grant.user for grant in known.grants], known.left_out) == (["world", "w-x", "bob"], ())


@pytest.mark.parametrize(
    ("names", "places"),
    [
        (("amy", "mia", "w", "worl", "w.smith", "w-x", "w1", "bob_x"), (True,)),
        (("worldly", "world2", "x", "zed", "zed_1", "xX"), (False,)),
        (
            ("Zoe", "W_x", "w_smith", "worl_d", "_x", "World", "WORLD", "wörld", "ö", "amy "),
            (True, False),
        ),
    ],
)
def test_which_names_come_before_world(names: tuple[str, ...], places: tuple[bool, ...]) -> None:
    for name in names:
        assert tuple(order[0] == name for order in AGAVE.permissions.deciders(name)) == places, name
        for collation in COLLATIONS:
            assert (collation(name) < collation("world")) in places, name


def test_where_the_order_is_not_known_access_is_what_either_order_allows() -> None:
    for rows in itertools.product(FOUND, repeat=2):
        there = {name: row for name, row in zip(("Zoe", "world"), rows, strict=True) if row}
        told = effective(AGAVE.permissions, there, OWNER, "Zoe")
        either = [may(there, "Zoe", collation) for collation in COLLATIONS]
        assert told == access(
            read=any(("read" in access.gives) for access in either),
            write=any(("write" in access.gives) for access in either),
        )
    assert effective(AGAVE.permissions, {}, OWNER, "Zoe") == NO_ACCESS
