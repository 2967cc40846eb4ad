"""Values of a request, and the words that the other nouns are made of."""

from __future__ import annotations

from enum import Enum
from typing import Union

from jobsync.secret import HIDDEN, Sensitive
from jobsync.structs import Struct

Address = str
"""The key of a job plus its matrix values: ``align``, ``tree.lg.1``. Never an index."""

JsonValue = Union[None, bool, int, float, str, list["JsonValue"], dict[str, "JsonValue"]]


class Mark(Struct, frozen=True):
    """Which run of which job: what each run carries on the service. ``attempt`` counts from 1."""

    project: str
    address: Address
    fingerprint: str
    attempt: int = 1

    @property
    def job(self) -> tuple[str, Address]:
        """Whose run it is, whatever it means and however often it was tried."""
        return self.project, self.address


class Word(str, Enum):
    """A closed set of words that print as themselves (``enum.StrEnum`` is newer than 3.10)."""

    def __str__(self) -> str:
        return str(self.value)


class OutputRef(Struct, frozen=True):
    """``${jobs.ADDRESS.outputs/PATH}``: an output of another job, once that has finished."""

    address: Address
    path: str

    def __str__(self) -> str:
        return f"${{jobs.{self.address}.outputs/{self.path}}}"


class IdRef(Struct, frozen=True):
    """``${jobs.ADDRESS.id}``: the id that the service gave to another job."""

    address: Address

    def __str__(self) -> str:
        return f"${{jobs.{self.address}.id}}"


class Sealed(Struct, frozen=True):
    """What a saved plan has in place of a :class:`~jobsync.secret.Sensitive` value.

    ``digest`` tells whether a value is that one (see ``plan.seal``); ``shown`` is what people see.
    """

    digest: str
    shown: str = HIDDEN

    def __str__(self) -> str:
        return self.shown


Scalar = Union[None, bool, int, float, str]

Value = Union[
    Scalar, OutputRef, IdRef, Sensitive, Sealed, list["Value"], dict[str, "Value"]
]  # fmt: skip
"""A JSON value in which a whole scalar may be a reference to another job, or sensitive."""
