"""``${...}`` in values: what it may name, and filling it in.

A reference is resolved on a parsed value. Where it is the whole scalar the value keeps its type;
inside other text it becomes text. What is filled in is never looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from jobsync import identity
from jobsync.manifest.messages import did_you_mean, one_of, quoted
from jobsync.manifest.variables import VariableScope, is_unicode
from jobsync.model import Scalar, Value
from jobsync.secret import Sensitive
from jobsync.structs import Struct, field

_TOKEN = re.compile(r"\$\$\{|\$\{([^{}$]*)\}|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_JOB = re.compile(r"jobs\.([^.\[\]]*)(?:\[([^\[\]]*)\])?\.(?:(id)|outputs/(.*))", re.DOTALL)
NOT_HERE = "this value is sensitive, and here it would be shown"
_LITERAL_HINT = "write $${ for a literal ${"


class BadReference(Exception):
    """A reference that cannot be resolved; ``hint`` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class JobSelection(Struct, frozen=True):
    """The runs of a job that a reference selects: ``[model=lg,seed=*]``. ``every`` is a bare
    ``*``."""

    chosen: Mapping[str, str] = field(default_factory=dict)
    stars: frozenset[str] = frozenset()
    every: bool = False


class JobReference(Struct, frozen=True):
    """``${jobs.KEY[...].outputs/PATH}``, or ``.id`` when ``path`` is None."""

    key: str
    selection: JobSelection | None
    path: str | None
    text: str


Jobs = Callable[[JobReference], Value]
"""Turns a reference to a job into the value it stands for; raises :class:`BadReference`."""


class Filler(Struct, frozen=True):
    """Fills in references with what is known at one place. None means not allowed at this place."""

    scope: VariableScope
    matrix: Mapping[str, Scalar] | None = None

    def fill(self, text: str, jobs: Jobs | None = None) -> Value:
        """The value of a scalar that has ``${`` in it. Raises :class:`BadReference`.

        It is :class:`~jobsync.secret.Sensitive` where a part of it is.

        *jobs* resolves references to jobs; None where there can be none.
        """
        whole = _TOKEN.fullmatch(text)
        if whole is None or whole[1] is None:
            hidden = any(self._hides(found[1]) for found in _TOKEN.finditer(text))
            filled = _TOKEN.sub(self._inside, text)
            return Sensitive(filled) if hidden else filled
        name = whole[1]
        if not name.startswith("jobs."):
            value = self._scalar(name)
            return Sensitive(value) if self._hides(name) else value
        if jobs is None:
            message = f"${{{name}}} cannot be used here"
            raise BadReference(message, self.scope.platform.references_hint)
        return jobs(parse_job(name))

    def _hides(self, name: str | None) -> bool:
        kind, _, rest = (name or "").partition(".")
        return kind == "env" or (kind == "var" and rest in self.scope.sensitive)

    def _inside(self, match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            if match[0] == "$${":
                return "${"
            raise BadReference("a ${ is not closed, or stands inside another", _LITERAL_HINT)
        if name.startswith("jobs."):
            hint = "let it be the whole value"
            raise BadReference(f"${{{name}}} cannot be part of a longer text", hint)
        value = self._scalar(name)
        return value if isinstance(value, str) else identity.scalar_text(value)

    def _scalar(self, name: str) -> Scalar:
        kind, dot, rest = name.partition(".")
        if dot and kind == "var":
            return self._variable(rest)
        if dot and kind == "matrix":
            return self._axis(rest)
        if dot and kind == "env":
            return self._environment(rest)
        if self.scope.platform.is_left(name):
            return f"${{{name}}}"
        hint = did_you_mean(name, self.scope.platform.macros) if name.isupper() else ""
        if not hint:
            hint = f"references begin with var., matrix., env. or jobs.; {_LITERAL_HINT}"
        raise BadReference(f"${{{name}}} is not a reference", hint)

    def _variable(self, name: str) -> Scalar:
        if name in self.scope.variables:
            return self.scope.variables[name]
        if name in self.scope.declared:
            hint = f"pass --var {name}=VALUE, or give it a default or a value in the target"
            raise BadReference(f"the variable {quoted(name)} has no value", hint)
        declared = self.scope.declared
        hint = did_you_mean(name, declared) or one_of(declared) or "declare it under variables:"
        raise BadReference(f"no variable {quoted(name)} is declared", hint)

    def _axis(self, name: str) -> Scalar:
        if self.matrix is None:
            raise BadReference(f"${{matrix.{name}}} cannot be used here")
        if name in self.matrix:
            return self.matrix[name]
        if not self.matrix:
            raise BadReference(f"${{matrix.{name}}} needs a matrix, and this job has none")
        hint = did_you_mean(name, self.matrix) or one_of(self.matrix)
        raise BadReference(f"the matrix has no axis {quoted(name)}", hint)

    def _environment(self, name: str) -> Scalar:
        if name not in self.scope.allowed:
            hint = f"list it: env: [{name}]" if _NAME.fullmatch(name) else ""
            raise BadReference(f"the set does not list {quoted(name)} under env:", hint)
        if not self.scope.may_read(name):
            hint = f"to allow it: --allow-env {name}, or JOBSYNC_ALLOW_ENV={name}"
            raise BadReference(f"this set may not read the environment variable {name} here", hint)
        if name not in self.scope.environ:
            raise BadReference(f"the environment variable {name} is not set")
        value = self.scope.environ[name]
        if not is_unicode(value):
            raise BadReference(f"the environment variable {name} is not UTF-8")
        return value


def parse_job(name: str) -> JobReference:
    """The parts of ``jobs.KEY[...].outputs/PATH``. Raises :class:`BadReference`."""
    match = _JOB.fullmatch(name)
    if match is None:
        hint = "write ${jobs.KEY.outputs/PATH} or ${jobs.KEY.id}"
        raise BadReference(f"${{{name}}} is not a reference to a job", hint)
    key, selected, _, path = match.groups()
    if path is not None:
        _check_path(name, path)
    selection = None if selected is None else parse_selection(selected)
    return JobReference(key, selection, path, f"${{{name}}}")


def parse_selection(text: str) -> JobSelection:
    """The parts of ``*`` or ``axis=value,axis=*``. Raises :class:`BadReference`."""
    chosen: dict[str, str] = {}
    stars: set[str] = set()
    every = False
    for part in text.split(","):
        axis, equals, value = (piece.strip() for piece in part.partition("="))
        if axis == "*" and not equals:
            every = True
        elif not axis or not equals:
            hint = "write [*] or [axis=value]"
            raise BadReference(f"[{text}] does not say which jobs", hint)
        elif axis in chosen or axis in stars:
            raise BadReference(f"[{text}] names the axis {quoted(axis)} twice")
        elif value == "*":
            stars.add(axis)
        else:
            chosen[axis] = value
    return JobSelection(chosen, frozenset(stars), every)


def _check_path(name: str, path: str) -> None:
    segments = path.split("/")
    if not path or path.startswith("/") or ".." in segments or not path.isprintable():
        hint = "write a path inside the outputs of the job, like outputs/tree.nwk"
        raise BadReference(f"${{{name}}} does not name an output", hint)
