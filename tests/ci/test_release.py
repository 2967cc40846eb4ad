"""What a release is built from says what the package needs, and is checked by linters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.test_requirements import listed
from tests.ci.tools import ROOT, run


def test_the_conda_recipe_needs_what_the_package_needs() -> None:
    recipe = (ROOT / "packaging/conda/recipe.yaml").read_text()
    _, _, needed = recipe.partition("  run:\n")
    found = re.findall(r"^    - (.+)$", needed.partition("\n\n")[0], re.M)
    wanted = [
        re.sub(r"^([\w.-]+)", lambda m: f"{m[1].lower()} ", one) for one in listed("dependencies")
    ]
    assert found == ["python >=3.10", *wanted]


@pytest.mark.parametrize("name", ["packaging/build.sh", ".ci/run", "requirements/update.sh"])
def test_shellcheck_finds_nothing_in_scripts(name: str) -> None:
    run("shellcheck", name)


def test_every_file_of_hashes_is_installed_with_them() -> None:
    installs = re.compile(r"pip\"? install[^\n]*requirements/\w+\.txt")
    for path in (*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob("packaging/*.sh"), *FILES):
        for line in installs.findall(path.read_text()):
            assert "--require-hashes" in line, f"{path}: {line}"


FILES: tuple[Path, ...] = (ROOT / ".ci/run", ROOT / "Containerfile", ROOT / "action.yml")
