"""The 15 operations of the service, one method each, as the service does them.

Paths, bodies and success codes are those of agave-v2 §2; where the published client documentation
differs, agave-v2 §2.0 says why it is wrong. Nothing here pages, waits or decides; ``client`` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from jobsync.backend import Content, HistoryEvent
from jobsync.errors import (
    RangeRefused,
    Refused,
    ServiceError,
    SubmitAmbiguous,
    SubmitNotSent,
    SubmitRejected,
    Unauthorized,
    Unreadable,
)
from jobsync.http.messages import NeverSent, Repeat, Request, Response, Stream, sanitised
from jobsync.model import App, JsonValue, RemoteFile, Run
from jobsync.platforms import records
from jobsync.platforms.agave import envelope, wire
from jobsync.platforms.agave.submit_rejections import refusal_of
from jobsync.platforms.agave.transport import Transport
from jobsync.platforms.agave.urls import UnsafePath, Urls, query

# Named here because inside the class ``list`` is an operation.
Runs = list[Run]
Names = list[str]
Rows = list[wire.Row]
Events = list[HistoryEvent]
Permissions = list[wire.Permission]
Files = list[RemoteFile]

_JSON = {"Content-Type": "application/json"}
_READ = frozenset({200})
_MADE = frozenset({200, 201, 202})
_GRANTED = frozenset({200, 201})
_DELETED = frozenset({200, 204})
_MANAGED = frozenset({200, 202})
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")


class Jobs:
    """The jobs service of one base URL for one user. Safe to use from many threads.

    Every method raises the :class:`~jobsync.errors.ServiceError` family. ``limit`` and ``offset``
    are sent only when given; the service clips a limit without saying so (agave-v2 §2.1).
    """

    def __init__(self, urls: Urls, transport: Transport) -> None:
        self.urls = urls
        self.transport = transport

    def close(self) -> None:
        """Close the kept connections."""
        self.transport.close()

    # --- jobs --------------------------------------------------------------------------

    def list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        terms: Mapping[str, str] | None = None,
    ) -> Runs:
        """One page of the jobs that the user owns or that are shared with the user.

        *terms* are search terms, ``filter``, ``orderBy`` and ``order``. The service ignores a term
        that it does not know (agave-v2 §2.6).
        """
        visible = (terms or {}).get("visible") != "false"
        found = self.list_rows(limit=limit, offset=offset, terms=terms)
        return [wire.run(row.record, row.asked, seen_visible=visible) for row in found]

    def list_rows(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        terms: Mapping[str, str] | None = None,
    ) -> Rows:
        """The same page as :meth:`list`, with each row read only as far as a first selection
        needs."""
        url = self.urls.jobs() + query({**(terms or {}), **_page(limit, offset)})
        asks = "list jobs" + (f" from number {offset} on" if offset else "")
        value, asked = self._read(url, asks)
        return [wire.row(row, asked) for row in records.rows(value, asked)]

    def submit(self, name: str, request: Mapping[str, JsonValue]) -> Run:
        """Send one submit, exactly once, on a connection of its own.

        Raises :class:`SubmitNotSent` when no connection was made, :class:`SubmitRejected` when the
        gateway refused or a check failed that comes before the job is made, and
        :class:`SubmitAmbiguous` for every other answer: an error does not show that no job was made
        (agave-v2 §3.1).
        """
        try:
            body = wire.submit_body(name, request)
        except ValueError as error:
            raise SubmitNotSent(f"a request that is not JSON: {error}") from error
        answer = self._posted(self.urls.jobs(), body, f"submit {name}")
        if refusal := refusal_of(answer):
            raise _rejected(answer, refusal.field)
        return _made(answer, name)

    def get(self, job_id: str) -> Run:
        """One visible job."""
        value, asked = self._read(self.urls.job(job_id), f"show job {job_id}")
        return wire.run(records.record(value, asked), asked)

    def get_status(self, job_id: str) -> wire.JobStatus:
        """The id and the status of one visible job."""
        value, asked = self._read(self.urls.status(job_id), f"say the status of job {job_id}")
        return wire.job_status(value, asked)

    def get_history(
        self, job_id: str, *, limit: int | None = None, offset: int | None = None
    ) -> Events:
        """One page of what happened to a job, oldest first."""
        url = self.urls.history(job_id) + query(_page(limit, offset))
        value, asked = self._read(url, f"show the history of job {job_id}")
        return [wire.event(row, asked) for row in records.rows(value, asked)]

    def manage(self, job_id: str, action: str) -> Run | None:
        """``stop`` (no result), ``resubmit`` (the new job) or ``restore`` (the job again).

        A resubmit makes a job and is sent once, with the errors of :meth:`submit`.
        """
        url, body = self.urls.job(job_id), wire.json_body({"action": action})
        if action.strip().lower() == "resubmit":
            return _made(self._posted(url, body, f"resubmit job {job_id}"), None)
        asks = f"{sanitised(action)} job {job_id}"
        answer = self.transport.send(Request("POST", url, body, Repeat.UNSENT, _JSON, asks=asks))
        value, asked = envelope.result_of(answer, _MANAGED), str(answer)
        return None if value is None else wire.run(records.record(value, asked), asked)

    def delete(self, job_id: str) -> None:
        """Stop a job if it runs, and hide it. :class:`NotFound` when it is already hidden."""
        url, asks = self.urls.job(job_id), f"delete job {job_id}"
        call = Request("DELETE", url, repeat=Repeat.UNSENT, asks=asks)
        envelope.result_of(self.transport.send(call, hides=job_id), _DELETED)

    def hide(self, job_id: str) -> None:
        """Hide a job on the newer engine, which may have no DELETE (agave-v2 §9.3)."""
        url, asks = self.urls.hide(job_id), f"hide job {job_id}"
        call = Request("POST", url, b"{}", Repeat.UNSENT, _JSON, asks=asks)
        envelope.result_of(self.transport.send(call), _MANAGED)

    # --- permissions -------------------------------------------------------------------

    def list_permissions(
        self, job_id: str, *, limit: int | None = None, offset: int | None = None
    ) -> Permissions:
        """One page of the permissions of a job; the owner's row comes first on every page."""
        url = self.urls.pems(job_id) + query(_page(limit, offset))
        return wire.permissions(*self._read(url, f"list the permissions of job {job_id}"))

    def update_permissions(self, job_id: str, user: str, permission: str) -> wire.Permission:
        """Set one user's row, with the user in the body; ``NONE`` removes it. Returns the new row.

        For the owner the service changes nothing and answers "no access" (agave-v2 §5.3).
        """
        body = wire.json_body({"username": user, "permission": permission})
        return self._grant(self.urls.pems(job_id), body, job_id)

    def delete_permissions(self, job_id: str) -> None:
        """Remove every row but the owner's."""
        self._revoke(self.urls.pems(job_id), job_id)

    def list_permissions_for_user(self, job_id: str, user: str) -> wire.Permission:
        """One user's row. :class:`NotFound` when there is none."""
        url = self.urls.pems_of(job_id, user)
        value, asked = self._read(url, f"show the permission of {user} for job {job_id}")
        found = wire.permissions(value, asked)
        mine = [row for row in found if row.username.lower() == user.lower()]
        if len(mine) != 1:
            raise Unreadable(f"{len(mine)} entries for one user ({asked})")
        return mine[0]

    def update_permissions_for_user(
        self, job_id: str, user: str, permission: str
    ) -> wire.Permission:
        """Set one user's row, the user in the URL."""
        body = wire.json_body({"permission": permission})
        return self._grant(self.urls.pems_of(job_id, user), body, job_id)

    def delete_permissions_for_user(self, job_id: str, user: str) -> None:
        """Remove one user's row. Succeeds as well when there was none (agave-v2 §5.4)."""
        self._revoke(self.urls.pems_of(job_id, user), job_id)

    # --- outputs -----------------------------------------------------------------------

    def list_outputs(
        self, job_id: str, folder: str = "", *, limit: int | None = None, offset: int | None = None
    ) -> Files:
        """One page of one output folder, not recursive. The service skips dot entries in it."""
        clean = folder.strip("/")
        url = self.urls.listing(job_id, clean) + query(_page(limit, offset))
        value, asked = self._read(url, f"list the outputs of job {job_id}")
        return [wire.file(row, clean, asked) for row in records.rows(value, asked)]

    @contextmanager
    def download_output(self, job_id: str, path: str, offset: int = 0) -> Iterator[Content]:
        """Open one output from *offset* on.

        ``Content.offset`` is 0 when the service sent the whole file instead. Raises
        :class:`RangeRefused` when *offset* is not inside the file.
        """
        url = self.urls.media(job_id, path.lstrip("/"))
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        asks = f"send {path} of job {job_id}"
        call = Request("GET", url, headers=headers, asks=asks)
        with self.transport.stream(call) as outcome:
            yield _content(outcome, offset)

    # --- besides the jobs --------------------------------------------------------------

    def whoami(self) -> str:
        """The user to whom the token belongs."""
        return wire.username(*self._read(self.urls.me(), "say who you are"))

    def app(self, app_id: str) -> App:
        """An app's definition."""
        return wire.app(*self._read(self.urls.app(app_id), f"show app {app_id}"))

    def list_apps(self, *, limit: int, offset: int) -> Names:
        """The ids on one page of the apps that the user may run."""
        url = self.urls.apps() + query({"limit": limit, "offset": offset})
        value, asked = self._read(url, "list apps")
        return [wire.text(row, "id", asked) for row in records.rows(value, asked)]

    # --- inside ------------------------------------------------------------------------

    def _read(self, url: str, asks: str) -> tuple[JsonValue, str]:
        """The result at *url*, and the request in words."""
        answer = self.transport.send(Request("GET", url, asks=asks))
        return envelope.result_of(answer, _READ), str(answer)

    def _grant(self, url: str, body: bytes, job_id: str) -> wire.Permission:
        asks = f"change the permissions of job {job_id}"
        answer = self.transport.send(Request("POST", url, body, Repeat.ALWAYS, _JSON, asks=asks))
        value, asked = envelope.result_of(answer, _GRANTED), str(answer)
        return wire.permission(records.record(value, asked), asked)

    def _revoke(self, url: str, job_id: str) -> None:
        if "/pems" not in url:
            raise UnsafePath(f"DELETE {url} is not about permissions: not sent")
        call = Request("DELETE", url, asks=f"remove permissions of job {job_id}")
        envelope.result_of(self.transport.send(call), _DELETED)

    def _posted(self, url: str, body: bytes, asks: str) -> Response:
        """The answer to what makes a job; the submit errors where none came."""
        call = Request("POST", url, body, Repeat.NEVER, _JSON, asks=asks)
        try:
            return self.transport.send(call)
        except (NeverSent, UnsafePath) as error:
            raise SubmitNotSent(str(error), hint=error.hint) from error
        except Unauthorized as error:
            # Raised before anything is sent, or after the gateway refused: never by the service.
            raise SubmitRejected(
                str(error), status=error.status, said=error.said, hint=error.hint
            ) from error
        except ServiceError as error:
            raise SubmitAmbiguous(str(error), hint=error.hint) from error
        except Exception as error:  # nothing foresaw it, so it proves nothing
            raise SubmitAmbiguous(f"{type(error).__name__}: {error} ({call})") from error


