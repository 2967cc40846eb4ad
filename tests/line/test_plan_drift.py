"""A small run of the campaign in which rows move while a plan is made."""

from __future__ import annotations

import runpy
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[1] / "campaigns" / "plan_drift.py"


def test_a_small_run_of_the_campaign() -> None:
    # So few plans may have more bad luck than 10,000, for which the script demands 99 %.
    assert runpy.run_path(str(SCRIPT), run_name="plan_drift")["campaign"](150, 3, share=0.95) == 0
