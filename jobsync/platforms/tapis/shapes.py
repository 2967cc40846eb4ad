"""What a value of a request may be: its JSON Schema, and its check once references are filled in.

One description makes both. A shape's :meth:`schema` describes a value as it stands in a file, where
a text may still have references in it; its :meth:`ready` takes the value that will be sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from jobsync.identity import scalar_text
from jobsync.manifest.messages import did_you_mean, quoted
from jobsync.model import IdRef, OutputRef, Value
from jobsync.platform import Step, Wrong
from jobsync.structs import Struct

Schema = dict[str, Any]
Rule = Callable[[str], "Wrong | None"]
"""What is wrong with a text; None for nothing."""

WHOLE_LIMIT = 2**31 - 1
"""The largest whole number that the service reads (tapis-v3 §4.1)."""

REMOVE = "remove"
"""The key with which an entry of a list takes away that of the defaults; it is never sent."""

_REFERENCE = r"\$\{"


class Shape(Protocol):
    """What one value may be."""

    def schema(self) -> Schema:
        """The JSON Schema of the value before references in it are filled in."""

    def ready(self, value: Value, at: Step, found: list[Wrong]) -> Value:
        """The value as it is sent. What is wrong with it is added to *found*; *at* is its place."""


class Text(Struct, frozen=True):
    """A text of *least* to *most* characters without control characters."""

    expected: str
    least: int = 1
    most: int | None = None
    rule: Rule | None = None
    pattern: str = ""
    description: str = ""

    def schema(self) -> Schema:
        """See :class:`Shape`."""
        found = _described(self.description, {"type": "string", "x-expected": self.expected})
        if self.least:
            found["minLength"] = self.least
        if self.most is not None:
            found["maxLength"] = self.most
        if self.pattern:
            found["pattern"] = f"{self.pattern}|{_REFERENCE}"
        return found

    def ready(self, value: Value, at: Step, found: list[Wrong]) -> Value:
        """See :class:`Shape`."""
        if not isinstance(value, str):
            found.append(Wrong("must be text", "write the value in quotes", path=at))
        elif self.least and not value:
            found.append(Wrong(f"must be {self.expected}, not an empty text", path=at))
        elif self.most is not None and len(value) > self.most:
            text = f"is {len(value)} characters long, more than {self.most}"
            found.append(Wrong(text, path=at))
        elif _CONTROL.search(value):
            found.append(Wrong(f"has a control character: {quoted(value)}", path=at))
        elif self.pattern and not re.search(self.pattern, value):
            found.append(Wrong(f"must be {self.expected}, not {quoted(value)}", path=at))
        elif self.rule and (wrong := self.rule(value)):
            found.append(Wrong(wrong.message, wrong.hint, path=at))
        return value


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Scalar(Struct, frozen=True):
    """A text that may be made of a number, or of true or false, which a matrix or a variable has
    in the place of a reference."""

    expected: str
    least: int = 0
    rule: Rule | None = None
    description: str = ""

    def schema(self) -> Schema:
        """See :class:`Shape`."""
        return Text(self.expected, self.least, description=self.description).schema()

    def ready(self, value: Value, at: Step, found: list[Wrong]) -> Value:
        """See :class:`Shape`."""
        if isinstance(value, (bool, int, float)):
            value = scalar_text(value)
        return Text(self.expected, self.least, None, self.rule).ready(value, at, found)


class Url(Struct, frozen=True):
    """A text, or an output of another job."""

    expected: str
    rule: Rule
    description: str = ""

    def schema(self) -> Schema:
        """See :class:`Shape`."""
        return Text(self.expected, description=self.description).schema()

    def ready(self, value: Value, at: Step, found: list[Wrong]) -> Value:
        """See :class:`Shape`."""
        if isinstance(value, (OutputRef, IdRef)):
            return value
        return Text(self.expected, rule=self.rule).ready(value, at, found)


class Word(Struct, frozen=True):
    """One of some words."""

    words: tuple[str, ...]
    description: str = ""

    @property
    def expected(self) -> str:
        """The words in words."""
        *others, last = self.words
        return f"{', '.join(others)} or {last}" if others else last

    def schema(self) -> Schema:
        """See :class:`Shape`."""
        return _described(
            self.description,
            {
                "type": "string",
                "pattern": f"^({'|'.join(self.words)})$|{_REFERENCE}",
                "x-options": [*self.words],
                "x-expected": self.expected,
            },
        )

    def ready(self, value: Value, at: Step, found: list[Wrong]) -> Value:
        """See :class:`Shape`."""
        if value not in self.words:
            text = f"must be {self.expected}, not {quoted(str(value))}"
            found.append(Wrong(text, did_you_mean(str(value), self.words), path=at))
        return value


class Whole(Struct, frozen=True):
    """A whole number of *least* or more; text that holds one is sent as a number."""

    least: int
    description: str = ""

    @property
    def expected(self) -> str:
        """The range in words."""
        return f"a whole number, {self.least} or more"

    def schema(self) -> Schema:
        """See :class:`Shape`."""
        return _described(
            self.description,
            {
                "type": ["integer", "string"],
                "minimum": self.least,
                "maximum": WHOLE_LIMIT,
                "pattern": f"^[0-9]+$|{_REFERENCE}",
                "x-expected": self.expected,
            },
        )

    def ready(self, value: Value, at: Step, found: list[Wrong]) -> Value:
        """See :class:`Shape`."""
        if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) < 11:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            found.append(Wrong(f"must be {self.expected}", path=at))
        elif not self.least <= value <= WHOLE_LIMIT:
            found.append(Wrong(f"must be {self.expected}, not {value}", path=at))
        return value


class Truth(Struct, frozen=True):
    """True or false; words such as ``"yes"`` are refused."""

    description: str = ""

    def schema(self) -> Schema:
        """See :class:`Shape`."""
        return _described(
            self.description,
            {"type": ["boolean", "string"], "pattern": _REFERENCE, "x-expected": "true or false"},
        )

    def ready(self, value: Value, at: Step, found: list[Wrong]) -> Value:
        """See :class:`Shape`."""
        if not isinstance(value, bool):
            found.append(Wrong("must be true or false", path=at))
        return value


class Anything(Struct, frozen=True):
    """Any mapping of at most *most* bytes as JSON."""

    expected: str
    most: int = 131_072
    description: str = ""

    def schema(self) -> Schema:
        """See :class:`Shape`."""
        return _described(self.description, {"type": "object", "x-expected": self.expected})

    def ready(self, value: Value, at: Step, found: list[Wrong]) -> Value:
        """See :class:`Shape`."""
        if not isinstance(value, dict):
            found.append(Wrong(f"must be {self.expected}", path=at))
        elif (size := len(json.dumps(value, default=str).encode())) > self.most:
            found.append(Wrong(f"is {size} bytes long as JSON, more than {self.most}", path=at))
        return value


class Items(Struct, frozen=True):
    """A list of one kind of values; *unique* is whether no two may be equal."""

    of: Shape
    expected: str
    least: int = 0
    unique: bool = False
    null: bool = False
    description: str = ""

    def schema(self) -> Schema:
        """See :class:`Shape`."""
        kind: Any = ["array", "null"] if self.null else "array"
        found = _described(self.description, {"type": kind, "x-expected": self.expected})
        if self.least:
            found["minItems"] = self.least
        if self.unique:
            found["uniqueItems"] = True
        found["items"] = self.of.schema()
        return found

    def ready(self, value: Value, at: Step, found: list[Wrong]) -> Value:
        """See :class:`Shape`."""
        if not isinstance(value, list):
            found.append(Wrong(f"must be {self.expected}", path=at))
            return value
        if len(value) < self.least:
            found.append(Wrong(f"must be {self.expected}, not an empty list", path=at))
        done = [self.of.ready(item, (*at, number), found) for number, item in enumerate(value)]
        if self.unique:
            for number, item in enumerate(done):
                if item in done[:number]:
                    found.append(Wrong("is in the list twice", path=(*at, number)))
        return done


class Members(Struct, frozen=True):
    """A mapping with these keys and no others. *removable* entries may be ``{name: x, remove:
    true}``, which takes a default away."""

    fields: Mapping[str, Shape]
    expected: str
    required: tuple[str, ...] = ()
    removable: bool = False
    null: bool = False
    description: str = ""

    def schema(self) -> Schema:
        """See :class:`Shape`."""
        kind: Any = ["object", "null"] if self.null else "object"
        found = _described(self.description, {"type": kind, "x-expected": self.expected})
        found["additionalProperties"] = False
        properties = {name: shape.schema() for name, shape in self.fields.items()}
        found["properties"] = properties
        if self.removable:
            properties[REMOVE] = {
                "description": "Takes the entry of this name away from the defaults.",
                "const": True,
                "x-expected": "true",
            }
        if self.removable and self.required:
            needed = {
                name: {"x-expected": properties[name]["x-expected"]} for name in self.required
            }
            found["if"] = {"not": {"required": [REMOVE]}}
            found["then"] = {"required": [*self.required], "properties": needed}
        elif self.required:
            found["required"] = [*self.required]
        return found

    def ready(self, value: Value, at: Step, found: list[Wrong]) -> Value:
        """See :class:`Shape`."""
        if not isinstance(value, dict):
            found.append(Wrong(f"must be {self.expected}", path=at))
            return value
        done: dict[str, Value] = {}
        for name, item in value.items():
            shape = self.fields.get(name)
            if shape is None:
                hint = did_you_mean(name, self.fields)
                found.append(Wrong(f"unknown key {quoted(name)}", hint, path=(*at, name)))
            else:
                done[name] = shape.ready(item, (*at, name), found)
        for name in self.required:
            if name not in value:
                found.append(Wrong(f"lacks {name}", path=at))
        return done


def checked(shape: Shape, value: Value) -> Value:
    """*value* as it is sent. Raises :class:`Wrong` with everything that is wrong with it."""
    found: list[Wrong] = []
    ready = shape.ready(value, (), found)
    if found:
        first, *others = found
        raise Wrong(first.message, first.hint, path=first.path, more=tuple(others))
    return ready


def _described(description: str, found: Schema) -> Schema:
    return {"description": description, **found} if description else found
