"""Every block of code of the documentation, as a Markdown parser finds it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Block:
    """One block: its *page* relative to the repository, *line* of its first line, *language*
    (what follows the fence, or ``indented``) and *text*."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """README.md, the other documents beside it, and all pages of ``docs/``."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = {name for name in done.stdout.split("\0") if name and (ROOT / name).exists()}
    return sorted(name for name in found if name.startswith("docs/") or "/" not in name)


@cache
def blocks(page: str) -> tuple[Block, ...]:
    """The blocks of *page*, from top to bottom."""
    found = []
    for token in MarkdownIt("commonmark").enable("table").parse((ROOT / page).read_text("utf-8")):
        if token.type in ("fence", "code_block"):
            line = token.map[0] + 2 if token.map else 0
            language = token.info.strip() if token.type == "fence" else "indented"
            found.append(Block(page, line, language, token.content))
    return tuple(found)


def every_block() -> list[Block]:
    return [block for page in pages() for block in blocks(page)]
