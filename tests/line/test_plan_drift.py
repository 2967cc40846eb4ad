"""A small run of the campaign in which rows move while a plan is made."""

from __future__ import annotations

import pytest

from tests.campaigns.plan_drift import campaign


@pytest.mark.parametrize("api", ["agave/v2", "tapis/v3"])
def test_a_small_run_of_the_campaign(api: str) -> None:
    # So few plans may have more bad luck than 10,000, for which the script demands 99 %.
    assert campaign(150, 3, share=0.95, api=api) == 0
