"""The HTML of a page. Door of jinja2: every text goes through the one escaper on its way.

The page loads nothing. Its policy lets only its own style and script act, known by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from jinja2 import Environment, StrictUndefined

from jobsync.render.escape import terminal
from jobsync.render.graph.svg import DRAWING_STYLE
from jobsync.render.page.parts import Page


def as_html(page: Page) -> str:
    """*page* as one file."""
    style, script = DRAWING_STYLE + _read("style.css"), _read("script.js")
    environment = Environment(
        autoescape=True,
        finalize=_safe,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.from_string(_read("page.html")).render(
        page=page, style=style, script=script, hashes=(_hash(style), _hash(script))
    )


def _safe(value: object) -> object:
    """What the template writes: texts of ours as they are, all others fit for one line."""
    return value if hasattr(value, "__html__") or isinstance(value, int) else terminal(str(value))


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
