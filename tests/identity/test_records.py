"""Records are values: equal when they say the same, whoever wrote it wherever."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobsync.errors import Location
from jobsync.model import DeclaredJob, FetchedFile, OutputRule, Presence
from jobsync.platforms.agave.credential_files import CredentialFiles
from jobsync.platforms.agave.credentials import explicit
from jobsync.platforms.agave.permissions import READ
from jobsync.structs import Placed, replace

HERE, THERE = Location("a.yaml", 1, 1), Location("b.yaml", 2, 2)
RULE = OutputRule("*.txt", "out/", where=HERE)
JOB = DeclaredJob("a", "f", "p.a.f", {}, where=HERE, places={"appId": HERE})
FILE = FetchedFile("a", "1-007", "x", "out/x", 3, "e3")
WHO = explicit("https://tenant.example", "token")

SAME = [
    (RULE, replace(RULE, where=THERE)),
    (JOB, replace(JOB, where=None, places={"appId": THERE})),
    (FILE, replace(FILE, presence=Presence.ABSENT)),
    (WHO, replace(WHO, files=CredentialFiles(Path("x")))),
]
OTHER = [
    (RULE, replace(RULE, to="in/")),
    (JOB, replace(JOB, retries=1)),
    (FILE, replace(FILE, size=4)),
    (WHO, replace(WHO, username="bob")),
]


@pytest.mark.parametrize(("one", "two"), SAME)
def test_what_is_aside_makes_no_difference(one: Placed, two: Placed) -> None:
    assert one == two
    assert (one != two) is False


@pytest.mark.parametrize(("one", "two"), OTHER)
def test_everything_else_does(one: Placed, two: Placed) -> None:
    assert one != two
    assert (one == two) is False


def test_equal_records_have_one_hash_and_other_kinds_are_others() -> None:
    assert len({RULE, replace(RULE, where=THERE), replace(RULE, to="in/")}) == 2
    other: object = (True, False)
    assert other != READ
    assert RULE != FILE


def test_records_are_frozen() -> None:
    with pytest.raises(AttributeError):
        RULE.to = "elsewhere/"  # type: ignore[misc]
