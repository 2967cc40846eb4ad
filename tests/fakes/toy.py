"""The least that a platform can be: three fields, one permission, names of another grammar."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jobsync.model import NO_ACCESS, Access, JsonValue, Mark, OutputRef, Run, Value
from jobsync.permission_model import PermissionModel
from jobsync.platform import Platform, Wrong

SEE = Access(frozenset({"see"}), "SEE")
_NAME = re.compile(r"([^/]+)/([^@]+)@([^#]+)#([1-9][0-9]*)")


def words(value: Value) -> Value:
    """A text, or an output of another job."""
    if not isinstance(value, (str, OutputRef)):
        raise Wrong("must be words")
    return value


class ToyPermissions(PermissionModel):
    """Owners let others SEE a run."""

    levels: Mapping[str, Access] = {"SEE": SEE, "NONE": NO_ACCESS}
    seeing = "SEE"


class Toy(Platform):
    """What ``tool`` makes of ``words``, on ``machine``."""

    name = "toy/v0"
    scheme = "t"
    scheme_since = "0.1.0"
    address_limit = 100
    app_field = "tool"
    fields = dict.fromkeys(("tool", "words", "machine"), words)
    referring = frozenset({"words"})
    placement: tuple[str, ...] = ("machine",)
    permissions = ToyPermissions()
    workspace = "toy:"
    settings_prefix = address_variable = token_variable = "TOY"

    def run_name(self, mark: Mark) -> str:
        return f"{mark.project}/{mark.address}@{mark.fingerprint}#{mark.attempt}"

    def read_mark(self, name: str) -> Mark | None:
        found = _NAME.fullmatch(name)
        return Mark(found[1], found[2], found[3], int(found[4])) if found else None

    def name_prefix(self, project: str) -> str:
        return f"{project}/"

    def request_schema(self) -> dict[str, Any]:
        return {"properties": {f: {"type": "string", "x-expected": "words"} for f in self.fields}}

    def canonical(self, request: Mapping[str, Value]) -> dict[str, JsonValue]:
        return {name: str(request[name]) for name in ("tool", "words") if name in request}

    def sides(
        self, declared: Mapping[str, Value], record: Mapping[str, Value], keep: frozenset[str]
    ) -> Mapping[str, tuple[Value, Value]]:
        return {name: (record.get(name), declared.get(name)) for name in ("tool", "words")}

    def output_uri(self, run: Run, path: str) -> str | None:
        return f"out of {run.id}: {path}"

    def is_output(self, uri: str, run: Run, path: str) -> bool:
        return uri == self.output_uri(run, path)


TOY = Toy()
