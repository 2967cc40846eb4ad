"""A command that a page names in its text exists, with the options that are named with it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest
from markdown_it import MarkdownIt

from jobsync.cli.main import cli
from tests.docs.blocks import ROOT, pages

DESIGN = ("docs/design/", "docs/contract/", "docs/decisions/", "CHANGELOG.md")
"""Pages of what is to be, of others, and of what was."""


def inline(page: str) -> Iterator[str]:
    """What stands between backticks in the text of *page* and is a command of jobsync."""
    for token in MarkdownIt("commonmark").enable("table").parse((ROOT / page).read_text("utf-8")):
        for child in token.children or ():
            text = " ".join(child.content.split())
            if child.type == "code_inline" and text.startswith("jobsync "):
                yield text


def trouble(text: str) -> str:
    """What is wrong with the command line *text*; empty when nothing is."""
    first = re.split(r" [|>;<&]+ ?|\)", text)[0]
    command: click.Command = cli
    for word in shlex.split(first.replace("'…'", "x"))[1:]:
        name = word.partition("=")[0]
        if isinstance(command, click.Group) and not word.startswith("-"):
            found = command.commands.get(word) or command.get_command(click.Context(command), word)
            if found is None and re.fullmatch("[a-z-]+", word):
                return f"there is no command {word}"
            if found is None:
                return ""
            command = found
        elif re.match("-{1,2}[a-zA-Z]", name):
            known = {
                option for one in command.params for option in (*one.opts, *one.secondary_opts)
            }
            if name not in {*known, "--help", "-v", "-q"}:
                return f"{command.name} has no option {name}"
    return ""


COMMANDS = [
    (page, text) for page in pages() if not page.startswith(DESIGN) for text in inline(page)
]


@pytest.mark.parametrize("page", sorted({page for page, _ in COMMANDS}))
def test_the_commands_in_the_text_of_a_page_exist(page: str) -> None:
    wrong = {text: said for where, text in COMMANDS if where == page if (said := trouble(text))}
    assert not wrong


def test_a_wrong_command_is_found() -> None:
    assert len(COMMANDS) > 100
    assert trouble("jobsync plna") and trouble("jobsync plan --outt x")
    assert trouble("jobsync auth lgin --username a") and not trouble("jobsync plan --out x | jq")
