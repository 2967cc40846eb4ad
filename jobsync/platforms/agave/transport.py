"""Ways to send a request as a user: with a token that is renewed, and never what must not be sent.

A planner gets a :class:`ReadTransport`, which refuses to send anything that changes something. The
token endpoint has a transport of its own.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Protocol, TypeVar
from urllib.parse import urlencode, urlsplit

from jobsync.errors import ServiceError, Unauthorized
from jobsync.http.client import HttpClient
from jobsync.http.messages import Repeat, Request, Response, Stream
from jobsync.http.retry import Retries, RetryBudget, RetryPolicy, Timing
from jobsync.model import JsonValue
from jobsync.platforms.agave import envelope
from jobsync.platforms.agave.urls import UnsafePath, Urls
from jobsync.secret import Secret
from jobsync.structs import Struct

_MOST_TOKENS = 3
"""How many tokens one request may go through. At most one of them is asked for (agave-v2 §6.5)."""


T = TypeVar("T", Response, Stream | Response)


class Renewed(Struct, frozen=True):
    """Another token, and how often the endpoint may still be asked for one more."""

    token: Secret
    grants: int


class Bearer(Protocol):
    """The source of the token that is sent."""

    def token(self) -> Secret:
        """The token to send now."""

    def renew(self, stale: Secret, grants: int) -> Renewed | None:
        """Another token than *stale*; None when there is no way to get one.

        The endpoint may be asked *grants* times; a token that somebody else has got meanwhile costs
        none. Raises :class:`Unauthorized` when there is a way and it failed.
        """


class Transport:
    """Sends requests to one service on behalf of one user. Safe to use from many threads."""

    methods = frozenset({"GET", "HEAD", "POST", "DELETE"})

    def __init__(
        self,
        client: HttpClient,
        bearer: Bearer,
        *,
        timing: Timing,
        policy: RetryPolicy | None = None,
        budget: RetryBudget | None = None,
    ) -> None:
        self.client = client
        self._bearer = bearer
        self._retries = Retries(
            policy or RetryPolicy(), budget or RetryBudget(), timing, client.closed
        )

    @property
    def concurrency(self) -> int:
        return self.client.settings.concurrency

    def close(self) -> None:
        """Abandon the calls under way in other threads, and send nothing more."""
        self.client.close()

    def send(self, request: Request, *, hides: str = "") -> Response:
        """The whole response to *request*, whatever its status, after as many tries as it allows.

        *hides* is the id of the job that a DELETE is meant to hide, if any.
        """
        self._check(request, hides)
        return self._retries.run(
            request.repeat, lambda: self._authorised(request, self.client.send)
        )

    @contextmanager
    def stream(self, request: Request) -> Iterator[Stream | Response]:
        """As :meth:`send` for a large body: a :class:`Stream` for 200 and 206, else a response."""
        self._check(request, "")
        with ExitStack() as stack:

            def attempt(request: Request, authorization: Secret) -> Stream | Response:
                stack.close()
                return stack.enter_context(self.client.stream(request, authorization))

            yield self._retries.run(request.repeat, lambda: self._authorised(request, attempt))

    def _check(self, request: Request, hides: str) -> None:
        """Refuse what this transport must never send, before anything is sent."""
        if request.method not in self.methods:
            raise UnsafePath(
                f"this connection only reads: {request.method} {request.url} is not sent"
            )
        if request.method == "DELETE":
            path = urlsplit(request.url).path
            is_meant = bool(hides) and path.endswith(f"/jobs/v2/{hides}")
            if not is_meant and "/pems" not in path:
                raise UnsafePath(f"{request.method} {request.url} would hide a job: not sent")

    def _authorised(self, request: Request, attempt: Callable[[Request, Secret], T]) -> T:
        """One attempt, and another with a new token when the gateway says the old one is dead.

        Other programs that share the login renew it as well, so the new one may be dead again.
        """
        token, grants = self._bearer.token(), 1
        for _ in range(1 if request.repeat is Repeat.NEVER else _MOST_TOKENS):
            outcome = attempt(request, _bearer(token))
            if not isinstance(outcome, Response) or not envelope.token_is_stale(outcome):
                return outcome
            if request.repeat is Repeat.NEVER and not envelope.rejected_by_gateway(outcome):
                return outcome
            renewed = self._bearer.renew(token, grants)
            if renewed is None:
                return outcome
            token, grants = renewed.token, renewed.grants
        return attempt(request, _bearer(token))


class ReadTransport(Transport):
    """A transport that cannot change anything: it sends GET and HEAD and nothing else."""

    methods = frozenset({"GET", "HEAD"})


class TokenTransport:
    """Sends token requests to the token endpoint only: without a bearer token, and never twice."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def grant(self, form: Mapping[str, str], key: str, secret: Secret) -> dict[str, JsonValue]:
        """The unwrapped answer of the token endpoint (agave-v2 §7.1).

        Raises :class:`Unauthorized`, with the endpoint's words, when it refuses.
        """
        pair = base64.b64encode(f"{key}:{secret.reveal()}".encode()).decode("ascii")
        request = Request(
            "POST",
            Urls(self._client.settings.base_url).token(),
            urlencode(form).encode("ascii"),
            Repeat.NEVER,
            {"Content-Type": "application/x-www-form-urlencoded"},
            asks="give a token",
        )
        try:
            response = self._client.send(request, Secret(f"Basic {pair}"))
        except ServiceError as error:
            raise Unauthorized(f"cannot renew the token: {error}", status=0) from error
        try:
            value = envelope.parse_json(response.body)
        except ValueError:
            value = None
        if response.status == 200 and isinstance(value, dict) and value.get("access_token"):
            return value
        said = _oauth_words(value) if isinstance(value, dict) else ""
        line = f"cannot renew the token: {response.status} {said}".rstrip() + f" ({request})"
        raise Unauthorized(line, status=response.status, said=said, hint="log in again")


def _bearer(token: Secret) -> Secret:
    return Secret(f"Bearer {token.reveal()}")


def _oauth_words(value: dict[str, JsonValue]) -> str:
    words = [value.get("error"), value.get("error_description")]
    return envelope.sanitised(": ".join(word for word in words if isinstance(word, str)))
