"""tapis-v3 §17, line by line, and the tests that hold it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CONTRACT = HERE.parents[2] / "docs" / "contract" / "tapis-v3.md"

CHECKLIST: dict[str, list[str]] = {
    # Transport
    "Content-Type exactly `application/json`": [
        "test_the_envelope_has_all_its_keys_and_the_bare_content_type",
    ],
    "401 plain text for missing": [
        "test_401_is_plain_text",
        "test_an_expired_token_is_401_text",
        "test_unknown_routes_and_methods",
    ],
    "booleans in any case": [
        "test_slashes_and_empty_bodies",
        "test_lists",
        "test_downloads",
        "test_operators",
    ],
    "every jobs operation of tapipy 25.4.0": ["test_tapipy", "test_dapi"],
    # Auth
    "password grant 200 with access only": [
        "test_the_password_grant_gives_an_access_token_alone",
        "test_refresh_belongs_to_its_client_and_works_once",
        "test_a_wrong_password_is_400_in_the_authenticators_envelope",
    ],
    "JWT of three parts": [
        "test_the_password_grant_gives_an_access_token_alone",
        "test_an_expired_token_is_401_text",
    ],
    "tenants and sites without token": ["test_tenants_and_sites_say_the_address_as_it_was_asked"],
    "userinfo; profiles/{user}": ["test_profiles", "test_foreign_provider"],
    # Submit
    "every row of §4.1": [
        "test_limits_of_texts",
        "test_what_the_schema_refuses_names_the_key",
        "test_null_only_where_it_may_be",
        "test_what_is_required",
    ],
    "archiveMode 400 in profile 1.7": ["test_the_profile_of_before", "test_never_archived"],
    "unknown app 404": ["test_apps_and_systems_that_are_not_there"],
    "merge by inputMode": [
        "test_arguments_by_input_mode",
        "test_variables_by_input_mode",
        "test_inputs_by_input_mode",
    ],
    "env keys": ["test_variables_by_input_mode", "test_directories", "test_macros"],
    "echo: macros": ["test_the_echo", "test_macros", "test_the_profile_of_before"],
    "switch: 500 after the row exists": [
        "test_row_then_500",
        "test_row_then_drop",
        "test_no_record",
    ],
    "two equal submits make two jobs": ["test_the_echo"],
    # List and search
    "default limit 100": [
        "test_limit_and_skip",
        "test_malformed_words_are_400_text",
        "test_start_after_is_otherwise_ignored",
    ],
    "no orderBy: order not promised": ["test_shuffle"],
    "listType three values": ["test_whose_jobs"],
    "summary keys exactly": ["test_rows"],
    "each operator on string": [
        "test_operators",
        "test_tags_are_exact_and_mind_case",
        "test_what_a_search_refuses",
    ],
    "POST search": ["test_search_by_text", "test_what_a_search_by_text_refuses"],
    # Job life
    "status line in order": [
        "test_statuses_in_order_and_the_condition_only_at_the_end",
        "test_blocked_and_back",
    ],
    "unknown uuid: table §2.2 line by line": ["test_the_table_of_refusals"],
    "cancel live 200 then CANCELLED": [
        "test_cancel",
        "test_hide_and_unhide",
    ],
    "resubmit: new uuid": ["test_resubmit"],
    "history words and order": [
        "test_statuses_in_order_and_the_condition_only_at_the_end",
        "test_events_of_a_user",
    ],
    "annotations: PATCH, PUT": ["test_annotations", "test_the_profile_of_before"],
    # Outputs
    "recursion rule with and without limit": ["test_lists", "test_a_recursive_list_is_cut_at_100"],
    "zip rules": ["test_downloads"],
    "live 400, allowIfRunning": [
        "test_a_live_job",
        "test_where_a_failed_jobs_outputs_are",
        "test_failed_before_archiving_has_no_outputs",
        "test_the_table_of_refusals",
    ],
    "archiveFilter": ["test_the_filter", "test_launch_files_and_the_same_place"],
    # Share and subscriptions
    "rows per resource": ["test_rows", "test_every_route_of_bob_on_alices_job"],
    "DELETE absent 200": ["test_an_admin_removes_nothing", "test_unshare_that_does_nothing"],
    "subscribe live": ["test_subscriptions"],
    # ZIP engine
    "zip, tar, folder": [
        "test_archives_and_folders",
        "test_the_manifest",
        "test_the_environment_file",
        "test_arguments_are_shell_words",
        "test_log_names",
    ],
    "exit code non-zero without file": [
        "test_exit_codes_as_the_service_counts_them",
        "test_the_strict_policy",
    ],
    "maxMinutes kills": ["test_max_minutes_kills", "test_cancel_kills_children"],
    # Apps, systems, files, tenants
    "app by id, by version": [
        "test_apps",
        "test_systems",
        "test_listings",
        "test_contents",
        "test_uploads_and_folders",
    ],
}
"""The beginning of each line, and its tests."""


def lines() -> list[str]:
    section = CONTRACT.read_text("utf-8").split("\n## 17.")[1].split("\n## ")[0]
    return [line[6:] for line in section.splitlines() if line.startswith("- [ ] ")]


def named_tests() -> set[str]:
    trees = [ast.parse(path.read_text("utf-8")) for path in HERE.glob("test_*.py")]
    return {node.name for tree in trees for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef)}  # fmt: skip


@pytest.mark.parametrize("line", lines())
def test_every_line_has_its_tests(line: str) -> None:
    [named] = [names for start, names in CHECKLIST.items() if line.startswith(start)]
    assert named
    assert set(named) <= named_tests()


def test_no_line_is_made_up() -> None:
    assert len(CHECKLIST) == len(lines())
