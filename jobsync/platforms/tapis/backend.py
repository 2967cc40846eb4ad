"""The verbs of the seam, on top of the operations. See ``jobsync.backend`` for their meaning."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property

from jobsync.backend import Content, HiddenRun, HistoryEvent, Listed
from jobsync.errors import Forbidden, NotFound, Refused, ServiceError, SubmitNotSent
from jobsync.http.messages import Response
from jobsync.in_groups import InGroups
from jobsync.model import (
    Access,
    App,
    Archive,
    Archived,
    JsonValue,
    RemoteFile,
    Run,
    RunState,
)
from jobsync.platforms.records import Record
from jobsync.platforms.tapis import describe, envelope
from jobsync.platforms.tapis.app_definitions import described_app
from jobsync.platforms.tapis.archive import JOB
from jobsync.platforms.tapis.describe import PLACES, ROW, Row
from jobsync.platforms.tapis.name_search import MOST_NAMES, NameSearch
from jobsync.platforms.tapis.operations import Jobs, Terms
from jobsync.platforms.tapis.outputs import Outputs
from jobsync.platforms.tapis.pagination import LIMIT, SHARED, Listing, all_apps, all_events
from jobsync.platforms.tapis.permissions import access_of, resources_of
from jobsync.platforms.tapis.platform import TAPIS
from jobsync.platforms.tapis.tags import tags_of
from jobsync.platforms.tapis.urls import is_run_id

MOST_IDS = 80
"""How many ids go into one URL (tapis-v3 §6.6)."""

_LIST_FIELDS = (*ROW, *PLACES)
_ENDING_SECONDS = 120.0
_LOOKS = 1.0
_BAD_REQUEST = 400
_CONFLICT = 409


class TapisReader:
    """The questions to a service of Tapis v3. Its transport decides what it can send at all."""

    platform = TAPIS

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self._pages = ThreadPoolExecutor(self.concurrency, thread_name_prefix="jobsync-page")
        self._listing = Listing(jobs, self._pages.map)
        search = NameSearch(self._listing, _LIST_FIELDS)
        self._named = InGroups(search.rows_of, most=MOST_NAMES)

    def close(self) -> None:
        """Close the connections and end the threads. Calls under way in them are abandoned."""
        self.jobs.close()
        self._pages.shutdown(wait=False, cancel_futures=True)

    @property
    def base_url(self) -> str:
        """The URL of the service, without a slash at the end."""
        return self.jobs.urls.base

    @property
    def concurrency(self) -> int:
        return self.jobs.transport.concurrency

    def served_at(self) -> float | None:
        return self.jobs.transport.client.served_at()

    def login_over(self) -> str:
        return self.jobs.transport.login_over

    def whoami(self) -> str:
        return self._me

    @cached_property
    def _me(self) -> str:
        return self.jobs.whoami()

    @cached_property
    def _outputs(self) -> Outputs:
        return Outputs(self.jobs, self._me)

    # --- runs --------------------------------------------------------------------------

    def runs(self, keep: Callable[[Listed], bool], prefixes: Sequence[str] = ()) -> list[Run]:
        """See :class:`~jobsync.backend.Reader`. Only my runs: those of others never count as
        mine, and nothing else is asked of a list."""
        return self._searched(keep, prefixes, ())

    def shared_runs(
        self, keep: Callable[[Listed], bool], prefixes: Sequence[str] = ()
    ) -> list[Run]:
        """See :class:`~jobsync.backend.Reader`. They have a listing of their own
        (tapis-v3 §6.1)."""
        return self._searched(keep, prefixes, (SHARED,))

    def _searched(
        self, keep: Callable[[Listed], bool], prefixes: Sequence[str], whose: Terms
    ) -> list[Run]:
        terms = [[("name.like", f"{prefix}*")] for prefix in prefixes] or [[]]
        found = {
            row.id: row
            for one in terms
            for row in self._listing.rows((*one, *whose), _LIST_FIELDS)
            if keep(row)
        }
        return [self._of_row(row) for row in found.values()]

    def runs_by_id(self, run_ids: Collection[str]) -> list[Run]:
        """See :class:`~jobsync.backend.Reader`."""
        ids = sorted({run_id for run_id in run_ids if is_run_id(run_id)})
        listing = Listing(self.jobs, map)  # the threads of *pages* do not wait for one another

        def rows_of(chunk: Sequence[str]) -> list[Row]:
            return listing.rows([("uuid.in", ",".join(chunk))], _LIST_FIELDS)

        chunks = [ids[at : at + MOST_IDS] for at in range(0, len(ids), MOST_IDS)]
        rows = [row for found in self._pages.map(rows_of, chunks) for row in found]
        return [self._of_row(row) for row in rows if row.id in run_ids]

    def runs_named(
        self, name: str, known: Collection[str] = (), *, brief: bool = False
    ) -> list[Run]:
        """See :class:`~jobsync.backend.Reader`. Names that several threads ask for at the same
        time go into one question. No search finds a hidden run, so each id of *known* is asked
        for."""
        read = self._record if brief else self._full
        rows = self._named.ask(name)
        found = {row.id: self._of_row(row) if brief else self._full(row.id) for row in rows}
        for run_id in sorted(set(known).difference(found)):
            try:
                run = read(run_id)
            except (NotFound, Forbidden):
                continue
            if run.name == name:
                found[run_id] = run
        return sorted(found.values(), key=lambda run: (not run.visible, run.number))

    def run(self, run_id: str, *, brief: bool = False) -> Run:
        """See :class:`~jobsync.backend.Reader`. The request is a call of its own."""
        run = self._record(run_id) if brief else self._full(run_id)
        if not run.visible:
            raise HiddenRun(run)
        return run

    def archived(self, owner: str, wanted: Callable[[Archive], bool]) -> list[Archived]:
        """See :class:`~jobsync.backend.Reader`. Hidden runs are in no list (tapis-v3 §6.1)."""
        found = []
        for row in self._listing.rows((), _LIST_FIELDS):
            record = row.record if self._tells_place(row) else self.jobs.get(row.id)[0]
            folder = TAPIS.output_folder({JOB: record})
            if row.owner == owner and folder is not None and wanted(folder):
                found.append(Archived(self._of_row(row), folder))
        return found

    # --- what belongs to one run -------------------------------------------------------

    def access(self, run_id: str) -> dict[str, Access]:
        self._refuse_foreign_id(run_id)
        return {user: access_of(names) for user, names in self.jobs.shares(run_id).items()}

    def files(self, run_id: str, folder: str = "", at_least: int = 0) -> list[RemoteFile]:
        """See :class:`~jobsync.backend.Reader`. Pages are as long as was asked for, so nothing is
        gained from *at_least*."""
        self._refuse_foreign_id(run_id)
        return self._outputs.entries(run_id, folder.strip("/"))

    @contextmanager
    def open(
        self, run_id: str, path: str, offset: int = 0, size: int | None = None
    ) -> Iterator[Content]:
        self._refuse_foreign_id(run_id)
        with self._outputs.opened(run_id, path.lstrip("/"), offset, size) as content:
            yield content

    def history(self, run_id: str) -> list[HistoryEvent]:
        self._refuse_foreign_id(run_id)
        return all_events(lambda at: self.jobs.history(run_id, (("limit", LIMIT), ("skip", at))))

    def has_user(self, name: str) -> bool | None:
        """See :class:`~jobsync.backend.Reader`. An unknown user is a 400; a tenant with an identity
        provider of its own answers the caller's profile whoever is asked for (tapis-v3 §1.3)."""
        try:
            return True if self.jobs.profile(name) == name else None
        except Refused as error:
            return False if error.status == _BAD_REQUEST else None

    def app(self, app_id: str) -> App | None:
        try:
            return described_app(self.jobs.app(app_id))
        except NotFound:
            raise
        except Refused as error:
            if error.status == 404:
                raise NotFound(str(error), status=404, said=error.said) from error
            if error.status == 403:
                return None
            raise

    def app_ids(self) -> list[str]:
        return all_apps(lambda at: self.jobs.apps((("limit", LIMIT), ("skip", at))))

    # --- inside ------------------------------------------------------------------------

    def _full(self, run_id: str) -> Run:
        """The full record of a run, visible or hidden."""
        job, asked = self._got(run_id)
        return describe.run(job, asked, describe.full_record(job, self.jobs.request_of(run_id)))

    def _record(self, run_id: str) -> Run:
        """A run, visible or hidden, without its request."""
        return describe.run(*self._got(run_id))

    def _got(self, run_id: str) -> tuple[Record, str]:
        self._refuse_foreign_id(run_id)
        job, asked = self.jobs.get(run_id)
        self._outputs.remember(job, asked)
        return job, asked

    def _of_row(self, row: Row) -> Run:
        """The run of a row. Whether a person stopped one that the service calls FAILED stands in
        its condition, so a row without one is looked up."""
        run = describe.run(row.record, row.asked)
        if run.state is RunState.FAILED and not row.record.get("condition"):
            try:
                return describe.run(*self.jobs.get(row.id))
            except Forbidden:  # of somebody who shares its outputs only
                return run
        if self._tells_place(row):
            self._outputs.remember(row.record, row.asked)
        return run

    def _tells_place(self, row: Row) -> bool:
        """Whether *row* says where the outputs of its run are."""
        return row.record.keys() >= {*PLACES} - self.jobs.lacking

    def _refuse_foreign_id(self, run_id: str) -> None:
        """An id that no job of this service can have is not sent."""
        if not is_run_id(run_id):
            said = f"this service has no job with an id like {run_id[:80]!r}"
            raise NotFound(said, status=404, said=said)


