"""A saved plan: typed, complete, and refused when it is not exactly what was saved."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.errors import PlanFileError, StalePlan
from jobsync.model import IdRef, JobChange, OpenSubmit, OutputRef
from jobsync.plan import build, digest
from jobsync.plan.seal import sealed
from jobsync.render import FORMATS, RenderOptions, plan_json
from jobsync.structs import replace
from tests.fakes.planworld import World, desired, job
from tests.render.showcase import showcase

TEXT = plan_json.dumps(showcase())
SAVED = replace(sealed(showcase()), root="", outputs_root="", basis={}, gates={})
"""What the file has of the plan: no folders of a machine, no values that may not be shown."""


def edited(change: Callable[[Any], object]) -> str:
    """The file with *change* made to its document."""
    document = json.loads(TEXT)
    change(document)
    return json.dumps(document)


def test_round_trip_of_everything() -> None:
    plan = showcase()
    assert plan_json.loads(TEXT) == SAVED
    assert plan_json.dumps(plan_json.loads(TEXT)) == TEXT
    assert json.loads(TEXT)["digest"] == digest(plan)
    assert [c.where for c in plan_json.loads(TEXT).changes] == [c.where for c in plan.changes]


def test_printed_and_saved_are_one_text() -> None:
    assert FORMATS["json"](showcase(), RenderOptions()) == TEXT
    held = RenderOptions(open_submits=(OpenSubmit("align", "n", "timed out", ("1",), ("do",)),))
    printed = FORMATS["json"](showcase(), held)
    assert printed != TEXT and plan_json.loads(printed) == SAVED


def test_the_folders_of_a_machine_are_not_in_it() -> None:
    elsewhere = replace(showcase(), root="/elsewhere", outputs_root="/elsewhere/results")
    assert plan_json.dumps(elsewhere) == TEXT


@settings(deadline=None, max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.builds(OutputRef, st.just("up"), st.text(max_size=4)) | st.just(IdRef("up")),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "$id", "$output", "$$x", "type"]), inner),
        max_leaves=6,
    )
)  # fmt: skip
def test_any_request_value_comes_back_with_its_type(value: object) -> None:

    wanted = desired(job("align", {"appId": "t-1", "inputs": value}))
    plan = build(wanted, World().snapshot(wanted))
    loaded = plan_json.loads(plan_json.dumps(plan))
    assert loaded.changes == plan.changes
    (change,) = loaded.changes
    assert isinstance(change, JobChange)
    assert repr(change.request["inputs"]) == repr(_ordered(value))


def _ordered(value: object) -> object:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def test_any_flipped_character_is_refused_or_means_the_same() -> None:
    for place in range(0, len(TEXT), 97):
        broken = f"{TEXT[:place]}{chr(ord(TEXT[place]) ^ 1)}{TEXT[place + 1 :]}"
        try:
            assert plan_json.loads(broken) == SAVED
        except (PlanFileError, StalePlan):
            continue


def test_cut_anywhere_it_is_refused() -> None:
    for place in range(0, len(TEXT) - 2, 301):
        with pytest.raises(PlanFileError):
            plan_json.loads(TEXT[:place])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a saved plan"),
        ("[]", "not a saved plan"),
        ("{}", "not a saved plan"),
        ('{"format_version": 2.0, "apply": {}}', "cannot be read"),
        ('{"format_version": "2.3"}', "not a saved plan"),
        ('{"format_version": "2.3", "apply": []}', "not a saved plan"),
        ('{"format_version": "2.3", "apply": {}}', "cannot be read"),
        ('{"a": 1, "a": 1}', "a key occurs twice"),
        ('{"a": NaN}', "NaN is not a number"),
        ("[" * 100_000, "not a saved plan"),
    ],
)
def test_what_is_no_plan_is_refused(text: str, message: str) -> None:
    with pytest.raises(PlanFileError, match=message):
        plan_json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"format_version": "1.2", "digest": "x", "plan": {}}',
        '{"format_version": "9.0", "apply": {}}',
    ],
)
def test_a_plan_of_another_format_is_to_be_made_again(text: str) -> None:
    with pytest.raises(StalePlan, match=r"has format (1\.2|9\.0)") as caught:
        plan_json.loads(text)
    assert "plan again" in caught.value.hint


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: plan.pop("user"),
        lambda plan: plan["apply"].update(extra=1),
        lambda plan: plan["apply"].update(root="/etc"),
        lambda plan: plan.update(user=5),
        lambda plan: plan["addresses"][0].update(standing="fine"),
        lambda plan: plan["apply"]["changes"][0].update(action="explode"),
        lambda plan: plan["apply"]["changes"][0].update(type="other"),
        lambda plan: plan["apply"]["changes"][0].update(needs="align"),
        lambda plan: plan["apply"]["changes"][0].update(attempt=True),
        lambda plan: plan["apply"]["changes"][0]["request"].update({"inputs": {"$evil": 1}}),
        lambda plan: plan["apply"].update(changes={}),
    ],
)
def test_what_has_the_wrong_shape_cannot_be_read(change: Any) -> None:
    with pytest.raises(PlanFileError, match="cannot be read"):
        plan_json.loads(edited(change))


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: plan.update(extra=1),
        lambda plan: plan.pop("summary"),
        lambda plan: plan.pop("checksum"),
        lambda plan: plan["warnings"].pop(),
        lambda plan: plan["options"].update(prune=False),
        lambda plan: plan.update(digest="0" * 64),
        lambda plan: plan["summary"].update(destroy=0),
        lambda plan: plan["resource_changes"].pop(),
        lambda plan: plan["resource_changes"][0]["change"].update(actions=["read"]),
        lambda plan: plan["apply"]["changes"].pop(),
        lambda plan: plan["apply"]["changes"][0].update(attempt=7),
        lambda plan: plan["summary"].update(destroy=True),
        lambda plan: plan["hazards"].pop(),
        lambda plan: plan["addresses"][0].update(problems=["none"]),
    ],
)
def test_what_says_one_thing_here_and_another_there_was_edited(change: Any) -> None:
    with pytest.raises(PlanFileError, match="edited"):
        plan_json.loads(edited(change))


def test_a_number_beyond_all_is_refused() -> None:
    """JSON has no infinity, but Python reads one where too large a number stands."""
    text = re.sub(r'"node_hours": [\d.]+', '"node_hours": 1e999', TEXT)
    with pytest.raises(PlanFileError, match="is not a number"):
        plan_json.loads(text)


def test_a_file_that_was_only_laid_out_anew_is_the_plan() -> None:
    assert plan_json.loads(edited(lambda plan: None)) == SAVED


def test_no_secret_type_can_get_in() -> None:
    from jobsync.secret import Secret

    wanted = desired(job("align"))
    plan = build(wanted, World().snapshot(wanted))

    with pytest.raises(TypeError, match="a plan cannot hold Secret"):
        plan_json.dumps(replace(plan, user=Secret("x")))


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: plan["summary"].update(destroy=0),
        lambda plan: plan["summary"].update(add=True),
        lambda plan: plan["resource_changes"].pop(),
        lambda plan: plan["hazards"].pop(),
        lambda plan: plan["apply"]["changes"].pop(),
        lambda plan: plan.update(digest="0" * 64),
    ],
)
def test_what_others_read_follows_from_the_rest_whoever_computes_the_checksum(
    change: Callable[[Any], object],
) -> None:
    document = json.loads(TEXT)
    change(document)
    rest = {k: v for k, v in document.items() if k not in ("checksum", *plan_json._OF_THIS_MACHINE)}
    text = json.dumps(rest, sort_keys=True)
    document["checksum"] = hashlib.sha256(text.encode()).hexdigest()
    with pytest.raises(PlanFileError, match="edited"):
        plan_json.loads(json.dumps(document))
    untouched = json.loads(TEXT)
    assert untouched["checksum"] == plan_json._checksum(untouched)
