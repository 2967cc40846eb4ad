"""Which outputs are archived: globs as Java has them, or regular expressions (tapis-v3 §8.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from jobsync.java_regex import Uncheckable, found

_REGEX = "REGEX:"


def chosen(archive_filter: Mapping[str, Any]) -> Callable[[str], bool]:
    """Whether a path below the output directory is archived: excludes first, then includes."""
    excludes, includes = archive_filter["excludes"], archive_filter["includes"]

    def keeps(path: str) -> bool:
        if any(matches(pattern, path) for pattern in excludes):
            return False
        return not includes or any(matches(pattern, path) for pattern in includes)

    return keeps


def matches(pattern: str, path: str) -> bool:
    """Whether *path*, relative and without a leading slash, fits. A pattern that cannot be
    tried fits nothing."""
    if pattern.startswith(_REGEX):
        try:
            return found(f"^(?:{pattern.removeprefix(_REGEX)})$", path)
        except Uncheckable:
            return False
    compiled = _compiled(pattern)
    if compiled is None:
        return False
    # "**/*" means files at the top too.
    return bool(
        compiled.fullmatch(path) or (pattern.startswith("**/") and compiled.fullmatch(f"/{path}"))
    )


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(_translated(pattern), re.DOTALL)
    except re.error:
        return None


def _translated(pattern: str) -> str:
    out, index, depth = [], 0, 0
    while index < len(pattern):
        char = pattern[index]
        index += 1
        if char == "*":
            if pattern[index : index + 1] == "*":
                index += 1
                out.append(".*")
            else:
                out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "[":
            end = pattern.find("]", index + 1)
            if end < 0:
                raise re.error("no ] in a glob")
            inner = pattern[index:end].replace("\\", "\\\\").replace("[", "\\[")
            out.append(f"(?!/)[{'^' + inner[1:] if inner[:1] == '!' else inner}]")
            index = end + 1
        elif char == "{":
            depth += 1
            out.append("(?:")
        elif char == "}" and depth:
            depth -= 1
            out.append(")")
        elif char == "," and depth:
            out.append("|")
        elif char == "\\" and index < len(pattern):
            out.append(re.escape(pattern[index]))
            index += 1
        else:
            out.append(re.escape(char))
    return "".join(out)
