"""The front: from an HTTP request to a handler and back, faults and refusals included."""

from __future__ import annotations

import gzip
import ipaddress
import json
import logging
import re
import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from jobsync.local.api.agave import api_gateway
from jobsync.local.api.agave.answer import Answer, enveloped, refused
from jobsync.local.api.agave.api_gateway import GatewayFault
from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.api.agave.routes import WITH_PASSWORD, Match, Operation, Router, normal
from jobsync.local.api.agave.wire import Wire
from jobsync.local.context import Call, Site
from jobsync.local.faults import Asked, BadFault, Fault

log = logging.getLogger(__name__)

SOCKET = "jobsync.socket"
"""Key of the WSGI environment under which the server passes the connection."""

CONTROL = "/_faults"
_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,255}")
_DRIP_PIECES = 10
_NOT_ALLOWED = (
    "The method specified in the request is not allowed for the resource identified by the"
    " request URI"
)
_BEFORE = ("reset-before", "throttle", "html")
_AFTER = ("reset-after", "lost", "html-after", "html-200")
_BODY = ("slow", "drip", "truncated", "gzip")


class Hangup(OSError):
    """The connection is closed instead of an answer; the server treats it as a lost client."""


class Front:
    """The WSGI application over a :class:`~jobsync.local.context.Site`.

    *scheme* is that of the URLs in ``_links``. *control* says whether the control call for faults
    is answered (only ever to loopback).
    """

    def __init__(self, site: Site, *, scheme: str = "http", control: bool = False) -> None:
        self._site = site
        self._scheme = scheme
        self._control = control
        self._router = Router(site.dialect)
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End the pauses of slow answers, so that a shutdown does not wait for them."""
        self._stopping.set()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        path = normal(environ.get("REQUEST_URI") or request.path)
        response = self._respond(request, path)
        return response(environ, start_response)

    def _respond(self, request: Request, path: str) -> Response:
        if path == CONTROL and self._control and _is_loopback(request.remote_addr):
            return self._control_faults(request)
        query = dict(request.args.items())
        try:
            return self._serve(request, path, query)
        except GatewayFault as fault:
            return self._gateway(fault, Asked("", request.method, path))
        except Refusal as refusal:
            return refused(refusal.status, refusal.message, self._site.dialect.version, query)
        except HTTPException as error:
            # What the parser refuses: too large, not to be decoded.
            version = self._site.dialect.version
            return refused(error.code or 400, error.description or "", version, query)
        except Hangup:
            raise
        except Exception:
            # A bug of ours must answer in the envelope, and be seen in the log.
            log.exception("unexpected failure of %s %s", request.method, path)
            return refused(500, "Internal error", self._site.dialect.version, query)

    def _serve(self, request: Request, path: str, query: dict[str, str]) -> Response:
        if path in ("/token", "/revoke"):
            return self._token(request, path)
        match = self._router.match(path)
        if match is None:
            raise api_gateway.no_route(path)
        user, denied = self._user(request, match)
        operation = match.methods.get(request.method)
        asked = Asked(operation.name if operation else "", request.method, path, user)
        if response := self._instead(request, asked):
            return response
        if denied is not None:
            raise denied
        if operation is None:
            return self._after(
                refused(405, _NOT_ALLOWED, self._site.dialect.version, query), request, asked
            )
        call = self._call(request, match, asked, query)
        return self._after(self._carried_out(operation, call), request, asked)

    def _token(self, request: Request, path: str) -> Response:
        if request.method != "POST":
            raise Refusal(405, _NOT_ALLOWED)
        asked = Asked(path[1:], request.method, path)
        if response := self._instead(request, asked):
            return response
        tokens = self._site.tokens
        answer = tokens.grant(request) if path == "/token" else tokens.revoke(request)
        return self._after(answer, request, asked)

    def _user(self, request: Request, match: Match) -> tuple[str, GatewayFault | None]:
        tokens = self._site.tokens
        try:
            if match.endpoint in WITH_PASSWORD:
                return tokens.password_user(request), None
            return tokens.bearer(request), None
        except GatewayFault as fault:
            return "", fault

    def _call(
        self, request: Request, match: Match, asked: Asked, query: dict[str, str]
    ) -> Call:  # fmt: skip
        if "filter" in query and self._site.faults.take(("drop-projection",), asked):
            query.pop("filter")
        wire = Wire(self._site.dialect, self._base(request))
        return Call(self._site, request, asked.user, asked, wire, query, match.names)

    def _carried_out(self, operation: Operation, call: Call) -> Response:
        version = self._site.dialect.version
        try:
            answer = operation.handler(call)
        except Refusal as refusal:
            return refused(refusal.status, refusal.message, version, call.query)
        return enveloped(answer, version, call.query) if isinstance(answer, Answer) else answer

    def _base(self, request: Request) -> str:
        host = request.headers.get("Host", "")
        if not _HOST.fullmatch(host):
            host = f"{request.environ['SERVER_NAME']}:{request.environ['SERVER_PORT']}"
        return f"{self._scheme}://{host}"

    # --- faults ---------------------------------------------------------------------------

    def _instead(self, request: Request, asked: Asked) -> Response | None:
        """What is answered without looking at the request; None to go on."""
        fault = self._site.faults.take(_BEFORE, asked)
        if fault is not None:
            if fault.kind == "reset-before":
                raise _reset(request)
            if fault.kind == "html":
                return api_gateway.html_page(fault.number("status"))
            wait = fault.options["retry-after"]
            return self._gateway(
                api_gateway.throttled(), asked, {"Retry-After": wait} if wait else {}
            )
        if asked.user and (fault := self._site.faults.take(("expired",), asked)):
            self._site.tokens.expire(request)
            return self._gateway(api_gateway.inactive(fault.number("code")), asked)
        return None

    def _gateway(
        self, fault: GatewayFault, asked: Asked, headers: dict[str, str] | None = None
    ) -> Response:
        is_old = self._site.faults.take(("gateway-xml",), asked)
        write = api_gateway.as_xml if is_old else api_gateway.as_json
        return write(fault, headers or {})

    def _after(self, response: Response, request: Request, asked: Asked) -> Response:
        """The answer, or what becomes of it on its way."""
        fault = self._site.faults.take(_AFTER, asked)
        if fault is not None:
            response.close()
            match fault.kind:
                case "reset-after":
                    raise _reset(request)
                case "lost":
                    self._stopping.wait(fault.seconds())
                    raise Hangup("the answer is lost")
                case "html-after":
                    return api_gateway.html_page(fault.number("status"))
                case _:
                    return api_gateway.html_page(200)
        if request.method != "HEAD" and (fault := self._site.faults.take(_BODY, asked)):
            return self._bent(response, fault)
        return response

    def _bent(self, response: Response, fault: Fault) -> Response:
        if fault.kind == "slow":
            self._stopping.wait(fault.seconds())
            return response
        body = b"".join(response.iter_encoded())
        response.close()
        if fault.kind == "gzip":
            packed = gzip.compress(body)
            bent = Response(packed, response.status_code, response.headers)
            bent.headers["Content-Encoding"] = "gzip"
            bent.headers["Content-Length"] = str(len(packed))
            return bent
        if fault.kind == "truncated":
            kept = fault.options["bytes"]
            parts = _cut(body[: int(kept) if kept else len(body) // 2])
        else:
            parts = self._drip(body, fault.seconds())
        bent = Response(parts, response.status_code, response.headers)
        bent.headers["Content-Length"] = str(len(body))
        return bent

    def _drip(self, body: bytes, seconds: float) -> Iterator[bytes]:
        size = max(1, -(-len(body) // _DRIP_PIECES))
        for start in range(0, len(body), size):
            yield body[start : start + size]
            self._stopping.wait(seconds / _DRIP_PIECES)

    def _control_faults(self, request: Request) -> Response:
        """``POST`` arms ``{"fault": SPEC}`` or ``{"faults": [SPEC]}``, ``DELETE`` disarms all,
        every method answers what is armed."""
        faults = self._site.faults
        if request.method == "DELETE":
            faults.clear()
        if request.method == "POST":
            try:
                document = json.loads(request.get_data())
                for spec in [*document.get("faults", []), *_one(document.get("fault"))]:
                    faults.add(spec)
            except (ValueError, AttributeError, TypeError, BadFault) as error:
                return _plain({"error": str(error)}, 400)
        return _plain({"faults": faults.state()}, 200)


def _reset(request: Request) -> Hangup:
    """Let the coming close of the connection be a reset, not an orderly end."""
    connection = request.environ.get(SOCKET)
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return Hangup("connection reset")


def _cut(kept: bytes) -> Iterator[bytes]:
    yield kept
    raise Hangup("the body is cut")


def _is_loopback(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


def _one(spec: object) -> list[str]:
    return [] if spec is None else [str(spec)]


def _plain(document: dict[str, object], status: int) -> Response:
    return Response(json.dumps(document) + "\n", status=status, content_type="application/json")
