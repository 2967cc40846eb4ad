"""Who may speak to the service at all, before anybody is asked for a token.

A browser sends every web page's requests to loopback. It says in ``Origin`` whose they are, and in
``Host`` the name that the page used, which may be one that a stranger pointed at this machine.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from werkzeug.wrappers import Request, Response

_LONGEST = 300


class Visitors:
    """The names under which the service may be addressed: those of loopback, and *names*."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = {"localhost", *(_bare(name) for name in names)}

    def refusal(self, request: Request) -> Response | None:
        """The response to a request that may not reach the service; None when it may."""
        if "Origin" in request.headers:
            return _plain(403, "Requests of web pages are not answered.")
        host = request.headers.get("Host", "")
        if self._knows(_bare(host)):
            return None
        return _plain(
            421,
            f"This service is not called {host[:_LONGEST]!r}. If it should be, start it with: "
            "jobsync serve --allow-host NAME",
        )

    def _knows(self, name: str) -> bool:
        if name in self._names:
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False


def _bare(host: str) -> str:
    """*host* without its port and brackets, in lower case."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name if name.count(":") > 1 else name.partition(":")[0]


def _plain(status: int, text: str) -> Response:
    return Response(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")
