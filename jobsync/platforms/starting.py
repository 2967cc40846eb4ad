"""What ``jobsync init`` writes: the folders ``starters/TEMPLATE`` beside a platform."""

from __future__ import annotations

from pathlib import Path

_PROJECT, _SINCE = "PROJECT_NAME", "SINCE_VERSION"
_COMMENTS = 29
"""The column of comments in the templates."""


def template_files(starters: Path, template: str, project: str, since: str) -> dict[str, str]:
    """The files of *template* by path, for a *project* that needs a jobsync *since* this version.

    Raises :class:`KeyError` for a template that is not there.
    """
    folder = starters / template
    if not template or not folder.is_dir():
        raise KeyError(template)
    return {
        path.relative_to(folder).as_posix(): "".join(
            _filled(line, project, since)
            for line in path.read_text("utf-8").splitlines(keepends=True)
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _filled(line: str, project: str, since: str) -> str:
    """*line* with what stands open in it; a comment behind that is moved to where others are."""
    filled = line.replace(_PROJECT, project).replace(_SINCE, since)
    if filled == line:
        return line
    text, sign, comment = filled.partition("  #")
    return f"{text.rstrip():{_COMMENTS - 2}}  #{comment}" if sign else filled
