"""The value for Tapis v3: see :class:`~jobsync.platform.Platform` for what each name means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jobsync.platform import Platform
from jobsync.platforms.starting import template_files
from jobsync.platforms.tapis import app_check as _app_check
from jobsync.platforms.tapis import app_definitions as _app_definitions
from jobsync.platforms.tapis import archive as _archive
from jobsync.platforms.tapis import canonical as _canonical
from jobsync.platforms.tapis import compare as _compare
from jobsync.platforms.tapis import environment as _environment
from jobsync.platforms.tapis import fields as _fields
from jobsync.platforms.tapis import hints as _hints
from jobsync.platforms.tapis import log_files as _log_files
from jobsync.platforms.tapis import macros as _macros
from jobsync.platforms.tapis import permissions as _permissions
from jobsync.platforms.tapis import placement as _placement
from jobsync.platforms.tapis import run_names as _run_names
from jobsync.platforms.tapis import urls as _urls
from jobsync.platforms.tapis import urls_of_inputs as _urls_of_inputs


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
    field_hints = _hints.FIELD_HINTS
    fields = _fields.FIELDS
    referring = _fields.REFERRING
    references_hint = _fields.REFERENCES_HINT
    wrong_reference = staticmethod(_fields.wrong_reference)
    merged = _fields.MERGED
    named_entries = _fields.NAMED_ENTRIES
    united = _fields.UNITED
    hiding = _fields.HIDING
    hiding_hint = _hints.HIDING_HINT
    macros = _macros.MACROS
    is_left = staticmethod(_macros.is_left)
    app_field = "appId"
    needed = _fields.NEEDED
    app_id = staticmethod(_app_definitions.app_id)
    defined_app = staticmethod(_app_definitions.defined_app)
    app_meaning = staticmethod(_app_definitions.app_meaning)
    app_without_start = staticmethod(_app_definitions.app_without_start)

    no_output = staticmethod(_archive.no_output)
    doubtful_output = staticmethod(_archive.doubtful_output)
    never_kept = staticmethod(_archive.never_kept)
    hardly_kept = staticmethod(_archive.hardly_kept)
    output_folder_field = "archiveSystemDir"
    output_system_field = "archiveSystemId"
    own_folder_hint = "put ${JobUUID} into it"
    time_field = "maxMinutes"

    check_request = staticmethod(_fields.check_request)

    workspace = _urls_of_inputs.WORKSPACE
    workspace_path = staticmethod(_fields.workspace_path)
    names_workspace = staticmethod(_fields.names_workspace)
    workspace_inputs = staticmethod(_fields.workspace_inputs)

    templates = {  # noqa: RUF012 -- as above
        "tapis-v3": "one job in the language of Tapis v3",
        "pipeline-v3": "two jobs of Tapis v3 with apps of your own, as in pipeline",
    }

    def starter(self, project: str, template: str) -> Mapping[str, str]:
        folder = Path(__file__).with_name("starters")
        return template_files(folder, template, project, self.scheme_since)

    permissions = _permissions.TapisPermissions()

    settings_prefix = _environment.PREFIX
    address_variable = _environment.ADDRESS
    token_variable = _environment.TOKEN
    api_variable = _environment.API
    clue = staticmethod(_environment.clue)

    log_files = staticmethod(_log_files.log_files)
    canonical = staticmethod(_canonical.canonical_request)

    records_are_requests = True
    tells_request = staticmethod(_compare.tells_request)
    sides = staticmethod(_compare.sides)
    same = staticmethod(_compare.same)
    given = staticmethod(_compare.given)

    check_app = staticmethod(_app_check.check_app)

    placement = _fields.PLACEMENT
    same_placement = staticmethod(_placement.same_placement)
    node_hours = staticmethod(_placement.node_hours)
    time_limit = staticmethod(_placement.time_limit)

    output_folder = staticmethod(_archive.output_folder)
    output_uri = staticmethod(_archive.output_uri)
    no_uri_hint = staticmethod(_archive.no_uri_hint)
    is_output = staticmethod(_archive.is_output)

    outputs_refused = staticmethod(_hints.outputs_refused)
    pauses = (5.0, 60.0)
    is_run_id = staticmethod(_urls.is_run_id)
    tells_users = True
    finds_hidden = False
    restores = True
    restore_command = staticmethod(_hints.restore_command)


PLATFORM: Platform = Tapis()
TAPIS = PLATFORM
