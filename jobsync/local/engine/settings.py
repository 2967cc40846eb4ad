"""What an engine is made of."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from jobsync.local.engine.runner import Runner
from jobsync.local.engine.workload import Workloads
from jobsync.local.storage.systems import Systems
from jobsync.structs import Struct


class EngineSettings(Struct, frozen=True):
    """What an engine works with: one runner for each system by name, one workload for each api."""

    systems: Systems
    workloads: Workloads
    runners: Mapping[str, Runner]
    clock: Callable[[], float] = time.time
