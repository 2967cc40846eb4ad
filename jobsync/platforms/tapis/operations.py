"""The operations of the services, one method each, as the services do them (tapis-v3 §3).

Nothing here pages, waits or decides; ``backend`` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from jobsync.errors import (
    Forbidden,
    Refused,
    ServiceError,
    SubmitAmbiguous,
    SubmitNotSent,
    SubmitRejected,
    Unauthorized,
    Unreadable,
)
from jobsync.http.messages import NeverSent, Repeat, Request, Response, Stream, UnsafePath
from jobsync.model import JsonValue, Run
from jobsync.platforms import records
from jobsync.platforms.records import Record
from jobsync.platforms.tapis import describe, envelope
from jobsync.platforms.tapis.app_definitions import split_id
from jobsync.platforms.tapis.credentials import TokenKeeper
from jobsync.platforms.tapis.jwt import claims_of
from jobsync.platforms.tapis.transport import Transport
from jobsync.platforms.tapis.urls import Urls, query
from jobsync.structs import Struct

SUBMIT_SECONDS = 600.0
"""How long the answer to a submit may take (tapis-v3 §3, §16)."""

LEAST_SECONDS = 60.0
"""A token with less left is not used for a submit: it might end while that is looked at."""

_JSON = {"Content-Type": "application/json"}
Terms = Sequence[tuple[str, "str | int"]]


class Page(Struct, frozen=True):
    """Rows of a list; ``total`` is None where the service does not tell it. The limit that it
    reports is not here: a service in between may have cut the page."""

    rows: list[Record]
    total: int | None
    asked: str


class Jobs:
    """The services of one base URL for one user. Safe to use from many threads.

    Every method raises the :class:`~jobsync.errors.ServiceError` family.
    """

    def __init__(self, urls: Urls, transport: Transport, keeper: TokenKeeper) -> None:
        self.urls = urls
        self.transport = transport
        self.keeper = keeper
        self.lacking: frozenset[str] = frozenset()
        """The members of a row that this service has said it does not know."""

    def close(self) -> None:
        """Close the kept connections."""
        self.transport.close()

    # --- jobs --------------------------------------------------------------------------

    def search(self, terms: Terms) -> Page:
        """One page of my jobs that have what *terms* say, ``limit`` and ``skip`` among them."""
        return self.page(self.urls.search() + query(terms), "list jobs")

    def submit(self, name: str, request: Mapping[str, JsonValue], tags: Sequence[str]) -> Run:
        """Send one submit, exactly once, on a connection of its own.

        *tags* are added to those of *request*. Raises :class:`SubmitNotSent` when no connection was
        made, :class:`SubmitRejected` for an answer that proves that no job was made, and
        :class:`SubmitAmbiguous` for every other.
        """
        given = request.get("tags")
        united = [*(given if isinstance(given, list) else []), *tags]
        try:
            body = _body({**request, "name": name, "tags": [*united]})
        except ValueError as error:
            raise SubmitNotSent(f"a request that is not JSON: {error}") from error
        answer = self.posted(self.urls.submit(), body, f"submit {name}")
        if envelope.proves_nothing_made(answer):
            raise rejected(answer)
        asked = str(answer)
        try:
            found = records.record(envelope.opened(answer).result, asked)
            run = describe.run(found, asked)
        except ServiceError as error:
            raise SubmitAmbiguous(str(error), hint=error.hint) from error
        if run.name != name:
            line = f"answered for another job, {run.name!r} with id {run.id} ({asked})"
            raise SubmitAmbiguous(line)
        return run

    def get(self, uuid: str) -> tuple[Record, str]:
        """The record of one job, of a hidden one too, and the question in words."""
        call = Request("GET", self.urls.job(uuid), asks=f"show job {uuid}")
        answer = self.transport.send(call)
        if envelope.may_be_absent(answer):
            answer = self._asked_again(call, uuid)
        asked = str(answer)
        found = records.record(envelope.opened(answer).result, asked)
        if found.get("uuid") != uuid:
            raise Unreadable(f"answered for another job ({asked})")
        return found, asked

    def request_of(self, uuid: str) -> Record | None:
        """The request of a job as it was sent; None where the service has none that it can tell."""
        url = self.urls.of_job(uuid, "resubmit_request")
        call = Request("GET", url, asks=f"show the request of job {uuid}")
        answer = self.transport.send(call)
        if answer.status == 400 and envelope.envelope_of(answer) is not None:
            return None
        if answer.status != 200 and isinstance(envelope.error_of(answer), Forbidden):
            return None
        return records.record(envelope.opened(answer).result, str(answer))

    def history(self, uuid: str, terms: Terms) -> Page:
        """One page of what happened to a job."""
        url = self.urls.of_job(uuid, "history") + query(terms)
        return self.page(url, f"show the history of job {uuid}")

    def change(self, uuid: str, word: str) -> Response:
        """``cancel``, ``hide`` or ``unhide``: the answer, whatever its status. Repeating one that
        was lost does no harm."""
        url = self.urls.of_job(uuid, word)
        asks = f"{word} job {uuid}"
        return self.transport.send(Request("POST", url, b"{}", Repeat.UNSENT, _JSON, asks=asks))

    # --- permissions -------------------------------------------------------------------

    def shares(self, uuid: str) -> dict[str, set[str]]:
        """What each user may read of a job: all rows come at once (tapis-v3 §9)."""
        url = self.urls.of_job(uuid, "share")
        value, asked = self._read(url, f"list the permissions of job {uuid}")
        return describe.resources_by_user(records.rows(value, asked), asked)

    def share(self, uuid: str, user: str, resources: Sequence[str]) -> None:
        """Let a user read *resources* of a job, in addition to others."""
        if not user or not resources:
            raise UnsafePath("a share without a user or without a resource is not sent")
        body = _body({"grantee": user, "jobResource": [*resources], "jobPermission": "READ"})
        url = self.urls.of_job(uuid, "share")
        asks = f"share job {uuid} with {user}"
        call = Request("POST", url, body, Repeat.UNSENT, _JSON, asks=asks)
        envelope.opened(self.transport.send(call))

    def unshare(self, uuid: str, user: str) -> None:
        """Let a user read nothing of a job any more. Succeeds as well where nothing is removed."""
        url = self.urls.share_of(uuid, user)
        asks = f"take job {uuid} from {user}"
        call = Request("DELETE", url, repeat=Repeat.UNSENT, asks=asks)
        envelope.opened(self.transport.send(call))

    # --- outputs -----------------------------------------------------------------------

    def outputs(self, uuid: str, folder: str, terms: Terms) -> Page:
        """One page of one output folder, or the one row of a file."""
        url = self.urls.outputs(uuid, folder) + query(terms)
        return self.page(url, f"list the outputs of job {uuid}")

    @contextmanager
    def download(self, uuid: str, path: str, terms: Terms = ()) -> Iterator[Stream | Response]:
        """Open one output by way of its job: a file or a zip of it."""
        url = self.urls.download(uuid, path) + query(terms)
        call = Request("GET", url, asks=f"send {path} of job {uuid}")
        with self.transport.stream(call) as outcome:
            yield outcome

    @contextmanager
    def content(
        self, system: str, path: str, span: tuple[int, int] | None
    ) -> Iterator[Stream | Response]:
        """Open one file of a storage system, or the bytes *span* of it, both ends included.

        Asked once: whoever cannot be served has another way.
        """
        headers = {"range": f"{span[0]},{span[1]}"} if span else {}
        url = self.urls.content(system, path)
        asks = f"send {path} of system {system}"
        call = Request("GET", url, repeat=Repeat.UNSENT, headers=headers, asks=asks)
        with self.transport.stream(call) as outcome:
            yield outcome

    # --- besides the jobs --------------------------------------------------------------

    def whoami(self) -> str:
        """The user to whom the token belongs, as the jobs service knows them: by the token's own
        words, which the profile must confirm (tapis-v3 §1.3)."""
        value, asked = self._read(self.urls.me(), "say who you are")
        name = describe.text(records.record(value, asked), "username", asked)
        claims = claims_of(self.keeper.token())
        if claims is not None and claims.username not in ("", name):
            line = f"the token is {claims.username}'s, but the service says that you are {name}"
            raise Unreadable(f"{line} ({asked})", hint=f"log in as {name}, spelled exactly so")
        return name

    def profile(self, user: str) -> str:
        """The name in the profile that the service answers for *user*."""
        value, asked = self._read(self.urls.profile(user), f"show the profile of {user}")
        return describe.text(records.record(value, asked), "username", asked)

    def app(self, app_id: str) -> Record:
        """The definition of one version of an app."""
        return records.record(*self._read(self.urls.app(*split_id(app_id)), f"show app {app_id}"))

    def apps(self, terms: Terms) -> Page:
        """One page of the apps that the user may run, each with its latest version."""
        asked = (("listType", "ALL"), ("select", "id,version"), *terms)
        return self.page(self.urls.apps() + query(asked), "list apps")

    # --- any other ---------------------------------------------------------------------

    def page(self, url: str, asks: str) -> Page:
        """One page of the list at *url*. *asks* is the question in words."""
        return self._page_of(self.transport.send(Request("GET", url, asks=asks)))

    def page_found(self, url: str, body: bytes, asks: str) -> Page:
        """One page of what a search with *body* finds; it changes nothing."""
        return self._page_of(
            self.transport.send(Request("POST", url, body, headers=_JSON, asks=asks))
        )

    def posted(self, url: str, body: bytes, asks: str) -> Response:
        """The answer to *body* that makes a job, sent exactly once. Raises the submit errors where
        none came."""
        try:
            self.keeper.lasting(LEAST_SECONDS, self._now())
        except Unauthorized as error:
            self.transport.login_over = str(error)
            raise SubmitRejected(
                str(error), status=401, said=error.said, hint=error.hint
            ) from error
        except ServiceError as error:
            raise SubmitNotSent(str(error), hint=error.hint) from error
        call = Request("POST", url, body, Repeat.NEVER, _JSON, seconds=SUBMIT_SECONDS, asks=asks)
        try:
            return self.transport.send(call)
        except (NeverSent, UnsafePath) as error:
            raise SubmitNotSent(str(error), hint=error.hint) from error
        except Unauthorized as error:
            # Raised before anything is sent, or after the token was refused: never by the service.
            raise SubmitRejected(
                str(error), status=401, said=error.said, hint=error.hint
            ) from error
        except ServiceError as error:
            raise SubmitAmbiguous(str(error), hint=error.hint) from error
        except Exception as error:  # nothing foresaw it, so it proves nothing
            raise SubmitAmbiguous(f"{type(error).__name__}: {error} ({call})") from error

    # --- inside ------------------------------------------------------------------------

    def _asked_again(self, call: Request, uuid: str) -> Response:
        """The answer to *call* when it is asked once more. Raises :class:`NotFound` where the job
        is not there: its status is read in between, which shows that jobs can be read. That of a
        hidden job is not shown either, but its record is."""
        status = Request("GET", self.urls.of_job(uuid, "status"), asks=f"show job {uuid}")
        shown = self.transport.send(status)
        answer = self.transport.send(call)
        if (
            shown.status == 404
            and envelope.envelope_of(shown) is not None
            and envelope.may_be_absent(answer)
        ):
            raise envelope.error_of(shown)
        return answer

    def _read(self, url: str, asks: str) -> tuple[JsonValue, str]:
        """The result at *url*, and the request in words."""
        answer = self.transport.send(Request("GET", url, asks=asks))
        return envelope.opened(answer).result, str(answer)

    def _page_of(self, answer: Response) -> Page:
        found = envelope.opened(answer)
        told = found.metadata if isinstance(found.metadata, dict) else {}
        total = _count(told.get("totalCount"))
        return Page(records.rows(found.result, str(answer)), total, str(answer))

    def _now(self) -> float:
        """Seconds since 1970 by the service's clock; by ours before it has told the time."""
        served = self.transport.client.served_at()
        return self.transport.timing.now() if served is None else served


def rejected(answer: Response) -> SubmitRejected:
    """The error for a submit that *answer* proves to have made nothing."""
    refused = envelope.error_of(answer)
    said = refused.said if isinstance(refused, Refused) else ""
    hint = refused.hint
    fields: tuple[str, ...] = ()
    if "archiveMode" in said and "extraneous key" in said:
        hint = "this service is older than archiveMode: write archiveOnAppError, true or false"
        fields = ("archiveMode",)
    return SubmitRejected(str(refused), status=answer.status, said=said, hint=hint, fields=fields)


def _body(value: Mapping[str, JsonValue]) -> bytes:
    return json.dumps(value, allow_nan=False).encode("ascii")


def _count(value: JsonValue) -> int | None:
    """A number of rows; -1 says that nobody has counted (tapis-v3 §2.1)."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return value
