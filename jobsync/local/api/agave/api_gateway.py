"""What stands before the service at a tenant: the API gateway and its own words (agave-v2 §7.3)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from werkzeug.wrappers import Response

_NAMESPACES = {
    "ams": "http://wso2.org/apimanager/security",
    "amt": "http://wso2.org/apimanager/throttling",
    "am": "http://wso2.org/apimanager",
}


@dataclass(eq=False)
class GatewayFault(Exception):
    """A refusal by the gateway; never in the Agave envelope.

    ``message`` is what new gateways say in JSON, ``old_message`` what old ones say in XML.
    """

    status: int
    code: int
    message: str
    description: str
    old_message: str = ""
    family: str = "ams"


def missing() -> GatewayFault:
    """The answer to a request without a token."""
    return GatewayFault(
        401,
        900902,
        "Missing Credentials",
        "Required OAuth credentials not provided. Make sure your API invocation call has a header:"
        ' "Authorization: Bearer ACCESS_TOKEN"',
    )


def invalid() -> GatewayFault:
    """The answer to a request whose token is not known."""
    return GatewayFault(
        401,
        900901,
        "Invalid Credentials",
        "Access failure for API: /jobs/v2, version: v2 status: (900901) - Invalid Credentials."
        " Make sure you have given the correct access token",
    )


def inactive(code: int = 900904) -> GatewayFault:
    """An expired (900903) or inactive (900904) token: what a refresh cures."""
    return GatewayFault(
        401, code, "Invalid Credentials", "Access Token Inactive", "Access Token Inactive"
    )


def throttled() -> GatewayFault:
    """The answer to a request beyond the quota."""
    return GatewayFault(
        429,
        900800,
        "Message throttled out",
        "You have exceeded your quota",
        family="amt",
    )


def no_route(path: str) -> GatewayFault:
    """The answer to a request for a *path* that belongs to no service."""
    return GatewayFault(
        404,
        404,
        "No matching resource found",
        f"No matching resource found in the API for the given request: {path}",
        family="am",
    )


def as_json(fault: GatewayFault, headers: Mapping[str, str]) -> Response:
    """The answer of a new gateway."""
    document = {
        "fault": {
            "code": fault.code,
            "message": fault.message,
            "description": fault.description,
        }
    }
    return Response(
        json.dumps(document),
        status=fault.status,
        headers=dict(headers),
        content_type="application/json",
    )


def as_xml(fault: GatewayFault, headers: Mapping[str, str]) -> Response:
    """The answer of an old gateway. Old ones throttle with 503."""
    name = fault.family
    text = (
        f'<{name}:fault xmlns:{name}="{_NAMESPACES[name]}">'
        f"<{name}:code>{fault.code}</{name}:code>"
        f"<{name}:message>{_escaped(fault.old_message or fault.message)}</{name}:message>"
        f"<{name}:description>{_escaped(fault.description)}</{name}:description></{name}:fault>"
    )
    status = 503 if fault.status == 429 else fault.status
    return Response(text, status=status, headers=dict(headers), content_type="application/xml")


def html_page(status: int) -> Response:
    """The error page of a proxy before the gateway."""
    text = (
        f"<html>\r\n<head><title>{status} {_reason(status)}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {_reason(status)}</h1></center>\r\n<hr><center>nginx</center>\r\n"
        "</body>\r\n</html>\r\n"
    )
    return Response(text, status=status, content_type="text/html")


def _reason(status: int) -> str:
    return {
        200: "OK",
        500: "Internal Server Error",
        502: "Bad Gateway",
        503: "Service Temporarily Unavailable",
        504: "Gateway Time-out",
    }.get(status, "Error")


def _escaped(text: str) -> str:
    for raw, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(raw, safe)
    return text
