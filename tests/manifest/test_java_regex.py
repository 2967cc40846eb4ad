"""Java's expressions in Python's: the same answer, or that there is none; never a long wait."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.java_regex import LONGEST_EXPRESSION, LONGEST_TEXT, Uncheckable, found

MATCHES = [
    (r"(?i)([^\s]+(\.(bam))$)", "agave://data/x.BAM"),
    (r"([^\s]+(\.(?i)(jpg|png))$)", "x.JPG"),
    (r"^\p{Alpha}+\z", "abc"),
    (r"^\p{L}\p{Nd}$", "a1"),
    (r"^\pL+$", "ab"),
    (r"^[\p{Alnum}_.-]+$", "a_b-c.1"),
    (r"^\P{Digit}+$", "abc"),
    (r"^a++b$", "aaab"),
    (r"^(?>a+)b$", "aab"),
    (r"^(a|b){2,3}+$", "abb"),
    (r"\Qa.b\E$", "xa.b"),
    (r"^(?<first>.)\k<first>$", "xx"),
    (r"^(.)(?:.)(.)\2\1$", "axbba"),
    (r"^(?s:a.c)$", "abc"),
    (r"^(?i:A)b$", "ab"),
    (r"\x41\u0042\x{43}\0104", "ABCD"),
    (r"^\d+$", "123"),
    (r"foo(?=bar)", "foobar"),
    (r"(?<!x)y", "zy"),
    (r"^\/data\/", "/data/x"),
    ("", "anything"),
]
NO_MATCHES = [
    (r"(?i)([^\s]+(\.(bam))$)", "a.sam"),
    (r"^a++ab$", "aaab"),
    (r"^(?>a|ab)c$", "abc"),
    (r"^\p{L}+$", "a1"),
    (r"^\d+$", "\u0661"),
    (r"^[a-z]+$", "\u00e9"),
    (r"^(?i:A)b$", "aB"),
    (r"^[^/]+$", "a/b"),
]
NOT_TOLD = [
    (r"[a-z&&[^b]]", "a"),
    (r"[a-[b]]", "a"),
    (r"[]a]", "a"),
    (r"^\p{Script=Greek}+$", "a"),
    (r"^\p{L}+$", "\u00e9"),
    (r"\bx\b", "\u00e9x"),
    (r"(?i)x", "\u00c9"),
    (r"(?x) a b", "ab"),
    (r"\R", "a"),
    (r"\Gx", "x"),
    (r"a{", "a{"),
    (r"\Qab\E+", "abb"),
    (r"(?<=a*)b", "ab"),
    (r"(", "("),
    (r"a)", "a)"),
    (r"\1", "a"),
    (r"*a", "a"),
    (r"^a.c$", "a\nc"),
    (r"(a+)+$", "a" * 60 + "!"),
    (r"(a|a|a|a)*$", "a" * 40 + "!"),
    (r"^a*a*a*a*a*$", "a" * 5000 + "!"),
    ("a" * (LONGEST_EXPRESSION + 1), "a"),
    ("a", "a" * (LONGEST_TEXT + 1)),
]


@pytest.mark.parametrize(("expression", "text"), MATCHES)
def test_what_matches(expression: str, text: str) -> None:
    assert found(expression, text)


@pytest.mark.parametrize(("expression", "text"), NO_MATCHES)
def test_what_does_not_match(expression: str, text: str) -> None:
    assert not found(expression, text)


@pytest.mark.parametrize(("expression", "text"), NOT_TOLD)
def test_what_cannot_be_told_is_no_answer(expression: str, text: str) -> None:
    with pytest.raises(Uncheckable):
        found(expression, text)


@settings(deadline=None, max_examples=500)
@given(
    st.text(alphabet="ab(|)*+?.[]^$\\-{}1,p<>=:idQE", max_size=14),
    st.text(alphabet="ab-1", max_size=40),
)
def test_any_expression_gets_an_answer_or_none_and_soon(expression: str, text: str) -> None:
    began = time.perf_counter()
    try:
        answer = found(expression, text)
    except Uncheckable:
        return
    finally:
        assert time.perf_counter() - began < 5
    assert isinstance(answer, bool)


PLAIN = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", "a|b"]),
    lambda part: (
        st.builds(
            lambda inner, count: f"(?:{inner}){count}",
            part,
            st.sampled_from(["", "?", "+", "*", "{1,2}", "+?"]),
        )
        | st.builds("{}{}".format, part, part)
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=500)
@given(PLAIN, st.text(alphabet="ab1", max_size=8))
def test_what_both_languages_have_means_the_same(expression: str, text: str) -> None:
    try:
        answer = found(expression, text)
    except Uncheckable:
        return
    assert answer == (re.search(expression, text) is not None)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (r"^([a-z]+:)*[a-z]+$", "a:" * 3),
        (r"[^/]+/[^/]+x$", "ab/" * 60),
        (r"^(.*)(.*)(.*)x$", "a" * 200),
        (r"(a|aa)+$", "a" * 4 + "!"),
        (r"((a?b){1,3}){1,2}!", "ab" * 2),
    ],
)
def test_the_dearest_that_is_tried_is_quick(expression: str, text: str) -> None:
    began = time.perf_counter()
    found(expression, text)
    assert time.perf_counter() - began < 5
