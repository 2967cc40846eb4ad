"""What ``jobsync init`` writes: the folders ``starters/TEMPLATE`` beside a platform."""

from __future__ import annotations

from pathlib import Path

_PROJECT, _SINCE = "PROJECT_NAME", "SINCE_VERSION"


def template_files(starters: Path, template: str, project: str, since: str) -> dict[str, str]:
    """The files of *template* by path, for a *project* that needs a jobsync *since* this version.

    Raises :class:`KeyError` for a template that is not there.
    """
    folder = starters / template
    if not template or not folder.is_dir():
        raise KeyError(template)
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        .replace(_PROJECT, project)
        .replace(_SINCE, since)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
