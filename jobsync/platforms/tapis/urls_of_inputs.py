"""The URLs of inputs: which the service takes, and what a path in them may hold.

``tapis://`` is split by a pattern and its path normalised, never percent-decoded (tapis-v3 §4.2):
the text in a request is the name of the file.
"""

from __future__ import annotations

import re

from jobsync.manifest.messages import quoted
from jobsync.platform import Wrong

SCHEME = "tapis://"
WORKSPACE = "tapis://local/"
"""What the URLs of files in the folder of the set begin with, on the embedded service."""

_NAME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_TAPIS = re.compile(r"tapis://[A-Za-z0-9][A-Za-z0-9._-]*/.+", re.DOTALL)
_WEB = re.compile(r"https?://[^\s/?#@]+([/?#]\S*)?", re.IGNORECASE)
_LOCAL = "tapislocal://"
_TAKEN = "tapis, tapislocal, http and https"


def wrong_url(text: str) -> Wrong | None:
    """Why an input cannot have the URL *text*; None when it can."""
    scheme = _NAME.match(text)
    if scheme is None:
        hint = "write tapis://SYSTEM/PATH; tapis://local/PATH is a file beside the manifests"
        return Wrong(f"must be a URL, not {quoted(text)}", hint)
    name = scheme[1]
    if name == "agave":
        hint = f"write {SCHEME}, without %-escapes: {SCHEME}SYSTEM/PATH"
        return Wrong(f"{quoted(text)} is a URL of Agave v2", hint)
    if name == "tapis":
        return _wrong_path(text)
    if name == "tapislocal":
        return None
    if name.lower() not in ("http", "https"):
        return Wrong(f"{quoted(text)}: the service copies inputs from {_TAKEN}")
    return None if _WEB.fullmatch(text) else Wrong(f"{quoted(text)} is not a URL")


def wrong_url_of_many(text: str) -> Wrong | None:
    """The same for a URL in a list, which cannot be ``tapislocal`` (tapis-v3 §4.2)."""
    if text.startswith(_LOCAL):
        hint = "name it in fileInputs, one entry for each"
        return Wrong(f"{quoted(text)} cannot be in a list", hint)
    return wrong_url(text)


def cannot_be_named(path: str) -> str:
    """Why no URL can name the file *path* of a system; empty when one can."""
    if not path.isprintable():
        return "a control character in the path"
    return 'a ".." in the path' if ".." in path.split("/") else ""


def _wrong_path(text: str) -> Wrong | None:
    if not _TAPIS.fullmatch(text):
        return Wrong(f"{quoted(text)} is not {SCHEME}SYSTEM/PATH")
    if why := cannot_be_named(text.removeprefix(SCHEME)):
        return Wrong(f"{quoted(text)} has {why}")
    return None
