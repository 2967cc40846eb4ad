"""What its jobs mean: an app, a text for it, and a queue to run in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from jobsync.model import (
    NO_ACCESS,
    Access,
    App,
    AppField,
    JsonValue,
    Mark,
    OutputRef,
    Run,
    Value,
)
from jobsync.permission_model import PermissionModel
from jobsync.platform import Platform, Wrong

READ = Access(frozenset({"read"}), "READ")
_LABEL = re.compile(r"example:([^/]+)/([^/]+)/([^/]+)/([1-9][0-9]*)")
_TEXT = {"type": "string", "x-expected": "a text"}


def text(value: Value) -> Value:
    """A text, or the output of another job that is to be one."""
    if not isinstance(value, (str, OutputRef)):
        raise Wrong("must be a text")
    return value


class Permissions(PermissionModel):
    """Owners give READ, and take it away."""

    levels: Mapping[str, Access] = {"NONE": NO_ACCESS, "READ": READ}
    seeing = "READ"


class Example(Platform):
    """See :class:`~jobsync.platform.Platform` for what each name means."""

    name = "example/v1"
    app_field = "appId"
    scheme = "x"
    scheme_since = "0.1.0"
    address_limit = 60
    placement: tuple[str, ...] = ("queue",)
    fields: Mapping[str, Callable[[Value], Value]] = {"appId": text, "text": text, "queue": text}
    referring = frozenset({"text"})
    workspace = "example://here/"
    permissions: PermissionModel = Permissions()
    settings_prefix = "EXAMPLE_"
    address_variable = "EXAMPLE_URL"
    token_variable = "EXAMPLE_USER"

    def run_name(self, mark: Mark) -> str:
        return f"example:{mark.project}/{mark.address}/{mark.fingerprint}/{mark.attempt}"

    def read_mark(self, name: str) -> Mark | None:
        found = _LABEL.fullmatch(name)
        return Mark(found[1], found[2], found[3], int(found[4])) if found else None

    def name_prefix(self, project: str) -> str:
        return f"example:{project}/"

    def request_schema(self) -> dict[str, Any]:
        return {"properties": {field: dict(_TEXT) for field in self.fields}}

    def canonical(self, request: Mapping[str, Value]) -> dict[str, JsonValue]:
        return {name: str(request[name]) for name in ("appId", "text") if name in request}

    def sides(
        self, declared: Mapping[str, Value], record: Mapping[str, Value], keep: frozenset[str]
    ) -> Mapping[str, tuple[Value, Value]]:
        return {name: (record.get(name), declared.get(name)) for name in ("appId", "text")}

    def given(self, request: Mapping[str, Value]) -> frozenset[str]:
        return frozenset({"text"} & request.keys())

    def app_fields(self, app: App) -> Mapping[str, AppField]:
        return {"text": AppField("text")}

    def node_hours(self, request: Mapping[str, Value], app: App | None) -> float | None:
        return 0.0

    def output_uri(self, run: Run, path: str) -> str | None:
        return f"example://{run.id}/{path}"

    def is_output(self, uri: str, run: Run, path: str) -> bool:
        return uri == self.output_uri(run, path)

    def restore_command(self, run_id: str) -> str:
        return ""

    def revoke_command(self, run_id: str, row: str) -> str:
        return ""


PLATFORM: Platform = Example()
