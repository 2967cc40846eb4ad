"""No id, name or path from outside can make a request mean something else."""

from __future__ import annotations

import runpy
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import requests
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobsync.http.client import HttpClient, HttpSettings
from jobsync.http.messages import Repeat, Request
from jobsync.platforms.agave.urls import UnsafePath, Urls, query
from jobsync.secret import Secret

URLS = Urls("https://api.example.org")
CLIENT = HttpClient(HttpSettings("https://api.example.org"))
NASTY = [
    *("", ".", "..", "...", "/", "//", "a/..", "../b", "a/../b", "%2e%2e", "%2E.", "..%2f", "%2f"),
    *("a?b", "a#b", "a;b", "a&b=c", "a b", " a", "a ", "a\nb", "a\r\nHost: x", "\x00", "\\..\\"),
    *(
        "pems",
        "ü",
        "\u202e",
        "\ud800",
        "\uff0e\uff0e",
        "a%",
        "a%zz",
        "@host",
        "//host",
        "http://x",
        "{jobId}",
    ),
    *("a" * 128, "a" * 129, "~", "a~", "a..b", "-", "_", "+", "*", "'", '"', "<", "[x]"),
]
hostile = st.one_of(
    st.sampled_from(NASTY),
    st.text(max_size=20),
    st.text(alphabet="./%2eEfF~?#\\ab\r\n ", max_size=12),
)


def prepared(url: str) -> str:
    """What would stand on the request line: on both ways the same."""
    call = Request("GET", url)
    target = CLIENT._prepared(call, {}).path_url
    assert CLIENT._target(call) == target
    return target


@settings(deadline=None, max_examples=150)
@given(job=hostile, user=hostile)
@example(job="1-007", user="..")
@example(job="..", user="bob")
def test_a_permission_url_has_exactly_its_segments(job: str, user: str) -> None:
    try:
        url = URLS.pems_of(job, user)
    except UnsafePath:
        return
    parts = prepared(url).split("/")
    assert parts == ["", "jobs", "v2", job, "pems", user]
    assert [unquote(part) for part in parts] == parts


@settings(deadline=None, max_examples=150)
@given(path=st.one_of(hostile, st.lists(hostile, max_size=4).map("/".join)))
def test_an_output_url_has_exactly_its_segments(path: str) -> None:
    try:
        url = URLS.media("1-007", path)
    except UnsafePath:
        return
    wire = prepared(url)
    head, _, tail = wire.partition("/outputs/media/")
    assert head == "/jobs/v2/1-007"
    assert [unquote(part) for part in tail.split("/")] == path.split("/")
    assert "?" not in wire and "#" not in wire and ".." not in wire


@pytest.mark.parametrize("segment", NASTY)
def test_what_cannot_be_an_id_is_refused(segment: str) -> None:
    harmless = segment in {"pems", "a" * 128, "-", "_", "...", "a..b"}
    if harmless and not segment.startswith("."):
        assert URLS.job(segment).endswith(f"/{segment}")
    else:
        with pytest.raises(UnsafePath):
            URLS.job(segment)


def test_the_top_of_the_outputs_keeps_its_slash() -> None:
    assert URLS.listing("1-007", "").endswith("/1-007/outputs/listings/")
    assert URLS.listing("1-007", "a b/ü").endswith("/listings/a%20b/%C3%BC")


@pytest.mark.parametrize("path", ["a/..", "data..v2.csv", "x~", "", "/a", "a//b", "a/"])
def test_paths_that_the_service_would_change_are_refused(path: str) -> None:
    with pytest.raises(UnsafePath):
        URLS.media("1-007", path)


def test_query_terms_are_encoded() -> None:
    assert query({"name.eq": "a&b=c d", "limit": 2}) == "?name.eq=a%26b%3Dc%20d&limit=2"
    assert query({}) == ""


def test_a_url_that_requests_would_change_is_not_sent() -> None:
    client = HttpClient(HttpSettings("https://api.example.org"))
    for url in ("https://api.example.org/jobs/v2/a/../b", "https://api.example.org/jobs/v2/a b"):
        assert requests.Request("GET", url).prepare().url != url
        with pytest.raises(UnsafePath):
            client.send(Request("POST", url, repeat=Repeat.NEVER), Secret("Bearer x"))


def test_a_token_does_not_leave_its_base_url() -> None:
    client = HttpClient(HttpSettings("https://api.example.org/base"))
    for url in ("https://api.example.org/other", "https://api.example.org.evil/base/x"):
        with pytest.raises(UnsafePath):
            client.send(Request("POST", url, repeat=Repeat.NEVER), Secret("Bearer x"))


def test_every_url_lies_below_the_base() -> None:
    urls = Urls("https://h/b/")
    for url in (urls.jobs(), urls.me(), urls.app("a-1"), urls.token(), urls.hide("1")):
        assert url.startswith("https://h/b/") and urlsplit(url).query == ""


def test_a_small_run_of_the_campaign() -> None:
    script = Path(__file__).resolve().parents[1] / "campaigns" / "hostile_paths.py"
    assert runpy.run_path(str(script))["campaign"](5000, 7, 300) == 0
