"""Declared outputs that the job's own ``archiveFilter`` leaves out: told before anything runs."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.java_globs import covered, disjoint, matches
from jobsync.plan.doubts import doubtful_outputs
from jobsync.plan.output_rules import compile_glob
from jobsync.platforms.tapis.archive import never_kept
from tests.tapis.sets import load_text, problems

GLOBS = st.lists(
    st.sampled_from(["a", "b", "*", "**", "?", "/", "**/", "[ab]", "[!a]", "{a,b/a}"]),
    min_size=1, max_size=5,
).map("".join)  # fmt: skip
WISHED = st.lists(
    st.sampled_from(["a", "b", "*", "a*", "?", "**", ".a"]), min_size=1, max_size=4
).map("/".join)
PATHS = [
    path
    for length in range(1, 5)
    for path in map("".join, itertools.product("ab.c/", repeat=length))
    if not path.startswith("/") and not path.endswith("/") and "//" not in path
]


@settings(deadline=None, max_examples=150)
@given(GLOBS, st.lists(GLOBS, min_size=1, max_size=3))
def test_what_is_covered_or_disjoint_is_so_for_every_path(pattern: str, globs: list[str]) -> None:
    fits = [path for path in PATHS if matches(pattern, path)]
    others = [any(matches(glob, path) for glob in globs) for path in fits]
    if covered(pattern, globs):
        assert all(others)
    if disjoint(pattern, globs):
        assert not any(others)


@settings(deadline=None, max_examples=150)
@given(WISHED, st.lists(GLOBS, min_size=1, max_size=2))
def test_no_output_is_refused_that_the_service_would_keep(wish: str, globs: list[str]) -> None:
    request = {"parameterSet": {"archiveFilter": {"excludes": [*globs]}}}
    if never_kept(request, wish):  # type: ignore[arg-type]
        meant = [path for path in PATHS if compile_glob(wish).matches(path)]
        assert all(any(matches(glob, path) for glob in globs) for path in meant)


@pytest.mark.parametrize(
    ("excludes", "path"),
    [
        ("*.log", "*.log"), ("*.log", "a.log"), ("**.log", "logs/*.log"), ("**/*.log", "**/*.log"),
        ("logs/**", "logs/"), ("logs/**", "logs/**/*.txt"), ("**/*", "**/*.txt"), ("**", "a/b"),
        ("{a,b}/*", "a/x?z"), ("*", "?.txt"), ("[a-c].txt", "b.txt"), ("REGEX:.*\\.log", "a.log"),
    ],
)  # fmt: skip
def test_an_output_that_is_excluded_is_an_error(tmp_path: Path, excludes: str, path: str) -> None:
    (told,) = problems(tmp_path, f"""
jobs:
  a:
    appId: x
    appVersion: "1"
    parameterSet: {{archiveFilter: {{excludes: [keep.txt, '{excludes}']}}}}
    outputs: [{{path: '{path}', to: x/}}]
""")  # fmt: skip
    assert told.startswith("10:"), told
    assert "jobs.a.outputs: no file that " in told and "is archived" in told
    assert f"(remove archiveFilter.excludes: [{excludes}] from a, or this pattern)" in told


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ("archiveFilter: {excludes: ['*.log']}", "**/*.log"),
        ("archiveFilter: {excludes: ['logs/*']}", "logs/"),
        ("archiveFilter: {excludes: ['?*.log']}", "*.log"),
        ("archiveFilter: {excludes: ['[!a]*']}", "*"),
        ("archiveFilter: {excludes: ['${JobUUID}/**']}", "a/b"),
        ("archiveFilter: {excludes: ['**/*']}", "tapisjob.sh"),
        ("archiveFilter: {excludes: ['REGEX:(.)\\1*[.]log']}", "a.log"),
        ("archiveFilter: {excludes: ['**/*']}}, archiveMode: NEVER, notes: {", "a.log"),
        ("archiveFilter: {excludes: ['**']}}, archiveSystemDir: '${ExecSystemOutputDir}', notes: {",
         "a.log"),
    ],
)  # fmt: skip
def test_what_may_be_there_is_no_error(tmp_path: Path, more: str, path: str) -> None:
    load_text(tmp_path, f"""
jobs:
  a: {{appId: x, appVersion: "1", parameterSet: {{{more}}}, expect: ['{path}']}}
""")  # fmt: skip


def test_launch_files_are_left_out_where_that_is_said(tmp_path: Path) -> None:
    (told,) = problems(tmp_path, """
jobs:
  a:
    appId: x
    appVersion: "1"
    parameterSet: {archiveFilter: {excludes: ["**/*"], includeLaunchFiles: false}}
    expect: [tapisjob.sh]
""")  # fmt: skip
    assert told.startswith("10:14: jobs.a.expect: no file that")


def test_what_no_include_takes_is_told_for_the_app_may_include_it(tmp_path: Path) -> None:
    desired = load_text(tmp_path, """
jobs:
  a:
    appId: x
    appVersion: "1"
    parameterSet: {archiveFilter: {includes: [quant.sf, 'res/*.txt']}}
    outputs: [{path: '**/*.bam', to: x/}, {path: 'res/', to: y/}, {path: quant.sf, to: z}]
    expect: [done]
""")  # fmt: skip
    why = (
        "no file that {} means is archived, unless the app's archiveFilter includes it: add it to "
    )
    why += "archiveFilter.includes: [quant.sf, res/*.txt]"
    assert [line.rpartition("set.yaml:")[2] for line in doubtful_outputs(desired)] == [
        "10:15: a.outputs: " + why.format("'**/*.bam'"),
        "6:3: a.expect: " + why.format("'done'"),
    ]


def test_a_hostile_filter_keeps_nobody_busy() -> None:
    began = time.monotonic()
    for glob in ("*a" * 400, "{" + ",".join("*" * n for n in range(40)) + "}", "**/" * 300):
        for pattern in ("*b" * 400, "**/a/" * 200, "?" * 900):
            assert covered(pattern, [glob] * 20) in (True, False)
            assert disjoint(pattern, [glob] * 20) in (True, False)
    assert time.monotonic() - began < 10
