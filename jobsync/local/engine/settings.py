"""What an engine is made of."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from jobsync.local.apps.registry import Apps
from jobsync.local.engine.runner import Runner
from jobsync.local.storage.files import Storage
from jobsync.local.storage.systems import Systems
from jobsync.structs import Struct


class EngineSettings(Struct, frozen=True):
    """What an engine works with. ``runners`` has one runner for each system, by name.

    ``dialect`` decides what a stopped job ends as (agave-v2 §4.4, §9).
    """

    systems: Systems
    apps: Apps
    storage: Storage
    runners: Mapping[str, Runner]
    dialect: str = "agave"
    clock: Callable[[], float] = time.time
