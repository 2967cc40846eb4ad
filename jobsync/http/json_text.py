"""JSON of answers. The door to msgspec's reader."""

from __future__ import annotations

import json

import msgspec

from jobsync.model import JsonValue


def _refuse(word: str) -> JsonValue:
    raise ValueError(f"{word} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def parse_json(body: bytes) -> JsonValue:
    """The value of a JSON document. Raises ValueError for anything else, however deep or long.

    msgspec reads the same values in half the time, but refuses some valid JSON (UTF-16, half a
    surrogate, a number beyond floats): Python's own reader then decides.
    """
    try:
        try:
            value: JsonValue = msgspec.json.decode(body)
        except msgspec.DecodeError:
            value = _DECODER.decode(body.decode(json.detect_encoding(body)))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value
