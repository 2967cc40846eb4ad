"""A saved plan: typed, complete, and refused when it is not exactly what was saved."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planworld import World, desired, job

from jobsync.errors import PlanFileError
from jobsync.model import IdRef, OutputRef
from jobsync.plan import build, saved_plan
from jobsync.structs import replace

sys.path.insert(0, str(Path(__file__).parents[1] / "render"))
from showcase import showcase

TEXT = saved_plan.dumps(showcase())


def resealed(change) -> str:
    """The plan with *change* made to its body and a digest that fits again."""
    document = json.loads(TEXT)
    change(document["plan"])
    body = {"format_version": document["format_version"], "plan": document["plan"]}
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    document["digest"] = hashlib.sha256(canonical.encode()).hexdigest()
    return json.dumps(document)


def test_round_trip_of_everything():
    plan = showcase()
    assert saved_plan.loads(TEXT) == plan
    assert saved_plan.dumps(saved_plan.loads(TEXT)) == TEXT
    assert json.loads(TEXT)["digest"] == saved_plan.digest(plan)
    assert [c.where for c in saved_plan.loads(TEXT).changes] == [c.where for c in plan.changes]


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
def test_any_request_value_comes_back_with_its_type(value):

    wanted = desired(replace(job("align"), request={"appId": "t-1", "inputs": value}))
    plan = build(wanted, World().snapshot(wanted))
    loaded = saved_plan.loads(saved_plan.dumps(plan))
    assert loaded == plan
    assert repr(loaded.changes[0].request["inputs"]) == repr(_ordered(value))


def _ordered(value):
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def test_any_flipped_character_is_refused_or_means_the_same():
    for place in range(0, len(TEXT), 97):
        broken = f"{TEXT[:place]}{chr(ord(TEXT[place]) ^ 1)}{TEXT[place + 1 :]}"
        try:
            assert saved_plan.loads(broken) == showcase()
        except PlanFileError:
            continue


def test_cut_anywhere_it_is_refused():
    for place in range(0, len(TEXT) - 2, 301):
        with pytest.raises(PlanFileError):
            saved_plan.loads(TEXT[:place])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a saved plan"),
        ("[]", "not a saved plan"),
        ("{}", "has format None"),
        (f'{{"format_version": "{saved_plan.FORMAT_VERSION}"}}', "not a saved plan"),
        ('{"format_version": "2.0", "digest": "x", "plan": {}}', "has format '2.0'"),
        ('{"format_version": "1.0", "digest": "x", "plan": {}}', "has format '1.0'"),
        (
            f'{{"format_version": "{saved_plan.FORMAT_VERSION}", "digest": "x", "plan": {{}}}}',
            "was edited",
        ),
        ('{"a": 1, "a": 1}', "a key stands twice"),
        ('{"a": NaN}', "NaN is not a number"),
        ("[" * 100_000, "not a saved plan"),
    ],
)
def test_what_is_no_plan_is_refused(text, message):
    with pytest.raises(PlanFileError, match=message):
        saved_plan.loads(text)


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: plan.pop("user"),
        lambda plan: plan.update(extra=1),
        lambda plan: plan.update(user=5),
        lambda plan: plan["changes"][0].update(action="explode"),
        lambda plan: plan["changes"][0].update(type="other"),
        lambda plan: plan["changes"][0].update(needs="align"),
        lambda plan: plan["changes"][0].update(attempt=True),
        lambda plan: plan["changes"][0]["request"].update({"inputs": {"$evil": 1}}),
        lambda plan: plan.update(basis=[]),
    ],
)
def test_a_body_of_the_wrong_shape_is_refused_even_with_a_digest_that_fits(change):
    with pytest.raises(PlanFileError, match="cannot be read"):
        saved_plan.loads(resealed(change))


def test_a_resealed_plan_without_a_change_is_the_plan():
    assert saved_plan.loads(resealed(lambda plan: None)) == showcase()


def test_no_secret_type_can_get_in():
    from jobsync.secret import Secret

    wanted = desired(job("align"))
    plan = build(wanted, World().snapshot(wanted))

    with pytest.raises(TypeError, match="a plan cannot hold Secret"):
        saved_plan.dumps(replace(plan, user=Secret("x")))
