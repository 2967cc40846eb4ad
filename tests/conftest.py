"""Generated cases are the same each time, so that a red run can be repeated.

``tests/campaigns/laws.py`` searches with fresh ones.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

settings.register_profile("fixed", derandomize=True)
settings.register_profile("fresh", derandomize=False, database=None, print_blob=True)
settings.load_profile("fixed")

os.environ.setdefault("JOBSYNC_STATE_KEY", "the key of the tests")
"""So that no test leaves a key in the account's own folder."""


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks for groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests run side by side, but those of the Slurm cluster one after the other: it is one."""
    for item in items:
        if item.get_closest_marker("slurm"):
            item.add_marker(pytest.mark.xdist_group("slurm"))
