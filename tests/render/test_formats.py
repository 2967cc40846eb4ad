"""Every format renders every plan, and what tools read in it is true."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from jobsync.cli import plan_output
from jobsync.model import OutputChange, Plan
from jobsync.plan import PlanOptions, build
from jobsync.render import FORMATS, RenderOptions
from jobsync.render.plan_json import schema
from jobsync.render.values import shown, size
from tests.fakes.planworld import World, desired, job
from tests.fakes.planworlds import EITHER
from tests.render.showcase import GOLDEN, renderings, showcase

HEADING = re.compile(
    r"^ *# (.*) (will be created|will be updated in-place|will be destroyed|must be replaced)$",
    re.MULTILINE,
)
COUNTS = re.compile(r"^Plan: (\d+) to add, (\d+) to change, (\d+) to destroy\.$", re.MULTILINE)
NO_CHANGES = re.compile(r"^No changes\.", re.MULTILINE)
LAW = settings(deadline=None, max_examples=100)
VALIDATOR = jsonschema_rs.validator_for(json.loads(schema()))


def plans() -> st.SearchStrategy[Plan]:
    return st.builds(
        lambda made, prune: build(
            made[0], made[1].snapshot(made[0]), PlanOptions(prune=prune, stop_superseded=prune)
        ),
        EITHER,
        st.booleans(),
    )


@LAW
@given(plans())
def test_every_format_renders_every_plan(plan: Plan) -> None:
    for name, show in FORMATS.items():
        text = show(plan, RenderOptions())
        assert text.endswith("\n"), name
        assert "\x1b" not in text, name
    document = json.loads(FORMATS["json"](plan, RenderOptions()))
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


@LAW
@given(plans())
def test_headings_agree_with_the_line_that_tools_parse(plan: Plan) -> None:
    text = FORMATS["text"](plan, RenderOptions())
    words = [word for _, word in HEADING.findall(text)]
    if not plan.changes:
        is_well = "Not everything is as declared: " not in text
        assert bool(NO_CHANGES.search(text)) is is_well
        assert words == [] and not (is_well and plan.duplicates)
        return
    (counted,) = COUNTS.findall(text)
    add = words.count("will be created") + words.count("must be replaced")
    change = words.count("will be updated in-place")
    assert [int(number) for number in counted] == [add, change, words.count("will be destroyed")]
    everything = all(isinstance(c, OutputChange) for c in plan.changes)
    assert everything or words


@LAW
@given(plans(), st.sampled_from([60_000, 3_000, 900]))
def test_markdown_keeps_to_its_budget_and_its_structure(plan: Plan, budget: int) -> None:
    text = FORMATS["markdown"](plan, RenderOptions(budget=budget, marker="job --> sync"))
    full = FORMATS["markdown"](plan, RenderOptions())
    assert len(text) <= budget or "Too long to be shown here" in text
    assert len(full) <= 60_000
    for page in (text, full):
        assert page.startswith("<!-- job")
        assert page.split("\n", 1)[0].count("-->") == 1
        allowed = {
            "html_block", "heading_open", "heading_close", "inline", "paragraph_open",
            "paragraph_close", "fence", "table_open", "table_close", "thead_open", "thead_close",
            "tbody_open", "tbody_close", "tr_open", "tr_close", "th_open", "th_close", "td_open",
            "td_close", "bullet_list_open", "bullet_list_close", "list_item_open",
            "list_item_close",
        }  # fmt: skip
        tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(page)
        assert {token.type for token in tokens} <= allowed
        inner = {child.type for token in tokens for child in token.children or []}
        assert inner <= {"text", "code_inline", "softbreak", "strong_open", "strong_close"}


def test_markdown_falls_back_from_full_to_folded_to_counts() -> None:
    plan = build_many(400)
    full = FORMATS["markdown"](plan, RenderOptions())
    folded = FORMATS["markdown"](plan, RenderOptions(budget=20_000))
    counts = FORMATS["markdown"](plan, RenderOptions(budget=2_000))
    assert "```diff" in full
    assert "```diff" not in folded
    assert "<details>" in folded
    assert "<details>" not in counts
    for text in (full, folded, counts):
        assert "Plan: 400 to add, 0 to change, 0 to destroy." in text


def build_many(count: int) -> Plan:
    wanted = desired(*(job(f"job{number}") for number in range(count)))
    return build(wanted, World().snapshot(wanted))


@pytest.mark.parametrize("name", sorted(renderings(showcase())))
def test_golden(name: str) -> None:
    """After a wanted change: python tests/render/showcase.py --write"""
    assert renderings(showcase())[name] == (GOLDEN / name).read_text(encoding="utf-8")


def digest_under(seed: int) -> str:
    script = Path(__file__).with_name("showcase.py")
    result = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONHASHSEED": str(seed), "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return result.stdout


def test_the_same_bytes_under_any_hash_seed() -> None:
    assert len({digest_under(seed) for seed in range(4)}) == 1


@pytest.mark.slow
def test_the_same_bytes_under_fifty_hash_seeds() -> None:
    assert len({digest_under(seed) for seed in range(50)}) == 1


def test_commands_offer_every_format() -> None:
    assert [*plan_output.FORMATS.choices] == [*FORMATS]


def test_json_has_what_terraform_tools_look_for() -> None:
    document = json.loads(FORMATS["json"](showcase(), RenderOptions()))
    by_name = {
        (c["type"], c["address"], tuple(c["change"]["actions"])): c
        for c in document["resource_changes"]
    }
    replaced = by_name["job", "align", ("create",)]
    assert replaced["action_reason"] == "replace_because_fields_changed"
    assert by_name["job", "gone", ("delete",)]["action_reason"] == "delete_because_undeclared"
    assert by_name["output", "report", ("read",)]["change"]["after"]
    assert by_name["permissions", "report", ("update",)]["change"]["after"]["dave"] == "NONE"


def test_no_secret_of_a_notification_is_shown() -> None:
    for name, text in renderings(showcase()).items():
        assert "t=1" not in text, name
        assert "user:pw" not in text, name


def test_color_is_only_paint() -> None:
    plan = showcase()
    painted = FORMATS["text"](plan, RenderOptions(color=True))
    assert "\x1b[32m" in painted
    assert re.sub(r"\x1b\[\d*m", "", painted) == FORMATS["text"](plan, RenderOptions())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('a"b\n', '"a\\"b\\n"'),
        (2, "2"),
        (True, "true"),
        (None, "(unset)"),
        (["a", 1], '["a", 1]'),
        ({"b": 1, "a": "x"}, '{a = "x", b = 1}'),
    ],
)
def test_values_are_written_as_people_read_them(
    value: str | int | bool | list[Any] | dict[str, Any] | None, text: str
) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_288_490_189, "1.2 GiB")]
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text
