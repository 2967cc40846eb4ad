"""The core knows no platform by name: what is particular to one stands in its folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "jobsync"
OUTSIDE = ("platforms/", "local/", "cli/", "testing.py", "__init__.py")
FILES = {
    path.relative_to(PACKAGE).as_posix(): path
    for path in sorted(PACKAGE.rglob("*"))
    if path.is_file() and "__pycache__" not in path.parts
}
CORE = [name for name in FILES if not name.startswith(OUTSIDE)]
COMMANDS = [name for name in FILES if name.startswith("cli/")]

WORD = re.compile("agave|tapis|aloe|pems", re.IGNORECASE)
OF_ONE_PLATFORM = {"cli/auth.py", "cli/jobs_agave.py", "cli/jobs_tapis.py", "cli/serve.py"}
"""Commands that are about what only one platform has."""


def words_in(name: str) -> list[str]:
    return WORD.findall(FILES[name].read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [*CORE, *COMMANDS])
def test_no_word_of_a_platform(name: str) -> None:
    if name not in OF_ONE_PLATFORM:
        assert not words_in(name), f"{name} has words of a platform: {words_in(name)}"


def test_a_command_that_needs_no_exception_has_none() -> None:
    assert [name for name in sorted(OF_ONE_PLATFORM) if not words_in(name)] == []


def test_words_are_found() -> None:
    """In names of other things too, and whatever their case."""
    assert WORD.findall("from_Agave TAPISTRY aloe_x PEMS") == ["Agave", "TAPIS", "aloe", "PEMS"]
    assert {"model/values.py", "manifest/schema.json", "plan/build.py"} <= set(CORE)
    assert not {"platforms/__init__.py", "local/__init__.py"} & set(CORE)
