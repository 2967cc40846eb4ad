"""The way to a service as the environment describes it: a proxy, and certificates of one's own.

The environment is passed in; nothing here or below reads it.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

from jobsync.base_url import is_loopback

_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_NO_PROXY = ("no_proxy", "NO_PROXY")
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def proxy_for(url: str, environ: Mapping[str, str]) -> str:
    """The URL of the proxy for requests to *url*; empty for none.

    A service on this machine is always reached directly, whatever *environ* says.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or is_loopback(parts.hostname or ""):
        return ""
    exempt = {"no": _first(_NO_PROXY, environ)}
    if urllib.request.proxy_bypass_environment(parts.netloc, exempt):  # type: ignore[attr-defined]
        return ""
    proxy = _first(_PROXIES, environ)
    return proxy if "://" in proxy or not proxy else f"http://{proxy}"


def certificates(environ: Mapping[str, str]) -> str | None:
    """The file or folder of certificates to trust; None for those shipped with certifi."""
    return _first(_CERTIFICATES, environ) or None


def _first(names: tuple[str, ...], environ: Mapping[str, str]) -> str:
    return next((value for name in names if (value := environ.get(name, "").strip())), "")
