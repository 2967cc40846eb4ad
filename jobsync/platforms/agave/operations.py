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
from jobsync.http.messages import NeverSent, Repeat, Request, Response, Stream, shown
from jobsync.model import App, JsonValue, RemoteFile, Run
from jobsync.platforms.agave import envelope, wire
from jobsync.platforms.agave.submit_rejections import refusal_of
from jobsync.platforms.agave.transport import Transport
from jobsync.platforms.agave.urls import UnsafePath, Urls, query

# Named here because inside the class ``list`` is an operation.
Runs = list[Run]
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
        asked = _get(url)
        found = wire.rows(self._read(url), asked)
        return [wire.row(row, asked) for row in found]

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
        answer = self._posted(self.urls.jobs(), body)
        if refusal := refusal_of(answer):
            raise _rejected(answer, refusal.field)
        return _made(answer, name)

    def get(self, job_id: str) -> Run:
        """One visible job."""
        url = self.urls.job(job_id)
        return wire.run(wire.record(self._read(url), _get(url)), _get(url))

    def get_status(self, job_id: str) -> wire.JobStatus:
        """The id and the status of one visible job."""
        url = self.urls.status(job_id)
        return wire.job_status(self._read(url), _get(url))

    def get_history(
        self, job_id: str, *, limit: int | None = None, offset: int | None = None
    ) -> Events:
        """One page of what happened to a job, oldest first."""
        url = self.urls.history(job_id) + query(_page(limit, offset))
        return [wire.event(row, _get(url)) for row in wire.rows(self._read(url), _get(url))]

    def manage(self, job_id: str, action: str) -> Run | None:
        """``stop`` (no result), ``resubmit`` (the new job) or ``restore`` (the job again).

        A resubmit makes a job and is sent once, with the errors of :meth:`submit`.
        """
        url, body = self.urls.job(job_id), wire.json_body({"action": action})
        if action.strip().lower() == "resubmit":
            return _made(self._posted(url, body), None)
        call = Request("POST", url, body, Repeat.UNSENT, _JSON)
        value = envelope.result_of(self.transport.send(call), _MANAGED)
        return None if value is None else wire.run(wire.record(value, f"POST {url}"), f"POST {url}")

    def delete(self, job_id: str) -> None:
        """Stop a job if it runs, and hide it. :class:`NotFound` when it is already hidden."""
        call = Request("DELETE", self.urls.job(job_id), repeat=Repeat.UNSENT)
        envelope.result_of(self.transport.send(call, hides=job_id), _DELETED)

    def hide(self, job_id: str) -> None:
        """Hide a job on the newer engine, which may have no DELETE (agave-v2 §9.3)."""
        call = Request("POST", self.urls.hide(job_id), b"{}", Repeat.UNSENT, _JSON)
        envelope.result_of(self.transport.send(call), _MANAGED)

    # --- permissions -------------------------------------------------------------------

    def list_permissions(
        self, job_id: str, *, limit: int | None = None, offset: int | None = None
    ) -> Permissions:
        """One page of the permissions of a job; the owner's row comes first on every page."""
        url = self.urls.pems(job_id) + query(_page(limit, offset))
        return wire.permissions(self._read(url), _get(url))

    def update_permissions(self, job_id: str, user: str, permission: str) -> wire.Permission:
        """Set one user's row, with the user in the body; ``NONE`` removes it. Returns the new row.

        For the owner the service changes nothing and answers "no access" (agave-v2 §5.3).
        """
        body = wire.json_body({"username": user, "permission": permission})
        return self._grant(self.urls.pems(job_id), body)

    def delete_permissions(self, job_id: str) -> None:
        """Remove every row but the owner's."""
        self._revoke(self.urls.pems(job_id))

    def list_permissions_for_user(self, job_id: str, user: str) -> wire.Permission:
        """One user's row. :class:`NotFound` when there is none."""
        url = self.urls.pems_of(job_id, user)
        found = wire.permissions(self._read(url), _get(url))
        mine = [row for row in found if row.username.lower() == user.lower()]
        if len(mine) != 1:
            raise Unreadable(f"{len(mine)} entries for one user ({_get(url)})")
        return mine[0]

    def update_permissions_for_user(
        self, job_id: str, user: str, permission: str
    ) -> wire.Permission:
        """Set one user's row, the user in the URL."""
        body = wire.json_body({"permission": permission})
        return self._grant(self.urls.pems_of(job_id, user), body)

    def delete_permissions_for_user(self, job_id: str, user: str) -> None:
        """Remove one user's row. Succeeds as well when there was none (agave-v2 §5.4)."""
        self._revoke(self.urls.pems_of(job_id, user))

    # --- outputs -----------------------------------------------------------------------

    def list_outputs(
        self, job_id: str, folder: str = "", *, limit: int | None = None, offset: int | None = None
    ) -> Files:
        """One page of one output folder, not recursive. The service skips dot entries in it."""
        clean = folder.strip("/")
        url = self.urls.listing(job_id, clean) + query(_page(limit, offset))
        found = wire.rows(self._read(url), _get(url))
        return [wire.file(row, clean, _get(url)) for row in found]

    @contextmanager
    def download_output(self, job_id: str, path: str, offset: int = 0) -> Iterator[Content]:
        """Open one output from *offset* on.

        ``Content.offset`` is 0 when the service sent the whole file instead. Raises
        :class:`RangeRefused` when *offset* is not inside the file.
        """
        url = self.urls.media(job_id, path.lstrip("/"))
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        with self.transport.stream(Request("GET", url, headers=headers)) as outcome:
            yield _content(outcome, offset)

    # --- besides the jobs --------------------------------------------------------------

    def whoami(self) -> str:
        """The user to whom the token belongs."""
        url = self.urls.me()
        return wire.username(self._read(url), _get(url))

    def app(self, app_id: str) -> App:
        """An app's definition."""
        url = self.urls.app(app_id)
        return wire.app(self._read(url), _get(url))

    # --- inside ------------------------------------------------------------------------

    def _read(self, url: str) -> JsonValue:
        return envelope.result_of(self.transport.send(Request("GET", url)), _READ)

    def _grant(self, url: str, body: bytes) -> wire.Permission:
        answer = self.transport.send(Request("POST", url, body, Repeat.ALWAYS, _JSON))
        value = envelope.result_of(answer, _GRANTED)
        return wire.permission(wire.record(value, f"POST {url}"), f"POST {url}")

    def _revoke(self, url: str) -> None:
        if "/pems" not in url:
            raise UnsafePath(f"DELETE {url} is not about permissions: not sent")
        envelope.result_of(self.transport.send(Request("DELETE", url)), _DELETED)

    def _posted(self, url: str, body: bytes) -> Response:
        """The answer to what makes a job; the submit errors where none came."""
        try:
            return self.transport.send(Request("POST", url, body, Repeat.NEVER, _JSON))
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
            line = f"{type(error).__name__}: {error} ({shown('POST', url)})"
            raise SubmitAmbiguous(line) from error


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
    asked = shown("POST", answer.url)
    try:
        run = wire.run(wire.record(envelope.result_of(answer, _MADE), asked), asked)
    except ServiceError as error:
        raise SubmitAmbiguous(str(error), hint=error.hint) from error
    if name is not None and run.name != name.strip():
        raise SubmitAmbiguous(f"answered for another job, {run.name!r} with id {run.id} ({asked})")
    return run


