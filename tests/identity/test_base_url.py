"""A base URL has one spelling; what is none is refused without showing a password."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsync.base_url import base_url
from jobsync.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("https://API.Example.org/", "https://api.example.org"),
        (" HTTPS://api.example.org//\n", "https://api.example.org"),
        ("https://api.example.org:443", "https://api.example.org"),
        ("https://api.example.org:", "https://api.example.org"),
        ("https://api.example.org.:0443", "https://api.example.org"),
        ("https://api.example.org:8443/base/", "https://api.example.org:8443/base"),
        ("https://x/../a/./b/%2e%2E/c", "https://x/a/c"),
        ("https://x/%7Ebob/A%2db", "https://x/~bob/A-b"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://LOCALHOST:80/", "http://localhost"),
        ("http://[::1]:80/", "http://[::1]"),
        ("http://[0:0:0:0:0:0:0:1]", "http://[::1]"),
        ("https://[2001:DB8::0:1]", "https://[2001:db8::1]"),
    ],
)
def test_a_base_url_has_one_spelling(text: str, spelling: str) -> None:
    assert base_url(text) == spelling
    assert base_url(spelling) == spelling


@pytest.mark.parametrize(
    "text",
    [
        *("", "api.example.org", "ftp://x", "http://api.example.org", "http://10.0.0.1"),
        *("https://user:pw@x", "https://x?y=1", "https://x#y", "https://x:99999", "https://x:0"),
        *("https://", "https://x y", "http://127.0.0.1.evil.org", "http://localhost.evil.org"),
        # What a server may take for something else than what stands there.
        *("https://x/a%2Fb", "https://x/a%20b", "https://x/%2561", "https://x/%zz", "https://x//a"),
        *("https://x/a//b", "https://x/a;b", "https://x/\u00fc", "https://x/a\\b"),
        # What a resolver takes for an address.
        *(
            "https://127.1",
            "https://0x7f.1",
            "https://2130706433",
            "https://1.2.3.08",
            "https://x..",
        ),
        *("https://\u00fc.example", "https://[::1", "https://[fe80::1%25eth0]", "https://x\x00"),
    ],
)
def test_other_base_urls_are_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        base_url(text)


@pytest.mark.parametrize("text", ["https://bob:pw@x", "ftp://bob:pw@x", "http://a:pw@b:pw@x/@"])
def test_a_password_is_not_shown(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        base_url(text)
    assert "pw" not in f"{caught.value} {caught.value.hint}"


@given(
    st.sampled_from(["https", "HTTPS"]),
    st.text("aB1-.", min_size=1, max_size=8),
    st.sampled_from(["", ":", ":443", ":8443"]),
    st.lists(st.sampled_from(["a", "B", ".", "..", "%2e", "%7E", "%2F", "x%", ""]), max_size=5),
)
def test_a_spelling_is_its_own_and_goes_to_the_same_host(
    scheme: str, host: str, port: str, parts: list[str]
) -> None:
    text = f"{scheme}://{host}{port}/" + "/".join(parts)
    try:
        spelling = base_url(text)
    except SettingsError:
        return
    assert base_url(spelling) == spelling
    assert base_url(text.replace(host, host.swapcase(), 1)) == spelling
    assert urlsplit(spelling).hostname == (urlsplit(text).hostname or "").removesuffix(".")
    assert not {".", "..", ""} & set(urlsplit(spelling).path.split("/")[1:])
