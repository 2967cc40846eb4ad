"""The kinds of services, one folder each, and their table: a new one is a folder and a row."""

from __future__ import annotations

from collections.abc import Mapping

from jobsync.platform import Platform
from jobsync.platforms.agave.platform import AGAVE

PLATFORMS: Mapping[str, Platform] = {one.name: one for one in (AGAVE,)}
"""By the name that ``api:`` of a target says. The first is meant where it says none."""