def _content(outcome: Stream | Response, offset: int) -> Content:
    if isinstance(outcome, Response):
        if outcome.status == 416:
            line = f"416 nothing from byte {offset} on ({_get(outcome.url)})"
            raise RangeRefused(line, status=416)
        raise envelope.error_of(outcome)
    length = outcome.head.headers.get("content-length")
    if outcome.status == 200:
        return Content(0, None if length is None else int(length), outcome.chunks)
    match = _CONTENT_RANGE.fullmatch(outcome.head.headers.get("content-range", "").strip())
    asked = _get(outcome.head.url)
    if not offset or match is None or int(match[1]) != offset:
        raise Unreadable(f"another range than asked for ({asked})")
    total = None if match[3] == "*" else int(match[3])
    if total is not None and int(match[2]) != total - 1:
        raise Unreadable(f"a range that ends before the file does ({asked})")
    if length is not None and int(length) != int(match[2]) - offset + 1:
        raise Unreadable(f"a range of another length than it says ({asked})")
    return Content(offset, total, outcome.chunks)


def _page(limit: int | None, offset: int | None) -> dict[str, int]:
    given = {"limit": limit, "offset": offset}
    return {key: value for key, value in given.items() if value is not None}


def _get(url: str) -> str:
    return shown("GET", url)
