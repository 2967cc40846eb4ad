"""Ways to send a call: with patience where it may be repeated, once where it may not.

A planner gets a :class:`ReadTransport`, which refuses to send anything that changes something. The
token endpoint has a transport of its own.
"""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Protocol, TypeVar
from urllib.parse import urlencode, urlsplit

from jobsync.agave import envelope
from jobsync.agave.exchange import CLOSED, Answer, Call, NeverSent, Repeat
from jobsync.agave.gate import Gate
from jobsync.agave.http import Door, Stream
from jobsync.agave.retry import TRANSIENT, Budget, Patience, Timing, http_date, retry_after
from jobsync.agave.urls import UnsafePath, Urls
from jobsync.errors import ServiceError, Unauthorized, Unreachable
from jobsync.model import JsonValue
from jobsync.records import Struct
from jobsync.secret import Secret

log = logging.getLogger("jobsync.http")

_ATTEMPTS_ON_500 = 3
"""The service answers 500 for outputs that are not there (contract 6.5): do not insist."""

_MOST_TOKENS = 3
"""How many tokens one call may go through. At most one of them is asked for (contract 6.5)."""


T = TypeVar("T", Answer, Stream | Answer)


class Renewed(Struct, frozen=True):
    """Another token, and how often the endpoint may still be asked for one more."""

    token: Secret
    grants: int


class Bearer(Protocol):
    """Where the token comes from."""

    def token(self) -> Secret:
        """The token to send now."""

    def renew(self, stale: Secret, grants: int) -> Renewed | None:
        """Another token than *stale*; None when there is no way to get one.

        The endpoint may be asked *grants* times; a token that somebody else has got meanwhile costs
        none. Raises :class:`Unauthorized` when there is a way and it failed.
        """


