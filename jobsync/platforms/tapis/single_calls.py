"""The operations of the jobs service one by one, with what it answers as it is (tapis-v3 §3).

For people and scripts that know the service. Nothing here pages, waits or decides.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from jobsync.errors import Refused, ServiceError, SubmitAmbiguous
from jobsync.http.messages import Repeat, Request, UnsafePath
from jobsync.model import JsonValue
from jobsync.platforms import records
from jobsync.platforms.records import Record
from jobsync.platforms.tapis import describe, envelope
from jobsync.platforms.tapis.operations import Jobs, Page, Terms, rejected
from jobsync.platforms.tapis.urls import query

RESOURCES = ("JOB_HISTORY", "JOB_RESUBMIT_REQUEST", "JOB_OUTPUT", "JOB_INPUT")
"""What can be opened of a job (tapis-v3 §9)."""

_JSON = {"Content-Type": "application/json"}


class SingleCalls:
    """Each operation of a service, for one user. The errors are those of :class:`Jobs`."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs

    # --- jobs --------------------------------------------------------------------------

    def list(self, terms: Terms) -> Page:
        """One page of the jobs of a list type, as summary rows."""
        return self.jobs.page(self.jobs.urls.list() + query(terms), "list jobs")

    def search(self, terms: Terms) -> Page:
        """One page of the jobs that have what *terms* say."""
        return self.jobs.search(terms)

    def search_by_text(self, words: Sequence[str], terms: Terms) -> Page:
        """One page of the jobs that *words*, joined with a blank, find (tapis-v3 §6.5)."""
        url = self.jobs.urls.search() + query(terms)
        return self.jobs.page_found(url, _body({"search": [*words]}), "search jobs")

    def get(self, uuid: str) -> Record:
        """The record of one job, with what the service keeps as text in it decoded."""
        return describe.decoded(self.jobs.get(uuid)[0])

    def status(self, uuid: str) -> Record:
        """The status of a job and, once it has ended, its condition."""
        return self._record("GET", self.jobs.urls.of_job(uuid, "status"), f"show job {uuid}")

    def history(self, uuid: str, terms: Terms) -> Page:
        """One page of what happened to a job."""
        return self.jobs.history(uuid, terms)

    def submit(self, request: Mapping[str, JsonValue]) -> Record:
        """Send a request as it is, exactly once. Raises the submit errors."""
        return self._made(self.jobs.urls.submit(), _body(request), "submit a job")

    def resubmit(self, uuid: str) -> Record:
        """Submit the stored request of a job again, exactly once: a new job of the same name."""
        url = self.jobs.urls.of_job(uuid, "resubmit")
        return self._made(url, b"{}", f"submit job {uuid} again")

    def resubmit_request(self, uuid: str) -> Record:
        """The request of a job as it was sent, with null for what was not set."""
        url = self.jobs.urls.of_job(uuid, "resubmit_request")
        return self._record("GET", url, f"show the request of job {uuid}")

    def change(self, uuid: str, word: str) -> str:
        """``cancel``, ``hide`` or ``unhide``: what the service says to it."""
        return envelope.opened(self.jobs.change(uuid, word)).message

    def send_event(self, uuid: str, data: str, detail: str) -> str:
        """Add an event to the history of a job that goes on."""
        body = {"eventData": data, **({"eventDetail": detail} if detail else {})}
        url = self.jobs.urls.of_job(uuid, "sendEvent")
        return self._said("POST", url, f"add an event to job {uuid}", body)

    def annotate(self, uuid: str, annotations: Mapping[str, JsonValue], method: str) -> Record:
        """Add tags and notes (``PATCH``) or put them in place of those that are there (``PUT``)."""
        url = self.jobs.urls.of_job(uuid, "annotations")
        return self._record(method, url, f"annotate job {uuid}", annotations)

    # --- shares ------------------------------------------------------------------------

    def shares(self, uuid: str) -> Page:
        """Who may read what of a job, a row for each user and resource."""
        return self.jobs.page(self.jobs.urls.of_job(uuid, "share"), f"list who may see job {uuid}")

    def share(self, uuid: str, user: str, resources: Sequence[str]) -> None:
        """Let a user read *resources* of a job, in addition to others."""
        self.jobs.share(uuid, user, resources)

    def unshare(self, uuid: str, user: str) -> None:
        """Let a user read nothing of a job any more, and see whether that is so: a service may
        remove nothing and say that it did (tapis-v3 §9)."""
        self.jobs.unshare(uuid, user)
        if left := self.jobs.shares(uuid).get(user):
            said = f"the service removed nothing: {user} may still read {', '.join(sorted(left))}"
            raise Refused(said, status=200, said=said, hint="the job's owner can try")

    # --- subscriptions -----------------------------------------------------------------

    def subscribe(self, uuid: str, subscription: Mapping[str, JsonValue]) -> Record:
        """Have messages about a job that goes on sent to somebody."""
        url = self.jobs.urls.subscriptions(uuid)
        return self._record("POST", url, f"subscribe to job {uuid}", subscription)

    def subscriptions(self, uuid: str) -> Page:
        """The subscriptions to a job."""
        url = self.jobs.urls.subscriptions(uuid)
        return self.jobs.page(url, f"list the subscriptions to job {uuid}")

    def unsubscribe(self, uuid: str) -> Record:
        """Remove all subscriptions to a job, or the one that has this id."""
        url = self.jobs.urls.subscriptions(uuid)
        return self._record("DELETE", url, f"remove subscriptions of {uuid}")

    # --- inside ------------------------------------------------------------------------

    def _record(
        self, method: str, url: str, asks: str, body: Mapping[str, JsonValue] | None = None
    ) -> Record:
        repeat = Repeat.ALWAYS if method == "GET" else Repeat.UNSENT
        content, headers = (None, {}) if body is None else (_body(body), _JSON)
        call = Request(method, url, content, repeat, headers, asks=asks)
        answer = self.jobs.transport.send(call)
        return records.record(envelope.opened(answer).result, str(answer))

    def _said(self, method: str, url: str, asks: str, body: Mapping[str, JsonValue]) -> str:
        call = Request(method, url, _body(body), Repeat.UNSENT, _JSON, asks=asks)
        return envelope.opened(self.jobs.transport.send(call)).message

    def _made(self, url: str, body: bytes, asks: str) -> Record:
        answer = self.jobs.posted(url, body, asks)
        if envelope.proves_nothing_made(answer):
            raise rejected(answer)
        try:
            return describe.decoded(records.record(envelope.opened(answer).result, str(answer)))
        except ServiceError as error:
            raise SubmitAmbiguous(str(error), hint=error.hint) from error


def _body(value: Mapping[str, JsonValue]) -> bytes:
    try:
        return json.dumps(value, allow_nan=False).encode("ascii")
    except ValueError as error:
        raise UnsafePath(f"not JSON: {error}") from error
