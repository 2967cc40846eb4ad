"""The HTML page: what it shows, that it loads nothing, and that no name becomes structure."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings

from jobsync.backend import HistoryEvent
from jobsync.model import DesiredState, OutputRef, Plan, Snapshot
from jobsync.plan import PlanOptions, build
from jobsync.plan.longest import longest_chain
from jobsync.render.graph.jobs import graph_of
from jobsync.render.options import RenderOptions
from jobsync.render.page import Page, as_html, page_of, with_runs
from jobsync.render.page.parts import AccessCell, AccessRow, Job, Line, OutputFile, duration
from jobsync.structs import replace
from tests.fakes.planworld import World, desired, grants, job, rule
from tests.render.showcase import showcase
from tests.render.test_escape import HOSTILE, runner_commands

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
VOID = {"meta", "input", "br"}


class Reader(HTMLParser):
    """The elements and texts of a page, and whether each element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def chain() -> tuple[DesiredState, World]:
    first = job("first", {"maxRunTime": "01:00:00"}, permissions=grants(bob="READ"))
    second = job(
        "second",
        {"inputs": {"data": OutputRef("first", "out.txt")}, "maxRunTime": "00:10:00"},
        among={"first": first},
        permissions=grants(bob="READ"),
        outputs=(rule(),),
    )
    return desired(first, second, job("lone", {"maxRunTime": "01:05:00"})), World()


def shown(state: DesiredState, world: World) -> tuple[Plan, Snapshot, str]:
    seen = world.snapshot(state)
    plan = build(state, seen, PlanOptions())
    options = RenderOptions(graph=graph_of(state, plan))
    return plan, seen, as_html(with_runs(page_of(plan, options), plan, state, seen, options, NOW))


def test_a_page_before_anything_ran_and_after() -> None:
    state, world = chain()
    plan, _, before = shown(state, world)
    read = Reader(before)
    assert "Plan: 3 to add, 0 to change, 0 to destroy." in read.texts
    assert "# first will be created" in " ".join(read.texts)
    assert "+ NONE → READ" in read.texts
    assert "new run" in read.texts
    assert "Critical path: first → second: at most 1 h 10 min." in " ".join(read.texts)
    assert 'id="timeline"' not in before

    world.apply(plan)
    _, _, after = shown(state, world)
    text = " ".join(Reader(after).texts)
    assert "first and 1 more" in text  # two runs on which everybody has the same
    assert "results/out.txt" in text
    assert 'id="timeline"' in after
    assert 'id="changes"' not in after


def test_a_timeline_shows_waiting_running_and_what_a_history_tells() -> None:
    state, world = chain()
    plan, _, _ = shown(state, world)
    world.apply(plan)
    seen = world.snapshot(state)
    run = next(run for run in seen.runs if run.name.startswith("phylo.first."))
    created = run.created or NOW
    run = replace(
        run, started=created + timedelta(seconds=30), ended=created + timedelta(minutes=2)
    )
    seen = replace(seen, runs=(run, *(one for one in seen.runs if one.id != run.id)))
    text = f"{created:%Y-%m-%dT%H:%M:%S}.123Z"
    events = {run.id: [HistoryEvent("PENDING", text, "", "<b>"), HistoryEvent("X", "?", "", "")]}
    plan = build(state, seen, PlanOptions())
    options = RenderOptions(graph=graph_of(state, plan))
    page = with_runs(page_of(plan, options), plan, state, seen, options, NOW, events)
    assert page.timeline.count('class="finished waited"') == 1
    assert page.timeline.count('class="finished"') == 3
    assert page.timeline.count('class="event"') == 1
    assert "&lt;b&gt;" in page.timeline


def test_access_shows_who_gains_and_who_loses() -> None:
    state, world = chain()
    plan, _, _ = shown(state, world)
    world.apply(plan)
    other = job("first", {"maxRunTime": "01:00:00"}, permissions=grants(carol="READ"))
    _, _, text = shown(
        desired(other, *[one for a, one in state.jobs.items() if a != "first"]), world
    )
    assert "+ NONE → READ" in text
    assert "- READ → NONE" in text


def test_a_saved_plan_alone_is_a_page() -> None:
    read = Reader(as_html(page_of(showcase(), RenderOptions())))
    assert "svg" not in read.tags
    assert read.tags.count("section") == 5


@pytest.mark.parametrize("page", [page_of(showcase(), RenderOptions())])
def test_only_the_style_and_script_of_the_page_may_act(page: Page) -> None:
    text = as_html(page)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy
    for tag in ("style", "script"):
        body = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert body
        digest = base64.b64encode(hashlib.sha256(body[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy[1]
    assert "default-src 'none'" in policy[1]
    read = Reader(text)
    assert not {"link", "img", "iframe", "object", "form"} & set(read.tags)
    assert not {"src", "style", "onclick", "onload", "action"} & set(read.attributes)
    assert all(link.startswith("#") for link in read.attributes["href"])


@settings(deadline=None, max_examples=100)
@given(HOSTILE)
def test_a_hostile_text_stays_text(text: str) -> None:
    def page(word: str) -> Page:
        return Page(
            project=word,
            target=word,
            service=word,
            user=word,
            made=word,
            headline=word,
            also=f"x{word}",
            digest=word,
            warnings=(word,),
            critical=f"x{word}",
            blocks=((Line(word), Line(word, "add")),),
            users=(word,),
            access=(AccessRow(((word, word), (word, word)), (AccessCell(word, word, "+"),)),),
            jobs=(Job(word, word, "bad", word, word, word, word, (word,)),),
            outputs=(OutputFile(word, word, word, word, word),),
        )

    hostile, plain = as_html(page(text)), as_html(page("x"))
    assert Reader(hostile).tags == Reader(plain).tags
    assert Reader(hostile).attributes == Reader(plain).attributes
    assert not [found for line in hostile.splitlines() for found in runner_commands(line)]


def test_two_thousand_jobs_stay_under_five_megabytes() -> None:
    first = job("first")
    inputs = {"inputs": {"data": OutputRef("first", "out.txt")}}
    many = [
        job(f"sweep.{n}", {**inputs, "parameters": {"n": n}}, among={"first": first})
        for n in range(2000)
    ]
    state = desired(first, *many)
    seen = World().snapshot(state)
    plan = build(state, seen, PlanOptions())
    options = RenderOptions(graph=graph_of(state, plan, 40))
    text = as_html(with_runs(page_of(plan, options), plan, state, seen, options, NOW))
    assert len(text) < 5_000_000
    assert "2001 jobs, drawn as 2 groups" in text


def test_no_critical_path_where_a_limit_is_unknown() -> None:
    assert longest_chain(desired(job("one")), {}) is None
    assert longest_chain(desired(), {}) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (7501, "2 h 5 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_jobs_and_access_stand_in_natural_order() -> None:
    world = World()
    jobs = [job(f"job{n}", permissions=grants(**{f"u{n}": "READ"})) for n in (10, 2, 1)]
    for one in jobs:
        world.of(one)
    wanted = desired(*jobs)
    page = page_of(build(wanted, world.snapshot(wanted)), RenderOptions())
    assert [row.address for row in page.jobs] == ["job1", "job2", "job10"]
    assert page.users == ("u1", "u2", "u10")
    assert [row.runs[0][0] for row in page.access] == ["job1", "job2", "job10"]
