"""The distribution is ``tapis-jobsync``: no text of ours installs by any other name."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest

import jobsync

ROOT = Path(__file__).parents[2]


def texts() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", ".", ":!tests", ":!docs/design", ":!docs/decisions"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    paths = [ROOT / name.decode() for name in listed.split(b"\0") if name]
    return [path for path in paths if path.suffix in (".md", ".py", ".toml", ".sh", ".yaml")]


def test_no_text_installs_the_package_of_a_stranger() -> None:
    found = []
    for path in texts():
        for line in path.read_text("utf-8").splitlines():
            if re.search(r"pip3? install[^`\n]*[\s'\"](jobsync)(?=[\[\s'\"`=<>@]|$)", line):
                found.append(f"{path.relative_to(ROOT)}: {line.strip()}")
    assert found == []


def test_the_metadata_is_complete() -> None:
    try:
        said = metadata("tapis-jobsync")
    except PackageNotFoundError:
        pytest.skip("installed under its former name: pip install -e '.[examples,hpc,dev]'")
    assert said["Version"] == jobsync.__version__
    assert said["License-Expression"] == "Apache-2.0" and said["Author"] == "The jobsync authors"
    words = said.json["description"]
    assert "pip uninstall jobsync" in str(words)
    links = re.findall(r"\]\(([^)]*)\)", str(words))
    assert all(link.startswith("https://") for link in links), "an index has no relative pages"


def test_the_command_knows_its_version_whatever_it_is_installed_as() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jobsync", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"jobsync {jobsync.__version__}\n"
