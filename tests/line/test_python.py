"""The package as people use it: every snippet of the pages and docstrings, and ``jobsync.open``."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import jobsync
from jobsync import testing
from jobsync.errors import Blocked, ExitCode, StalePlan
from jobsync.model import Standing
from tests.line.linebench import Bench, Lab

ROOT = Path(__file__).parents[2]
PYTHON = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
RUN_ELSEWHERE = {"docs/testing.md"}
"""Its snippets are the files of a test session of their own: tests/docs/test_pages.py."""


def pages() -> Iterator[tuple[str, str]]:
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        name = path.relative_to(ROOT).as_posix()
        if "/contract/" not in name:
            yield from ((name, code) for code in PYTHON.findall(path.read_text("utf-8")))


def of_docstrings() -> Iterator[tuple[str, str]]:
    """What follows a ``::`` in the docstrings of the package and of what it offers."""
    for name in ("jobsync", *jobsync.__all__):
        offered = jobsync if name == "jobsync" else getattr(jobsync, name)
        parts = [offered, *vars(offered).values()] if isinstance(offered, type) else [offered]
        for part in parts:
            text = inspect.cleandoc(getattr(part, "__doc__", None) or "")
            for code in re.findall(r"::\n\n((?:    .*(?:\n|$)|\n)+)", text):
                yield name, textwrap.dedent(code)


@contextmanager
def wordcount(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The names that snippets use, and a folder where those that they mention are."""
    for name in ("wordcount", "manifests", "service"):
        shutil.copytree(
            ROOT / "manifests/wordcount",
            folder / name,
            ignore=shutil.ignore_patterns(".jobsync", "results", "jobsync.lock"),
        )
    monkeypatch.chdir(folder)
    with testing.local_service(folder / "service", users=("alice",)) as service:
        text = (folder / "manifests/wordcount.yaml").read_text()
        targets = f"targets: {{tacc: {{baseUrl: {service.url}}}}}\n"
        text = text.replace("target: local\n", targets)
        (folder / "manifests/wordcount.yaml").write_text(text)
        monkeypatch.setenv("HOME", str(folder))
        monkeypatch.setenv("JOBSYNC_STATE_DIR", str(folder / "state"))
        monkeypatch.setenv("TAPIS_BASE_URL", service.url)
        monkeypatch.setenv("TAPIS_TOKEN", service.tokens["alice"])
        yield {
            "jobsync": jobsync,
            "base_url": service.url,
            "access_token": service.tokens["alice"],
            "token": service.tokens["alice"],
            "state_dir": folder / "state",
        }


SNIPPETS = [pair for pair in pages() if pair[0] not in RUN_ELSEWHERE] + [*of_docstrings()]


@pytest.mark.parametrize(("place", "code"), SNIPPETS, ids=[place for place, _ in SNIPPETS])
def test_a_snippet_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, code: str
) -> None:
    with wordcount(tmp_path, monkeypatch) as names:
        exec(compile(textwrap.dedent(code), place, "exec"), names)
        if "applied" in names:
            assert names["applied"].ok
        if "outcomes" in names:
            assert jobsync.exit_code(names["plan"], names["outcomes"]) == 0
        exec(compile(textwrap.dedent(code), place, "exec"), names)
        assert names["plan"].changes == (), "what was done is not done again"


def test_the_snippets_are_found() -> None:
    assert sorted(place for place, _ in SNIPPETS).count("docs/python.md") == 2
    assert {"jobsync", "open"} <= {place for place, _ in SNIPPETS}


def opened(lab: Lab, target: str = "env") -> Any:
    return jobsync.open(lab.folder, target=target, environ=lab.environ)


ONE = "one: {appId: wc-demo-1.00, expect: [counts.txt]}\ntwo: {appId: wc-demo-1.00, rerun: 2}"


def test_plan_apply_and_status(lab: Lab) -> None:
    lab.write(ONE)
    with opened(lab) as project:
        assert project.user == "alice" and project.target.name == "env"
        assert {change.address for change in project.plan(select="one").changes} == {"one"}
        assert "will be created" in project.render(project.plan())
        events: list[Any] = []
        applied = project.apply(project.plan(select="one"), wait=60, report=events.append)
        assert applied.ok and events and applied.outcomes
        states = {state.address: state.standing for state in project.status()}
        assert states["one"] is Standing.CURRENT and states["two"] is not Standing.CURRENT
        assert project.apply(wait=True).ok, "without a plan: all that is to be done"
        assert project.plan().changes == ()
    assert len(lab.mine()) == 2


def test_what_has_moved_since_the_plan_is_not_done(lab: Lab) -> None:
    lab.write(ONE)
    with opened(lab) as project:
        plan = project.plan()
        lab.apply("--select", "one")
        applied = project.apply(plan, wait=True)
        assert applied.code is ExitCode.STALE and not applied.ok
    assert len(lab.mine()) == 2, "the rest of the plan was carried out, and nothing twice"
    plan_of_before = plan
    lab.write("three: {appId: wc-demo-1.00}")
    with opened(lab) as project, pytest.raises(StalePlan):
        project.apply(plan_of_before)


def test_a_hazard_has_to_be_accepted(lab: Lab) -> None:
    lab.write(ONE, head="guards: {massSubmit: 1}\n")
    with opened(lab) as project:
        with pytest.raises(Blocked):
            project.apply()
        assert lab.mine() == []
        assert project.apply(allow="mass-submit", wait=True).ok


def test_the_local_target_is_the_one_of_the_command(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.run("init").code == 0
    with jobsync.open(str(tmp_path), environ=bench.environ) as project:
        assert project.apply().ok, "the local service ends with the block, so apply waits"
    assert (tmp_path / "results/counts.txt").exists()
    assert bench.run("plan", "--detailed-exitcode").code == 0


def test_the_shared_journal_is_used_as_the_command_uses_it(lab: Lab) -> None:
    lab.write(ONE)
    remote = lab.folder / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", remote], check=True)
    lab.environ["JOBSYNC_JOURNAL"] = f"git+file://{remote}"
    assert lab.run("journal", "init").code == 0
    with opened(lab) as project:
        assert project.apply(wait=True).ok
    shown = json.loads(lab.run("journal", "show", "--all", "--format", "json").out)
    assert len(shown["submits"]) == 2
    # The same for whoever goes step by step.
    lab.write(ONE + "\nthree: {appId: wc-demo-1.00}")
    target = jobsync.Target("env", lab.service.url)
    desired = jobsync.load(lab.folder, target=target)
    with jobsync.connect(target, lab.service.tokens["alice"]) as backend:
        seen = jobsync.observe(desired, backend, jobsync.lock(desired), target)
        plan = jobsync.build(desired, seen, jobsync.PlanOptions())
        settings = jobsync.apply_settings(plan, desired, target, wait=60, environ=lab.environ)
        jobsync.apply(plan, backend, settings, lambda event: None)
    shown = json.loads(lab.run("journal", "show", "--all", "--format", "json").out)
    assert len(shown["submits"]) == 3
    # One that cannot be reached: nothing is submitted.
    shutil.rmtree(remote)
    lab.write("four: {appId: wc-demo-1.00}")
    with opened(lab) as project:
        assert project.apply().code is ExitCode.BLOCKED
    assert len(lab.mine()) == 3
