"""What the code cites stands in ``docs/``: ``agave-v2 §5.1`` is a heading of that contract."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path for kind in ("contract", "design") for path in (ROOT / "docs" / kind).glob("*.md")
)
SOURCES = [
    path
    for folder in ("jobsync", "tests", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
NAMES = "|".join(sorted({path.stem for path in PAGES}, key=len, reverse=True))
PAGE = re.compile(rf"\b({NAMES})((?:(?:,| and| to)?\s+§[0-9A-Za-z.]*[0-9A-Za-z])+)")
NUMBER = re.compile(r"§([0-9A-Za-z.]*[0-9A-Za-z])")
BARE = re.compile(r"\b[Cc]ontract(?:/\w+)?\s+[0-9N]")
CONTRACTS = {"agave-v2", "tapis-v3", "clients"}
CONTRACTS_MAY_BE_CITED_IN = ("jobsync/platforms/", "jobsync/local/", "tests/", "benchmarks/")


@lru_cache
def numbers(page: str) -> frozenset[str]:
    """The numbers of headings, of rules that are numbered list items, and of rows N1 to N18.

    A contract and a design of one name count as one page.
    """
    text = "\n".join(path.read_text(encoding="utf-8") for path in PAGES if path.stem == page)
    return frozenset(
        re.findall(r"^#+ +([0-9]+(?:\.[0-9]+)?[a-z]?)[. ]", text, re.M)
        + re.findall(r"^\| (N[0-9]+) ", text, re.M)
        + (re.findall(r"^([0-9]+)\. ", text, re.M) if page == "trust" else [])
    )


def citations(text: str) -> list[tuple[str, str]]:
    return [
        (match[1], number) for match in PAGE.finditer(text) for number in NUMBER.findall(match[2])
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_is_cited_stands_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT).as_posix()
    assert not BARE.search(text) or name == "tests/architecture/test_citations.py"
    for page, number in citations(text):
        assert number in numbers(page), f"{name} cites {page} §{number}"
        if page in CONTRACTS:
            assert name.startswith(CONTRACTS_MAY_BE_CITED_IN), f"{name} cites {page}"


def test_a_citation_is_read() -> None:
    assert citations("(agave-v2 §5.1, §5.3 and §6)") == [
        ("agave-v2", "5.1"), ("agave-v2", "5.3"), ("agave-v2", "6"),
    ]  # fmt: skip
    assert "5.1" in numbers("agave-v2")
    assert "N9" in numbers("agave-v2")
    assert "11a" in numbers("agave-v2")
    assert "99" not in numbers("agave-v2")
