"""What is installed by hash, what ``pyproject.toml`` asks for and what the documents say agree."""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "requirements"
PROJECT = (ROOT / "pyproject.toml").read_text("utf-8")


def listed(name: str) -> list[str]:
    """The strings of the list *name* of ``pyproject.toml``; Python 3.10 has no reader of TOML."""
    [body] = re.findall(rf"^{name} = \[(.*?)\]$", PROJECT, re.MULTILINE | re.DOTALL)
    return re.findall(r'"([^"]+)"', body)


BUILD = listed("requires")
OPTIONAL = PROJECT.split("[project.optional-dependencies]")[1].split("\n[")[0]
EXTRAS = {name: listed(name) for name in re.findall(r"^([\w-]+) = \[", OPTIONAL, re.MULTILINE)}
ALWAYS = [*listed("dependencies"), *BUILD]
WANTED = {
    "tests.txt": [*ALWAYS, *(text for texts in EXTRAS.values() for text in texts)],
    "run.txt": [*ALWAYS, *EXTRAS["hpc"], *EXTRAS["socks"]],
}
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
SYSTEMS = {"linux": "Linux", "darwin": "Darwin"}


@cache
def chosen(name: str) -> tuple[tuple[Requirement, int], ...]:
    """Each line of the file *name*, and how many hashes it has."""
    text = (FOLDER / name).read_text("utf-8").replace("\\\n", " ")
    found = []
    for line in text.splitlines():
        said, *hashes = re.split(r"\s+--hash=sha256:", line.rstrip())
        assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in hashes), said
        found.append((Requirement(said), len(hashes)))
    return tuple(found)


def versions(name: str, python: str, system: str) -> dict[str, str]:
    """The release of each package of the file *name* for one Python on one system."""
    where = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": system,
        "platform_system": SYSTEMS[system],
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    return {
        canonicalize_name(one.name): str(one.specifier).removeprefix("==")
        for one, _ in chosen(name)
        if not one.marker or one.marker.evaluate({**where, "extra": ""})
    }


@pytest.mark.parametrize("name", WANTED)
def test_every_release_has_hashes_and_no_address(name: str) -> None:
    text = (FOLDER / name).read_text("utf-8")
    assert "://" not in text and "index" not in text and "find-links" not in text
    for one, hashes in chosen(name):
        assert re.fullmatch(r"==[^*]+", str(one.specifier)) and not one.url, one
        assert hashes, f"{one} has no hash"


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("name", WANTED)
def test_what_is_asked_for_is_chosen(name: str, system: str, python: str) -> None:
    found = versions(name, python, system)
    for text in WANTED[name]:
        one = Requirement(text)
        release = found.get(canonicalize_name(one.name))
        assert release, f"{name} lacks {one.name}: run requirements/update.sh"
        assert one.specifier.contains(release), f"{name} has {one.name} {release}, not {one}"
    assert (
        versions("run.txt", python, system).items() <= versions("tests.txt", python, system).items()
    )


def installed_needs(name: str) -> list[str]:
    """What the installed package *name* needs; nothing where it is not installed, as setuptools."""
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


def test_what_is_needed_in_turn_is_chosen() -> None:
    """Asked of the packages that are installed here."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = versions("tests.txt", python, "darwin" if sys.platform == "darwin" else "linux")
    open_, seen = [Requirement(text) for text in WANTED["tests.txt"]], set[str]()
    while open_:
        one = open_.pop()
        name = canonicalize_name(one.name)
        assert name in found, f"requirements/tests.txt lacks {name}: run requirements/update.sh"
        if name not in seen:
            seen.add(name)
            for text in installed_needs(name):
                more = Requirement(text)
                extras = one.extras or {""}
                if not more.marker or any(more.marker.evaluate({"extra": e}) for e in extras):
                    open_.append(more)


def test_the_build_needs_what_the_project_says() -> None:
    assert (FOLDER / "build.in").read_text().split() == BUILD


def test_the_documents_say_every_lower_bound() -> None:
    """Of the packages for development, only those that have one because of an advisory."""
    page = (ROOT / "docs/dependencies.md").read_text("utf-8")
    rows = re.findall(r"^\| ([\w-]+) \| ([0-9.]+) \|", page, re.MULTILINE)
    said = {canonicalize_name(name): Version(version) for name, version in rows}
    asked = {}
    for text in WANTED["tests.txt"]:
        one = Requirement(text)
        bounds = [Version(part.version) for part in one.specifier if part.operator == ">="]
        asked[canonicalize_name(one.name)] = max(bounds, default=None)
    assert {name: asked.get(name) for name in said} == said
    users = {text for kind, texts in EXTRAS.items() if kind != "dev" for text in texts}
    missing = {
        canonicalize_name(Requirement(text).name) for text in [*ALWAYS, *users]
    } - said.keys()
    assert not missing


def test_the_readme_installs_by_hash() -> None:
    """CI runs that block."""
    block = (ROOT / "README.md").read_text("utf-8").split("```sh\n")[2].split("```")[0]
    assert "--require-hashes -r requirements/tests.txt" in block
    assert block.rstrip().endswith("pytest")
