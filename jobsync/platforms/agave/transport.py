"""Ways to send a request as a user: with a token that is renewed, and never what must not be sent.

A planner gets a :class:`ReadTransport`, which refuses to send anything that changes something. The
token endpoint has a transport of its own.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from jobsync.errors import ServiceError, Unauthorized
from jobsync.http.client import HttpClient
from jobsync.http.messages import Repeat, Request, Response
from jobsync.model import JsonValue
from jobsync.platforms import sending
from jobsync.platforms.agave import envelope
from jobsync.platforms.agave.urls import UnsafePath, Urls
from jobsync.platforms.sending import READS
from jobsync.platforms.sending import Renewed as Renewed
from jobsync.secret import Secret


class Transport(sending.Transport):
    """Sends requests to one service on behalf of one user. Safe to use from many threads."""

    def credential(self, token: Secret) -> Secret:
        return Secret(f"Bearer {token.reveal()}")

    def is_stale(self, response: Response) -> bool:
        return envelope.token_is_stale(response)

    def is_refused_unseen(self, response: Response) -> bool:
        return envelope.rejected_by_gateway(response)

    def check(self, request: Request, hides: str) -> None:
        if request.method == "DELETE":
            path = urlsplit(request.url).path
            is_meant = bool(hides) and path.endswith(f"/jobs/v2/{hides}")
            if not is_meant and "/pems" not in path:
                raise UnsafePath(f"{request.method} {request.url} would hide a job: not sent")


class ReadTransport(Transport):
    """A transport that cannot change anything: it sends GET and HEAD and nothing else."""

    methods = READS


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


def _oauth_words(value: dict[str, JsonValue]) -> str:
    words = [value.get("error"), value.get("error_description")]
    return envelope.sanitised(": ".join(word for word in words if isinstance(word, str)))