def _rejected(answer: Response, field: str = "") -> SubmitRejected:
    refused = envelope.error_of(answer)
    said = refused.said if isinstance(refused, Refused) else ""
    section, _, key = field.partition(".")
    # A count that is wrong is told in the same words for inputs and parameters.
    others = (f"parameters.{key}", section) if section == "inputs" else (section,)
    fields = tuple(dict.fromkeys((field, *others))) if field else ()
    return SubmitRejected(
        str(refused), status=answer.status, said=said, hint=refused.hint, fields=fields
    )


def _made(answer: Response, name: str | None) -> Run:
    """The job that *answer* proves to have been made; the submit errors for all else."""
    if envelope.rejected_by_gateway(answer):
        raise _rejected(answer)
    asked = str(answer)
    try:
        run = wire.run(records.record(envelope.result_of(answer, _MADE), asked), asked)
    except ServiceError as error:
        raise SubmitAmbiguous(str(error), hint=error.hint) from error
    if name is not None and run.name != name.strip():
        raise SubmitAmbiguous(f"answered for another job, {run.name!r} with id {run.id} ({asked})")
    return run


def _content(outcome: Stream | Response, offset: int) -> Content:
    if isinstance(outcome, Response):
        if outcome.status == 416:
            line = f"416 nothing from byte {offset} on ({outcome})"
            raise RangeRefused(line, status=416)
        raise envelope.error_of(outcome)
    told = outcome.head.headers.get("content-length", "")
    length = int(told) if re.fullmatch("[0-9]{1,18}", told) else None
    if outcome.status == 200:
        return Content(0, length, outcome.chunks)
    match = _CONTENT_RANGE.fullmatch(outcome.head.headers.get("content-range", "").strip())
    asked = str(outcome.head)
    if not offset or match is None or int(match[1]) != offset:
        raise Unreadable(f"another range than asked for ({asked})")
    total = None if match[3] == "*" else int(match[3])
    if total is not None and int(match[2]) != total - 1:
        raise Unreadable(f"a range that ends before the file does ({asked})")
    if length is not None and length != int(match[2]) - offset + 1:
        raise Unreadable(f"a range of another length than it says ({asked})")
    return Content(offset, total, outcome.chunks)


def _page(limit: int | None, offset: int | None) -> dict[str, int]:
    given = {"limit": limit, "offset": offset}
    return {key: value for key, value in given.items() if value is not None}