class Transport:
    """Sends calls to one service on behalf of one user. Safe to use from many threads."""

    methods = frozenset({"GET", "HEAD", "POST", "DELETE"})

    def __init__(
        self,
        door: Door,
        bearer: Bearer,
        *,
        timing: Timing,
        patience: Patience | None = None,
        budget: Budget | None = None,
    ) -> None:
        self._door = door
        self._bearer = bearer
        self._timing = timing
        self._patience = patience or Patience()
        self._budget = budget or Budget()
        self._closed = threading.Event()
        self.gate = Gate(door.settings.concurrency)

    @property
    def concurrency(self) -> int:
        return self._door.settings.concurrency

    def prepare(self) -> None:
        """Import and make what sends a call that is sent once."""
        self._door.prepare()

    def close(self) -> None:
        """Give up what is under way in other threads, and send nothing more."""
        self._closed.set()
        self._door.close()

    def send(self, call: Call) -> Answer:
        """The whole answer to *call*, whatever its status, after as many tries as it allows."""
        return self._persist(call, lambda token: self._door.whole(call, token))

    @contextmanager
    def stream(self, call: Call) -> Iterator[Stream | Answer]:
        """Like ``send`` for a large body: a :class:`Stream` for 200 and 206, else an answer."""
        with ExitStack() as stack:

            def attempt(token: Secret) -> Stream | Answer:
                stack.close()
                return stack.enter_context(self._door.stream(call, token))

            yield self._persist(call, attempt)

    def _persist(self, call: Call, attempt: Callable[[Secret], T]) -> T:
        self._check(call)
        failures = 0
        while True:
            try:
                outcome = self._authorised(call, attempt)
            except Unreachable as error:
                failures += 1
                if not self._may_retry(call, error, failures):
                    raise
                self._wait(failures, None)
                continue
            failures += 1
            if not self._may_retry(call, outcome, failures):
                return outcome
            self._wait(failures, self._asked(outcome))

    def _check(self, call: Call) -> None:
        """Refuse what this transport must never send, before anything is sent."""
        if call.method not in self.methods:
            raise UnsafePath(f"this connection only reads: {call.method} {call.url} is not sent")
        if call.method == "DELETE":
            path = urlsplit(call.url).path
            hides = bool(call.hides) and path.endswith(f"/jobs/v2/{call.hides}")
            if not hides and "/pems" not in path:
                raise UnsafePath(f"DELETE {call.url} would hide a job: not sent")

    def _authorised(self, call: Call, attempt: Callable[[Secret], T]) -> T:
        """One attempt, and another with a new token when the gateway says the old one is dead.

        Other programs that share the login renew it as well, so the new one may be dead again.
        """
        token, grants = self._bearer.token(), 1
        for _ in range(1 if call.repeat is Repeat.NEVER else _MOST_TOKENS):
            outcome = self._gated(call, token, attempt)
            if not isinstance(outcome, Answer) or not envelope.token_is_stale(outcome):
                return outcome
            if call.repeat is Repeat.NEVER and not envelope.rejected_by_gateway(outcome):
                return outcome
            renewed = self._bearer.renew(token, grants)
            if renewed is None:
                return outcome
            token, grants = renewed.token, renewed.grants
        return self._gated(call, token, attempt)

    def _gated(self, call: Call, token: Secret, attempt: Callable[[Secret], T]) -> T:
        ticket = self.gate.enter()
        try:
            if self._closed.is_set():
                _closed()
            outcome = self._logged(call, Secret(f"Bearer {token.reveal()}"), attempt)
        except BaseException:  # also an interrupt: its place at the gate is given back
            self.gate.failed(ticket)
            raise
        if outcome.status in (429, 503):
            self.gate.overloaded(ticket)
        else:
            self.gate.succeeded(ticket)
            self._budget.earn()
        return outcome

    def _logged(self, call: Call, bearer: Secret, attempt: Callable[[Secret], T]) -> T:
        """One attempt, and a line about it: method, URL, status, time; no body, no token."""
        if not log.isEnabledFor(logging.DEBUG):
            return attempt(bearer)
        began = time.monotonic()
        word: object = "no answer"
        try:
            outcome = attempt(bearer)
            word = outcome.status
            return outcome
        finally:
            self._tell(call, word, began)

    def _tell(self, call: Call, word: object, began: float) -> None:
        if log.isEnabledFor(logging.DEBUG):
            url, spent = envelope.sanitised(call.url), (time.monotonic() - began) * 1000
            log.debug("%s %s: %s in %.0f ms", call.method, url, word, spent)

    def _may_retry(self, call: Call, outcome: Stream | Answer | Unreachable, failures: int) -> bool:
        if isinstance(outcome, Unreachable):
            wanted = call.repeat is Repeat.ALWAYS or (
                call.repeat is Repeat.UNSENT and isinstance(outcome, NeverSent)
            )
            most = self._patience.attempts
        else:
            wanted = (call.repeat is Repeat.ALWAYS and outcome.status in TRANSIENT) or (
                call.repeat is Repeat.UNSENT and outcome.status == 429
            )
            most = _ATTEMPTS_ON_500 if outcome.status == 500 else self._patience.attempts
        if self._closed.is_set():
            return False
        return wanted and failures < most and self._budget.spend()

    def _asked(self, outcome: Stream | Answer) -> float | None:
        headers = outcome.headers if isinstance(outcome, Answer) else outcome.head.headers
        if "retry-after" not in headers:
            return None
        there = http_date(headers.get("date", ""))
        return retry_after(headers["retry-after"], self._timing.now() if there is None else there)

    def _wait(self, failures: int, asked: float | None) -> None:
        self._timing.sleep(self._patience.wait(failures, asked, self._timing), self._closed)


class ReadTransport(Transport):
    """A transport that cannot change anything: it sends GET and HEAD and nothing else."""

    methods = frozenset({"GET", "HEAD"})


class TokenTransport:
    """Asks the token endpoint, and nothing else, for tokens. Never with a bearer, never twice."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def grant(self, form: Mapping[str, str], key: str, secret: Secret) -> dict[str, JsonValue]:
        """The bare answer of the token endpoint (contract 7.1).

        Raises :class:`Unauthorized` with its words when it refuses.
        """
        pair = base64.b64encode(f"{key}:{secret.reveal()}".encode()).decode("ascii")
        call = Call(
            "POST",
            Urls(self._door.base).token(),
            urlencode(form).encode("ascii"),
            Repeat.NEVER,
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        try:
            answer = self._door.whole(call, Secret(f"Basic {pair}"))
        except ServiceError as error:
            raise Unauthorized(f"cannot renew the token: {error}", status=0) from error
        try:
            value = envelope.parse_json(answer.body)
        except ValueError:
            value = None
        if answer.status == 200 and isinstance(value, dict) and value.get("access_token"):
            return value
        said = _oauth_words(value) if isinstance(value, dict) else ""
        line = f"cannot renew the token: POST {call.url}: {answer.status} {said}".rstrip()
        raise Unauthorized(line, status=answer.status, said=said, hint="log in again")


def _closed() -> Answer:
    raise NeverSent(CLOSED)


def _oauth_words(value: dict[str, JsonValue]) -> str:
    words = [value.get("error"), value.get("error_description")]
    return envelope.sanitised(": ".join(word for word in words if isinstance(word, str)))
