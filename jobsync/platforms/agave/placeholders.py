"""Placeholders of the older client's templates, made into variables of the set.

``{{ username }}`` is one everywhere. ``${NAME}`` is one where the service would take it for
nothing; in a parameter it is text, and a macro of the service stays what it is.
"""

from __future__ import annotations

import re

from jobsync.platforms.agave.fields import MACROS, NOTICE_MACROS, PATH_MACROS

REFERENCE = re.compile(r"\$\{var\.[A-Za-z0-9_-]+\}")

_TOKEN = re.compile(r"(\{\{.*?\}\}|\{%.*?%\})|\$\{(?:([A-Za-z_][A-Za-z0-9_.-]*)\})?", re.DOTALL)
_MACROS = {"archivePath": PATH_MACROS, "notifications": NOTICE_MACROS}


class Placeholders:
    """Those of all files of one set, each with the variable that it became."""

    def __init__(self) -> None:
        self._variables: dict[str, str] = {}
        self._found: dict[str, str] = {}

    def written(self, field: str, text: str, file: str) -> tuple[str, list[tuple[str, str]]]:
        """*text* of *field* as a manifest says it, and the placeholders in it with their names."""
        used: list[tuple[str, str]] = []

        def one(match: re.Match[str]) -> str:
            template, name = match[1], match[2]
            if template is None:
                if name is None:
                    return f"${match[0]}"
                if field == "parameters":
                    return literal(match[0])
                if name in _MACROS.get(field, ()):
                    return match[0]
            variable = self._variable(match[0], file)
            used.append((match[0], variable))
            return f"${{var.{variable}}}"

        return _TOKEN.sub(one, text), used

    def variables(self) -> dict[str, dict[str, str]]:
        """The section ``variables`` of the set."""
        return {name: {"description": found} for name, found in self._found.items()}

    def _variable(self, placeholder: str, file: str) -> str:
        if placeholder not in self._variables:
            plain = re.sub(r"[^A-Za-z0-9_]+", "_", placeholder).strip("_") or "value"
            plain = plain if plain[0].isalpha() else f"v_{plain}"
            name, number = plain, 2
            while name in self._found:
                name, number = f"{plain}_{number}", number + 1
            self._variables[placeholder] = name
            self._found[name] = f"{placeholder} in {file}"
        return self._variables[placeholder]


def literal(text: str) -> str:
    """Text in which nothing is a reference; the macros of the service mean themselves."""
    return re.sub(
        r"\$\{(?:([A-Z_]+)\})?",
        lambda match: match[0] if match[1] in MACROS else f"${match[0]}",
        text,
    )
