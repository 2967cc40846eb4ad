"""The short form of the campaign on lists that change while they are read."""

from __future__ import annotations

import pytest

from tests.campaigns.apis import CHOICES
from tests.campaigns.drifting_lists import campaign


@pytest.mark.parametrize("api", CHOICES)
def test_no_list_misses_what_was_there_all_the_time(api: str) -> None:
    assert campaign(400, 41, api) == 0
