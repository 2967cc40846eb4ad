"""Values that are sent and compared but never shown or kept: those of the environment, and of
variables that the set calls sensitive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import cast
from urllib.parse import urlsplit

from jobsync.model import Scalar, Sealed, Value
from jobsync.secret import HIDDEN, Sensitive

Path = tuple["str | int", ...]

_SHORT = 4
"""Shorter ones are only looked for as whole values: they stand in many others by chance."""


def revealed(value: Value) -> Value:
    """*value* with what is sensitive in clear. Call it only to check, to compare and to send."""
    return _mapped(value, lambda leaf: leaf.reveal() if isinstance(leaf, Sensitive) else leaf)


def paths_of(value: Value) -> frozenset[Path]:
    """Where in *value* something sensitive stands."""
    return frozenset(_found(value, ()))


def concealed(value: Value, paths: frozenset[Path]) -> Value:
    """*value*, whose shape is as it was when :func:`paths_of` was asked, sensitive there again."""
    return _conceal(value, (), paths)


def holds(value: Value) -> bool:
    """Whether something that must not be shown stands in *value*."""
    if isinstance(value, (list, dict)):
        return any(map(holds, value.values() if isinstance(value, dict) else value))
    return isinstance(value, (Sensitive, Sealed))


def mentions(value: Value, secrets: Iterable[Sensitive]) -> bool:
    """Whether one of *secrets* stands in *value* in clear, as in what a service keeps."""
    if isinstance(value, (list, dict)):
        items = value.values() if isinstance(value, dict) else value
        return any(mentions(item, secrets) for item in items)
    text = "" if value is None else str(value)
    known = (str(secret.reveal()) for secret in secrets)
    return any(text == one or (len(one) >= _SHORT and one in text) for one in known if one)


def secrets_in(request: Mapping[str, Value]) -> tuple[Sensitive, ...]:
    """What is sensitive in *request*."""
    found: list[Sensitive] = []

    def collect(leaf: Value) -> Value:
        if isinstance(leaf, Sensitive):
            found.append(leaf)
        return leaf

    for value in request.values():
        replaced(value, collect)
    return tuple(found)


def scrubbed(text: str, secrets: Iterable[Sensitive]) -> str:
    """*text*, which comes from elsewhere, with :data:`HIDDEN` for each of *secrets* in it."""
    for secret in secrets:
        one = str(secret.reveal())
        if len(one) >= _SHORT:
            text = text.replace(one, HIDDEN)
    return text


def public_url(url: str) -> str:
    """*url* without its user, path and query, of which each may be a key; ``/...`` says so."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    rest = "/..." if parts.path.strip("/") or parts.query else ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{rest}"


def replaced(value: Value, change: Callable[[Value], Value]) -> Value:
    """*value* with every sensitive or sealed leaf put through *change*."""
    hidden = (Sensitive, Sealed)
    return _mapped(value, lambda leaf: change(leaf) if isinstance(leaf, hidden) else leaf)


def at(request: Mapping[str, Value], path: str) -> Value:
    """What *request* has at a dotted path; None where it has nothing.

    Of a list it is the entry that the path names, or the whole list where the path names none.
    """
    field, _, rest = path.partition(".")
    value = request.get(field.partition("[")[0])
    while rest and isinstance(value, dict):
        key, _, below = (rest, "", "") if rest in value else rest.partition(".")
        value, rest = value.get(key if key in value else key.partition("[")[0]), below
    if isinstance(value, list) and rest:
        return next((one for one in value if _leads_to(one, rest)), value)
    return None if rest else value


def _leads_to(entry: Value, path: str) -> bool:
    """Whether *path* begins with the name of an entry of a list."""
    names = [entry.get("name"), entry.get("key")] if isinstance(entry, dict) else []
    return any(path == name or path.startswith((f"{name}.", f"{name}[")) for name in names if name)


def _mapped(value: Value, change: Callable[[Value], Value]) -> Value:
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    if isinstance(value, dict):
        return {key: _mapped(item, change) for key, item in value.items()}
    return change(value)


def _found(value: Value, path: Path) -> Iterable[Path]:
    if isinstance(value, Sensitive):
        yield path
    elif isinstance(value, (list, dict)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for step, item in items:
            yield from _found(item, (*path, step))


def _conceal(value: Value, path: Path, paths: frozenset[Path]) -> Value:
    if path in paths:
        return Sensitive(cast(Scalar, value))
    if isinstance(value, list):
        return [_conceal(item, (*path, number), paths) for number, item in enumerate(value)]
    if isinstance(value, dict):
        return {key: _conceal(item, (*path, key), paths) for key, item in value.items()}
    return value
