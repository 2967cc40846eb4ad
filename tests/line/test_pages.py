"""Pages of the documentation: what is made is current, the site builds, and what its pages link
to and show is there."""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_what_is_made_from_the_code_is_current() -> None:
    done = subprocess.run(
        [sys.executable, DOCS / "generate.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, f"run python docs/generate.py: {done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    """The site as it is built without a network, by path; a warning is an error."""
    pytest.importorskip("material")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "http_proxy": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.relative_to(folder).as_posix(): Page(path) for path in folder.rglob("*.html")}


class Page(HTMLParser):
    """What a page of the site loads, links to and can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.folder = path.parent
        self.loads: list[str] = []
        self.links: list[str] = []
        self.images: list[str | None] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        if tag in ("script", "link", "img"):
            self.loads.append(has.get("src") or has.get("href") or "")
        if tag == "img":
            self.images.append(has.get("alt"))
        if tag == "a":
            self.links.append(has.get("href") or "")
        self.anchors.add(has.get("id") or "")


def test_the_site_loads_nothing_from_elsewhere(site: dict[str, Page]) -> None:
    assert len(site) > 40
    for name, page in site.items():
        for one in page.loads:
            assert not re.match("([a-z]+:)?//", one), f"{name}: {one}"
            path = one.partition("?")[0].lstrip("/" if name == "404.html" else "")
            assert (page.folder / path).exists(), f"{name}: {one}"


def test_every_link_and_anchor_of_the_site_leads_somewhere(site: dict[str, Page]) -> None:
    for name, page in site.items():
        for link in page.links:
            path, _, fragment = unquote(link).partition("#")
            if re.match("[a-z]+:", path) or name == "404.html":
                continue
            target = (
                os.path.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
            )
            if target.endswith(".html") or not path:
                assert target in site, f"{name}: {link}"
                assert not fragment or fragment in site[target].anchors, f"{name}: {link}"
            else:
                assert (page.folder / path).exists(), f"{name}: {link}"


def test_every_image_of_the_site_says_in_words_what_it_shows(site: dict[str, Page]) -> None:
    images = [(name, alt) for name, page in site.items() for alt in page.images]
    assert len(images) >= 3
    assert all(alt and len(alt.split()) > 3 for _, alt in images), images
