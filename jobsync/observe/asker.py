"""Ask one service many things at once, through at most as many threads as it allows.

That one run cannot be read is an answer here. That nobody may ask at all, or that the service is
overloaded, is raised, as is every other failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar, Union

from jobsync.backend import HiddenRun, HistoryEvent, Reader
from jobsync.errors import (
    Forbidden,
    NotFound,
    Refused,
    ServiceError,
    Throttled,
    Unauthorized,
    Unreadable,
)
from jobsync.model import Access, App, RemoteFile, Run, Unavailable
from jobsync.outputs.listing import walk_outputs
from jobsync.outputs.reasons import outputs_unavailable

K = TypeVar("K")
T = TypeVar("T")
Grants = Union[Mapping[str, Access], Unavailable]
"""The access list of one run, or why it cannot be read."""
Files = Union[tuple[RemoteFile, ...], Unavailable]
"""The outputs of one run, or why they cannot be read."""


class Asker:
    """One service, and the threads that put questions to it. Made by :func:`asking`.

    Permissions are read in threads of their own, so that other questions do not wait behind
    thousands of lists. Walks of outputs have their own threads too, because they wait for the
    folders that they list.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._questions, self._permissions, self._walks = (
            ThreadPoolExecutor(max(1, reader.concurrency)) for _ in range(3)
        )

    def close(self, *, wait: bool) -> None:
        """Begin nothing more. With *wait*, first wait until every question is answered."""
        for pool in (self._walks, self._permissions, self._questions):
            pool.shutdown(wait=wait, cancel_futures=not wait)

    def begin(self, question: Callable[[], T]) -> Future[T]:
        """Start one question in another thread and return at once."""
        return self._questions.submit(question)

    def each(self, question: Callable[[K], T], about: Iterable[K]) -> dict[K, T]:
        """Put one question about many things at once. Raises the first failure."""
        keys = list(dict.fromkeys(about))
        return dict(zip(keys, self._questions.map(question, keys), strict=True))

    def runs(self, run_ids: Iterable[str]) -> list[Run]:
        """The full records of *run_ids*, without runs that do not exist or may not be read."""
        found = self.each(self._run, run_ids)
        return [run for run in found.values() if run is not None]

    def pinned(self, run_ids: Iterable[str]) -> list[Run]:
        """As :meth:`runs`, with those that the service tells to be hidden."""
        found = self.each(self._pinned, run_ids)
        return [run for run in found.values() if run is not None]

    def begin_access(self, run_id: str) -> Future[Grants]:
        """Start reading the access list of one run."""
        return self._permissions.submit(self._access, run_id)

    def outputs(self, run_ids: Iterable[str]) -> dict[str, Files]:
        """Every output of each run."""
        keys = list(dict.fromkeys(run_ids))
        return dict(zip(keys, self._walks.map(self._files, keys), strict=True))

    def changes_of_apps(self, app_ids: Iterable[str]) -> dict[str, datetime]:
        """When apps were last changed, by id, without apps whose definition does not say."""
        found = self.each(self._changed, app_ids)
        return {app_id: when for app_id, when in found.items() if when is not None}

    def _run(self, run_id: str) -> Run | None:
        try:
            return self.reader.run(run_id)
        except (NotFound, Forbidden):
            return None

    def _pinned(self, run_id: str) -> Run | None:
        try:
            return self.reader.run(run_id)
        except HiddenRun as hidden:
            return hidden.run
        except (NotFound, Forbidden):
            return None

    def _access(self, run_id: str) -> Grants:
        try:
            return self.reader.access(run_id)
        except (Unauthorized, Throttled):
            raise
        except Refused as error:
            return Unavailable(str(error))

    def _files(self, run_id: str) -> Files:
        try:
            return walk_outputs(self.reader, run_id, self._questions)
        except (Unauthorized, Throttled):
            raise
        except (Refused, Unreadable) as error:
            return Unavailable(outputs_unavailable(run_id, error, self.reader.platform))

    def _changed(self, app_id: str) -> datetime | None:
        try:
            app = self.reader.app(app_id)
        except (Unauthorized, Throttled):
            raise
        except (Refused, Unreadable):
            return None
        return app.changed if app else None


@contextmanager
def asking(reader: Reader) -> Iterator[Asker]:
    """Threads to put questions to *reader*.

    When a question fails, or Ctrl-C is pressed, questions that have not begun are dropped, and
    those under way are not waited for: closing the reader ends them.
    """
    asker = Asker(reader)
    try:
        yield asker
    except BaseException:
        asker.close(wait=False)
        raise
    asker.close(wait=True)


def known_apps(reader: Reader) -> list[str]:
    """The ids of the apps that there are, to suggest one; none where they cannot be read."""
    try:
        return reader.app_ids()
    except ServiceError:
        return []


def ask_apps(
    reader: Reader, app_ids: Iterable[str]
) -> tuple[dict[str, App | None], dict[str, str]]:
    """The definitions of apps by id, and the service's words for apps that do not exist.

    A definition is None where the service does not publish it.
    """
    apps: dict[str, App | None] = {}
    missing: dict[str, str] = {}
    for app_id in app_ids:
        try:
            apps[app_id] = reader.app(app_id)
        except NotFound as error:
            missing[app_id] = error.said
    return apps, missing


def ask_histories(reader: Reader, run_ids: Iterable[str]) -> dict[str, list[HistoryEvent]]:
    """The history of each run, without those of runs that are gone or may not be read."""

    def one(run_id: str) -> list[HistoryEvent]:
        try:
            return reader.history(run_id)
        except (NotFound, Forbidden):
            return []

    with asking(reader) as asker:
        return asker.each(one, run_ids)
