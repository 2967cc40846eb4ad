"""A short form of ``tests/campaigns/hostile_files.py``."""

from __future__ import annotations

import pytest

from tests.campaigns.hostile_files import KINDS, campaign


@pytest.mark.parametrize("kind", KINDS)
def test_no_file_of_a_stranger_keeps_a_command_busy_or_crashes_it(kind: str) -> None:
    tried, _ = campaign(kind, 1.5, seed=7)
    assert tried > 3
