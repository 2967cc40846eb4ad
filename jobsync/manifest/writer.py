"""YAML text that our reader reads back as the very same value. Pure; knows no library."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Union

from jobsync.manifest.yaml_scalars import is_text
from jobsync.structs import Struct


class Noted(Struct, frozen=True):
    """A value with a comment behind it, on the line on which it begins."""

    value: Draft
    note: str


class Remark(Struct, frozen=True):
    """A line of comment in place of a key and its value."""

    text: str


Writable = Union[None, bool, int, float, str, Sequence["Writable"], Mapping[str, "Writable"]]
Draft = Union[None, bool, int, float, str, Sequence["Draft"], Mapping[str, "Draft"], Noted, Remark]
"""What is written with comments for a person, who is to finish it."""

_PLAIN = re.compile(r"(?:[A-Za-z_/]|\./)[A-Za-z0-9_./+-]*(?: [A-Za-z0-9_./+-]+)*")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_LOOKS_ODD = frozenset(("yes", "no", "on", "off", "y", "n", "none", "~"))


def dump(value: Draft) -> str:
    """*value* as a YAML document in block style, ending with a line end."""
    if isinstance(value, Mapping) and value:
        return "".join(_mapping(value, ""))
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        return "".join(_sequence(value, ""))
    return f"{scalar(value)}\n"


def scalar(value: Draft) -> str:
    """A scalar or an empty container on one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return text(value)
    if isinstance(value, (int, float)):
        return json.dumps(value, allow_nan=False)
    return "{}" if isinstance(value, Mapping) else "[]"


def text(value: str) -> str:
    """Text for YAML: quoted unless every YAML reader would read it as that text."""
    if _PLAIN.fullmatch(value) and is_text(value) and value.lower() not in _LOOKS_ODD | _WORDS:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


_WORDS = frozenset(("null", "true", "false"))


def _mapping(mapping: Mapping[str, Draft], indent: str) -> list[str]:
    out: list[str] = []
    for key, value in mapping.items():
        if isinstance(value, Remark):
            out.append(f"{indent}{_comment(value.text)}\n")
        else:
            out.extend(_entry(f"{indent}{text(key)}:", value, indent))
    return out


def _comment(words: str) -> str:
    """*words* as a comment, on one line whatever is in them."""
    return f"# {_UNPRINTABLE.sub('?', ' '.join(words.split()))}"


def _sequence(items: Sequence[Draft], indent: str) -> list[str]:
    out: list[str] = []
    for item in items:
        if isinstance(item, Mapping) and item:
            lines = _mapping(item, f"{indent}  ")
            out.append(f"{indent}- {lines[0].lstrip(' ')}")
            out.extend(lines[1:])
        else:
            out.extend(_entry(f"{indent}-", item, indent))
    return out


def _entry(lead: str, value: Draft, indent: str) -> list[str]:
    note = ""
    if isinstance(value, Noted):
        note = f"  {_comment(value.note)}"
        value = value.value
    if isinstance(value, Mapping) and value:
        # Comments alone are no mapping to a reader.
        empty = " {}" if all(isinstance(one, Remark) for one in value.values()) else ""
        return [f"{lead}{empty}{note}\n", *_mapping(value, f"{indent}  ")]
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        return [f"{lead}{note}\n", *_sequence(value, f"{indent}  ")]
    return [f"{lead} {scalar(value)}{note}\n"]
