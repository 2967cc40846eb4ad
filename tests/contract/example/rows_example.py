"""The row of the example in ``tests/contract``."""

from __future__ import annotations

from jobsync.platforms import PLATFORMS
from tests.contract.rows_memory import in_memory

ROWS = {"example": in_memory(PLATFORMS["example/v1"], lambda job: dict(job.request))}
