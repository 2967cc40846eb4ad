"""Runs by their exact names, visible and hidden, and the proof that there are none.

A search term that the service drops makes it answer with every job (agave-v2 §2.6), which shows.
That it takes a question about several names for one about none would not show: so each names one
run more that is known to be there, and counts only if that one is in the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor

from jobsync.errors import Forbidden, NotFound, Unreadable
from jobsync.model import Run
from jobsync.platforms.agave import wire
from jobsync.platforms.agave.operations import Jobs
from jobsync.platforms.agave.pagination import LIMIT, all_runs

MOST_NAMES = 40
"""How many names, of 63 characters at most, go into one URL."""

ORDER = {"orderBy": "id", "order": "asc"}
_SIMPLE = re.compile(r"[A-Za-z0-9_.-]+")
"""Names that mean themselves in a list with commas. All that jobsync makes are of them."""

_PASSES = 3


class NameSearch:
    """Asks for runs by name. Used by one thread at a time; pages are read by those of *pages*."""

    def __init__(self, jobs: Jobs, pages: Executor, ahead: int) -> None:
        self._jobs, self._pages, self._ahead = jobs, pages, ahead
        self._known: dict[str, str] = {}
        """The name of a run that is there, of the visible and of the hidden ones."""

    def runs_of(self, names: Sequence[str]) -> list[list[Run]]:
        """The runs of each of *names*, full records, visible ones first.

        A dropped ``visible`` cannot be seen in a row: then both questions bring the same ids.
        """
        for _ in range(_PASSES):
            shown, hidden = self._found(names, "true"), self._found(names, "false")
            if not {run.id for run in shown} & {run.id for run in hidden}:
                wanted = [run for run in shown if run.name in names]
                full = [*self._pages.map(self._completed, wanted), *hidden]
                return [[run for run in full if run.name == name] for name in names]
        raise Unreadable(
            f"asked for jobs named {_quoted(names)}: the service does not say which of them are "
            "hidden"
        )

    def _found(self, names: Sequence[str], visible: str) -> list[Run]:
        """The runs of *names*, and those that prove the answer."""
        several = sorted({name for name in names if _SIMPLE.fullmatch(name)})
        alone = sorted(set(names).difference(several))
        found = []
        if len(several) == 1:
            alone += several
        elif several:
            found += self._of_several(several, visible)
        for name in alone:
            found += self._answered({"name.eq": name}, [name], visible)
        return found

    def _of_several(self, names: Sequence[str], visible: str) -> list[Run]:
        for _ in range(_PASSES):
            known = self._known.get(visible) or self._any_name(visible)
            if known is None:
                return []
            if not known:
                rows = [self._answered({"name.eq": n}, [n], visible) for n in names]
                return [run for found in rows for run in found]
            # The known one is last, so that a service which reads the first alone leaves it out.
            asked = [*sorted(set(names) - {known}), known]
            rows_of_all = self._answered({"name.in": ",".join(asked)}, asked, visible)
            if any(run.name == known for run in rows_of_all):
                self._known[visible] = known
                return rows_of_all
            self._known.pop(visible, None)  # it was hidden, restored or made private meanwhile
        raise Unreadable(
            f"asked for jobs named {_quoted(asked)}, the service leaves out one that it has"
        )

    def _any_name(self, visible: str) -> str | None:
        """The name of any run there is, None where there is none; "" where none can be asked for
        together with others."""
        terms = {"visible": visible, "filter": wire.ROW_FIELDS, **ORDER}
        rows = self._jobs.list_rows(limit=LIMIT, offset=0, terms=terms)
        if not rows:
            return None
        return next((row.name for row in rows if _SIMPLE.fullmatch(row.name)), "")

    def _answered(self, term: Mapping[str, str], names: Sequence[str], visible: str) -> list[Run]:
        """The runs of *names*, which *term* asks for. Raises :class:`Unreadable` for any other."""
        found: list[Run] = []
        for run in all_runs(self._page({**term, "visible": visible}), self._pages, self._ahead):
            same = any(_same_to_a_database(run.name, name) for name in names)
            if not same or run.visible != (visible == "true"):
                raise Unreadable(
                    f"asked for jobs named {_quoted(names)}, the service answered with {run.name!r}"
                )
            if run.name in names:
                found.append(run)
        return found

    def _page(self, terms: Mapping[str, str]) -> Callable[[int], Sequence[Run]]:
        asked = {**terms, "filter": "*", **ORDER}
        return lambda offset: self._jobs.list(limit=LIMIT, offset=offset, terms=asked)

    def _completed(self, run: Run) -> Run:
        return run if run.request is not None else looked_up(self._jobs, run)


def looked_up(jobs: Jobs, run: Run) -> Run:
    """The full record; the row itself when it may not be read, or is gone by now."""
    try:
        return jobs.get(run.id)
    except (Forbidden, NotFound):
        return run


def _same_to_a_database(one: str, other: str) -> bool:
    """Equal as the service's database compares: without case, without blanks at the end."""
    return one.rstrip().casefold() == other.rstrip().casefold()


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
