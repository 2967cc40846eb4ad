"""Globs, destinations, and what is said of what is missing or refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.model import Fetch, OutputRule, RemoteFile
from jobsync.plan.output_rules import choose_files, clashes, compile_glob


def files(*paths: str) -> list[RemoteFile]:
    return [RemoteFile(path, 1, "t") for path in paths]


def picked(rule: tuple[str, str], *paths: str) -> dict[str, str]:
    return {f.path: f.to for f in choose_files([OutputRule(*rule)], (), files(*paths)).fetches}


@pytest.mark.parametrize(
    ("glob", "yes", "no"),
    [
        ("a.txt", ["a.txt"], ["A.txt", "b/a.txt", "a.txt.x", "xa.txt"]),
        ("*.txt", ["a.txt", "x y.txt"], ["b/a.txt", ".a.txt", "a.TXT"]),
        ("out/*", ["out/a"], ["out/b/c", "out/.h", "a"]),
        ("**", ["a", "b/c", "b/c/d"], [".a", ".b/c", "b/.c"]),
        ("**/*.txt", ["a.txt", "b/a.txt", "b/c/a.txt"], ["a.md", "b/.a.txt", ".b/a.txt"]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["z", "b/a/z", "a/z/y"]),
        ("a/**/b/**/c", ["a/b/c", "a/x/b/y/z/c"], ["a/c", "a/b/x"]),
        ("plots/", ["plots/a", "plots/b/c"], ["plots", "x/plots/a"]),
        ("/a", ["a"], ["b"]),
        ("./a", ["a"], ["b"]),
        ("[ab]?.txt", ["a1.txt", "b2.txt"], ["c1.txt", "a.txt"]),
        ("[!a]", ["b"], ["a", ".b"]),
        (".log", [".log"], ["log"]),
        (".*", [".log"], ["log"]),
        ("**/.log", [".log", "a/.log"], [".a/.log"]),
        ("a+(b)", ["a+(b)"], ["aab"]),
        ("", ["a", "b/c"], [".a"]),
    ],
)
def test_globs(glob: str, yes: list[str], no: list[str]) -> None:
    compiled = compile_glob(glob)
    assert [path for path in yes if not compiled.matches(path)] == []
    assert [path for path in no if compiled.matches(path)] == []


def slow_matches(glob: list[str], path: list[str]) -> bool:
    """The same meaning, written down plainly."""
    if not glob:
        return not path
    if glob[0] == "**":
        return slow_matches(glob[1:], path) or bool(
            path and not path[0].startswith(".") and slow_matches(glob, path[1:])
        )
    pattern = re.escape(glob[0]).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    if glob[0][0] in "*?" and path and path[0].startswith("."):
        return False
    return bool(path and re.fullmatch(pattern, path[0]) and slow_matches(glob[1:], path[1:]))


segment = st.text(alphabet="ab.", min_size=1, max_size=3)
glob_segment = st.one_of(segment, st.sampled_from(["*", "**", "a*", "*b", "?", ".*"]))


@settings(deadline=None, max_examples=500)
@given(
    st.lists(glob_segment.filter(lambda s: s not in (".",)), min_size=1, max_size=5),
    st.lists(segment, min_size=1, max_size=5),
)
def test_globs_mean_what_is_written_down(glob: list[str], path: list[str]) -> None:
    plain = [*glob, "*"] if glob[-1] == "**" else glob
    compiled = compile_glob("/".join(glob))
    assert compiled.matches("/".join(path)) == slow_matches(plain, path)
    if compiled.matches("/".join(path)) and len(path) > 1:
        assert compiled.reaches_into("/".join(path[:-1]))


def test_where_files_go() -> None:
    assert picked(("out/*.aln", "r/"), "out/a.aln") == {"out/a.aln": "r/a.aln"}
    assert picked(("out/**", "r/"), "out/a", "out/b/c") == {"out/a": "r/a", "out/b/c": "r/b/c"}
    assert picked(("**/*.log", "r/"), "x/1.log") == {"x/1.log": "r/x/1.log"}
    assert picked(("a/b.txt", "r/"), "a/b.txt") == {"a/b.txt": "r/b.txt"}
    assert picked(("a/b.txt", "c.txt"), "a/b.txt") == {"a/b.txt": "c.txt"}
    assert picked(("a", "./"), "a") == {"a": "a"}
    assert picked(("a", "./x//y/"), "a") == {"a": "x/y/a"}


@pytest.mark.parametrize("to", ["../x", "/x", "a/../../x", "a\\b", "C:x", ".git/", "jobsync.lock"])
def test_a_destination_outside_is_refused(to: str) -> None:
    assert picked(("a", to), "a") == {}
    assert choose_files([OutputRule("a", to)], (), files("a")).refused[0][0] == "a"


def test_collisions_are_refused_in_a_fixed_order() -> None:
    for order in (("b/x", "a/x", "a/X"), ("a/X", "a/x", "b/x")):
        found = choose_files([OutputRule("a/*", "r/"), OutputRule("b/*", "r/")], (), files(*order))
        assert [f.path for f in found.fetches] == ["a/X"]
        assert [name for name, _ in found.refused] == ["a/x", "b/x"]


def test_the_same_file_twice_to_one_place_is_one_fetch() -> None:
    found = choose_files([OutputRule("*", "r/"), OutputRule("a", "r/")], (), files("a"))
    assert len(found.fetches) == 1 and not found.refused
    assert (
        len(choose_files([OutputRule("a", "x"), OutputRule("a", "y")], (), files("a")).fetches) == 2
    )


def test_one_file_place_takes_one_match() -> None:
    found = choose_files([OutputRule("*", "one")], (), files("a", "b"))
    assert found.fetches == () and "one of 2 files" in found.refused[0][1]


def test_a_file_that_is_expected_and_an_output_is_missed_once() -> None:
    found = choose_files([OutputRule("a", "r/")], ["a", "b"], files("x"))
    assert found.missing == (
        "output 'a' matched nothing; there are 'x'",
        "expected 'b' matched nothing; there are 'x'",
    )
    optional = choose_files([OutputRule("a", "r/", required=False)], ["a"], files("x"))
    assert optional.missing == ("expected 'a' matched nothing; there are 'x'",)


def test_missing_says_what_was_there() -> None:
    rules = [OutputRule("*.nwk", "r/"), OutputRule("*.opt", "r/", required=False)]
    found = choose_files(rules, ["x/**"], files(*"abcdefg"))
    assert found.missing == (
        "output '*.nwk' matched nothing; there are 'a', 'b', 'c', 'd', 'e' and 2 more",
        "expected 'x/**' matched nothing; there are 'a', 'b', 'c', 'd', 'e' and 2 more",
    )
    assert "no output files at all" in choose_files(rules, (), []).missing[0]
    assert (
        "write 'plots/'"
        in choose_files([OutputRule("plots", "r/")], (), files("plots/a")).missing[0]
    )


def test_folders_not_looked_into_matter_only_where_a_rule_reaches() -> None:
    closed = [RemoteFile("old~", 0, "t", is_folder=True), *files("a.txt")]
    assert choose_files([OutputRule("*.txt", "r/")], (), closed).refused == ()
    assert [n for n, _ in choose_files([OutputRule("**", "r/")], (), closed).refused] == ["old~/"]


def test_two_jobs_on_one_path_are_found() -> None:
    one, two = Fetch("a", "r/log", 1, "t"), Fetch("b", "r/LOG", 1, "t")
    found = clashes({"y": [two], "x": [one]})
    assert [(address, path) for address, path, _ in found] == [("y", "b")]
    assert "by x" in found[0][2]
    assert clashes({"x": [one], "y": [Fetch("b", "r/other", 1, "t")]}) == ()


def test_a_glob_of_many_stars_is_not_slow() -> None:
    glob = compile_glob("/".join(["**", "*a*"] * 12))
    assert not glob.matches("/".join(["a"] * 60) + "/b")
    assert not compile_glob("*a" * 30 + "b").matches("a" * 200)
