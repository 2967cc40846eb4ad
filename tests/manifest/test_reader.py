"""The reader: values, places, and limits."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.manifest.source_map import Raw
from jobsync.manifest.writer import dump
from jobsync.manifest.yaml_reader import DEPTH_LIMIT, SIZE_LIMIT, read
from jobsync.manifest.yaml_scalars import OutOfRange, is_text, plain

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=25,
)


def value_of(text: str) -> Raw:
    document = read(text.encode(), "x.yaml")
    assert not document.problems, document.problems
    return document.value


def same(one: object, other: object) -> bool:
    """Equal, and of equal types: 1, 1.0 and true are different."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@settings(deadline=None, max_examples=400)
@given(JSON)
def test_any_json_value_survives_our_writer(value: Raw) -> None:
    assert same(value_of(dump(value)), value)


@settings(deadline=None, max_examples=400)
@given(JSON)
def test_any_json_text_is_read_as_json_reads_it(value: Raw) -> None:
    text = json.dumps({"value": value}, ensure_ascii=False)
    document = read(text.encode(), "x.yaml")
    if document.problems:
        # JSON lets through raw what YAML cannot hold: refused, never misread.
        odd = "\x7f\u2028\u2029\ufeff\ufffe\uffff"
        assert any(c in odd or 0x80 <= ord(c) < 0xA0 for c in text), document.problems
    else:
        assert same(document.value, json.loads(text))


@settings(deadline=None, max_examples=300)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_is_a_value_or_a_problem_with_a_place(text: str) -> None:
    for problem in read(text.encode(), "x.yaml").problems:
        assert problem.where is not None
        assert 1 <= problem.where.line <= text.count("\n") + text.count("\r") + 3
        assert problem.where.column >= 1


def test_a_quoted_key_does_not_hide_the_merges_after_it() -> None:
    text = "'<<': 1\nbase: &base {x: 1}\nmore: {<<: *base, y: 2}\n"
    assert value_of(text) == {"<<": 1, "base": {"x": 1}, "more": {"y": 2, "x": 1}}


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_without_an_exception(data: bytes) -> None:
    read(data, "x.yaml")


@settings(deadline=None, max_examples=200)
@given(JSON)
def test_we_agree_with_the_safe_loader_on_json(value: Raw) -> None:
    text = json.dumps(value)
    if "\\u" in text or "<<" in text:
        return  # JSON's surrogate pairs; and CSafeLoader merges a quoted <<
    ours = read(text.encode(), "x.yaml")
    if not ours.problems:
        theirs = yaml.load(text, Loader=yaml.CSafeLoader)
        assert _comparable(ours.value) == _comparable(theirs)


def _comparable(item: object) -> object:
    if isinstance(item, dict):
        return {key: _comparable(one) for key, one in item.items()}
    if isinstance(item, list):
        return [_comparable(one) for one in item]
    # YAML 1.1 leaves 1e3 text: that trap is ours to mend.
    return float(item) if isinstance(item, str) and _is_float(item) else item


def _is_float(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and "e" in text.lower()
    except ValueError:
        return False


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("null", None), ("true", True), ("false", False),
        ("0", 0), ("-0", 0), ("17", 17), ("0.5", 0.5), ("1e3", 1000.0), ("1.5E+10", 1.5e10),
        ("12:30:00", "12:30:00"), ("no", "no"), ("on", "on"), ("010", "010"), ("1_000", "1_000"),
        ("2020-01-01", "2020-01-01"), ("2024-13-45", "2024-13-45"), (".nan", ".nan"), ("y", "y"),
        ("~", "~"), ("0x10", "0x10"), ("+1", "+1"), ("1.", "1."), ("Null", "Null"),
    ],
)  # fmt: skip
def test_plain_scalars(text: str, value: object) -> None:
    assert plain(text) == value
    assert type(plain(text)) is type(value)
    assert is_text(text) == isinstance(value, str)


@pytest.mark.parametrize("text", ["1e999", "-1e999", "9" * 5000, "0." + "1" * 5000])
def test_numbers_that_cannot_be_kept(text: str) -> None:
    with pytest.raises(OutOfRange):
        plain(text)


