"""From a request below ``/v3`` to a handler and back, faults and refusals included."""

from __future__ import annotations

import logging

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from jobsync.local.api.agave.api_gateway import html_page
from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.api.mishaps import Hangup, Mishaps, reset
from jobsync.local.api.tapis.answer import (
    Answer,
    PlainProblem,
    Problem,
    enveloped,
    outside,
    plain,
    refused,
)
from jobsync.local.api.tapis.call import Call, TapisSite
from jobsync.local.api.tapis.routes import Match, Operation, Router
from jobsync.local.faults import Asked
from jobsync.local.patterns import PatternRefused

log = logging.getLogger(__name__)

PREFIX = "/v3/"
TOKEN = "X-Tapis-Token"  # noqa: S105 - the name of a header
_BEFORE = ("reset-before", "throttle", "html")
_BODIES = {
    "json": ("application/json",),
    "any": ("application/json", "application/x-www-form-urlencoded", "multipart/form-data"),
    "parts": ("multipart/form-data",),
}


class TapisFront:
    """Answers what is asked below ``/v3``."""

    def __init__(self, site: TapisSite, mishaps: Mishaps) -> None:
        self._site = site
        self._mishaps = mishaps
        self._router = Router(site.profile)

    def answer(self, request: Request, raw: str, base: str) -> Response:
        """The answer. *raw* is the path as it was sent, percent signs and all, without query;
        *base* the scheme, host and port that links begin with."""
        try:
            return self._serve(request, raw, base)
        except PlainProblem as problem:
            return plain(problem)
        except Problem as problem:
            return refused(problem, self._site.profile)
        except PatternRefused as error:
            return refused(Problem(400, f"SEARCH_INVALID_CONDITION {error}"), self._site.profile)
        except Refusal as refusal:
            return refused(Problem(refusal.status, refusal.message), self._site.profile)
        except HTTPException as error:
            return outside(error.code or 400, error.name, error.description or "")
        except Hangup:
            raise
        except Exception:
            # A bug of ours must answer in the envelope, and be seen in the log.
            log.exception("unexpected failure of %s %s", request.method, raw)
            return refused(Problem(500, "TAPIS_ERROR Internal error"), self._site.profile)

    def _serve(self, request: Request, raw: str, base: str) -> Response:
        segments = [part for part in raw.split("/") if part]
        match = self._router.match(segments[1:])
        if match is None:
            return outside(404, "Not Found", "HTTP 404 Not Found")
        operation = match.methods.get(request.method)
        name = operation.name if operation else ""
        token = request.headers.get(TOKEN)
        user, denied = "", None
        if operation is None or operation.token or token:
            try:
                user = self._site.keys.user(token).user
            except PlainProblem as problem:
                denied = problem
        asked = Asked(name, request.method, raw, user)
        if response := self._instead(request, asked, token):
            return response
        if operation is None:
            return self._mishaps.after(
                outside(500, "Internal Server Error", "HTTP 405 Method Not Allowed"), request, asked
            )
        if denied is not None and operation.token:
            raise denied
        if response := _wrong_type(request, operation):
            return self._mishaps.after(response, request, asked)
        call = self._call(request, raw, base, match, asked)
        return self._mishaps.after(self._carried_out(operation, call), request, asked)

    def _call(self, request: Request, raw: str, base: str, match: Match, asked: Asked) -> Call:
        return Call(
            site=self._site,
            request=request,
            user=asked.user,
            asked=asked,
            base=base,
            names=match.names,
            path=match.path,
            folder=bool(match.path) and raw.endswith("/"),
        )

    def _carried_out(self, operation: Operation, call: Call) -> Response:
        try:
            answer = operation.handler(call)
        except PlainProblem as problem:
            return plain(problem)
        except Problem as problem:
            return refused(problem, self._site.profile)
        return enveloped(answer, self._site.profile) if isinstance(answer, Answer) else answer

    def _instead(self, request: Request, asked: Asked, token: str | None) -> Response | None:
        """What is answered without looking at the request; None to go on."""
        fault = self._site.faults.take(_BEFORE, asked)
        if fault is not None:
            if fault.kind == "reset-before":
                raise reset(request)
            if fault.kind == "html":
                return html_page(fault.number("status"))
            response = html_page(429)
            if wait := fault.options["retry-after"]:
                response.headers["Retry-After"] = wait
            return response
        if asked.user and self._site.faults.take(("expired",), asked):
            self._site.keys.revoke(token or "")
            return plain(PlainProblem(401, "TAPIS_SECURITY_JWT_EXPIRED The JWT has expired."))
        return None


def _wrong_type(request: Request, operation: Operation) -> Response | None:
    """A body of a kind that the resource does not take is a 501, not a 415."""
    if request.method not in ("POST", "PUT", "PATCH") or not request.mimetype:
        return None
    if request.mimetype in _BODIES[operation.body]:
        return None
    return outside(501, "Not Implemented", "HTTP 415 Unsupported Media Type")
