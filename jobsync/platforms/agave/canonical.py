"""The canonical form of a request: what of it means something, each value in one spelling. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from jobsync.identity import scalar_text
from jobsync.model import IdRef, JsonValue, OutputRef, Sealed, Value
from jobsync.platforms.agave.fields import split
from jobsync.secret import Sensitive


def canonical_inputs(inputs: Mapping[str, Value]) -> dict[str, list[JsonValue]]:
    """Inputs as ordered lists of text (agave-v2 §N9): ``a;b`` split, blanks dropped."""
    out: dict[str, list[JsonValue]] = {}
    for key in sorted(inputs):
        raw = inputs[key]
        if isinstance(raw, str) and ";" not in raw:
            if text := raw.strip():
                out[key] = [text]
            continue
        items: list[Value] = [*map(_in_clear, raw if isinstance(raw, list) else [raw])]
        if len(items) == 1 and isinstance(items[0], str):
            items = [*split(items[0])]
        texts: list[JsonValue] = [text for item in items if (text := _item_text(item).strip())]
        if texts:
            out[key] = texts
    return out


def canonical_parameters(parameters: Mapping[str, Value]) -> dict[str, JsonValue]:
    """Parameters as text or lists of text (agave-v2 §N12, §N14): ``["a"]`` is ``"a"``."""
    out: dict[str, JsonValue] = {}
    for key in sorted(parameters):
        raw = _in_clear(parameters[key])
        if raw is None:
            continue
        if isinstance(raw, str):
            if ";" not in raw:
                out[key] = raw
                continue
        elif not isinstance(raw, list):
            out[key] = _item_text(raw)
            continue
        items = raw if isinstance(raw, list) else [raw]
        texts = [_item_text(item) for item in items if item is not None]
        if len(texts) == 1 and ";" in texts[0]:
            texts = [part for part in split(texts[0]) if part]
        if texts:
            out[key] = texts[0] if len(texts) == 1 else list(texts)
    return out


def canonical_request(request: Mapping[str, Value]) -> dict[str, JsonValue]:
    """The semantic fields of *request* with every looseness of typing removed.

    Absent equals null equals the service's default (``archive`` is true, agave-v2 §3.2).
    References stay symbolic. Equal results mean: the same run.
    """
    out: dict[str, JsonValue] = {"appId": _item_text(request.get("appId"))}
    if inputs := canonical_inputs(_mapping(request.get("inputs"))):
        out["inputs"] = dict(inputs)
    if parameters := canonical_parameters(_mapping(request.get("parameters"))):
        out["parameters"] = parameters
    archive = request.get("archive")
    out["archive"] = archive if isinstance(archive, bool) else True
    if out["archive"]:
        if system := request.get("archiveSystem"):
            out["archiveSystem"] = _item_text(system)
        if path := _item_text(request.get("archivePath")):
            out["archivePath"] = path.rstrip("/") or "/"
    return out


def canonical_before(request: Mapping[str, Value]) -> dict[str, JsonValue]:
    """The canonical form under the fingerprint scheme before the present one."""
    canonical = canonical_request(request)
    if canonical.get("archivePath") == "/":  # that scheme took the root for no path at all
        del canonical["archivePath"]
    return canonical


def _in_clear(value: Value) -> Value:
    """What is sensitive counts in a fingerprint like any other value."""
    return value.reveal() if isinstance(value, Sensitive) else value


def _item_text(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return scalar_text(value)
    if isinstance(value, Sensitive):
        value = value.reveal()
    if isinstance(value, Sealed):
        raise TypeError("a sealed value has no meaning without the value")
    if isinstance(value, (OutputRef, IdRef)):
        return str(value)
    if isinstance(value, (list, dict)):
        return json.dumps(value, sort_keys=True, default=str)
    return scalar_text(value)


def _mapping(value: Value) -> Mapping[str, Value]:
    return value if isinstance(value, dict) else {}
