"""agave-v2 §11, line by line, and the tests that hold it. Most run in both dialects."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

CHECKLIST: dict[str, list[str]] = {
    # Routing and envelope
    "trailing slash optional everywhere; wrong method 405 error envelope": [
        "test_a_trailing_slash_and_doubled_slashes_mean_nothing",
        "test_a_wrong_method_is_405_in_the_error_envelope",
    ],
    "DELETE /{id}/{anything-not-known} behaves as DELETE /{id}": [
        "test_an_unknown_path_below_a_job_is_the_job_and_delete_deletes_it",
    ],
    "no result key on DELETE/stop/errors; naked; pretty": [
        "test_no_result_key_on_delete_and_errors",
        "test_stop_of_a_running_job_is_200_without_result_and_ends_in_failed",
        "test_naked_and_pretty",
    ],
    "no/invalid bearer 401 fault JSON or XML; expired 900904, then OK after refresh": [
        "test_missing_and_wrong_tokens_are_gateway_faults",
        "test_gateway_faults_can_be_xml",
        "test_an_expired_token_is_900904_until_it_is_refreshed",
    ],
    # List
    "default limit 100, clip 250, negative abs, junk default": [
        "test_limits_are_clamped_silently",
    ],
    "default order lastUpdated desc; orderBy/order; invalid orderBy 500": [
        "test_default_order_is_last_updated_and_moves",
        "test_order_by_id_is_total",
        "test_an_invalid_order_is_500",
    ],
    "own + shared; not world-shared; hidden excluded; visible=false": [
        "test_own_and_shared_but_not_world_shared",
        "test_hidden_jobs_are_listed_only_when_asked_for",
    ],
    "summary keys; filter=* full jobs; projection bugs": [
        "test_summary_keys_are_exactly_these",
        "test_filter_gives_full_jobs",
        "test_projection_with_the_mistakes_of_the_service",
        "test_projection_over_http",
    ],
    "unknown term ignored; operators; fault switch drop all filters": [
        "test_search",
        "test_dropped_filters",
    ],
    # Submit
    "201; echo normalisations": [
        "test_a_submit_is_201_and_get_differs_in_the_known_ways",
        "test_fields_are_echoed_as_the_service_stores_them",
        "test_parameters_are_typed",
    ],
    "archive default true; archivePath default/macros; archive=false omits keys": [
        "test_archive_is_on_by_default_and_its_path_is_made_up",
    ],
    "a leading / of archivePath is echoed as given (11a)": [
        "test_an_archive_path_is_echoed_as_given_and_means_one_folder",
    ],
    "lastModified in submit vs lastUpdated in get; _links.notification": [
        "test_a_submit_is_201_and_get_differs_in_the_known_ways",
        "test_good_notifications_are_linked_and_never_echoed",
    ],
    "error texts/status; bad notification 500 and job exists": [
        "test_refusals_store_nothing",
        "test_a_bad_notification_is_500_and_the_job_exists_and_runs",
    ],
    "flat-map collision reproduces override": [
        "test_the_flat_map_lets_an_input_override_a_field",
    ],
    "Aloe: ACCEPTED, 404 for N seconds, schema, 400 on executionSystem": [
        "test_aloe_keeps_an_accepted_job_to_itself_for_a_while",
        "test_what_only_aloe_refuses",
        "test_filter_gives_full_jobs",
    ],
    # Manage, status, history
    "stop: PENDING to STOPPED, RUNNING to FAILED; finished no-op; kill 400": [
        "test_stop_of_a_waiting_job_ends_in_stopped",
        "test_stop_of_a_running_job_is_200_without_result_and_ends_in_failed",
        "test_stop_of_a_finished_job_changes_nothing",
        "test_other_actions",
    ],
    "resubmit 202 new id; restore; reset 403": [
        "test_resubmit_is_202_and_a_new_job",
        "test_delete_hides_and_restore_brings_back",
        "test_reset_is_for_admins",
    ],
    "DELETE hides; 2nd DELETE 404; get 404; restore brings back": [
        "test_delete_hides_and_restore_brings_back",
        "test_delete_of_a_running_job_stops_it",
    ],
    "history ascending, PERMISSION_* events, nullable description, progress": [
        "test_history_is_ascending_and_whole",
        "test_history_tells_of_grants_with_the_old_permission",
        "test_history_has_null_descriptions_and_transfer_progress",
    ],
    # Permissions
    "owner first on every page and outside the window; sorted": [
        "test_the_owner_is_first_on_every_page_and_outside_the_window",
    ],
    "single-user GET object; unknown 404; owner OK": ["test_one_user_is_an_object"],
    "POST 201 object; '' 200; NONE; owner no-op; 400s; hidden OK; 403": [
        "test_each_value_reads_back_as_a_pair",
        "test_what_revokes",
        "test_granting_to_the_owner_does_nothing_and_says_false",
        "test_the_order_of_the_checks_of_a_grant",
        "test_hidden_jobs_take_grants_but_show_nothing",
    ],
    "any username accepted; >32 500": [
        "test_any_name_is_accepted_but_not_a_long_one_nor_one_of_other_case",
    ],
    "DELETE all/one idempotent 200; hidden 404": [
        "test_deletes_are_idempotent",
        "test_hidden_jobs_take_grants_but_show_nothing",
    ],
    "world row incl. shadowing; WRITE-only can't GET but can POST; EXECUTE false/false": [
        "test_world_reaches_everybody_and_shadows_names_after_it",
        "test_a_writer_cannot_read_but_can_change_and_help_himself",
        "test_each_value_reads_back_as_a_pair",
    ],
    # Outputs
    "non-recursive; file 1 element; ../~ stripped; missing 500; job missing 400; no READ 401": [
        "test_a_folder_is_listed_and_not_its_folders",
        "test_a_file_is_a_listing_of_one",
        "test_dots_and_tildes_are_deleted_from_the_path",
        "test_errors_of_listings",
    ],
    "dot entries consume window; limit/offset": [
        "test_dots_take_room_on_the_page_and_are_left_out",
    ],
    "media: length, force, HEAD, 206, 416s; archived-missing empty; truncated": [
        "test_a_download",
        "test_force_makes_an_attachment",
        "test_head",
        "test_ranges",
        "test_a_missing_archived_file_is_empty",
        "test_truncated_download",
    ],
    "Aloe switch: null/ path prefix": ["test_null_prefix"],
    # From foreign clients
    "log files by engine and dialect": [
        "test_names_of_log_files",
        "test_the_last_words_of_a_failed_job_are_found_in_either_name",
        "test_exit_0_is_finished_and_archived",
    ],
    "resubmit: owner, checks and archive of whoever asks": [
        "test_a_resubmit_belongs_to_whoever_asks",
        "test_a_resubmit_is_checked_again_as_whoever_asks",
        "test_a_resubmit_reads_inputs_with_the_rights_of_whoever_asks",
    ],
    "archiveData links of summaries and of jobs that are over": ["test_links_to_the_archive"],
    "systems and their queues": ["test_systems"],
    "app documents with every key; privateOnly": ["test_an_app_has_every_key"],
    "uploads and their history": ["test_an_upload_can_be_waited_for"],
    "profiles by email; clients": ["test_profiles_and_clients"],
    "flags; search by path; blanks in values; hidden jobs": [
        "test_flags_are_set_by_true_alone",
        "test_search_by_path_wants_a_value_for_each_attribute",
        "test_texts_of_refusals",
        "test_hidden_jobs_say_that_they_are_hidden",
    ],
    "a leading slash of archivePath": ["test_a_leading_slash_of_the_archive_path_is_echoed"],
    # Faults
    "429 with and without Retry-After": ["test_throttle_without_and_with_retry_after"],
    "500/502/503 HTML": ["test_html_errors_before_the_request"],
    "slow body": ["test_slow_and_dripping_answers"],
    "connection reset after commit on submit": ["test_reset_before_and_after_the_commit"],
    "list drift between pages": ["test_drift_between_pages"],
}


def written() -> set[str]:
    found: set[str] = set()
    here = Path(__file__).parent
    for path in (*here.glob("test_*.py"), here.parent / "engine" / "test_battery.py"):
        tree = ast.parse(path.read_text("utf-8"))
        found |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return found


@pytest.mark.parametrize("line", CHECKLIST)
def test_each_line_of_the_checklist_has_its_tests(line: str) -> None:
    assert not set(CHECKLIST[line]) - written()
