"""A runner for each configured system."""

from __future__ import annotations

from collections.abc import Mapping

from jobsync.local.engine.fork import Fork, job_environment
from jobsync.local.engine.runner import Runner
from jobsync.local.storage.systems import System, Systems


def runners(systems: Systems, environment: Mapping[str, str]) -> dict[str, Runner]:
    """One runner for each system. *environment* is the service's own; jobs see little of it.

    Raises :class:`~jobsync.errors.LocalServiceError` when a system needs an extra that is missing.
    """
    return {name: _runner(system, environment) for name, system in systems.by_name.items()}


def _runner(system: System, environment: Mapping[str, str]) -> Runner:
    job = job_environment(environment)
    if system.engine == "fork":
        return Fork(job)
    from jobsync.local.engine.slurm import Slurm, slurm_environment

    return Slurm(slurm_environment(environment, job))
