"""What ``${var.X}`` and ``${env.X}`` stand for."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from jobsync import identity
from jobsync.errors import Problem
from jobsync.manifest.merge import JobEntry, RawSet
from jobsync.manifest.messages import did_you_mean, one_of, quoted
from jobsync.manifest.source_map import Raw
from jobsync.manifest.yaml_scalars import OutOfRange, plain
from jobsync.model import Scalar
from jobsync.platform import Platform
from jobsync.secret import Sensitive
from jobsync.structs import Struct, field


class VariableScope(Struct, frozen=True):
    """The values that references may take. A declared variable without a value is not in it.

    ``allowed`` are the names that the set lists under ``env:``, ``permitted`` those of them that
    whoever runs the command lets it read, None for all. ``sensitive`` are variables whose values
    are not shown; those of the environment never are. ``platform`` says what stays as it is
    written.
    """

    platform: Platform
    variables: Mapping[str, Scalar] = field(default_factory=dict)
    declared: frozenset[str] = frozenset()
    environ: Mapping[str, str] = field(default_factory=dict)
    allowed: frozenset[str] = frozenset()
    permitted: frozenset[str] | None = None
    sensitive: frozenset[str] = frozenset()

    def may_read(self, name: str) -> bool:
        """Whether the set lists the environment variable *name* and the caller permits reading
        it."""
        return name in self.allowed and (self.permitted is None or name in self.permitted)

    def secrets(self) -> tuple[Sensitive, ...]:
        """Every known sensitive value, each once, the longest first."""
        values = [value for name, value in self.variables.items() if name in self.sensitive]
        values += [self.environ[name] for name in self.allowed if self._has(name)]
        texts = {identity.scalar_text(value) for value in values} - {""}
        return tuple(map(Sensitive, sorted(texts, key=lambda text: (-len(text), text))))

    def _has(self, name: str) -> bool:
        return self.may_read(name) and name in self.environ


def scope(
    raw: RawSet,
    target: str | None,
    given: Mapping[str, str],
    environ: Mapping[str, str],
    platform: Platform,
    permitted: Collection[str] | None = None,
) -> VariableScope:
    """The scope of a set on *target*: ``--var`` beats the target, which beats the default."""
    sensitive = frozenset(
        name
        for name, entry in raw.variables.items()
        if isinstance(entry.value, dict) and entry.value.get("sensitive") is True
    )
    values: dict[str, Scalar] = {}
    for name, entry in raw.variables.items():
        default = entry.value.get("default") if isinstance(entry.value, dict) else entry.value
        if default is not None:
            values[name] = _scalar(default)
    # Weakest first: each later source overwrites the value of an earlier one.
    for name, value in _of_target(raw, target).items():
        values[name] = value
    for name, text in sorted(given.items()):
        if name not in raw.variables:
            message = f"--var {name}: no variable {quoted(name)} is declared"
            hint = did_you_mean(name, raw.variables) or one_of(raw.variables)
            raw.problems.append(Problem(None, message, hint))
            continue
        if not is_unicode(text):
            raw.problems.append(Problem(None, f"--var {name}: the value is not UTF-8"))
            continue
        # A variable that was text stays text: ``--var sample=010`` must not become a number.
        values[name] = text if isinstance(values.get(name), str) else _read(raw, name, text)
    allowed = frozenset(raw.texts("env"))
    _check_allowed(raw, (platform.settings_prefix, "JOBSYNC_"))
    return VariableScope(
        platform,
        values,
        frozenset(raw.variables),
        environ,
        allowed,
        None if permitted is None else frozenset(permitted),
        sensitive,
    )


def is_unicode(text: str) -> bool:
    """Whether *text* can be sent: text from the system may hold bytes that are not UTF-8."""
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in text)


def _of_target(raw: RawSet, target: str | None) -> dict[str, Scalar]:
    """The variables of the chosen target; those of the others are checked for their names too."""
    chosen: dict[str, Scalar] = {}
    for name, entry in raw.targets.items():
        body = entry.value if isinstance(entry.value, dict) else {}
        variables = body.get("variables")
        if not isinstance(variables, dict):
            continue
        for key, value in variables.items():
            if key not in raw.variables:
                message = f"targets.{name}.variables.{key}: no variable {quoted(key)} is declared"
                where = entry.places.key(variables, key)
                hint = did_you_mean(key, raw.variables) or f"declare it: variables: {{{key}: ...}}"
                raw.problems.append(Problem(where, message, hint))
            elif name == target:
                chosen[key] = _scalar(value)
    return chosen


def _read(raw: RawSet, name: str, text: str) -> Scalar:
    try:
        return plain(text) if text else ""
    except OutOfRange as error:
        raw.problems.append(Problem(None, f"--var {name}: {error}"))
        return text


def _check_allowed(raw: RawSet, prefixes: tuple[str, ...]) -> None:
    entry: JobEntry | None = raw.once.get("env")
    items = entry.value if entry and isinstance(entry.value, list) else []
    for number, name in enumerate(items):
        if entry and isinstance(name, str) and name.upper().startswith(prefixes):
            message = f"env: {name} is a setting of jobsync and may hold a credential"
            hint = "others can read what a request contains; use another variable"
            raw.problems.append(Problem(entry.places.item(items, number), message, hint))


def _scalar(value: Raw) -> Scalar:
    return value if not isinstance(value, (dict, list)) else None
