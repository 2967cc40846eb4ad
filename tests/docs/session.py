"""The shell blocks of one page, run from top to bottom by one shell in one folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from jobsync.testing import LocalService, local_service
from tests.docs.blocks import ROOT, Block, blocks
from tests.docs.not_run import why_not
from tests.line.linebench import Bench

SHELL = ("sh", "console")
COMMAND = re.compile(r"^\$ (.*(?:\\\n.*)*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
RUN_ID = r"[0-9a-f]+(?:-[0-9a-f]+)+-007"
# A shell that is replaced, as `exec` does it, could not go on with the page.
PRELUDE = """set -euo pipefail
exec() { "$@"; }
trap 'echo "$BLOCK: does not work" >&2' ERR
"""


class Session(Bench):
    """A page about to be run in *folder*: what is written there before, what stands in place of
    a reader's own, and afterwards what was said."""

    def __init__(self, page: str, folder: Path) -> None:
        super().__init__(folder)
        self.page = page
        shell = [block for block in blocks(page) if block.language in SHELL]
        self.blocks = [block for block in shell if not why_not(block)]
        self.stack = ExitStack()
        self.swaps: list[tuple[str, str]] = []
        self.before: dict[int, str] = {}
        self.alike: list[tuple[str, str]] = []
        self.said: list[str] = []
        tools = Path(sys.executable).parent
        self.environ["PATH"] = f"{tools}{os.pathsep}{self.environ['PATH']}"

    def swap(self, old: str, new: str) -> None:
        """Replace the pattern *old*, which has to be there, in all commands."""
        self.swaps.append((old, new))

    def shown_as(self, old: str, new: str) -> None:
        """What is shown as the pattern *old* may be anything that matches *new*."""
        self.alike.append((old, new))

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def example(self, name: str) -> None:
        """A copy of ``manifests/NAME`` at the same place."""
        left = shutil.ignore_patterns(".jobsync", "results", "jobsync.lock")
        shutil.copytree(ROOT / "manifests" / name, self.folder / "manifests" / name, ignore=left)

    def serve(self, api: str = "agave/v2", *, user: str = "", **options: Any) -> LocalService:
        """A service in this process; with *user*, the commands act as that user on ``env``."""
        folder = self.folder / "tenant"
        folder.mkdir()
        service = self.stack.enter_context(local_service(folder, api=api, **options))
        self.stack.callback(service.stop_jobs)
        if user:
            self.environ |= {"TAPIS_BASE_URL": service.url, "TAPIS_TOKEN": service.tokens[user]}
        return service

    def run_page(self) -> None:
        """Run the blocks. Each command of a ``sh`` block has to succeed; a ``console`` block has
        to show what it shows on the page."""
        out = self.folder / ".said"
        out.mkdir()
        script = [PRELUDE]
        for number, block in enumerate(self.blocks, 1):
            script += [f"BLOCK={block}", self.before.get(number, "")]
            for place, (command, shown) in enumerate(commands(block)):
                file = out / f"{number}.{place}"
                tolerant = " || true" if shown else ""
                script.append(f"OUT={file}")
                script.append(f"{{\n{self._swapped(command)}\n}} > {file} 2>&1{tolerant}")
        self._check_swaps()
        done = subprocess.run(
            ["bash", "-c", "\n".join(script)], cwd=self.folder, env=self.environ,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
        told = ""
        for number, block in enumerate(self.blocks, 1):
            files = [out / f"{number}.{place}" for place in range(len(commands(block)))]
            texts = [file.read_text() if file.exists() else "" for file in files]
            self.said.append("".join(texts))
            told += f"--- {block}\n{self.said[-1]}"
        if done.returncode != 0 or "Traceback" in told + done.stderr:
            pytest.fail(f"{told}\n{done.stdout}{done.stderr}", pytrace=False)
        for number, block in enumerate(self.blocks, 1):
            for place, (command, shown) in enumerate(commands(block)):
                said = (out / f"{number}.{place}").read_text()
                if shown and not re.fullmatch(self.pattern(shown), said):
                    pytest.fail(f"{block} shows something else\n$ {command}\n{said}", pytrace=False)

    def pattern(self, shown: str) -> str:
        """What may be said where the page shows *shown*: with other ids and digests."""
        kinds = [(RUN_ID, RUN_ID), (r"\.\.\.|…", ".*"), *self.alike]
        parts = re.compile(
            "|".join(f"(?P<k{number}>{old})" for number, (old, _) in enumerate(kinds))
        )
        made, end = "", 0
        for match in parts.finditer(shown):
            kind = next(name for name, text in match.groupdict().items() if text is not None)
            made += re.escape(shown[end : match.start()]) + kinds[int(kind[1:])][1]
            end = match.end()
        return made + re.escape(shown[end:])

    def _swapped(self, command: str) -> str:
        for old, new in self.swaps:
            command = re.sub(old, new, command, flags=re.MULTILINE)
        return command

    def _check_swaps(self) -> None:
        text = "\n".join(command for block in self.blocks for command, _ in commands(block))
        for old, new in self.swaps:
            found = re.search(old, text, re.MULTILINE)
            assert found, f"{self.page} does not say {old!r} any more"
            text = re.sub(old, new, text, flags=re.MULTILINE)

    def close(self) -> None:
        super().close()
        self.stack.close()


def commands(block: Block) -> list[tuple[str, str]]:
    """Each command of *block* with what it shows; the whole of a ``sh`` block is one command."""
    if block.language == "sh":
        return [(block.text, "")]
    found = COMMAND.findall(block.text)
    assert "".join(f"$ {command}\n{shown}" for command, shown in found) == block.text, block
    return found
