"""The seam between jobsync and a jobs service: a few verbs, each with one meaning.

Floor 2. ``platforms/`` implements it. A planner is only ever given a :class:`Reader`, whose
transport sends nothing but GET; an applier gets a :class:`Backend`. All methods wait for the answer
and are safe to call from several threads: asking many questions at once is the caller's business.
All raise the :class:`~jobsync.errors.ServiceError` family and nothing else; what cannot be read
raises, it is never an empty answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from jobsync.model import Access, App, Archive, Archived, JsonValue, RemoteFile, Run
from jobsync.platform import Platform
from jobsync.structs import Struct


class Content(Struct, frozen=True):
    """An open download: bytes from ``offset`` on, in chunks; ``length`` is the whole file's."""

    offset: int
    length: int | None
    chunks: Iterator[bytes]


class HistoryEvent(Struct, frozen=True):
    """One line of a run's history, oldest first. ``status`` is a job status or an event word."""

    status: str
    created: str
    by: str
    description: str


class Listed(Protocol):
    """What a row of a listing says at first sight: enough to tell whether anybody wants it."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def owner(self) -> str: ...

    @property
    def visible(self) -> bool: ...


class Reader(Protocol):
    """What can be asked of a service without changing anything."""

    @property
    def platform(self) -> Platform:
        """What the service means by its jobs."""

    @property
    def base_url(self) -> str: ...

    def close(self) -> None:
        """Ask nothing more, and end what other threads still wait for."""

    @property
    def concurrency(self) -> int:
        """How many calls at once are worth making; the transport slows itself down below that."""

    def served_at(self) -> float | None:
        """Seconds since 1970 on the service's clock, None where its answers do not tell."""

    def whoami(self) -> str:
        """The user name that the credentials belong to."""

    def runs(self, keep: Callable[[Listed], bool], prefixes: Sequence[str] = ()) -> list[Run]:
        """Every visible run, mine and shared with me, that *keep* wants, from one complete listing.

        Summary rows: ``request`` is None. *prefixes* are what the names of all those begin with,
        for a service that can be searched for them; none where that is not known. Raises
        :class:`Unreadable` when the listing cannot be shown to be complete.
        """

    def runs_named(self, name: str) -> list[Run]:
        """Every run, visible or hidden, whose name is exactly *name*, full records.

        An empty list means that the service answered the question and has none. Raises
        :class:`Unreadable` when a row came back that the question does not match.
        """

    def archived(self, owner: str, wanted: Callable[[Archive], bool]) -> list[Archived]:
        """Every run of *owner*, visible or hidden, whose archive folder is *wanted*.

        Complete listings like that of :meth:`runs`; summary rows. Raises :class:`Unreadable` when
        a row does not tell where its run archives.
        """

    def run(self, run_id: str) -> Run:
        """One visible run, full record. Raises :class:`NotFound` for a missing or hidden one."""

    def access(self, run_id: str) -> dict[str, Access]:
        """The explicit grants of a run by user name, without the owner's row."""

    def files(self, run_id: str, folder: str = "", at_least: int = 0) -> list[RemoteFile]:
        """The entries of one output folder (not recursive), by name.

        *at_least* is how many are known to be there: their pages are asked for at once.
        """

    def open(self, run_id: str, path: str, offset: int = 0) -> AbstractContextManager[Content]:
        """Open one output. ``Content.offset`` is 0 when the service ignored *offset*."""

    def history(self, run_id: str) -> list[HistoryEvent]:
        """What happened to a run, oldest first."""

    def app(self, app_id: str) -> App | None:
        """An app's definition, None when the service does not tell.

        Raises :class:`NotFound` when the service says that it has no such app.
        """


class Backend(Reader, Protocol):
    """A service that may also be changed."""

    def submit(self, name: str, request: Mapping[str, JsonValue]) -> Run:
        """Send one submit, once. No retry, no redirect.

        Raises :class:`SubmitNotSent`, :class:`SubmitRejected` (both proven) or
        :class:`SubmitAmbiguous` (everything else).
        """

    def grant(self, run_id: str, user: str, access: Access) -> None:
        """Set one user's row; ``NO_ACCESS`` removes it. Proves nothing: read back to confirm."""

    def restore(self, run_id: str) -> None:
        """Make a hidden run visible again."""

    def hide(self, run_id: str) -> None:
        """Delete, which on this service stops and hides. A run that is already gone is done."""

    def stop(self, run_id: str) -> None:
        """Ask the service to stop a run."""
