"""Every link of the documents leads to a file here and, where it names one, to a heading."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "-z", "--", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    if name and not name.startswith("tests/")
]
LINK = re.compile(r"(?<=\]\()[^()\s]+(?=\))|(?<= src=\")[^\"]+")
HEADING = re.compile(r"^#+ +(.*)$", re.M)


def anchor(heading: str) -> str:
    """The fragment by which a forge links to *heading*."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, fragment = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), f"{page.name}: {link}"
        if fragment:
            headings = HEADING.findall(target.read_text(encoding="utf-8"))
            assert fragment in {anchor(heading) for heading in headings}, f"{page.name}: {link}"


def test_there_are_pages() -> None:
    assert ROOT / "README.md" in PAGES
