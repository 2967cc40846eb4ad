"""Every kind of answer that is not the result becomes the right error with the service's words."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.errors import (
    Forbidden,
    NotFound,
    Refused,
    ServiceError,
    Throttled,
    Unauthorized,
    Unreachable,
    Unreadable,
)
from jobsync.http.messages import Response
from jobsync.platforms.agave.envelope import (
    error_of,
    fault_of,
    parse_json,
    rejected_by_gateway,
    result_of,
    sanitised,
    token_is_stale,
)

URL = "https://api.example.org/jobs/v2/1-007"
XML = (
    '<ams:fault xmlns:ams="http://wso2.org/apimanager/security"><ams:code>900904</ams:code>'
    "<ams:message>Access Token Inactive</ams:message><ams:description>Access failure for API: "
    "/jobs, version: v2 with key: abc</ams:description></ams:fault>"
)


def answer(
    status: int, body: object, kind: str = "application/json", url: str = URL, **headers: str
) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response("GET", url, status, {"content-type": kind, **headers}, content)


def said(status: int, message: str, url: str = URL) -> Response:
    return answer(status, {"status": "error", "message": message, "version": "2"}, url=url)


def gateway(status: int, code: object, message: str = "No") -> Response:
    return answer(status, {"fault": {"code": code, "message": message, "description": "d"}})


@pytest.mark.parametrize("empty", [{}, {"result": None}, {"result": {}}, {"result": ""}])
def test_no_result_is_one_thing(empty: dict[str, object]) -> None:
    assert result_of(answer(200, {"status": "success", "message": None, **empty}), {200}) is None


def test_a_result_is_given_back() -> None:
    good = answer(200, {"status": "success", "result": [1]}, "application/json; charset=UTF-8")
    assert result_of(good, {200}) == [1]
    assert result_of(answer(204, b""), {204}) is None


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer(200, b"<html>Sign in</html>", "text/html"), Unreadable),
        (answer(200, {"status": "success", "result": []}, "text/plain"), Unreadable),
        (answer(200, b"[]"), Unreadable),
        (answer(200, b""), Unreadable),
        (answer(200, {"result": []}), Unreadable),
        (answer(200, {"status": "ok", "result": []}), Unreadable),
        (answer(200, b'{"status":"success","result":[NaN]}'), Unreadable),
        (answer(200, b'{"status":"success","result":' + b"[" * 100_000), Unreadable),
        (answer(200, b'{"status":"success","result":' + b"9" * 5000 + b"}"), Unreadable),
        (answer(200, b'{"status":"success","result":["\xff"]}'), Unreadable),
        (said(200, "Nope"), Refused),
        (answer(302, b"", location="https://login"), Unreadable),
        (answer(202, {"status": "success"}), Unreadable),
    ],
)
def test_what_claims_success_in_another_form_is_never_empty(
    reply: Response, kind: type[ServiceError]
) -> None:
    with pytest.raises(kind) as caught:
        result_of(reply, {200})
    assert str(reply) in str(caught.value)


OUTPUTS = f"{URL}/outputs/listings/"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (said(404, "No job found with job id X."), NotFound),
        (said(403, "User does not have permission to view this job"), Forbidden),
        (said(401, "User does not have permission to view this resource.", OUTPUTS), Forbidden),
        (said(401, "Permission denied. No authentication credentials found."), Unauthorized),
        (said(400, "Not job found with job id X", OUTPUTS), NotFound),
        (said(400, "Invalid job id", f"{URL}/pems"), NotFound),
        (said(400, "Invalid job id X"), Refused),
        (said(400, "Invalid action kill"), Refused),
        (said(500, "Unable to locate job data."), Refused),
        (said(429, "slow down"), Throttled),
        (gateway(401, 900901, "Invalid Credentials"), Unauthorized),
        (gateway(403, 900908), Forbidden),
        (gateway(404, 900906), Refused),
        (gateway(429, 900800), Throttled),
        (gateway(503, 900804), Throttled),
        (gateway(503, 101503), Unreachable),
        (answer(401, XML.encode(), "application/xml"), Unauthorized),
        (answer(404, b"<html>nginx</html>", "text/html"), Refused),
        (answer(502, b"<html>Bad Gateway</html>", "text/html"), Unreachable),
        (answer(503, b"", "text/html"), Unreachable),
        (answer(500, b"oops", "text/html"), Refused),
    ],
)
def test_each_refusal_is_its_own_error(reply: Response, kind: type[ServiceError]) -> None:
    error = error_of(reply)
    assert type(error) is kind
    assert str(reply) in str(error) and str(reply.status) in str(error)


def test_the_words_of_the_service_are_kept() -> None:
    error = error_of(said(404, "No job found with job id X."))
    assert isinstance(error, NotFound)
    assert error.said == "No job found with job id X." and error.status == 404


def test_a_page_that_is_not_there_is_not_a_job_that_is_not_there() -> None:
    assert not isinstance(error_of(answer(404, b"<html>", "text/html")), NotFound)
    assert not isinstance(error_of(gateway(404, 900906)), NotFound)


def test_only_the_gateway_can_call_a_token_stale() -> None:
    assert token_is_stale(gateway(401, 900901))
    assert token_is_stale(gateway(401, "900903"))
    assert token_is_stale(gateway(401, 1, "Access Token Expired"))
    assert token_is_stale(answer(401, XML.encode(), "text/xml"))
    assert not token_is_stale(gateway(403, 900904))
    assert not token_is_stale(gateway(401, 900902, "Missing Credentials"))
    assert not token_is_stale(said(401, "User does not have permission to view this resource."))
    assert not token_is_stale(said(401, "Access Token Expired"))


def test_xml_and_json_faults_are_read_alike() -> None:
    xml = fault_of(answer(401, XML.encode()))
    assert xml is not None and (xml.code, xml.message) == (900904, "Access Token Inactive")
    declared = f'<?xml version="1.0" encoding="UTF-8"?>\n{XML}\n'
    assert fault_of(answer(401, declared.encode())) == xml


@pytest.mark.parametrize(
    ("status", "code", "proven"),
    [
        *((status, 900901, True) for status in (401, 403, 404, 405, 413, 415)),
        (429, 900802, True),
        *((status, 900901, False) for status in (200, 201, 400, 408, 409, 429, 500, 502, 503)),
        (401, 900800, False),
        (401, 900900, False),
        (401, 900911, False),
        (429, 900808, False),
        (401, True, False),
        (401, "x", False),
        (401, None, False),
        (401, 900901.0, False),
    ],
)
def test_the_table_of_proven_rejections_is_short(status: int, code: object, proven: bool) -> None:
    assert rejected_by_gateway(gateway(status, code)) is proven


@pytest.mark.parametrize(
    "body",
    [
        b'{"fault":{"code":900901,"message":"m"},"result":{}}',
        b'[{"fault":{"code":900901,"message":"m"}}]',
        b'{"fault":{"code":900901,"message":"m","id":"1-007"}}',
        b'{"status":"error","message":"x","fault":{"code":900901,"message":"m"}}',
        b"<html>" + XML.encode() + b"</html>",
        XML.encode() + b"<job/>",
        XML.encode().replace(b"ams:code", b"code"),
    ],
)
def test_what_only_contains_a_fault_is_not_one(body: bytes) -> None:
    assert not rejected_by_gateway(answer(401, body))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(900901),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["fault", "code", "message", "description", "status", "result", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=400)
@given(
    status=st.sampled_from([200, 201, 400, 401, 403, 404, 405, 413, 415, 429, 500, 502, 503]),
    body=st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()),
)
def test_a_random_body_is_never_a_proven_rejection(status: int, body: bytes) -> None:
    reply = answer(status, body)
    if not rejected_by_gateway(reply):
        return
    fault = json.loads(body)["fault"]  # only the one shape, which the strategy can hit
    assert fault["code"] == 900901 and isinstance(fault["message"], str)
    assert status in (401, 403, 404, 405, 413, 415)


@settings(deadline=None, max_examples=300)
@given(
    status=st.integers(200, 599),
    body=st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()),
    kind=st.sampled_from(["application/json", "text/html", "", "application/hal+json"]),
)
def test_any_answer_gives_a_result_or_a_service_error(status: int, body: bytes, kind: str) -> None:
    try:
        result_of(answer(status, body, kind), {200, 204})
    except ServiceError as error:
        assert str(error).isprintable()


def by_python(body: bytes) -> object:
    """JSON by the standard library alone, without its words that are no JSON."""

    def refuse(word: str) -> object:
        raise ValueError(word)

    return json.loads(body, parse_constant=refuse)


def told(read: Callable[[bytes], object], body: bytes) -> str:
    """The value with all its types, or that there is none."""
    try:
        return repr(read(body))
    except ValueError:
        return "not JSON"


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)
pieces = st.sampled_from(
    [
        *('{"a":', '"a":1', "}", "[", "]", ",", '"', " ", "null", "true", "NaN", "Infinity"),
        *("0", "1", "9" * 25, "-", ".", "e", "E+5", "e400"),
        *("\\", "u", "d800", "\\ud83d", "\\ude00", "\t", "\x00", "\x7f", "é", "\u2028", "\ufeff"),
    ]
)
texts = any_json.map(json.dumps) | st.lists(pieces, max_size=8).map("".join)


@settings(deadline=None, max_examples=1000)
@given(texts.map(str.encode) | texts.map(lambda text: text.encode("utf-16")) | st.binary())
def test_what_is_json_and_what_it_says_is_as_python_has_it(body: bytes) -> None:
    assert told(parse_json, body) == told(by_python, body)


@pytest.mark.parametrize(
    "text",
    [
        *("1e400", "-1e400", "1e-400", "5e-324", "0.1", "1E5", "-0", "9" * 400, "9" * 5000, "01"),
        *('"\\ud800"', '"\\u0000"', '"\t"', "NaN", "\ufeff1", "1 2", "[1,]", "", "[" * 100_000),
        '{"a":1,"b":2,"a":3}',
    ],
    ids=lambda text: text[:10],
)
def test_the_edges_of_json_are_as_python_has_them(text: str) -> None:
    if text.startswith("[["):
        with pytest.raises(ValueError, match="deeply"):
            parse_json(text.encode())
    else:
        assert told(parse_json, text.encode()) == told(by_python, text.encode())


@given(st.text(max_size=400))
def test_foreign_text_is_one_short_harmless_line(text: str) -> None:
    clean = sanitised(text)
    assert clean.isprintable() and len(clean) <= 203
