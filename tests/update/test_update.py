"""A set that an older jobsync has applied: its runs are still those of the jobs.

The names and states here were recorded with the jobsync before fingerprint scheme ``b``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from jobsync.plan.history import names_of

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "manifest"))

from corpus_cases import MANIFESTS, Case, loaded  # noqa: E402

NAMES = json.loads((HERE / "names_before.json").read_text("utf-8"))


@pytest.mark.parametrize("case", NAMES)
def test_every_name_that_was_given_is_still_known(case: str) -> None:
    rule, name = case.split("/")
    folder = MANIFESTS / "good" / rule
    path = folder / name if (folder / name).is_dir() else folder / f"{name}.yaml"
    desired = loaded(Case(rule, name, path))
    found = {address: names_of(desired, job) for address, job in desired.jobs.items()}
    pinned = {address for address, job in desired.jobs.items() if job.pinned}
    lost = [a for a, was in NAMES[case].items() if a not in pinned and was not in found[a]]
    assert not lost
