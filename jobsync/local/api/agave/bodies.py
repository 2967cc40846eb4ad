"""Request bodies: the two parsers of the service, with their differences (agave-v2 §1.3)."""

from __future__ import annotations

import json
from typing import Any

from werkzeug.wrappers import Request

from jobsync.local.api.agave.refusal import Refusal

UPLOAD = "fileToUpload"

EMPTY = (
    "No content found. Please POST your content as a multipart/form-data file upload or as"
    " application/json with the content as the POST body."
)
BAD_TYPE = (
    "Unsupported content type. Please use application/json, application/x-www-form-urlencoded"
    " or multipart/form-data."
)
JSON_ONLY = "Unsupported content type. Please use application/json."
BAD_JSON = "Invalid JSON found. "


def fields(request: Request) -> dict[str, str]:
    """The map parser of permissions and manage: every value as text.

    JSON null becomes the text ``null``, objects and arrays become empty. A missing Content-Type
    counts as an empty body.
    """
    kind = _kind(request)
    if not kind:
        raise Refusal(400, EMPTY)
    if kind == "application/x-www-form-urlencoded":
        found = {key: str(value) for key, value in request.form.items()}
        return _present(found)
    return {key: as_text(value) for key, value in _document(request, kind).items()}


def document(request: Request) -> dict[str, Any]:
    """The node parser of submit: values stay JSON. A form gives text values.

    An array is taken too, and has no field of any name.
    """
    kind = _kind(request)
    if kind == "application/x-www-form-urlencoded":
        return _present(dict(request.form.items()))
    value = _content(request, kind)
    return value if isinstance(value, dict) else {}


def json_only(request: Request) -> dict[str, Any]:
    """Aloe's submit takes JSON and nothing else (agave-v2 §9.1)."""
    kind = _kind(request)
    if kind != "application/json":
        raise Refusal(400, JSON_ONLY)
    return _document(request, kind)


def as_text(value: Any) -> str:
    """A JSON value as Jackson's ``asText()`` gives it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return ""
    return str(value)


def _kind(request: Request) -> str:
    return (request.mimetype or "").lower()


def _document(request: Request, kind: str) -> dict[str, Any]:
    value = _content(request, kind)
    if not isinstance(value, dict):
        raise Refusal(400, f"{BAD_JSON}The content is no JSON object.")
    return value


def _content(request: Request, kind: str) -> dict[str, Any] | list[Any]:
    if kind == "application/json":
        raw = request.get_data()
    elif kind == "multipart/form-data":
        part = request.files.get(UPLOAD)
        raw = part.read() if part else request.form.get(UPLOAD, "").encode()
    else:
        raise Refusal(400, BAD_TYPE)
    if not raw.strip():
        raise Refusal(400, EMPTY)
    value = _parse(raw)
    if value in ({}, []):
        raise Refusal(400, EMPTY)
    if not isinstance(value, (dict, list)):
        raise Refusal(400, f"{BAD_JSON}The content is no JSON object.")
    return value


def _parse(raw: bytes) -> Any:
    try:
        value = json.loads(raw, parse_constant=_refuse_constant)
        # Half of a surrogate pair is JSON but not text: it could neither be stored nor echoed.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"{BAD_JSON}{error}") from error
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _present(found: dict[str, Any]) -> dict[str, Any]:
    if not found:
        raise Refusal(400, EMPTY)
    return found
