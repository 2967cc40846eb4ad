"""A plan in words: one function and one row here for each format. Pure."""

from __future__ import annotations

from collections.abc import Callable

from jobsync.model import Plan
from jobsync.render.json import json
from jobsync.render.markdown import as_markdown
from jobsync.render.options import ANSI, PLAIN, Palette, RenderOptions
from jobsync.render.text import text

FORMATS: dict[str, Callable[[Plan, RenderOptions], str]] = {
    "text": text,
    "json": json,
    "markdown": as_markdown,
}
"""Every way to show a plan."""

__all__ = ["ANSI", "FORMATS", "PLAIN", "Palette", "RenderOptions"]
