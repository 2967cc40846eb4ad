"""The expressions with which an app says what it takes, against the values that are declared."""

from __future__ import annotations

from collections.abc import Iterator

from jobsync.identity import scalar_text
from jobsync.java_regex import Uncheckable, found
from jobsync.manifest.messages import quoted
from jobsync.model import App, AppField, DeclaredJob, Value
from jobsync.platforms.agave.fields import split
from jobsync.sensitive import revealed
from jobsync.structs import Struct

_WITHOUT = frozenset({"bool", "flag", "enumeration"})
"""Types of parameters at whose expression the service does not look."""
_KINDS = {"inputs": "input", "parameters": "parameter"}


class Mismatch(Struct, frozen=True):
    """A value that an expression does not match; or that cannot be checked, and then ``why``."""

    section: str
    id: str
    expression: str
    text: str
    why: str = ""


def mismatches(job: DeclaredJob, app: App) -> Iterator[Mismatch]:
    """The values of *job* that *app* would refuse, or may refuse."""
    for section, fields in (("inputs", app.inputs), ("parameters", app.parameters)):
        given = revealed(job.request.get(section))
        for field in fields.values():
            if isinstance(given, dict) and field.id in given and _has_expression(field):
                yield from _of_field(section, field, given[field.id])


def unchecked(job: DeclaredJob, app: App) -> Iterator[str]:
    """Which expressions of *app* could not be tried on what *job* declares, and why."""
    for miss in mismatches(job, app):
        if miss.why:
            taken = f"{_KINDS[miss.section]} {quoted(miss.id)} only values that match"
            taken = f"{taken} {miss.expression}"
            yield f"{app.id} takes for the {taken}, which cannot be checked here: {miss.why}"


def _has_expression(field: AppField) -> bool:
    return bool(field.validator) and field.visible and field.type not in _WITHOUT


def _of_field(section: str, field: AppField, value: Value) -> Iterator[Mismatch]:
    strips = section == "inputs" or field.type == "number"
    for sent in _sent(value):
        text = sent.strip() if strips else sent
        if strips and not text:
            continue  # the service drops it
        try:
            if not found(field.validator, text):
                yield Mismatch(section, field.id, field.validator, text)
        except Uncheckable as error:
            yield Mismatch(section, field.id, field.validator, text, str(error))


def _sent(value: Value) -> Iterator[str]:
    """The texts that the service sees in a value; none of one that is only known later."""
    items = value if isinstance(value, list) else [value]
    for item in items:
        if isinstance(item, str):
            yield from split(item) if len(items) == 1 else (item,)
        elif isinstance(item, (bool, int)):
            yield scalar_text(item)
        elif isinstance(item, float) and 0.001 <= abs(item) < 10_000_000:
            yield repr(item)  # beyond these, Java writes a number in its own way
