"""The front: from an HTTP request to a handler and back, faults and refusals included."""

from __future__ import annotations

import ipaddress
import json
import logging
import re
from collections.abc import Iterable
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from jobsync.local.api.agave import api_gateway
from jobsync.local.api.agave.answer import Answer, enveloped, refused
from jobsync.local.api.agave.api_gateway import GatewayFault
from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.api.agave.routes import WITH_PASSWORD, Match, Operation, Router, normal
from jobsync.local.api.agave.wire import Wire
from jobsync.local.api.mishaps import Hangup, Mishaps, reset
from jobsync.local.api.tapis.call import TapisSite
from jobsync.local.api.tapis.front import PREFIX, TapisFront
from jobsync.local.context import Call, Site
from jobsync.local.faults import Asked, BadFault
from jobsync.local.patterns import PatternRefused
from jobsync.local.visitors import Visitors

log = logging.getLogger(__name__)

CONTROL = "/_faults"
_ABSOLUTE = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^/]*")
_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,255}")
_NOT_ALLOWED = (
    "The method specified in the request is not allowed for the resource identified by the"
    " request URI"
)
_BEFORE = ("reset-before", "throttle", "html")


class Front:
    """The WSGI application over a :class:`~jobsync.local.context.Site`.

    *tapis* answers below ``/v3``. *scheme* is that of the URLs in ``_links``. *control* says
    whether the control call for faults is answered (only ever to loopback). *names* are those
    under which the service may be called, besides those of loopback.
    """

    def __init__(
        self,
        site: Site,
        *,
        tapis: TapisSite | None = None,
        scheme: str = "http",
        control: bool = False,
        names: Iterable[str] = (),
    ) -> None:
        self._visitors = Visitors(names)
        self._site = site
        self._scheme = scheme
        self._control = control
        self._router = Router(site.dialect)
        self._mishaps = Mishaps(site.faults, api_gateway.html_page)
        self._tapis = TapisFront(tapis, self._mishaps) if tapis is not None else None

    def stop(self) -> None:
        """End the pauses of slow answers, so that a shutdown does not wait for them."""
        self._mishaps.stop()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ, populate_request=False)
        path = normal(environ.get("REQUEST_URI") or request.path)
        response = self._respond(request, path)
        return response(environ, start_response)

    def _respond(self, request: Request, path: str) -> Response:
        if answer := self._visitors.refusal(request):
            return answer
        if path == CONTROL and self._control and _is_loopback(request.remote_addr):
            return self._control_faults(request)
        if path.startswith(PREFIX) and self._tapis is not None:
            sent = str(request.environ.get("REQUEST_URI") or request.path).partition("?")[0]
            raw = _ABSOLUTE.sub("", sent)
            return self._tapis.answer(request, raw, self._base(request))
        query = dict(request.args.items())
        try:
            return self._serve(request, path, query)
        except GatewayFault as fault:
            return self._gateway(fault, Asked("", request.method, path))
        except Refusal as refusal:
            return refused(refusal.status, refusal.message, self._site.dialect.version, query)
        except PatternRefused as error:
            return refused(400, str(error), self._site.dialect.version, query)
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
            return self._mishaps.after(
                refused(405, _NOT_ALLOWED, self._site.dialect.version, query), request, asked
            )
        call = self._call(request, match, asked, query)
        return self._mishaps.after(self._carried_out(operation, call), request, asked)

    def _token(self, request: Request, path: str) -> Response:
        if request.method != "POST":
            raise Refusal(405, _NOT_ALLOWED)
        asked = Asked(path[1:], request.method, path)
        if response := self._instead(request, asked):
            return response
        tokens = self._site.tokens
        answer = tokens.grant(request) if path == "/token" else tokens.revoke(request)
        return self._mishaps.after(answer, request, asked)

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
                raise reset(request)
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


def _is_loopback(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


def _one(spec: object) -> list[str]:
    return [] if spec is None else [str(spec)]


def _plain(document: dict[str, object], status: int) -> Response:
    return Response(json.dumps(document) + "\n", status=status, content_type="application/json")