class TapisBackend(TapisReader):
    """A service of Tapis v3 that may also be changed."""

    def submit(self, name: str, request: Mapping[str, JsonValue]) -> Run:
        """See :class:`~jobsync.backend.Backend`. Each send has a nonce of its own: two runs with
        the same one are a run and what a person submitted again."""
        mark = TAPIS.read_mark(name)
        if mark is None:
            raise SubmitNotSent(f"{name!r} is not a name that jobsync makes")
        return self.jobs.submit(name, request, tags_of(mark, secrets.token_hex(8)))

    def grant(self, run_id: str, user: str, access: Access, *, is_new: bool = False) -> None:
        """See :class:`~jobsync.backend.Backend`. What a user may read is only ever added to, or
        taken away whole; and what was taken away is read back, since some services remove nothing
        and say that they did (tapis-v3 §9)."""
        self._refuse_foreign_id(run_id)
        have = set() if is_new else self.jobs.shares(run_id).get(user, set())
        wanted = set(resources_of(access))
        narrows = bool(have) and not (wanted and access_of({*have, *wanted}) == access)
        if narrows:
            self._take_away(run_id, user)
            have = set()
        missing = sorted(wanted - have)
        if not missing or (have and access_of(have) == access):
            return
        try:
            self.jobs.share(run_id, user, missing)
        except ServiceError as error:
            if not narrows:
                raise
            hint = f"{user} has no access now; apply again to restore it"
            raise Refused(f"{error}; {hint}", status=getattr(error, "status", 0)) from error

    def restore(self, run_id: str) -> None:
        self._changed(run_id, "unhide")

    def hide(self, run_id: str) -> None:
        """See :class:`~jobsync.backend.Backend`. Only a run that is over can be hidden, so one
        that goes on is stopped first; and the service also says that it has hidden one where it
        could not, so that is read back (tapis-v3 §3)."""
        try:
            if not self._changed(run_id, "hide", ends=True):
                self.stop(run_id)
                self._await_end(run_id)
                self._changed(run_id, "hide")
            is_hidden = not describe.run(*self.jobs.get(run_id)).visible
        except NotFound:
            return
        if not is_hidden:
            said = f"the service said that it has hidden job {run_id}, which is still visible"
            raise Refused(said, status=_CONFLICT, said=said, hint="delete it later")

    def stop(self, run_id: str) -> None:
        """See :class:`~jobsync.backend.Backend`. The service only notes the request; one that is
        over already is a 409 (tapis-v3 §7)."""
        self._changed(run_id, "cancel", ends=True)

    def _changed(self, run_id: str, word: str, *, ends: bool = False) -> bool:
        """Make a change of a run. With *ends*, a run in another state is no error: False."""
        self._refuse_foreign_id(run_id)
        answer: Response = self.jobs.change(run_id, word)
        if ends and answer.status == _CONFLICT and envelope.envelope_of(answer):
            return False
        envelope.opened(answer)
        return True

    def _await_end(self, run_id: str) -> None:
        timing, closed = self.jobs.transport.timing, self.jobs.transport.client.closed
        until = timing.monotonic() + _ENDING_SECONDS
        pause = 0.05
        while True:
            run = describe.run(*self.jobs.get(run_id))
            if run.state is not RunState.ACTIVE:
                return
            if timing.monotonic() > until or closed.is_set():
                said = f"job {run_id} was told to stop and is still {run.status}"
                raise Refused(said, status=_CONFLICT, said=said, hint="delete it later")
            timing.sleep(pause, closed)
            pause = min(pause * 1.5, _LOOKS)

    def _take_away(self, run_id: str, user: str) -> None:
        """Let *user* read nothing. Raises :class:`Refused` where that removed nothing."""
        trouble = ""
        try:
            self.jobs.unshare(run_id, user)
        except Refused as error:
            trouble = f": {error}"
        if left := self.jobs.shares(run_id).get(user):
            said = f"the service did not take away {', '.join(sorted(left))} from {user}{trouble}"
            hint = "write permissionsMode: additive to keep what it cannot take away"
            raise Refused(f"{said}; {hint}", status=_CONFLICT, said=said, hint=hint)
