"""Generated cases are the same each time, so that a red run can be repeated.

``tests/campaigns/laws.py`` searches with fresh ones.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("fixed", derandomize=True)
settings.register_profile("fresh", derandomize=False, database=None, print_blob=True)
settings.load_profile("fixed")
