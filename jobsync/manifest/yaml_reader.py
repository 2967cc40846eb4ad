"""YAML read strictly: plain values, and a place for every key and value.

The only door to PyYAML. It walks the C parser's events and builds values itself: the composer and
the constructors of YAML 1.1 would turn ``12:30:00`` into a number, let the last of two equal keys
win, follow tags, and take several times as long.
"""

from __future__ import annotations

from typing import Any, Final

import yaml
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from jobsync.errors import Location, Problem
from jobsync.manifest.messages import quoted
from jobsync.manifest.source_map import Places, Raw
from jobsync.manifest.yaml_aliases import DEPTH_LIMIT, Anchors, BadAlias
from jobsync.manifest.yaml_scalars import OutOfRange, is_text, plain
from jobsync.manifest.yaml_text import SIZE_LIMIT, Unreadable, at_byte, check_text, too_large
from jobsync.structs import Struct

__all__ = ["DEPTH_LIMIT", "SIZE_LIMIT", "Document", "read", "too_large"]

_MERGE_TEXT = "<<"
_MERGE: Final[Any] = type("Merge", (), {})()  # the key of a merge: equal to no text
_MISSING: Final[Any] = object()
_MEMO_LIMIT = 200_000


class Document(Struct, frozen=True):
    """One file that was read. With ``problems`` the value is what could be made of it, or None."""

    value: Raw
    places: Places
    problems: tuple[Problem, ...] = ()


def read(data: bytes, path: str, within: str = "") -> Document:
    """Read one YAML file. Never raises for what it reads.

    *path* is what places are named with, *within* the path of the file in its set.
    """
    builder = _Builder(path, within)
    try:
        check_text(data, path)
        value = builder.build(data.removeprefix(b"\xef\xbb\xbf"))
    except Unreadable as error:
        return Document(None, builder.places, (*builder.problems, error.problem))
    return Document(value, builder.places, tuple(builder.problems))


