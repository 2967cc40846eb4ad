"""The value for Agave v2: see :class:`~jobsync.platform.Platform` for what each name means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jobsync.model import App, JsonValue
from jobsync.platform import Platform
from jobsync.platforms.agave import app_check as _app_check
from jobsync.platforms.agave import app_definitions as _app_definitions
from jobsync.platforms.agave import archive as _archive
from jobsync.platforms.agave import canonical as _canonical
from jobsync.platforms.agave import compare as _compare
from jobsync.platforms.agave import environment as _environment
from jobsync.platforms.agave import fields as _fields
from jobsync.platforms.agave import hints as _hints
from jobsync.platforms.agave import log_files as _log_files
from jobsync.platforms.agave import node_hours as _node_hours
from jobsync.platforms.agave import permissions as _permissions
from jobsync.platforms.agave import placement as _placement
from jobsync.platforms.agave import run_names as _run_names
from jobsync.platforms.agave import validators as _validators
from jobsync.platforms.starting import template_files


class Agave(Platform):
    """What Agave v2 means by its jobs. The parts are in the modules beside this one."""

    name = "agave/v2"

    journal_mark = ""
    scheme = _run_names.SCHEME
    scheme_since = _run_names.SCHEME_SINCE
    scheme_before = _run_names.SCHEME_BEFORE
    address_limit = _run_names.ADDRESS_LIMIT
    run_name = staticmethod(_run_names.run_name)
    name_prefix = staticmethod(_run_names.name_prefix)
    read_mark = staticmethod(_run_names.read_mark)

    request_schema = staticmethod(_fields.request_schema)
    field_hints = _fields.FIELD_HINTS
    fields = _fields.FIELDS
    referring = _fields.REFERRING
    merged = _fields.MERGED
    hiding = _fields.HIDING
    hiding_hint = _hints.HIDING_HINT
    macros = _fields.MACROS
    app_field = "appId"
    app_id = staticmethod(_app_definitions.app_id)
    is_fixed_app = staticmethod(_app_definitions.is_fixed_app)
    defined_app = staticmethod(_app_definitions.defined_app)
    app_meaning = staticmethod(_app_definitions.app_meaning)

    def described_app(self, definition: Mapping[str, JsonValue]) -> App:
        # Read when it is asked for: most commands need no record of the service.
        from jobsync.platforms.agave.wire import app

        return app(dict(definition), "the folder of the set")

    no_output = staticmethod(_archive.no_output)
    output_folder_field = "archivePath"
    output_system_field = "archiveSystem"
    own_folder_hint = "put ${JOB_ID} or ${JOB_NAME} into it"
    time_field = "maxRunTime"

    check_request = staticmethod(_fields.check_request)

    workspace = _fields.WORKSPACE
    names_workspace = staticmethod(_fields.names_workspace)
    workspace_inputs = staticmethod(_fields.workspace_inputs)

    templates = {  # noqa: RUF012 -- as the others beside it
        "minimal": "one job with an app that comes with jobsync",
        "pipeline": "two jobs with apps of your own; the second takes a file of the first",
        "sweep": "a run for each combination of parameters, and a job that takes the files of all",
    }

    def starter(self, project: str, template: str) -> Mapping[str, str]:
        folder = Path(__file__).with_name("starters")
        return template_files(folder, template, project, self.scheme_since)

    permissions = _permissions.AgavePermissions()

    settings_prefix = "TAPIS_"
    address_variable = "TAPIS_BASE_URL"
    token_variable = "TAPIS_TOKEN"  # noqa: S105
    api_variable = "TAPIS_API"
    clue = staticmethod(_environment.clue)

    canonical = staticmethod(_canonical.canonical_request)
    canonical_before = staticmethod(_canonical.canonical_before)

    defaults = _compare.DEFAULTS
    sides = staticmethod(_compare.sides)
    same = staticmethod(_compare.same)
    given = staticmethod(_compare.given)

    app_fields = staticmethod(_compare.app_fields)
    check_app = staticmethod(_app_check.check_app)
    unchecked = staticmethod(_validators.unchecked)

    placement = _fields.PLACEMENT
    same_placement = staticmethod(_placement.same_placement)

    node_hours = staticmethod(_node_hours.node_hours)
    time_limit = staticmethod(_node_hours.time_limit)

    output_folder = staticmethod(_archive.output_folder)
    output_uri = staticmethod(_archive.output_uri)
    no_uri_hint = staticmethod(_archive.no_uri_hint)
    is_output = staticmethod(_archive.is_output)

    log_files = staticmethod(_log_files.log_files)
    outputs_refused = staticmethod(_hints.outputs_refused)
    restores = True
    restore_command = staticmethod(_hints.restore_command)
    revoke_command = staticmethod(_hints.revoke_command)


PLATFORM: Platform = Agave()
AGAVE = PLATFORM
