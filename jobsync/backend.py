"""The seam between jobsync and a jobs service: a few verbs, each with one meaning.

Floor 2. ``platforms/`` implements it. A planner is only ever given a :class:`Reader`, whose
transport sends nothing but GET; an applier gets a :class:`Backend`. All methods wait for the answer
and are safe to call from several threads: asking many questions at once is the caller's business.
All raise the :class:`~jobsync.errors.ServiceError` family and nothing else; what cannot be read
raises, it is never an empty answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from jobsync.errors import NotFound
from jobsync.model import Access, App, Archive, Archived, JsonValue, RemoteFile, Run
from jobsync.platform import Platform
from jobsync.structs import Struct


class Content(Struct, frozen=True):
    """An open download: the bytes from ``offset`` on, in ``chunks``; ``length`` is the size of the
    whole file in bytes, None where the service does not say."""

    offset: int
    length: int | None
    chunks: Iterator[bytes]


class HiddenRun(NotFound):
    """The service has this run, and it is hidden. ``run`` is its record."""

    def __init__(self, run: Run) -> None:
        said = f"job {run.id} is hidden"
        super().__init__(said, status=404, said=said)
        self.run = run


class HistoryEvent(Struct, frozen=True):
    """One line of a run's history, oldest first. ``status`` is a job status or an event word."""

    status: str
    created: str
    by: str
    description: str


class Listed(Protocol):
    """What can be read from one row of a listing at once: enough to decide whether the run
    matters."""

    @property
    def id(self) -> str:
        """The id that the service has given the run."""

    @property
    def name(self) -> str:
        """The name under which the run was submitted."""

    @property
    def owner(self) -> str:
        """The user who submitted the run."""

    @property
    def visible(self) -> bool:
        """False when the run was deleted, and so hidden, on the service."""


class Reader(Protocol):
    """The questions that can be put to a service. None of them changes anything there."""

    @property
    def platform(self) -> Platform:
        """What the jobs of this kind of service mean."""

    @property
    def base_url(self) -> str:
        """The URL of the service, in its one spelling, without a slash at the end."""

    def close(self) -> None:
        """Send nothing more, and end the requests that other threads still wait for."""

    @property
    def concurrency(self) -> int:
        """How many calls are worth making at once. The transport slows down by itself below
        that."""

    def served_at(self) -> float | None:
        """Seconds since 1970 on the service's clock; None while no answer has told the time."""

    def login_over(self) -> str:
        """Why the service takes nothing more from this login, which cannot be renewed; empty while
        no answer has said so."""

    def whoami(self) -> str:
        """The user name that the credentials belong to."""

    def runs(self, keep: Callable[[Listed], bool], prefixes: Sequence[str] = ()) -> list[Run]:
        """Every visible run of mine that *keep* wants, from one complete listing; where that has
        those shared with me, these too.

        Summary rows: ``request`` is None. *prefixes* are what the names of all those begin with,
        for a service that can be searched for them; none where that is not known. Raises
        :class:`Unreadable` when the listing cannot be shown to be complete.
        """

    def shared_runs(
        self, keep: Callable[[Listed], bool], prefixes: Sequence[str] = ()
    ) -> list[Run]:
        """As :meth:`runs`, of the runs of others: every one that its owner shares with me, and
        maybe some of mine."""

    def runs_by_id(self, run_ids: Collection[str]) -> list[Run]:
        """The visible runs among *run_ids*, summary rows, asked for together.

        That one is missing proves nothing: it may be hidden, or not be listed yet.
        """

    def runs_named(
        self, name: str, known: Collection[str] = (), *, brief: bool = False
    ) -> list[Run]:
        """Every run, visible or hidden, whose name is exactly *name*, full records unless *brief*.

        *known* are ids of runs that may have that name: a service whose search does not find
        hidden runs is asked for each of them. An empty list means that the service answered the
        question and has none. Raises :class:`Unreadable` when a row came back that the question
        does not match.
        """

    def archived(self, owner: str, wanted: Callable[[Archive], bool]) -> list[Archived]:
        """Every run of *owner*, visible or hidden, whose archive folder is *wanted*.

        Complete listings like that of :meth:`runs`; summary rows. Raises :class:`Unreadable` when
        a row does not tell where its run archives.
        """

    def run(self, run_id: str, *, brief: bool = False) -> Run:
        """One visible run, full record. Raises :class:`NotFound` for a missing or hidden one,
        and :class:`HiddenRun` where the service tells that it is hidden.

        *brief*: nobody needs its request. ``request`` may be None then, which may save a call.
        """

    def access(self, run_id: str) -> dict[str, Access]:
        """The access granted explicitly on a run, by user name, without the owner's row."""

    def files(self, run_id: str, folder: str = "", at_least: int = 0) -> list[RemoteFile]:
        """The entries of one output folder, sorted by name; subfolders are not searched.

        *at_least* is the number of entries known to be there: their pages are requested at once.
        """

    def open(
        self, run_id: str, path: str, offset: int = 0, size: int | None = None
    ) -> AbstractContextManager[Content]:
        """Open one output at *offset* bytes. *size* is its length by a listing, where known.

        ``Content.offset`` is 0 when the service ignored *offset*.
        """

    def history(self, run_id: str) -> list[HistoryEvent]:
        """What happened to a run, oldest first."""

    def has_user(self, name: str) -> bool | None:
        """Whether the service has a user called *name*; None where it does not tell."""

    def app(self, app_id: str) -> App | None:
        """The definition of an app; None when the service does not publish definitions.

        Raises :class:`NotFound` when the service says that it has no such app.
        """

    def app_ids(self) -> list[str]:
        """The ids of the apps that the user may run, sorted, as a manifest names them.

        For people, to choose from: whether an app exists is asked of :meth:`app`.
        """


class Backend(Reader, Protocol):
    """A service that may also be changed: a :class:`Reader` and the five writes."""

    def submit(self, name: str, request: Mapping[str, JsonValue]) -> Run:
        """Send one submit, once. No retry, no redirect.

        Raises :class:`SubmitNotSent`, :class:`SubmitRejected` (both proven) or
        :class:`SubmitAmbiguous` (everything else).
        """

    def grant(self, run_id: str, user: str, access: Access, *, is_new: bool = False) -> None:
        """Set the access of one user to a run; ``NO_ACCESS`` removes it.

        *is_new*: the list that was read just before has no row of this user, so nothing has to be
        taken away first. A success proves nothing: read the access back to confirm it.
        """

    def restore(self, run_id: str) -> None:
        """Make a hidden run visible again."""

    def hide(self, run_id: str) -> None:
        """Delete a run, which stops and hides it. A run that is already gone counts as deleted."""

    def stop(self, run_id: str) -> None:
        """Ask the service to stop a run."""
