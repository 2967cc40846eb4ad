"""What comes from outside cannot act on a terminal, a CI runner or Markdown."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from jobsync.render import escape

COMMANDS = [
    "::error::x",
    "  ::set-output name=x::y",
    "\u3000::warning::x",
    "\x85::debug::x",
    "##[error]x",
    "text ##[group]x",
    "##vso[task.setvariable variable=x]y",
    "##teamcity[buildStatus]",
    "section_start:1560896352:my_section\r\x1b[0K",
    "a\n::error::x",
    "\x1b[2J",
    "\x9b31m",
    "\u202eevil",
    "\u2028::error::x",
    "x\rhidden",
    "\ud800",
    "`` ` ``",
    "@alice #12 <img src=x> [a](b) | c",
    "|",
    "\\|",
    "",
    " ",
    "`",
]
HOSTILE = st.one_of(
    st.sampled_from(COMMANDS),
    st.text(
        alphabet=st.sampled_from(
            "ab:#[]`|\\<>@!* _-\n\r\t\x1b\x9b\u202e\u2028\u200b\u00a0\ud800vso="
        ),
        max_size=24,
    ),
    st.text(max_size=12),
)
PROPERTY = settings(deadline=None, max_examples=400)


def runner_commands(line: str) -> list[str]:
    """What CI runners find in a line, written from their own parsers."""
    found = []
    trimmed = line.lstrip()
    if trimmed.startswith("::") and "::" in trimmed[2:]:
        found.append("actions v2")
    start = line.find("##[")
    if start >= 0 and "]" in line[start:]:
        found.append("actions v1")
    if re.search(r"##(vso|teamcity)\[", line, re.IGNORECASE):
        found.append("azure or teamcity")
    if re.search(r"section_(start|end):\d+:", line, re.IGNORECASE):
        found.append("gitlab")
    return found


@PROPERTY
@given(HOSTILE)
@example("section_start:1:x")
def test_terminal_text_is_one_harmless_line(text: str) -> None:
    safe = escape.terminal(text)
    assert runner_commands(safe) == []
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for c in safe)
    assert len(safe.splitlines()) <= 1
    assert escape.terminal(safe) == safe
    safe.encode("utf-8")


@pytest.mark.parametrize("text", ["align", "Job exited with 1", "a::b", "# 3", "über", "C:\\x"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert escape.terminal(text) == text


def leaves(text: str) -> list[tuple[str, str]]:
    """(kind, content) of every token of a rendered page."""
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    found = []
    for token in parser.parse(text):
        found.append((token.type, ""))
        found += [(child.type, child.content) for child in token.children or []]
    return found


@PROPERTY
@given(HOSTILE)
def test_markdown_is_one_code_span(text: str) -> None:
    tokens = [kind for kind, _ in leaves(f"- is {escape.markdown(text)} so")]
    inline = [kind for kind in tokens if "_open" not in kind and "_close" not in kind]
    assert inline == ["inline", "text", "code_inline", "text"]


@PROPERTY
@given(HOSTILE)
def test_a_cell_does_not_break_its_table(text: str) -> None:
    page = f"| a | b |\n| --- | --- |\n| {escape.cell(text)} | z |"
    tokens = leaves(page)
    assert [kind for kind, _ in tokens].count("td_open") == 2
    spans = [content for kind, content in tokens if kind == "code_inline"]
    assert spans == [escape.terminal(text) or " "]


@PROPERTY
@given(st.lists(HOSTILE, max_size=5))
def test_a_block_cannot_be_closed_from_inside(lines: list[str]) -> None:
    text = "\n".join(escape.terminal(line) for line in lines)
    tokens = leaves(escape.block(text, "diff"))
    assert [kind for kind, _ in tokens] == ["fence"]


@PROPERTY
@given(HOSTILE, st.sampled_from([None, 2]))
@example("\\##[error]x", None)
@example("###[error]x", 2)
@example("section_end:1:x", 2)
def test_json_means_the_same_and_starts_nothing(text: str, indent: int | None) -> None:
    value = {text: [text, {"a": text}], "::error::": text}
    safe = escape.in_json(json.dumps(value, indent=indent))
    assert [command for line in safe.splitlines() for command in runner_commands(line)] == []
    assert json.loads(safe) == value
    assert escape.in_json(safe) == safe


@PROPERTY
@given(HOSTILE)
def test_a_csv_field_is_no_formula(text: str) -> None:
    safe = escape.csv(text)
    assert safe[:1] not in ("=", "+", "-", "@") or safe == ""
    out = io.StringIO()
    csv.writer(out).writerow([safe])
    assert next(csv.reader(io.StringIO(out.getvalue()))) in ([safe], [])
