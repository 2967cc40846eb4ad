"""The verbs of the seam, on top of the 15 operations. See ``jobsync.backend`` for their meaning."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from jobsync.backend import Content, HistoryEvent, Listed
from jobsync.errors import NotFound, Refused, Unreadable
from jobsync.in_groups import InGroups
from jobsync.model import Access, App, Archive, Archived, JsonValue, RemoteFile, Run, RunState
from jobsync.platforms.agave import wire
from jobsync.platforms.agave.archive import output_folder
from jobsync.platforms.agave.name_search import MOST_NAMES, ORDER, NameSearch, looked_up
from jobsync.platforms.agave.operations import Jobs
from jobsync.platforms.agave.pagination import (
    LIMIT,
    PermissionPage,
    all_events,
    all_files,
    all_permissions,
    all_runs,
)
from jobsync.platforms.agave.platform import AGAVE
from jobsync.structs import replace


class AgaveReader:
    """The questions to an Agave service. Its transport decides what it can send at all."""

    platform = AGAVE

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self._longest_page = self._longest_listing = 0
        self._pages = ThreadPoolExecutor(self.concurrency, thread_name_prefix="jobsync-page")
        search = NameSearch(jobs, self._pages, self.concurrency)
        self._named = InGroups(search.runs_of, most=MOST_NAMES)

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
        return self.jobs.whoami()

    def runs(self, keep: Callable[[Listed], bool], prefixes: Sequence[str] = ()) -> list[Run]:
        """See :class:`~jobsync.backend.Reader`. Whether a person stopped a run that the service
        calls FAILED stands in its message only, so a row without one is looked up."""
        page = self._rows({"filter": wire.ROW_FIELDS, **ORDER})
        rows = all_runs(page, self._pages, self.concurrency)
        kept = [wire.run(row.record, row.asked) for row in rows if keep(row)]
        explained = self._pages.map(
            partial(looked_up, self.jobs), [run for run in kept if _is_unclear(run)]
        )
        clear = {run.id: replace(run, request=None) for run in explained}
        return [clear.get(run.id, run) for run in kept]

    def shared_runs(
        self, keep: Callable[[Listed], bool], prefixes: Sequence[str] = ()
    ) -> list[Run]:
        """See :class:`~jobsync.backend.Reader`. The one listing has both (agave-v2 §2.3)."""
        return self.runs(keep, prefixes)

    def runs_by_id(self, run_ids: Collection[str]) -> list[Run]:
        """See :class:`~jobsync.backend.Reader`. No search takes several ids (agave-v2 §2.6)."""
        wanted = frozenset(run_ids)
        return self.runs(lambda run: run.id in wanted)

    def archived(self, owner: str, wanted: Callable[[Archive], bool]) -> list[Archived]:
        """See :class:`~jobsync.backend.Reader`. The listing gives out visible runs unless it is
        asked for hidden ones (agave-v2 §2.3). A row that does not tell is looked up, which for a
        hidden run is not possible."""
        found: dict[str, Archived] = {}
        silent: dict[str, None] = {}

        def add(run: Run, record: Mapping[str, JsonValue]) -> None:
            folder = output_folder(record)
            if folder is not None and wanted(folder):
                found.setdefault(run.id, Archived(replace(run, request=None), folder))

        for terms, seen in (({}, True), ({"visible": "false"}, False)):
            asked = {**terms, "filter": wire.ARCHIVE_FIELDS, **ORDER}
            for row in all_runs(self._rows(asked), self._pages, self.concurrency):
                if row.owner != owner:
                    continue
                if wire.tells_archive(row.record):
                    run = wire.run(row.record, row.asked, seen_visible=seen)
                    add(run, wire.older_names(row.record))
                elif seen:
                    silent[row.id] = None
                elif row.id not in silent:
                    raise Unreadable(
                        f"{row.asked}: the answer lacks the archivePath of hidden job {row.id}"
                    )
        for run in self._pages.map(self.jobs.get, silent):
            add(run, run.request or {})
        return list(found.values())

    def runs_named(
        self, name: str, known: Collection[str] = (), *, brief: bool = False
    ) -> list[Run]:
        """See :class:`~jobsync.backend.Reader`. Names that several threads ask for at the same
        time go into one question. The search finds hidden runs, so *known* adds nothing."""
        return self._named.ask(name)

    def run(self, run_id: str, *, brief: bool = False) -> Run:
        return self.jobs.get(run_id)

    def access(self, run_id: str) -> dict[str, Access]:
        return all_permissions(self._permission_page(run_id), self._longest_clipped())

    def _longest_clipped(self) -> int:
        """The longest page of jobs seen; 0 once one was longer than asked for. Such a service does
        not clip the limit but ignores it, so nothing is known about where it cuts other lists."""
        return self._longest_page if self._longest_page <= LIMIT else 0

    def _permission_page(self, run_id: str) -> PermissionPage:
        return lambda offset: self.jobs.list_permissions(run_id, limit=LIMIT, offset=offset)

    def files(self, run_id: str, folder: str = "", at_least: int = 0) -> list[RemoteFile]:
        def page(offset: int) -> Sequence[RemoteFile]:
            found = self.jobs.list_outputs(run_id, folder, limit=LIMIT, offset=offset)
            self._longest_listing = max(self._longest_listing, len(found))
            return found

        return all_files(
            page,
            self._pages,
            at_least,
            self._longest_listing,
            longest_page=self._longest_clipped(),
        )

    @contextmanager
    def open(
        self, run_id: str, path: str, offset: int = 0, size: int | None = None
    ) -> Iterator[Content]:
        """See :class:`~jobsync.backend.Reader`. Raises :class:`~jobsync.errors.RangeRefused` when
        *offset* is not inside the file."""
        with self.jobs.download_output(run_id, path, offset) as content:
            yield content

    def history(self, run_id: str) -> list[HistoryEvent]:
        return all_events(lambda offset: self.jobs.get_history(run_id, limit=LIMIT, offset=offset))

    def has_user(self, name: str) -> bool | None:
        return None

    def app(self, app_id: str) -> App | None:
        try:
            return self.jobs.app(app_id)
        except NotFound:
            raise
        except Refused as error:
            if error.status in (403, 404):
                return None
            raise

    def app_ids(self) -> list[str]:
        found: dict[str, None] = {}
        while page := self.jobs.list_apps(limit=LIMIT, offset=len(found)):
            before = len(found)
            found.update(dict.fromkeys(page))
            if len(found) == before:
                raise Unreadable("the list of apps does not end: a page has nothing new")
        return sorted(found)

    def _rows(self, asked: Mapping[str, str]) -> Callable[[int], Sequence[wire.Row]]:
        def page(offset: int) -> Sequence[wire.Row]:
            found = self.jobs.list_rows(limit=LIMIT, offset=offset, terms=asked)
            self._longest_page = max(self._longest_page, len(found))
            return found

        return page


class AgaveBackend(AgaveReader):
    """An Agave service that may also be changed."""

    def submit(self, name: str, request: Mapping[str, JsonValue]) -> Run:
        return self.jobs.submit(name, request)

    def grant(self, run_id: str, user: str, access: Access, *, is_new: bool = False) -> None:
        """See :class:`~jobsync.backend.Backend`. The user travels in the body: a name that needs
        escaping in a URL may be stored in its escaped form (agave-v2 §5.4)."""
        self.jobs.update_permissions(run_id, user, str(access))

    def restore(self, run_id: str) -> None:
        try:
            self.jobs.manage(run_id, "restore")
        except Refused as error:
            if "already visible" not in error.said:
                raise

    def hide(self, run_id: str) -> None:
        try:
            self.jobs.delete(run_id)
        except NotFound:
            return
        except Refused as error:
            if error.status != 405:
                raise
            self.jobs.hide(run_id)

    def stop(self, run_id: str) -> None:
        self.jobs.manage(run_id, "stop")


def _is_unclear(run: Run) -> bool:
    """Whether it cannot be told if the run failed or a person stopped it."""
    return run.state is RunState.FAILED and not run.message
