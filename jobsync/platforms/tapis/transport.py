"""Ways to send a request as a user: with a token that is renewed, and never what must not be sent.

A planner gets a :class:`ReadTransport`, which refuses to send anything that changes something.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from jobsync.http.messages import Request, Response, Stream, UnsafePath
from jobsync.platforms import sending
from jobsync.platforms.sending import READS, Renewed
from jobsync.platforms.tapis import envelope
from jobsync.platforms.tapis.credentials import TokenKeeper
from jobsync.secret import Secret

HEADER = "X-Tapis-Token"

_REMOVED = re.compile(r"/v3/jobs/(?:[^/]+/share/[^/]+|subscribe/[^/]+)")
"""What may be deleted: what somebody may read of a job, and subscriptions."""


class Bearer:
    """The token of an account, as requests take it."""

    def __init__(self, keeper: TokenKeeper) -> None:
        self.keeper = keeper

    def token(self) -> Secret:
        """See :class:`~jobsync.platforms.sending.Bearer`."""
        return self.keeper.token()

    def renew(self, stale: Secret, grants: int) -> Renewed | None:
        """See :class:`~jobsync.platforms.sending.Bearer`."""
        fresh = self.keeper.renew(stale) if grants > 0 else None
        return None if fresh is None else Renewed(fresh, grants - 1)


class Transport(sending.Transport):
    """Sends requests to one service on behalf of one user. Safe to use from many threads.

    A submit is never sent twice with one body, also when its token is refused: two jobs of one
    send would look like one that a person submitted again.
    """

    methods = frozenset({*READS, "POST", "PUT", "PATCH", "DELETE"})
    header = HEADER
    repeats_refused = False

    def is_stale(self, response: Response) -> bool:
        return envelope.token_is_refused(response)

    def is_refused_unseen(self, response: Response) -> bool:
        return envelope.proves_nothing_made(response)

    def is_final(self, response: Response | Stream) -> bool:
        return isinstance(response, Response) and envelope.is_final(response)

    def check(self, request: Request, hides: str) -> None:
        if request.method == "DELETE":
            path = request.url.removeprefix(self.client.settings.base_url)
            if not _REMOVED.fullmatch(urlsplit(path).path):
                raise UnsafePath(f"{request} would delete something else: not sent")


class ReadTransport(Transport):
    """A transport that cannot change anything: it sends GET and HEAD and nothing else."""

    methods = READS
