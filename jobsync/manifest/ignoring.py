"""Which YAML files below a folder are none of the set's: results, and what ``ignore:`` lists."""

from __future__ import annotations

import re
from functools import lru_cache

from jobsync.manifest.landing import folder
from jobsync.manifest.places import Raw


class Ignored:
    """Folders that outputs go to and globs of ``ignore:``, learnt from file after file."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}
        self._globs: list[re.Pattern[str]] = []

    def learn(self, relative: str, value: Raw) -> None:
        """Take note of what the file *relative* says of outputs and of files to ignore.

        A file is not hidden by what it says itself: ``""`` stands for several files.
        """
        if not isinstance(value, dict) or "apiVersion" not in value:
            return
        globs = value.get("ignore")
        for glob in globs if isinstance(globs, list) else ():
            if isinstance(glob, str):
                self._globs.append(_compiled(glob))
        if "outputsRoot" in value:
            return
        jobs = value.get("jobs")
        bodies = list(jobs.values()) if isinstance(jobs, dict) else []
        for body in [*bodies, value.get("defaults")]:
            rules = body.get("outputs") if isinstance(body, dict) else None
            for rule in rules if isinstance(rules, list) else ():
                to = rule.get("to") if isinstance(rule, dict) else None
                name = folder(to) if isinstance(to, str) else ""
                if name and self._folders.setdefault(name, relative) != relative:
                    self._folders[name] = ""

    def covers(self, relative: str) -> bool:
        """Whether the file *relative* is not a manifest of the set."""
        if any(glob.fullmatch(relative) for glob in self._globs):
            return True
        parts = relative.split("/")
        for depth in range(1, len(parts)):
            said = self._folders.get("/".join(parts[:depth]))
            if said is not None and said != relative:
                return True
        return False


@lru_cache(maxsize=256)
def _compiled(glob: str) -> re.Pattern[str]:
    """``*`` and ``?`` stay within a folder, ``**`` does not; a folder stands for all below it."""
    pattern = ""
    text = glob.removeprefix("./").lstrip("/")
    position = 0
    while position < len(text):
        if text.startswith("**/", position):
            pattern += "(?:.*/)?"
            position += 3
        elif text.startswith("**", position):
            pattern += ".*"
            position += 2
        else:
            character = text[position]
            pattern += {"*": "[^/]*", "?": "[^/]"}.get(character, re.escape(character))
            position += 1
    return re.compile(pattern + (".*" if text.endswith("/") else "(?:/.*)?"), re.DOTALL)
