"""Ways to send a request as a user: with a token that is renewed, for every platform alike.

A platform's transport inherits from :class:`Transport` and says how its service speaks of tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol, TypeVar

from jobsync.errors import Unauthorized
from jobsync.http.client import HttpClient
from jobsync.http.messages import Repeat, Request, Response, Stream, UnsafePath
from jobsync.http.retry import Retries, RetryBudget, RetryPolicy, Timing
from jobsync.secret import Secret
from jobsync.structs import Struct

_MOST_TOKENS = 3
"""How many tokens one request may go through. At most one of them is asked for; the others are
those that other programs with the same login have got meanwhile."""

READS = frozenset({"GET", "HEAD"})

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

    methods = frozenset({*READS, "POST", "DELETE"})
    header = "Authorization"
    """The header that says who sends a request."""
    repeats_refused = True
    """Whether a request that is never repeated is sent once more with a new token, when the old one
    was refused before anything was looked at."""

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
        self.bearer = bearer
        self.timing = timing
        self.login_over = ""
        """Why no request is accepted any more; empty while that is not known."""
        self._retries = Retries(
            policy or RetryPolicy(),
            budget or RetryBudget(),
            timing,
            client.closed,
            is_final=self.is_final,
        )

    # --- what a platform says ----------------------------------------------------------

    def credential(self, token: Secret) -> Secret:
        """The value of the header with which *token* is sent."""
        return token

    def is_stale(self, response: Response) -> bool:
        """Whether a new token may help where *response* is the answer."""
        return False

    def is_refused_unseen(self, response: Response) -> bool:
        """Whether *response* proves that the token was refused before the service looked at the
        request."""
        return False

    def is_final(self, response: Response | Stream) -> bool:
        """Whether *response* will not get better by asking again, whatever its status says."""
        return False

    def check(self, request: Request, hides: str) -> None:
        """Raise :class:`UnsafePath` for what must never be sent.

        *hides* is the id of the job that a DELETE is meant to hide, if any.
        """

    # --- sending -----------------------------------------------------------------------

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
        self.check_all(request, hides)
        return self._retries.run(
            request.repeat,
            lambda: self._authorised(
                request, lambda one, secret: self.client.send(one, secret, self.header)
            ),
        )

    @contextmanager
    def stream(self, request: Request) -> Iterator[Stream | Response]:
        """As :meth:`send` for a large body: a :class:`Stream` for 200 and 206, else a response."""
        self.check_all(request, "")
        with ExitStack() as stack:

            def attempt(request: Request, authorization: Secret) -> Stream | Response:
                stack.close()
                reply = self.client.stream(request, authorization, self.header)
                return stack.enter_context(reply)

            yield self._retries.run(request.repeat, lambda: self._authorised(request, attempt))

    def check_all(self, request: Request, hides: str) -> None:
        """Refuse what this transport must never send, before anything is sent."""
        if request.method not in self.methods:
            raise UnsafePath(
                f"this connection only reads: {request.method} {request.url} is not sent"
            )
        self.check(request, hides)

    def _authorised(self, request: Request, attempt: Callable[[Request, Secret], T]) -> T:
        """One attempt, and another with a new token when the service says the old one is dead.

        Other programs that share the login renew it as well, so the new one may be dead again.
        """
        token, grants = self.bearer.token(), 1
        once = request.repeat is Repeat.NEVER
        for _ in range(1 if once else _MOST_TOKENS):
            outcome = attempt(request, self.credential(token))
            if not isinstance(outcome, Response) or not self.is_stale(outcome):
                return outcome
            if once and not self.is_refused_unseen(outcome):
                return outcome
            renewed = self._renewed(token, grants)
            if renewed is None or (once and not self.repeats_refused):
                return outcome
            token, grants = renewed.token, renewed.grants
        return attempt(request, self.credential(token))

    def _renewed(self, stale: Secret, grants: int) -> Renewed | None:
        try:
            renewed = self.bearer.renew(stale, grants)
        except Unauthorized as error:
            self.login_over = str(error)
            raise
        if renewed is None:
            self.login_over = "the service refuses the token, and there is no way to get another"
        return renewed
