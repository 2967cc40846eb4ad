"""docs/errors.md quotes messages that jobsync has."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from jobsync.model.hazards import HAZARDS
from tests.docs.blocks import ROOT

PAGE = (ROOT / "docs/errors.md").read_text("utf-8")
MESSAGES = re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)


@cache
def texts() -> tuple[str, ...]:
    """Every text in the code, docstrings left out; an f-string has `…` for each value."""
    found = []
    for path in (ROOT / "jobsync").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        said = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
        parts = [part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
                 for part in node.values]  # fmt: skip
        left_out = {id(node) for node in (*said, *parts)}
        found += [_text(node) for node in ast.walk(tree) if id(node) not in left_out]
    return tuple(filter(None, found))


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "…" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def is_said(message: str) -> bool:
    parts = [re.escape(part) for part in message.split("…")]
    pattern = re.compile(".*".join(parts), re.DOTALL)
    return any(pattern.search(text) for text in texts())


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_of_the_page_is_one(message: str) -> None:
    assert is_said(message), "no text of the code says this any more: correct docs/errors.md"


def test_what_nothing_says_is_found_out() -> None:
    assert len(MESSAGES) > 50 and len(MESSAGES) == len(set(MESSAGES))
    assert not is_said("the moon … is full")
    assert not is_said("is running: … of … another apply")


def test_every_hazard_is_explained() -> None:
    page = (ROOT / "docs/ci.md").read_text("utf-8")
    table = page.partition("\n## Hazards\n")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == sorted(HAZARDS)


def test_each_row_has_a_cause_and_what_to_do() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert all(len(row.replace("\\|", "").strip("|").split("|")) == 3 for row in rows)
