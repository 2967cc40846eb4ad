"""Which outputs hold what a run printed (agave-v2 §6.3)."""

from __future__ import annotations

from collections.abc import Collection

from jobsync.model import LogFiles, Run


def log_files(run: Run, names: Collection[str]) -> LogFiles:
    """The files with standard output and error of *run* among *names*.

    Each engine makes the names from the job's name, some with its id, by its own rule, so names are
    compared by their letters and digits.
    """
    stems = (_letters(run.name), _letters(run.name + run.id))

    def ending(suffix: str) -> str:
        fits = (n for n in sorted(names) if n.endswith(suffix) and _letters(n[:-4]) in stems)
        return next(fits, "")

    return LogFiles(ending(".out"), ending(".err"))


def _letters(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
