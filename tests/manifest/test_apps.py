"""Declared jobs against the definitions of their apps."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobsync.manifest import check_apps
from jobsync.model import App, AppField
from jobsync.platforms.loading import load

APP = App(
    id="demo-1.0",
    inputs={
        "reads": AppField("reads", required=True, minimum=1, maximum=2),
        "index": AppField("index", required=True, visible=False),
        "extra": AppField("extra"),
        "pair": AppField("pair", minimum=2),
    },
    parameters={
        "threads": AppField("threads", type="number"),
        "fast": AppField("fast", type="bool"),
        "verbose": AppField("verbose", type="flag"),
        "mode": AppField("mode", type="enumeration", choices=("fast", "exact", "2")),
        "label": AppField("label", type="string", maximum=1),
        "secret": AppField("secret", visible=False),
        "model": AppField("model", required=True),
    },
)
GOOD = "inputs: {reads: a.fa}\n    parameters: {model: lg"


def checked(body: str, folder: Path) -> list[str]:
    path = folder / "a.yaml"
    path.write_text(
        "apiVersion: jobsync/v1\nproject: p\njobs:\n  a:\n    appId: demo-1.0\n    " + body + "\n"
    )
    problems = check_apps(load([path]), {"demo-1.0": APP})
    assert all(problem.where is not None for problem in problems)
    return [
        f"{problem.where.line if problem.where else 0} {problem.message} ({problem.hint})"
        for problem in problems
    ]


@pytest.mark.parametrize(
    "more",
    [
        "}", ", threads: 2}", ', threads: "2"}', ", threads: -0.5}", ", threads: 1e5}",
        ", threads: [1, 2]}", ", fast: true}", ', fast: "on"}', ", verbose: 0}", ", mode: exact}",
        ", mode: 2}", ", mode: [fast, exact]}", ", label: x}",
    ],
)  # fmt: skip
def test_good(more: str, tmp_path: Path) -> None:
    assert checked(GOOD + more, tmp_path) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (GOOD + ", thread: 2}", '7 jobs.a.parameters.thread: demo-1.0 has no parameter "thread": '
         "the service would drop it (did you mean threads?)"),
        (GOOD + ", reads: x.fa}", "both"),
        (GOOD + ", extra: 2}", '7 jobs.a.parameters.extra: demo-1.0 has no parameter "extra": '
         "the service would drop it (it is one of its inputs)"),
        (GOOD + ", secret: 2}", '7 jobs.a.parameters.secret: demo-1.0 fixes the parameter "secret"'
         " itself (remove it)"),
        (GOOD + ", threads: many}", '7 jobs.a.parameters.threads: must be a number, not "many" ()'),
        (GOOD + ", fast: maybe}",
         '7 jobs.a.parameters.fast: must be true or false, not "maybe" ()'),
        (GOOD + ", fast: [true, false]}",
         "7 jobs.a.parameters.fast: demo-1.0 takes at most 1 values, not 2 ()"),
        (GOOD + ", mode: exakt}", "7 jobs.a.parameters.mode: must be one of fast, exact, 2, "
         'not "exakt" (did you mean exact?)'),
        (GOOD + ", label: [a, b]}",
         "7 jobs.a.parameters.label: demo-1.0 takes at most 1 values, not 2 ()"),
        ("inputs: {reads: a.fa}",
         '4 jobs.a.parameters.model: demo-1.0 needs the parameter "model" ()'),
        ("parameters: {model: lg}",
         '4 jobs.a.inputs.reads: demo-1.0 needs the input "reads" ()'),
        ("inputs: {reads: a;b;c}\n    parameters: {model: lg}",
         "6 jobs.a.inputs.reads: demo-1.0 takes at most 2 values, not 3 ()"),
        ("inputs: {reads: a, pair: b}\n    parameters: {model: lg}",
         "6 jobs.a.inputs.pair: demo-1.0 takes at least 2 values, not 1 ()"),
        ("inputs: {reads: a, index: b}\n    parameters: {model: lg}",
         '6 jobs.a.inputs.index: demo-1.0 fixes the input "index" itself (remove it)'),
    ],
)  # fmt: skip
def test_bad(body: str, said: str, tmp_path: Path) -> None:
    if said == "both":
        with pytest.raises(Exception, match="both an input and a parameter"):
            checked(body, tmp_path)
        return
    assert checked(body, tmp_path) == [said]


def test_an_app_that_nobody_tells_about_is_not_checked(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("apiVersion: jobsync/v1\nproject: p\njobs: {a: {appId: other-1}}\n")
    desired = load([path])
    assert check_apps(desired, {"other-1": None}) == check_apps(desired, {}) == []


def test_a_reference_to_a_job_passes_as_any_value(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "apiVersion: jobsync/v1\nproject: p\njobs:\n  z: {appId: other-1}\n  a:\n"
        "    appId: demo-1.0\n    inputs: {reads: '${jobs.z.outputs/x}'}\n"
        "    parameters: {model: '${jobs.z.id}', threads: '${jobs.z.id}'}\n"
    )
    assert check_apps(load([path]), {"demo-1.0": APP}) == []


def test_a_pinned_run_is_not_submitted_so_its_app_need_not_take_it(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "apiVersion: jobsync/v1\nproject: p\njobs:\n  a:\n    id: 0001-007\n    appId: demo-1.0\n"
    )
    desired = load([path])
    assert check_apps(desired, {"demo-1.0": APP}, {"demo-1.0": ""}) == []
