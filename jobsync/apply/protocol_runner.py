"""Carries out the commands of the submit protocol: journal, service and clock for real."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone

from jobsync.apply.clock import Clock
from jobsync.apply.journal import Journal, JournalFailed
from jobsync.apply.journal_entry import Entry, State
from jobsync.apply.shared import claims
from jobsync.apply.shared.journal import SharedJournal
from jobsync.apply.submit_messages import (
    Ambiguous,
    Append,
    Awake,
    Claim,
    Command,
    Denied,
    Found,
    Made,
    Mine,
    Note,
    NotMade,
    Post,
    Protocol,
    Read,
    Reply,
    Search,
    Seen,
    Share,
    Sleep,
    Theirs,
    Times,
    Trouble,
)
from jobsync.backend import Backend
from jobsync.errors import Location, NotFound, ServiceError, SubmitNotSent, SubmitRejected
from jobsync.model import JsonValue, Run
from jobsync.plan.history import copies
from jobsync.secret import Sensitive
from jobsync.sensitive import scrubbed
from jobsync.structs import replace

_WORTH_ANOTHER_TRY = frozenset({401, 429, 503})
"""Statuses of proven rejections that pass: a token that has been renewed since, throttling."""

_NOTHING: Mapping[str, JsonValue] = {}
_NOWHERE: Mapping[str, Location] = {}
_LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)


def _no_other(name: str) -> bool:
    return False


class ProtocolRunner:
    """Runs protocols against one service with one journal. Safe to use from several threads."""

    def __init__(
        self,
        backend: Backend,
        journal: Journal,
        clock: Clock,
        user: str,
        stopping: Callable[[], bool],
        shared: SharedJournal | None = None,
    ) -> None:
        self._backend = backend
        self._journal = journal
        self._clock = clock
        self._user = user
        self._stopping = stopping
        self._shared = shared

    def drive(
        self,
        protocol: Protocol,
        request: Mapping[str, JsonValue] = _NOTHING,
        places: Mapping[str, Location] = _NOWHERE,
        secrets: tuple[Sensitive, ...] = (),
        is_of_job: Callable[[str], bool] = _no_other,
    ) -> Entry:
        """Run *protocol* to its end. *request* is the body to send, without the name; *places*
        are where its fields were written. What the answer says of *secrets* is not passed on.
        *is_of_job* tells the other names under which the job may be submitted.

        Raises :class:`~jobsync.apply.journal.JournalFailed` when nothing was sent because it could
        not be written down first.
        """
        try:
            command = next(protocol)
            while True:
                reply = self._reply(command, request, places, is_of_job)
                if isinstance(reply, (NotMade, Ambiguous)):
                    reply = replace(reply, reason=scrubbed(reply.reason, secrets))
                command = protocol.send(reply)
        except StopIteration as end:
            entry: Entry = end.value
            return entry

    def past(self, name: str) -> Entry | None:
        """The journal's last word on the submit of *name*."""
        return self._journal.state(name)

    def open_submits(self) -> tuple[Entry, ...]:
        """The submits of earlier runs that have to be resolved first."""
        return self._journal.open_submits()

    def duplicates(self) -> tuple[Entry, ...]:
        """The names of which more than one job was seen."""
        return self._journal.open_submits(frozenset({State.DUPLICATE}))

    def _reply(
        self,
        command: Command,
        request: Mapping[str, JsonValue],
        places: Mapping[str, Location],
        is_of_job: Callable[[str], bool],
    ) -> Reply:
        if isinstance(command, Append):
            return self._journal.append(command.entry, self._clock)
        if isinstance(command, Claim):
            return self._claim(command.entry, is_of_job)
        if isinstance(command, Share):
            if self._shared is not None:
                self._shared.share(command.entry)
            return command.entry
        if isinstance(command, Note):
            return self._note(command.entry)
        if isinstance(command, Search):
            return self._search(command.name)
        if isinstance(command, Read):
            return self._read(command.job_id)
        if isinstance(command, Post):
            return self._post(command.name, request, places)
        if isinstance(command, Sleep):
            if not self._stopping():
                self._clock.sleep(command.seconds)
            return Awake(self._stopping())
        return Times(self._clock.now(), self._clock.monotonic())

    def _claim(self, entry: Entry, is_of_job: Callable[[str], bool]) -> Reply:
        if self._shared is None:
            return Mine()
        verdict = self._shared.claim(entry.name, entry.address, is_of_job)
        if isinstance(verdict, claims.Granted):
            return Mine()
        if isinstance(verdict, claims.Denied):
            return Denied(verdict.reason)
        record = verdict.record
        return Theirs(record.name, record.who or "somebody else", self._shared.age(record))

    def _note(self, entry: Entry) -> Entry:
        try:
            return self._journal.append(entry, self._clock)
        except JournalFailed:
            return entry  # ``sending`` is on the disk: the next run finds the job by its name

    def _search(self, name: str) -> Reply:
        past = self._journal.state(name)
        try:
            runs = self._backend.runs_named(name, past.ids if past else (), brief=True)
        except ServiceError as error:
            return Trouble(str(error))
        mine = [run for run in runs if run.owner == self._user and run.name == name]
        by_a_person = copies(mine)
        mine = [run for run in mine if run.id not in by_a_person]
        mine.sort(key=lambda run: (run.number, run.created or _LONG_AGO, run.id))
        return Found(tuple(map(_seen, mine)))

    def _read(self, job_id: str) -> Reply:
        try:
            return Found((_seen(self._backend.run(job_id, brief=True)),))
        except NotFound:
            return Found(())
        except ServiceError as error:
            return Trouble(str(error))

    def _post(
        self, name: str, request: Mapping[str, JsonValue], places: Mapping[str, Location]
    ) -> Reply:
        if self._shared is not None:
            self._shared.sent(name)
        try:
            run = self._backend.submit(name, request)
        except SubmitNotSent as error:
            return NotMade(str(error), again=True)
        except SubmitRejected as error:
            passes = error.status in _WORTH_ANOTHER_TRY and not self._backend.login_over()
            return NotMade(_at(error, places), again=passes)
        except Exception as error:  # whatever it was, the request may have left
            return Ambiguous(str(error) or type(error).__name__)
        return Made(run.id) if run.id else Ambiguous("the answer has no id")


def _at(error: SubmitRejected, places: Mapping[str, Location]) -> str:
    """What the service refused, in its words, at the place where it was written."""
    hint = f"; {error.hint}" if error.hint else ""
    for path in error.fields:
        if path in places:
            said = f"the service refuses it: {error.said} ({error.status})"
            return f"{places[path]}: {path}: {said}{hint}"
    return f"{error}{hint}"


def _seen(run: Run) -> Seen:
    return Seen(run.id, run.name, run.visible)
