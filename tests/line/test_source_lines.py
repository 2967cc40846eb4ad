"""Under each problem of a manifest stands its line, and a caret points at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobsync import load
from jobsync.cli.source_lines import listed
from jobsync.errors import Location, ManifestError, Problem
from jobsync.manifest import check_apps
from jobsync.model import App, AppField
from tests.line.linebench import Bench

HEAD = "apiVersion: jobsync/v1\nproject: p\n"


def excerpt(folder: Path, text: str, line: int, column: int) -> list[str]:
    path = folder / "m.yaml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return [*listed([Problem(Location(str(path), line, column), "wrong")])][1:]


@pytest.mark.parametrize(
    ("text", "line", "column", "shown"),
    [
        ("a: 1\nb: x\n", 2, 4, ["    2 | b: x", "      |    ^"]),
        ("a: 1\r\nb: x\r\n", 2, 4, ["    2 | b: x", "      |    ^"]),
        ("\ufeffa: x\n", 1, 4, ["    1 | a: x", "      |    ^"]),
        ("a: 十 x\n", 1, 6, ["    1 | a: 十 x", "      |       ^"]),
        ("a:\tx\n", 1, 4, ["    1 | a:\\tx", "      |     ^"]),
        ("a: \x1b[2J x\n", 1, 9, ["    1 | a: \\x1b[2J x", "      |            ^"]),
        ("u: https://me:secret@h/p\n", 1, 4, ["    1 | u: https://*********@h/p", "      |    ^"]),
        ("a: 1\n\n", 2, 1, []),
        ("a: 1\n", 7, 1, []),
        ("a: 1", 1, 99, ["    1 | a: 1", "      |     ^"]),
        ("a: \udcff x\n", 1, 4, ["    1 | a: \ufffd x", "      |    ^"]),
    ],
)
def test_the_line_and_the_caret(
    tmp_path: Path, text: str, line: int, column: int, shown: list[str]
) -> None:
    assert excerpt(tmp_path, text, line, column) == shown


def test_a_long_line_is_shown_around_the_place(tmp_path: Path) -> None:
    line, caret = excerpt(tmp_path, "x" * 5000 + "!" + "y" * 5000, 1, 5001)
    assert len(line) < 120 and line[caret.index("^")] == "!"


def test_a_problem_without_a_place_has_no_line(tmp_path: Path) -> None:
    assert [*listed([Problem(None, "wrong", "do this")])] == ["wrong (do this)"]
    assert [*listed([Problem(Location(str(tmp_path / "no"), 1, 1), "wrong")])] == [
        f"{tmp_path / 'no'}:1:1: wrong"
    ]


def test_validate_and_plan_show_it(bench: Bench) -> None:
    (bench.folder / "m.yaml").write_text(f"{HEAD}jobs:\n  a: {{appId: echo-1.0, inptus: {{}}}}\n")
    for command in ("validate", "plan"):
        done = bench.run(command, "--target", "local")
        assert done.code == 1
        first, line, caret, last = done.err.splitlines()
        assert first.endswith("(did you mean inputs?)")
        assert line == "    4 |   a: {appId: echo-1.0, inptus: {}}"
        assert line[caret.index("^") :].startswith("inptus")
        assert last == "1 problem in the manifests"


MATRIX = """{HEAD}variables: {{second: {{default: two}}}}
jobs:
  f:
    appId: echo-1.0
    matrix:
      n: [1, "${{var.second}}", 3]
      m: [a, b]
      include: [{{n: four, m: a}}]
    parameters: {{n: "${{matrix.n}}", s: "x${{matrix.n}}"}}
    {FIELD}
"""


def of_matrix(folder: Path, field: str) -> Path:
    path = folder / "m.yaml"
    path.write_text(MATRIX.format(HEAD=HEAD, FIELD=field))
    return path


def test_a_wrong_value_of_a_matrix_is_told_once_and_where_it_is_written(tmp_path: Path) -> None:
    number = AppField(id="n", type="number")
    app = App("echo-1.0", {}, {"n": number, "s": AppField(id="s", type="number")})
    found = check_apps(load([of_matrix(tmp_path, "protect: false")]), {"echo-1.0": app})
    by_path = {
        path: {(p.where.line, p.where.column) for p in found if p.where and path in p.message}
        for path in ("parameters.n", "parameters.s")
    }
    assert by_path == {"parameters.n": {(8, 14), (10, 17)}, "parameters.s": {(11, 36)}}
    assert len([p for p in found if "parameters.n" in p.message]) == 2, "once a value, not a run"


def test_so_is_one_that_no_service_would_take(tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        load([of_matrix(tmp_path, 'nodeCount: "${matrix.n}"')])
    places = [(p.where.line, p.where.column) for p in caught.value.problems if p.where]
    assert places == [(8, 14), (10, 17)]
