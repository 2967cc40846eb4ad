"""A plan, and what is known of its runs, as one HTML file that loads nothing from elsewhere."""

from __future__ import annotations

from jobsync.render.page.document import as_html
from jobsync.render.page.parts import Page, page_of, with_runs

__all__ = ["Page", "as_html", "page_of", "with_runs"]
