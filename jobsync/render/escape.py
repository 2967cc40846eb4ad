"""The one place where text from outside becomes text that may be shown.

Names, messages and paths on a service are written by anybody. On a terminal they must not move the
cursor or turn the reading direction; in a CI log they must not start a command; in Markdown they
must not become structure, a mention or a link. What is escaped stays readable and is never dropped.

Facts: a GitHub runner reads ``::cmd::`` at the start of a line after trimming it, and
``##[cmd]`` anywhere in it; Azure reads ``##vso[``, TeamCity ``##teamcity[``, GitLab
``section_start:`` (reliability §2.6).
"""

from __future__ import annotations

import html
import re

from jobsync.visible import escaped, is_safe, visible

_HASH_COMMAND = re.compile(r"##(?=[\w.-]*\[)")
_SECTION = re.compile(r"section_(start|end):", re.IGNORECASE)
_SECTION_TIME = re.compile(r"section_(start|end):(?=[0-9])", re.IGNORECASE)
_MARKER_UNSAFE = re.compile(r"[^A-Za-z0-9_./ -]|--")
_NO_LABEL = re.compile(r"[^\w .,/=\[\]()-]", re.ASCII)
_BACKTICKS = re.compile(r"`+")


def terminal(text: str) -> str:
    """*text* on one line, with nothing in it that a terminal or a CI runner acts on.

    Line breaks and other control characters are shown as ``\\n`` or ``\\x1b``. Applying it twice
    changes nothing more.
    """
    text = _HASH_COMMAND.sub(r"#\\x23", visible(text))
    text = _SECTION.sub(r"section_\1\\x3a", text)
    body = text.lstrip()
    if body.startswith("::"):
        text = f"{text[: len(text) - len(body)]}\\x3a{body[1:]}"
    return text


def markdown(text: str) -> str:
    """*text* as a code span: no mention, link, HTML or emphasis comes of anything inside it."""
    safe = terminal(text)
    longest = max((len(run) for run in _BACKTICKS.findall(safe)), default=0)
    fence = "`" * (longest + 1)
    if not safe:
        return "` `"
    pad = " " if safe.strip() and (safe[0] in "` " or safe[-1] in "` ") else ""
    return f"{fence}{pad}{safe}{pad}{fence}"


def cell(text: str) -> str:
    """*text* as a code span that also stays inside one cell of a table."""
    return markdown(text).replace("|", "\\|")


def block(text: str, language: str = "") -> str:
    """Lines of already safe *text* as a fenced block, with a fence that it cannot close."""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def comment(marker: str, digest: str = "") -> str:
    """The hidden head of Markdown: *marker* on the first line, by which a bot finds its comment,
    and on the second the *digest* of the plan, by which the apply after the merge finds it."""
    lines = [_MARKER_UNSAFE.sub("", marker), f"digest {digest}" if digest else ""]
    return "\n".join(f"<!-- {line} -->" for line in lines if line)


def in_json(text: str) -> str:
    """JSON *text* that means the same, with nothing in its strings that a CI runner acts on.

    ``::`` needs nothing: every line of JSON begins with a quote, a bracket, a digit or a word.
    """
    text = _HASH_COMMAND.sub(r"#\\u0023", text)
    return _SECTION.sub(r"section_\1\\u003a", text)


def in_yaml(text: str) -> str:
    """YAML *text* of our writer that means the same, with nothing in it that a terminal or a CI
    runner acts on. What has to change stands in double quotes there.

    ``::`` needs nothing: every line begins with a blank, a quote or a word.
    """
    lines = text.split("\n")
    safe = "\n".join("".join(map(_in_quotes, line)) for line in lines)
    safe = _HASH_COMMAND.sub(r"#\\x23", safe)
    return _SECTION_TIME.sub(r"section_\1\\x3a", safe)


def _in_quotes(character: str) -> str:
    return character if character == "\t" or is_safe(character) else escaped(character)


def command_data(text: str) -> str:
    """*text* for the text of a workflow command of GitHub Actions, which the runner decodes."""
    return terminal(text).replace("%", "%25")


def command_property(text: str) -> str:
    """*text* for the value of a property of such a command."""
    return command_data(text).replace(":", "%3A").replace(",", "%2C")


def csv(text: str) -> str:
    """*text* for one field of a CSV file that a spreadsheet may open: never a formula."""
    safe = terminal(text)
    return f"'{safe}" if safe[:1] in ("=", "+", "-", "@") else safe


def markup(text: str) -> str:
    """*text* for HTML and SVG, in an element or between quotes: never a tag, never an end of it."""
    return html.escape(terminal(text), quote=True)


def mermaid(text: str) -> str:
    """*text* for the label of a Mermaid node: all but letters, digits and some signs as codes."""
    return _NO_LABEL.sub(lambda match: f"#{ord(match[0])};", terminal(text))


def dot(*lines: str) -> str:
    """*lines* as one quoted string for Graphviz, which has a line for each."""
    safe = [terminal(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    return '"' + "\\n".join(safe) + '"'