class _Builder:
    """The walk over the events of one file."""

    def __init__(self, path: str, within: str) -> None:
        self.path = path
        self.places = Places(path, within)
        self.problems: list[Problem] = []
        self._anchors = Anchors()
        # The same words come again and again: each is looked at, and each key is made, once.
        self._values: dict[str, Raw] = {}
        self._names: dict[str, str] = {}

    def build(self, data: bytes) -> Raw:
        # Where neither byte is in the file, nothing can have an anchor or a tag: most files.
        self._decorated = b"&" in data or b"!" in data
        try:
            self._next: Any = CParser(data).get_event
            return self._document()
        except yaml.YAMLError as error:
            raise Unreadable(_syntax_problem(error, data, self.path)) from error
        except (RecursionError, ValueError) as error:
            problem = Problem(Location(self.path, 1, 1), f"cannot be read: {error}")
            raise Unreadable(problem) from error

    def _document(self) -> Raw:
        """The value of the only document; None where there is none."""
        self._next()  # the stream starts
        if type(self._next()) is StreamEndEvent:
            return None
        first = self._next()
        value = self._value(first, 0)
        self._next()  # the document ends
        event = self._next()
        if type(event) is DocumentStartEvent:
            hint = "a file holds one document: remove the --- or split the file"
            raise Unreadable(self._problem(event.start_mark, "a second document starts here", hint))
        self.places.record_root(first.start_mark.line, first.start_mark.column)
        return value

    def _value(self, event: Any, depth: int) -> Raw:
        """The value that begins with *event*, inside *depth* collections."""
        kind = type(event)
        if kind is ScalarEvent:
            return self._scalar(event)
        if kind is AliasEvent:
            return self._alias(event, depth)
        if depth >= DEPTH_LIMIT:
            message = f"nested more than {DEPTH_LIMIT} levels deep"
            raise Unreadable(self._problem(event.start_mark, message))
        if event.tag is not None:
            self._tag(event)
        anchor = event.anchor
        if anchor is not None:
            self._anchors.open(anchor)
        value: Raw = (
            self._mapping(depth + 1) if kind is MappingStartEvent else self._sequence(depth + 1)
        )
        if anchor is not None:
            self._anchors.close(anchor, value)
        return value

    def _mapping(self, depth: int) -> dict[str, Raw]:
        # One long loop on purpose: this runs for nearly every scalar of every file, and calls and
        # look-ups of attributes would be most of its cost. Hence local names, and a way of its own
        # for the usual key and value.
        following, decorated, missing = self._next, self._decorated, _MISSING
        names, values = self._names, self._values
        mapping: dict[str, Raw] = {}
        numbers: list[int] = []
        while True:
            event = following()
            kind = type(event)
            key_mark = event.start_mark
            if kind is ScalarEvent:
                key = names.get(event.value)
                if key is None or decorated:
                    key = self._key(event)
            elif kind is MappingEndEvent:
                break
            else:
                key = self._odd_key(event, depth)
            if key in mapping:
                self._duplicate(mapping, numbers, key, key_mark)
                self._value(following(), depth)  # the first value stays
                continue
            event = following()  # a value follows every key
            mark = event.start_mark
            if type(event) is ScalarEvent and not decorated:
                text = event.value
                # A quoted scalar is text. Only a plain one may be a number, true, false or null.
                value = values.get(text, missing) if event.implicit[0] else text
                if value is missing:
                    value = self._plain(text, mark)
            elif type(event) is MappingStartEvent and not decorated and depth < DEPTH_LIMIT:
                value = self._mapping(depth + 1)
            else:
                value = self._value(event, depth)
            mapping[key] = value
            numbers += (key_mark.line, key_mark.column, mark.line, mark.column)
        self.places.record(mapping, numbers)
        if _MERGE in mapping:
            self._merge(mapping, numbers)
        return mapping

    def _sequence(self, depth: int) -> list[Raw]:
        following = self._next
        items: list[Raw] = []
        numbers: list[int] = []
        while type(event := following()) is not SequenceEndEvent:
            mark = event.start_mark
            items.append(self._value(event, depth))
            numbers += (mark.line, mark.column)
        self.places.record(items, numbers)
        return items

    def _scalar(self, event: ScalarEvent) -> Raw:
        value: Raw = event.value
        if event.implicit[0]:
            value = self._values.get(event.value, _MISSING)
            if value is _MISSING:
                value = self._plain(event.value, event.start_mark)
        if event.tag is not None:
            self._tag(event)
        if event.anchor is not None:
            self._anchors.name(event.anchor, value)
        return value

    def _plain(self, text: str, mark: Any) -> Raw:
        try:
            value = plain(text)
        except OutOfRange as error:
            self.problems.append(
                self._problem(mark, str(error), "to keep it as text, write it in quotes")
            )
            return text
        if len(self._values) < _MEMO_LIMIT and len(text) < 64:
            self._values[text] = value
        return value

    def _key(self, event: ScalarEvent) -> str:
        text: str = event.value
        if event.tag is not None:
            self._tag(event)
        if event.anchor is not None:
            self._anchors.name(event.anchor, text)
        if event.implicit[0] and text == _MERGE_TEXT:
            return _MERGE  # type: ignore[no-any-return]
        if is_text(text):
            if text == _MERGE_TEXT or len(self._names) >= _MEMO_LIMIT:
                return text
            return self._names.setdefault(text, text)
        if event.implicit[0]:
            shown = quoted(text)[1:-1] or "an empty one"
            hint = "if you mean text, write it in quotes" if text else "write the key"
            message = f"a key must be text, not {shown}"
            self.problems.append(self._problem(event.start_mark, message, hint))
        return text

    def _odd_key(self, event: Any, depth: int) -> str:
        """The text that an alias in the place of a key stands for."""
        if type(event) is not AliasEvent:
            message = "a key must be text, not a list or a mapping"
            raise Unreadable(self._problem(event.start_mark, message))
        key = self._alias(event, depth)
        if not isinstance(key, str):
            raise Unreadable(self._problem(event.start_mark, "a key must be text"))
        return key

    def _alias(self, event: AliasEvent, depth: int) -> Raw:
        try:
            return self._anchors.follow(event.anchor or "", depth)
        except BadAlias as error:
            raise Unreadable(self._problem(event.start_mark, error.message, error.hint)) from None

    def _duplicate(self, mapping: dict[str, Raw], numbers: list[int], key: str, mark: Any) -> None:
        at = 4 * list(mapping).index(key)
        name = _MERGE_TEXT if key is _MERGE else quoted(key)
        hint = f"first at {numbers[at] + 1}:{numbers[at + 1] + 1}"
        self.problems.append(self._problem(mark, f"duplicate key {name}", hint))

    def _tag(self, event: Any) -> None:
        shown = event.tag.replace("tag:yaml.org,2002:", "!!")
        hint = "remove it; to make a value text, write it in quotes"
        message = f"the tag {shown} is not allowed"
        self.problems.append(self._problem(event.start_mark, message, hint))

    def _merge(self, mapping: dict[str, Raw], numbers: list[int]) -> None:
        where = self.places.value(mapping, _MERGE)
        at = 4 * list(mapping).index(_MERGE)
        del numbers[at : at + 4]
        source = mapping.pop(_MERGE)
        for other in source if isinstance(source, list) else [source]:
            if not isinstance(other, dict):
                hint = "write <<: *name, or <<: [*one, *two]"
                self.problems.append(Problem(where, "<< must be followed by mappings", hint))
                continue
            for key, spot in self.places.spots(other):
                if key not in mapping:
                    mapping[key] = other[key]
                    numbers += self.places.recorded(spot)
        self.places.record(mapping, numbers)

    def _problem(self, mark: Any, message: str, hint: str = "") -> Problem:
        where = Location(self.path, mark.line + 1, mark.column + 1, self.places.within)
        return Problem(where, message, hint)


def _syntax_problem(error: yaml.YAMLError, data: bytes, path: str) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        where = at_byte(data, max(0, int(error.position)), path)
        code = error.character if isinstance(error.character, int) else ord(error.character)
        message = f"the character U+{code:04X} is not allowed"
        return Problem(where, message, "write it as an escape in double quotes")
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        where = Location(path, mark.line + 1, mark.column + 1)
        if "nesting depth" in str(error.problem):  # newer versions of libyaml have a limit as well
            return Problem(where, f"nested more than {DEPTH_LIMIT} levels deep")
        context = f" {error.context}" if error.context else ""
        character = data.decode()[mark.index : mark.index + 1]
        hint = _syntax_hint(str(error.context), error.context_mark, character)
        return Problem(where, f"not YAML: {error.problem}{context}", hint)
    return Problem(Location(path, 1, 1), f"not YAML: {error}")


def _syntax_hint(context: str, begin: Any, character: str) -> str:
    if character == "\t":
        return "indent with spaces, not with tabs"
    if character in ("@", "`", "%") and "next token" in context:
        return f"put text that begins with {character} in quotes"
    if "alias" in context:
        return "put a glob that begins with * in quotes"
    if begin is not None and ("flow" in context or "quoted" in context):
        return f"it begins at {begin.line + 1}:{begin.column + 1}"
    return ""
