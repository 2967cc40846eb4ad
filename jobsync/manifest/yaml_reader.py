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
    SequenceStartEvent,
    StreamEndEvent,
)

from jobsync.errors import Location, Problem
from jobsync.manifest.messages import quoted
from jobsync.manifest.source_map import COLUMN_BITS, Places, Raw, Spot
from jobsync.manifest.yaml_scalars import OutOfRange, is_text, plain
from jobsync.structs import Struct

SIZE_LIMIT = 32 * 1024 * 1024
"""The most bytes of one file."""

DEPTH_LIMIT = 64
"""The most containers inside one another, aliases followed."""

ALIAS_BUDGET = 1_000_000
"""The most values that the aliases of one file may stand for together."""

_MERGE_TEXT = "<<"
_MERGE: Final[Any] = type("Merge", (), {})()  # the key of a merge: equal to no text
_MISSING: Final[Any] = object()
_MEMO_LIMIT = 200_000
_SEPARATORS = {"\x85": "U+0085", "\u2028": "U+2028", "\u2029": "U+2029"}


class Document(Struct, frozen=True):
    """One file that was read. With ``problems`` the value is what could be made of it, or None."""

    value: Raw
    places: Places
    problems: tuple[Problem, ...] = ()


class _Fatal(Exception):
    """Reading cannot go on."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read(data: bytes, path: str, within: str = "") -> Document:
    """Read one YAML file. Never raises for what it reads.

    *path* is what places are named with, *within* the path of the file in its set.
    """
    builder = _Builder(path, within)
    try:
        _check_text(data, path)
        value = builder.build(data.removeprefix(b"\xef\xbb\xbf"))
    except _Fatal as error:
        return Document(None, builder.places, (*builder.problems, error.problem))
    return Document(value, builder.places, tuple(builder.problems))


def _check_text(data: bytes, path: str) -> None:
    if len(data) > SIZE_LIMIT:
        raise _Fatal(too_large(path))
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        where = Location(path, 1, 1)
        raise _Fatal(Problem(where, "the file is UTF-16", "manifests are UTF-8: convert the file"))
    try:
        if data.isascii():
            return
        text = data.decode()
    except UnicodeDecodeError as error:
        where = _at_byte(data, error.start, path)
        byte = data[error.start]
        message = f"the file is not UTF-8: byte 0x{byte:02x}"
        raise _Fatal(Problem(where, message, "manifests are UTF-8: convert the file")) from error
    for character, name in _SEPARATORS.items():
        if character in text:
            where = _at_byte(data, data.index(character.encode()), path)
            # YAML 1.1 folds these like line ends, JSON and editors do not: never guess.
            message = f"the character {name} ends a line in YAML, but in few other places"
            raise _Fatal(Problem(where, message, "write it as an escape in double quotes"))


def too_large(path: str) -> Problem:
    """The problem of a file above :data:`SIZE_LIMIT`."""
    megabytes = SIZE_LIMIT // (1024 * 1024)
    hint = "split the set into several files"
    return Problem(Location(path, 1, 1), f"the file is larger than {megabytes} MiB", hint)


def _at_byte(data: bytes, offset: int, path: str) -> Location:
    before = data[:offset].removeprefix(b"\xef\xbb\xbf")
    line_start = before.rfind(b"\n") + 1
    column = len(before[line_start:].decode(errors="replace"))
    return Location(path, before.count(b"\n") + 1, column + 1)


class _Builder:
    """The walk over the events of one file."""

    def __init__(self, path: str, within: str) -> None:
        self.path = path
        self.places = Places(path, within)
        self.problems: list[Problem] = []
        self._anchors: dict[str, Raw] = {}
        self._open: set[str] = set()
        self._sizes: dict[int, tuple[int, int]] = {}
        self._kept: list[Raw] = []
        self._budget = ALIAS_BUDGET

    def build(self, data: bytes) -> Raw:
        try:
            return self._walk(CParser(data), data)
        except yaml.YAMLError as error:
            raise _Fatal(_syntax_problem(error, data, self.path)) from error
        except (RecursionError, ValueError) as error:
            raise _Fatal(Problem(Location(self.path, 1, 1), f"cannot be read: {error}")) from error

    def _walk(self, parser: CParser, data: bytes) -> Raw:
        # One long loop on purpose: this runs for every scalar of every file, and calls and look-ups
        # of attributes would be most of its cost. Hence local names for what it uses each time.
        get: Any = parser.get_event
        starts, table = self.places.open()
        extend = table.extend
        bits = COLUMN_BITS
        missing = _MISSING
        # Where neither byte is in the file, nothing can have an anchor or a tag: most files.
        decorated = b"&" in data or b"!" in data
        # The same words come again and again: each is looked at, and each key is made, once.
        memo: dict[str, Raw] = {}
        names: dict[str, str] = {}
        # What is around the collection being filled: the collection outside it, the key there, the
        # spots there, and the anchor of the one outside.
        stack: list[tuple[Any, str | None, list[Spot], str | None]] = []
        current: Any = []
        value: Any
        event: Any
        spots: list[Spot] = []
        key: str | None = None
        anchor: str | None = None
        in_map = False
        documents = 0
        while True:
            event = get()
            kind = type(event)
            mark = event.start_mark
            # In a mapping events come in pairs. Key and value are read in one turn where the key is
            # a scalar, as nearly all are.
            if in_map and key is None and kind is ScalarEvent:
                key_spot = mark.line << bits | mark.column
                text = event.value
                key = names.get(text)
                if key is None:
                    key = self._key(event, key_spot)
                    if key is not _MERGE and is_text(text) and len(names) < _MEMO_LIMIT:
                        names[text] = key
                elif decorated and (event.anchor is not None or event.tag is not None):
                    key = self._key(event, key_spot)
                if key in current:
                    self._duplicate(current, spots, key, key_spot)
                event = get()  # a value follows every key
                kind = type(event)
                mark = event.start_mark
            if kind is ScalarEvent:
                spot = mark.line << bits | mark.column
                text = event.value
                # A quoted scalar is text. Only a plain one may be a number, true, false or null.
                value = memo.get(text, missing) if event.implicit[0] else text
                if value is missing:
                    value = self._plain(text, spot)
                    if len(memo) < _MEMO_LIMIT and len(text) < 64:
                        memo[text] = value
                if decorated:
                    if event.tag is not None:
                        self._tag(event.tag, spot)
                    if event.anchor is not None:
                        self._anchors[event.anchor] = value
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                spot = mark.line << bits | mark.column
                if in_map and key is None:
                    raise _Fatal(self._problem(spot, "a key must be text, not a list or a mapping"))
                if len(stack) >= DEPTH_LIMIT:
                    raise _Fatal(self._problem(spot, f"nested more than {DEPTH_LIMIT} levels deep"))
                if event.tag is not None:
                    self._tag(event.tag, spot)
                if in_map:
                    spots.append(key_spot)
                spots.append(spot)
                stack.append((current, key, spots, anchor))
                anchor = event.anchor
                if anchor is not None:
                    # Not to be used before its end: it would contain itself.
                    self._anchors.pop(anchor, None)
                    self._open.add(anchor)
                in_map = kind is MappingStartEvent
                current = {} if in_map else []
                spots = []
                key = None
                continue
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                value = current
                # The spots of one collection lie side by side in one table for the whole file; the
                # collection is known by where its own begin.
                starts[id(value)] = len(table)
                extend(spots)
                if in_map and _MERGE in value:
                    self._merge(value, spots)
                if anchor is not None:
                    self._close(anchor, value)
                current, key, spots, anchor = stack.pop()
                in_map = type(current) is dict
                if not in_map:
                    current.append(value)
                elif key in current:
                    # A key for the second time has been reported: the first value stays.
                    del spots[-2:]
                    key = None
                else:
                    current[key] = value
                    key = None
                continue
            elif kind is AliasEvent:
                spot = mark.line << bits | mark.column
                value = self._alias(event.anchor, spot, len(stack))
                if in_map and key is None:
                    if not isinstance(value, str):
                        raise _Fatal(self._problem(spot, "a key must be text"))
                    if value in current:
                        self._duplicate(current, spots, value, spot)
                    key = value
                    key_spot = spot
                    continue
            elif kind is DocumentStartEvent:
                documents += 1
                if documents > 1:
                    spot = mark.line << bits | mark.column
                    hint = "a file holds one document: remove the --- or split the file"
                    raise _Fatal(self._problem(spot, "a second document starts here", hint))
                continue
            elif kind is StreamEndEvent:
                break
            else:
                continue
            # A scalar or an alias as a value.
            if in_map:
                if key in current:  # reported: the first value stays
                    key = None
                    continue
                spots.append(key_spot)
                spots.append(spot)
                current[key] = value
                key = None
            else:
                spots.append(spot)
                current.append(value)
        if not current:
            return None
        self.places.root = spots[0]
        root: Raw = current[0]
        return root

    def _problem(self, spot: Spot, message: str, hint: str = "") -> Problem:
        return Problem(self.places.locate(spot), message, hint)

    def _plain(self, text: str, spot: Spot) -> Raw:
        try:
            return plain(text)
        except OutOfRange as error:
            self.problems.append(
                self._problem(spot, str(error), "to keep it as text, write it in quotes")
            )
            return text

    def _key(self, event: ScalarEvent, spot: Spot) -> str:
        text: str = event.value
        if event.tag is not None:
            self._tag(event.tag, spot)
        if event.anchor is not None:
            self._anchors[event.anchor] = text
        if not event.implicit[0]:
            return text
        if text == _MERGE_TEXT:
            return _MERGE  # type: ignore[no-any-return]
        if not is_text(text):
            shown = quoted(text)[1:-1] or "an empty one"
            hint = "if you mean text, write it in quotes" if text else "write the key"
            self.problems.append(self._problem(spot, f"a key must be text, not {shown}", hint))
        return text

    def _duplicate(self, mapping: dict[str, Raw], spots: list[Spot], key: str, spot: Spot) -> None:
        first = self.places.locate(spots[2 * list(mapping).index(key)])
        self.problems.append(
            self._problem(
                spot,
                f"duplicate key {_MERGE_TEXT if key is _MERGE else quoted(key)}",
                f"first at {first.line}:{first.column}",
            )
        )

    def _tag(self, tag: str, spot: Spot) -> None:
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        hint = "remove it; to make a value text, write it in quotes"
        self.problems.append(self._problem(spot, f"the tag {shown} is not allowed", hint))

    def _close(self, anchor: str, value: Raw) -> None:
        self._open.discard(anchor)
        self._anchors[anchor] = value
        self._sizes[id(value)] = self._measure(value)
        self._kept.append(value)

    def _measure(self, value: Raw) -> tuple[int, int]:
        """How many values *value* stands for and how deep it is, aliases followed."""
        if not isinstance(value, (dict, list)):
            return 1, 0
        known = self._sizes.get(id(value))
        if known is not None:
            return known
        size, height = 1, 0
        for child in value.values() if isinstance(value, dict) else value:
            child_size, child_height = self._measure(child)
            size += child_size
            height = max(height, child_height)
        return size, height + 1

    def _alias(self, anchor: str, spot: Spot, depth: int) -> Raw:
        if anchor in self._open and anchor not in self._anchors:
            raise _Fatal(self._problem(spot, f"the alias *{anchor} refers to itself"))
        if anchor not in self._anchors:
            hint = f"write &{anchor} where it is defined, above this line"
            raise _Fatal(self._problem(spot, f"there is no anchor &{anchor}", hint))
        value = self._anchors[anchor]
        size, height = self._measure(value)
        if depth + height > DEPTH_LIMIT:
            raise _Fatal(self._problem(spot, f"nested more than {DEPTH_LIMIT} levels deep"))
        self._budget -= size
        if self._budget < 0:
            message = f"the aliases of this file expand to more than {ALIAS_BUDGET:,} values"
            raise _Fatal(self._problem(spot, message))
        return value

    def _merge(self, mapping: dict[str, Raw], spots: list[Spot]) -> None:
        position = list(mapping).index(_MERGE)
        spot = spots[2 * position + 1]
        del spots[2 * position : 2 * position + 2]
        source = mapping.pop(_MERGE)
        for other in source if isinstance(source, list) else [source]:
            if not isinstance(other, dict):
                hint = "write <<: *name, or <<: [*one, *two]"
                self.problems.append(self._problem(spot, "<< must be followed by mappings", hint))
                continue
            for key, key_spot, value_spot in self.places.spots(other):
                if key not in mapping:
                    mapping[key] = other[key]
                    spots += (key_spot, value_spot)
        self.places.record(mapping, spots)


def _syntax_problem(error: yaml.YAMLError, data: bytes, path: str) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        where = _at_byte(data, max(0, int(error.position)), path)
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
