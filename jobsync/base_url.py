"""The one spelling of a service's base URL: for the request, the token, the lock, the journal, the
plan. Two spellings of one service would be two services, and a job would be submitted to each.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from urllib.parse import urlsplit

from jobsync.errors import SettingsError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_EXAMPLE = "like https://api.example.org"
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_PATH = re.compile(r"[A-Za-z0-9._~/-]*")
_NAME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")


def base_url(text: str) -> str:
    """*text* in its one spelling (RFC 3986, 6.2.2 and 6.2.3).

    Scheme and host are in lower case, the host without the dot of the root; an address is in the
    short form of its kind; there is no default port, no dot segment, no escape of a character that
    needs none, no slash at the end. Idempotent.

    Raises :class:`SettingsError` for anything but ``https://HOST[:PORT][/PATH]``; ``http`` is
    only for this machine, where nobody else can read the token. What is shown never has the user
    part of the URL in it.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise _refused(text, "is not a URL") from error
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or port == 0:
        raise _refused(text, "is not a URL")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise _refused(text, "has a user, query or fragment, which no base URL has")
    host = _host(text, parts.hostname)
    if parts.scheme == "http" and not is_loopback(host):
        raise _refused(text, "would send the token in clear: use https")
    shown = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORTS[parts.scheme]:
        shown += f":{port}"
    return f"{parts.scheme}://{shown}{_path(text, parts.path)}"


def is_loopback(host: str) -> bool:
    """Whether *host* names this machine whatever the resolver says."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(text: str, host: str) -> str:
    host = host.lower().removesuffix(".")
    with suppress(ValueError):
        if "%" not in host:  # a scope, which means something on this machine alone
            return str(ipaddress.ip_address(host))
    # The resolver takes 127.1 and 0x7f.1 for addresses: names whose last part is a number are none.
    if not _NAME.fullmatch(host) or re.fullmatch(r"[0-9]+|0x[0-9a-f]*", host.rpartition(".")[2]):
        raise _refused(text, "has no host name")
    return host


def _path(text: str, path: str) -> str:
    """Dot segments go after the escapes, in which they may hide. An empty segment is a mistake."""
    plain = _ESCAPE.sub(_unescaped, path)
    if not _PATH.fullmatch(plain):
        raise _refused(text, "has a path that no base URL has")
    kept: list[str] = []
    for part in plain.rstrip("/").split("/")[1:]:
        if not part:
            raise _refused(text, "has an empty part in its path")
        if part == "..":
            del kept[-1:]
        elif part != ".":
            kept.append(part)
    return "".join(f"/{part}" for part in kept)


def _unescaped(escape: re.Match[str]) -> str:
    """The character, where it means the same without the escape; ``%2F`` is no ``/``."""
    character = chr(int(escape[1], 16))
    return character if _PATH.fullmatch(character) and character != "/" else escape[0]


def _refused(text: str, why: str) -> SettingsError:
    shown = re.sub(r"//[^/?#]*@", "//***@", text)
    return SettingsError(f"{shown!r} {why}", hint=_EXAMPLE)
