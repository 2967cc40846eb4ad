"""JSON over the REST API of a forge, a page after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from jobsync.errors import Forbidden, NotFound, Refused, Unauthorized, Unreadable
from jobsync.http.connection import Connection
from jobsync.http.messages import Repeat, Request, Response
from jobsync.http.retry import Retries, RetryBudget
from jobsync.secret import Secret
from jobsync.visible import visible

_PAGE = 100
_MOST_PAGES = 100
_KINDS: dict[int, type[Refused]] = {401: Unauthorized, 403: Forbidden, 404: NotFound}


class Rest:
    """Requests to the API at *base_url*, with *token* behind *prefix* in *header*."""

    def __init__(
        self, connection: Connection, base_url: str, token: str, header: str, prefix: str = ""
    ) -> None:
        self._client = connection.client(base_url)
        budget = RetryBudget(connection.retries)
        closed = self._client.closed
        self._retries = Retries(connection.policy, budget, connection.timing, closed)
        self._base, self._token, self._header = base_url, Secret(prefix + token), header

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def ask(self, method: str, path: str, body: object = None, *, asks: str) -> Any:
        """The JSON that answers; None for an empty answer. *asks* says what for, in errors.

        Raises :class:`Refused` for any refusal, and what :class:`HttpClient` raises.
        """
        data = None if body is None else json.dumps(body).encode("ascii")
        kind = {"Content-Type": "application/json"} if data is not None else {}
        repeat = Repeat.ALWAYS if method in ("GET", "PATCH", "PUT") else Repeat.UNSENT
        request = Request(method, f"{self._base}{path}", data, repeat, kind, asks=asks)
        response = self._retries.run(
            repeat, lambda: self._client.send(request, self._token, self._header)
        )
        if response.status >= 300:
            raise self._refusal(response, asks)
        try:
            return json.loads(response.body) if response.body else None
        except ValueError as error:
            raise Unreadable(f"{asks}: the forge did not answer in JSON") from error

    def all(self, path: str, *, asks: str) -> Iterator[dict[str, Any]]:
        """Every item of a list of many pages. Raises :class:`Unreadable` for one without end."""
        mark = "&" if "?" in path else "?"
        for page in range(1, _MOST_PAGES + 1):
            items = self.ask("GET", f"{path}{mark}per_page={_PAGE}&page={page}", asks=asks)
            if not isinstance(items, list):
                raise Unreadable(f"{asks}: the forge did not answer with a list")
            yield from items
            if len(items) < _PAGE:
                return
        raise Unreadable(f"{asks}: more than {_PAGE * _MOST_PAGES} of them")

    def _refusal(self, response: Response, asks: str) -> Refused:
        said = visible(response.body[:200].decode("utf-8", "replace"))
        hint = "give the job's token the right to write comments" if response.status == 403 else ""
        kind = _KINDS.get(response.status, Refused)
        message = f"{asks}: the forge refused it: {response.status} {said}"
        return kind(message, status=response.status, said=said, hint=hint)


def part(text: object) -> str:
    """*text* as one part of a path."""
    return quote(str(text), safe="")
