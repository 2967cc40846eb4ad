"""The references in what a job says, filled in for one run of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jobsync.manifest.job_selectors import choose_members
from jobsync.manifest.matrix import Family, Member
from jobsync.manifest.references import (
    NOT_HERE,
    BadReference,
    Filler,
    JobReference,
)
from jobsync.manifest.source_map import Raw
from jobsync.manifest.variables import VariableScope
from jobsync.model import Address, IdRef, OutputRef, Value
from jobsync.platform import Platform, Step
from jobsync.secret import Sensitive

Families = Mapping[str, Family | None]
Report = Callable[[Step, str, str], None]
"""Told of a problem: where below the field, what is wrong, what to do."""


class ValueFiller:
    """Fills in the fields of one run, and records the other runs to which they refer.

    ``upstream`` are the runs referred to; ``files_of`` are the outputs that are taken, each with
    the field and its place. ``failed`` is whether a reference of the last field could not be
    filled in; its problem is then reported. ``hides`` is whether something sensitive was filled in.
    """

    def __init__(
        self,
        scope: VariableScope,
        families: Families,
        platform: Platform,
        member: Member,
        report: Report,
    ) -> None:
        self._texts = Filler(scope, member.values)
        self._families = families
        self._platform = platform
        self._member = member
        self._report = report
        self._field = ""
        self._at: Step = ()
        self.failed = self.hides = False
        self.upstream: set[Address] = set()
        self.files_of: list[tuple[OutputRef, str, Step]] = []

    def fill(self, field: str, raw: Raw) -> Value:
        """*raw*, the value of *field*, with its references filled in. See :attr:`failed`."""
        self._field, self.failed, self.hides = field, False, False
        if isinstance(raw, str):
            return self._text(raw, ()) if "${" in raw else raw
        if isinstance(raw, dict):
            return self._mapping(raw, ())
        return self._list(raw, ()) if isinstance(raw, list) else raw

    def _mapping(self, mapping: dict[str, Raw], at: Step) -> dict[str, Value]:
        out: dict[str, Value] = {}
        for key, value in mapping.items():
            if isinstance(value, str):
                out[key] = self._text(value, (*at, key)) if "${" in value else value
            elif isinstance(value, list):
                out[key] = self._list(value, (*at, key))
            elif isinstance(value, dict):
                out[key] = self._mapping(value, (*at, key))
            else:
                out[key] = value
        return out

    def _list(self, items: list[Raw], at: Step) -> list[Value]:
        out: list[Value] = []
        for number, item in enumerate(items):
            if isinstance(item, str) and "${" in item:
                value = self._text(item, (*at, number))
                if isinstance(value, list):
                    out.extend(value)
                else:
                    out.append(value)
            elif isinstance(item, dict):
                out.append(self._mapping(item, (*at, number)))
            elif isinstance(item, list):
                out.append(self._list(item, (*at, number)))
            else:
                out.append(item)
        return out

    def _text(self, text: str, at: Step) -> Value:
        jobs = self._reference if self._field in self._platform.referring else None
        self._at = at
        try:
            value = self._texts.fill(text, jobs)
            if isinstance(value, Sensitive):
                self.hides = True
                self._check_hidden(value)
            return value
        except BadReference as error:
            self.failed = True
            if error.message:
                self._report(at, error.message, error.hint)
            return text

    def _check_hidden(self, value: Sensitive) -> None:
        """Raise :class:`BadReference` where *value* would be shown, or stand in a name."""
        if self._field not in self._platform.hiding:
            raise BadReference(NOT_HERE, self._platform.hiding_hint)
        if self._platform.names_workspace(self._field, value.reveal()):
            hint = self._platform.hiding_hint
            raise BadReference(f"{NOT_HERE}: it names a file of the workspace", hint)

    def _reference(self, reference: JobReference) -> Value:
        chosen = choose_members(
            self._families, reference.key, reference.selection, self._member.values
        )
        if chosen is None:  # that job has problems of its own
            raise BadReference("")
        if wrong := self._platform.wrong_reference(
            self._field, self._at, is_file=reference.path is not None, is_list=chosen.several
        ):
            raise BadReference(f"{reference.text} cannot be used here", wrong)
        found: list[Value] = []
        for member in chosen.members:
            self.upstream.add(member.address)
            if reference.path is None:
                found.append(IdRef(member.address))
            else:
                output = OutputRef(member.address, reference.path)
                found.append(output)
                self.files_of.append((output, self._field, self._at))
        return found if chosen.several else found[0]


def has_reference(value: Raw) -> bool:
    """Whether a value is, or has anywhere inside, a text with a reference."""
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, dict):
        return any(map(has_reference, value.values()))
    return isinstance(value, list) and any(map(has_reference, value))
