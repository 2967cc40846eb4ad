"""The value for Tapis v3: see :class:`~jobsync.platform.Platform` for what each name means."""

from __future__ import annotations

from collections.abc import Mapping

from jobsync.model import JsonValue, Run, Value
from jobsync.platform import Platform
from jobsync.platforms.tapis import environment as _environment
from jobsync.platforms.tapis import fields as _fields
from jobsync.platforms.tapis import log_files as _log_files
from jobsync.platforms.tapis import permissions as _permissions
from jobsync.platforms.tapis import run_names as _run_names


class Tapis(Platform):
    """What Tapis v3 means by its jobs. The parts are in the modules beside this one."""

    name = "tapis/v3"

    scheme = _run_names.SCHEME
    scheme_since = _run_names.SCHEME_SINCE
    address_limit = _run_names.ADDRESS_LIMIT
    run_name = staticmethod(_run_names.run_name)
    name_prefix = staticmethod(_run_names.name_prefix)
    read_mark = staticmethod(_run_names.read_mark)

    request_schema = staticmethod(_fields.request_schema)
    fields = _fields.FIELDS
    referring = frozenset({"fileInputs", "fileInputArrays"})
    app_field = "appId"
    placement = _fields.PLACEMENT
    time_field = "maxMinutes"
    output_folder_field = "archiveSystemDir"
    output_system_field = "archiveSystemId"

    workspace = _fields.WORKSPACE
    permissions = _permissions.TapisPermissions()

    settings_prefix = _environment.PREFIX
    address_variable = _environment.ADDRESS
    token_variable = _environment.TOKEN
    api_variable = _environment.API
    clue = staticmethod(_environment.clue)

    log_files = staticmethod(_log_files.log_files)

    finds_hidden = False
    restores = True

    def canonical(self, request: Mapping[str, Value]) -> dict[str, JsonValue]:
        raise NotImplementedError

    def sides(
        self, declared: Mapping[str, Value], record: Mapping[str, Value], keep: frozenset[str]
    ) -> Mapping[str, tuple[Value, Value]]:
        raise NotImplementedError

    def output_uri(self, run: Run, path: str) -> str | None:
        raise NotImplementedError

    def is_output(self, uri: str, run: Run, path: str) -> bool:
        raise NotImplementedError


PLATFORM: Platform = Tapis()
TAPIS = PLATFORM
