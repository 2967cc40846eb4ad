"""The blocks that no test runs, each with the reason."""

from __future__ import annotations

from tests.docs.blocks import Block

NOT_RUN = {
    ("README.md", "requirements/tests.txt"): "CI runs the tests by this block itself (.ci/run)",
    ("CONTRIBUTING.md", "pre-commit install"): "installs from a package index",
    (
        "docs/clusters.md",
        "tests/slurm/up.sh",
    ): "CI starts such a cluster around all tests (.ci/run)",
    ("docs/dependencies.md", "--require-hashes"): "installs from a package index; "
    "tests/architecture/test_requirements.py checks the files",
    ("docs/reliability.md", "pytest tests/access"): "tests and campaigns themselves: CI runs the "
    "tests, which include a short form of each campaign",
}
"""By page and a part of the block."""


def why_not(block: Block) -> str:
    """Why *block* is not run; empty for one that is."""
    for (page, part), reason in NOT_RUN.items():
        if page == block.page and part in block.text:
            return reason
    return ""
