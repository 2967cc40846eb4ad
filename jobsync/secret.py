"""Secrets are a type that prints as ``***``. Floor 0."""

from __future__ import annotations


class Secret:
    """A token or password. ``reveal()`` is the only way to its text; printing shows ``***``."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Call it only where it is sent or stored."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a secret cannot be pickled")


HIDDEN = "(sensitive)"
"""What is shown in place of a value that must not be."""


class Sensitive:
    """A value of a request that is sent, compared, and never shown or kept. Prints as HIDDEN."""

    __slots__ = ("_value",)

    def __init__(self, value: bool | int | float | str | None) -> None:
        self._value = value

    def reveal(self) -> bool | int | float | str | None:
        """The value itself. Call it only where it is checked, compared or sent."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sensitive) and (type(other._value), other._value) == (
            type(self._value),
            self._value,
        )

    def __hash__(self) -> int:
        return hash(self._value)

    def __deepcopy__(self, memo: object) -> Sensitive:
        return self

    def __reduce__(self) -> str:
        raise TypeError("a sensitive value cannot be pickled")
