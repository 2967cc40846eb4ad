"""A plan in words: one function and one row here for each format. Pure."""

from __future__ import annotations

from collections.abc import Callable

from jobsync.model import Plan
from jobsync.render.options import ANSI, PLAIN, Palette, RenderOptions


def _text(plan: Plan, options: RenderOptions) -> str:
    from jobsync.render.text import text

    return text(plan, options)


def _json(plan: Plan, options: RenderOptions) -> str:
    from jobsync.render.plan_json import dumps

    return dumps(plan, options)


def _markdown(plan: Plan, options: RenderOptions) -> str:
    from jobsync.render.markdown import as_markdown

    return as_markdown(plan, options)


def _html(plan: Plan, options: RenderOptions) -> str:
    from jobsync.render.page import as_html, page_of

    return as_html(page_of(plan, options))


FORMATS: dict[str, Callable[[Plan, RenderOptions], str]] = {
    "text": _text,
    "json": _json,
    "markdown": _markdown,
    "html": _html,
}
"""Every way to show a plan. Each is imported when it is asked for."""

__all__ = ["ANSI", "FORMATS", "PLAIN", "Palette", "RenderOptions"]