def test_every_key_and_value_has_its_place() -> None:
    text = 'a: 1\nb:\n  - x\n  - {c: "d",\n     e: [f]}\nüö: 2\n'
    document = read(text.encode(), "f.yaml")
    places, root = document.places, document.value
    assert isinstance(root, dict)
    assert str(places.key(root, "b")) == "f.yaml:2:1"
    assert str(places.value(root, "a")) == "f.yaml:1:4"
    items = root["b"]
    assert isinstance(items, list)
    assert str(places.item(items, 0)) == "f.yaml:3:5"
    inner = items[1]
    assert isinstance(inner, dict)
    assert str(places.key(inner, "e")) == "f.yaml:5:6"
    assert str(places.value(inner, "c")) == "f.yaml:4:9"
    assert str(places.value(root, "üö")) == "f.yaml:6:5"


def test_places_of_merged_and_aliased_keys_are_where_they_were_written() -> None:
    document = read(b"a: &x {q: 1}\nb:\n  r: 2\n  <<: *x\nc: *x\n", "f")
    root = document.value
    assert isinstance(root, dict)
    assert root == {"a": {"q": 1}, "b": {"r": 2, "q": 1}, "c": {"q": 1}}
    merged, aliased = root["b"], root["c"]
    assert isinstance(merged, dict)
    assert isinstance(aliased, dict)
    assert str(document.places.value(merged, "q")) == "f:1:11"
    assert str(document.places.key(merged, "r")) == "f:3:3"
    assert str(document.places.value(aliased, "q")) == "f:1:11"


def test_places_in_a_large_mapping_are_found_by_an_index() -> None:
    text = "".join(f"k{n}: {n}\n" for n in range(500))
    document = read(text.encode(), "f")
    assert isinstance(document.value, dict)
    lines = [document.places.key(document.value, f"k{n}").line for n in range(500)]
    assert lines == list(range(1, 501))
    assert str(document.places.key(document.value, "absent")) == "f:1:1"


def test_own_keys_beat_merged_ones_wherever_they_stand() -> None:
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  <<: [*x, *y]\n  a: 0\n"
    root = value_of(text)
    assert isinstance(root, dict)
    assert root["z"] == {"a": 0, "b": 1, "c": 2}


def test_depth_up_to_the_limit_is_read() -> None:
    assert value_of("[" * DEPTH_LIMIT + "]" * DEPTH_LIMIT)
    document = read(("[" * (DEPTH_LIMIT + 1)).encode(), "f")
    assert "nested" in document.problems[0].message


def test_a_hundred_thousand_brackets_do_no_harm() -> None:
    for text in (b"[" * 100_000, b"- " * 100_000):
        assert "nested" in read(text, "f").problems[0].message
    assert read(b"{a: " * 100_000, "f").problems


def test_a_file_over_the_limit_is_refused_before_it_is_parsed() -> None:
    document = read(b"a" * (SIZE_LIMIT + 1), "f")
    assert "larger than 32 MiB" in document.problems[0].message


def test_a_billion_laughs_are_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    document = read("\n".join(lines).encode(), "f")
    assert "expand to more than" in document.problems[0].message


def test_aliases_within_the_budget_are_free() -> None:
    text = "base: &b {a: 1, b: 2}\nall:\n" + "".join(f"  k{n}: *b\n" for n in range(20_000))
    root = value_of(text)
    assert isinstance(root, dict)
    assert isinstance(root["all"], dict)
    assert len(root["all"]) == 20_000


def test_reading_goes_on_after_problems() -> None:
    text = "a: 1\na: 2\nb: !!int 3\n1: x\nc: {d: 1, d: 2}\ne: 1e999\n"
    messages = [str(problem) for problem in read(text.encode(), "f").problems]
    places = ["f:2:1", "f:3:4", "f:4:1", "f:5:11", "f:6:4"]
    assert [message.split(": ")[0] for message in messages] == places


def test_no_traceback_for_deep_nesting_in_another_process() -> None:
    code = (
        "from jobsync.manifest.yaml_reader import read\n"
        "print(read(b'? ' * 50_000, 'f').problems[0].message)\n"
        "print(read(b'&a [' * 60_000, 'f').problems[0].message)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert not result.stderr
