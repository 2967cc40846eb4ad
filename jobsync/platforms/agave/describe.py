"""What a request, or a record of the service, means as a job of a manifest.

``convert`` and ``import`` both ask here. Aliases, loose types, nulls and empty strings are set
right; what cannot be said in a manifest is left out, and told. The service merges the children of
every object of a request into one map, and takes scalars beside them for inputs or parameters too
(agave-v2 §3.1), so all of these are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobsync.manifest.messages import did_you_mean, quoted
from jobsync.manifest.references import BadReference, Filler
from jobsync.manifest.schema import violations
from jobsync.manifest.variables import VariableScope
from jobsync.manifest.writer import Writable, dump
from jobsync.manifest.yaml_reader import read
from jobsync.model import Value
from jobsync.platform import Wrong
from jobsync.platforms.agave.fields import FIELDS, memory, whole
from jobsync.platforms.agave.kinds import JOB_ID, is_record
from jobsync.platforms.agave.placeholders import REFERENCE, Placeholders, literal
from jobsync.platforms.agave.platform import AGAVE
from jobsync.platforms.agave.wire import older_names
from jobsync.structs import Struct

ALIASES = {
    "softwareName": "appId",
    "jobName": "name",
    "executionHost": "executionSystem",
    "queue": "batchQueue",
    "maxMemory": "memoryPerNode",
    "requestedTime": "maxRunTime",
    "processorCount": "processorsPerNode",
    "callbackUrl": "notifications",
    "callbackURL": "notifications",
}
"""Other spellings that the service takes (agave-v2 §3.2)."""

_GROUPS = ("inputs", "parameters")
_DROPPED = {
    "executionSystem": "the app says where it runs",
    "archiveOnAppError": "only one of the two kinds of service knows it",
    "processorsOnEachNode": "only one of the two kinds of service knows it, and "
    "processorsPerNode means all processors there",
    "dependencies": "write needs: [...] by hand; the service refuses it",
}
_TRUE = frozenset(("true", "on", "yes", "1"))
_NOTICE_EVENTS = ("FINISHED", "FAILED", "STOPPED")
_RUN_FOLDER = re.compile(rf"(?:^|/)job-({JOB_ID})(?=[-/]|$)")
_STAND_INS = ("1", "x")
"""Values that variables may get; what a field refuses with both of them it refuses."""


def describe(
    raw: Mapping[str, Any], file: str, placeholders: Placeholders, say: Callable[[str], None]
) -> dict[str, Writable]:
    """The job that *raw* means, without its name. *say* is told what a person should look at.

    Raises :class:`Wrong` for an ``appId`` that is none.
    """
    return _Job(raw, file, placeholders, say).body()


def name_of(raw: Mapping[str, Any]) -> str:
    """The name in a request or a record; empty when it has none."""
    name = raw.get("name") or raw.get("jobName")
    return "" if isinstance(name, (Mapping, list)) else str(name or "")


class _Given(Struct, frozen=True):
    """An input or parameter: its group, where it stands, and its value. Of several with one id
    the service takes the last."""

    group: str
    path: str
    value: Any


class _Job:
    def __init__(
        self,
        raw: Mapping[str, Any],
        file: str,
        placeholders: Placeholders,
        say: Callable[[str], None],
    ) -> None:
        self._is_record = is_record(raw)
        self._raw = older_names(dict(raw)) if self._is_record else raw
        self._file = file
        self._placeholders = placeholders
        self._say = say
        self._told: set[str] = set()

    def body(self) -> dict[str, Writable]:
        fields, values = self._sorted()
        if "archivePath" in fields and self._is_of_a_run(str(fields["archivePath"])):
            del fields["archivePath"]
        body: dict[str, Writable] = {}
        for name, value in fields.items():
            converted = self._group(name, values) if name in _GROUPS else self._field(name, value)
            if converted is not None:
                body[name] = converted
        return body

    def _sorted(self) -> tuple[dict[str, Any], dict[str, _Given]]:
        """The fields by their names, and the inputs and parameters by their ids."""
        fields: dict[str, Any] = {}
        values: dict[str, _Given] = {}
        for key, value in self._raw.items():
            name = ALIASES.get(key, key)
            is_object = isinstance(value, Mapping) and key != "notifications"
            if value is None or value == "" or (name == "name" and not is_object):
                continue
            if self._is_record and (name not in FIELDS or _is_nothing(value)):
                continue
            if name in _DROPPED:
                self._say(f"{name} left out: {_DROPPED[name]}")
            elif name in _GROUPS and not is_object:
                self._say(f"{name} left out: must be an object")
            elif name not in FIELDS or is_object:
                for item, given in self._given(key, value):
                    if before := values.pop(item, None):
                        self._say(
                            f"{before.path} left out: {given.path} comes later, and the service "
                            "uses that"
                        )
                    values[item] = given
                    fields.setdefault(given.group, None)
            elif name != key and (name in fields or self._raw.get(name)):
                self._say(f"{key} left out: {name} is there too")
            else:
                fields[name] = value
        return fields, values

    def _given(self, key: str, value: Any) -> list[tuple[str, _Given]]:
        """The inputs and parameters that *key* brings, by their ids."""
        if isinstance(value, Mapping):
            group = "inputs" if key.lower().startswith("input") else "parameters"
            found = {
                item: _Given(group, f"{key}.{item}", one)
                for item, one in value.items()
                if one is not None
            }
        else:
            is_place = isinstance(value, str) and "://" in value
            found = {key: _Given("inputs" if is_place else "parameters", key, value)}
        return [(item, given) for item, given in found.items() if self._is_usable(item, given)]

    def _is_usable(self, item: str, given: _Given) -> bool:
        """Whether it can be an input or parameter; what stands elsewhere than these is told."""
        parts = given.value if isinstance(given.value, list) else [given.value]
        if any(isinstance(part, (Mapping, list)) for part in parts):
            self._say(f"{given.path} left out: the service drops nested values")
            return False
        if given.path == f"{given.group}.{item}":
            return True
        try:
            self._check(given.group, {item: "x"})
        except Wrong as wrong:
            self._say(f"{given.path} left out: {wrong.message}")
            return False
        why = "the service reads every object"
        if given.path == item:
            near = did_you_mean(item, FIELDS)
            why = "the service takes it for an input or parameter of that name"
            why += f" ({near})" if near else ""
        self._say(f"{given.path} put under {given.group}: {why}")
        return True

    def _group(self, group: str, values: Mapping[str, _Given]) -> Writable:
        out: dict[str, Writable] = {}
        for item, given in values.items():
            if given.group != group:
                continue
            value = given.value
            parts = [one for one in (value if isinstance(value, list) else [value]) if one != ""]
            if group == "inputs":
                parts = [_input_text(one) for one in parts if one is not None]
            elif not isinstance(value, list):
                parts = [value]
            texts = [
                self._text(group, one) if isinstance(one, str) else one
                for one in parts
                if one is not None
            ]
            if not texts:
                continue
            kept: Writable = texts if isinstance(value, list) else texts[0]
            try:
                self._check(group, {item: kept})
            except Wrong as wrong:
                self._say(f"{given.path} left out: {wrong.message}")
                continue
            out[item] = kept
        if group == "inputs" and out:
            try:
                self._check(group, out)
            except Wrong as wrong:
                self._say(f"inputs left out: {wrong.message}")
                return None
        return out or None

    def _field(self, name: str, value: Any) -> Writable:
        try:
            converted = self._value(name, value)
            if name != "notifications":
                self._check(name, converted)
        except Wrong as wrong:
            if name == "appId":
                raise
            self._say(f"{name} left out: {wrong.message}")
            return None
        return converted

    def _value(self, name: str, value: Any) -> Writable:
        if name == "notifications":
            return self._notices(value)
        if isinstance(value, str):
            value = self._text(name, value)
            if REFERENCE.search(value):
                return str(value)
        if name == "archive":
            return str(value).lower() in _TRUE
        if name in ("nodeCount", "processorsPerNode"):
            return _whole(value)
        if name == "memoryPerNode":
            checked = memory(value)
        elif isinstance(value, (str, int, float)):
            checked = FIELDS[name](str(value))
        else:
            raise Wrong("must be text")
        return checked if isinstance(checked, str) else None

    def _notices(self, value: Any) -> Writable:
        out: list[Writable] = []
        for item in value if isinstance(value, list) else [value]:
            items: list[dict[str, Any]] = []
            if isinstance(item, str):
                items = [{"url": item, "event": event} for event in _NOTICE_EVENTS]
            elif isinstance(item, dict):
                known = ("url", "event", "persistent", "policy")
                items = [{k: v for k, v in item.items() if k in known and v is not None}]
            for notice in items:
                if isinstance(notice.get("persistent"), str):
                    notice["persistent"] = notice["persistent"].lower() in _TRUE
                if isinstance(notice.get("url"), str):
                    notice["url"] = self._text("notifications", notice["url"])
                try:
                    self._check("notifications", [notice])
                except Wrong as wrong:
                    self._say(f"a notification left out: {wrong.message}")
                    continue
                out.append(notice)
        return out or None

    def _is_of_a_run(self, path: str) -> bool:
        """Whether *path* is where an earlier run has its files: a new one would overwrite them."""
        found = _RUN_FOLDER.search(path)
        own = str(self._raw.get("id", "")) if self._is_record else ""
        if not found and not self._is_record:
            return False
        run_id = found[1] if found else own
        if not own or run_id != own or not found:
            self._say(f"archivePath left out: the files of run {run_id} are in {path}")
        return True

    def _text(self, field: str, text: str) -> str:
        if self._is_record:
            return literal(text)
        written, used = self._placeholders.written(field, text, self._file)
        for placeholder, name in used:
            if placeholder not in self._told:
                self._told.add(placeholder)
                self._say(
                    f"{quoted(placeholder)} became ${{var.{name}}}: give it a value under "
                    f"variables, or with --var {name}=VALUE"
                )
        return written

    def _check(self, name: str, value: Writable) -> None:
        """Raise :class:`Wrong` for what the language would refuse in a manifest."""
        if value is None or (isinstance(value, str) and REFERENCE.fullmatch(value)):
            return
        document = read(
            dump({"apiVersion": "jobsync/v1", "jobs": {"x": {name: value}}}).encode(), ""
        )
        problems = [
            *document.problems,
            *(
                v.problem
                for v in violations(document.value, document.places, AGAVE, {AGAVE.name: AGAVE})
            ),
        ]
        if problems:
            message = problems[0].message.removeprefix(f"jobs.x.{name} ")
            raise Wrong(message.replace("$${", "${"))
        names = self._placeholders.variables()
        for stand_in in _STAND_INS:
            filler = Filler(VariableScope(AGAVE, dict.fromkeys(names, stand_in)))
            try:
                FIELDS[name](_filled(value, filler))
                return
            except BadReference as error:
                raise Wrong(error.message) from error
            except Wrong:
                if stand_in == _STAND_INS[-1]:
                    raise


def _input_text(value: Any) -> str:
    """A scalar as the text that the service makes of it (agave-v2 §3.1)."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_nothing(value: Any) -> bool:
    """Whether the service has no value here: it says 0 for what neither app nor queue limits."""
    return not value and value is not False


def _filled(value: Writable, filler: Filler) -> Value:
    """What a manifest would send of a value."""
    if isinstance(value, str):
        return filler.fill(value) if "${" in value else value
    if isinstance(value, Mapping):
        return {key: _filled(item, filler) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_filled(item, filler) for item in value]
    return value


def _whole(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str):
        value = value.strip()
    checked = whole(value)
    return checked if isinstance(checked, int) else 1
