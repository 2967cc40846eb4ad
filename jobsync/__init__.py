"""jobsync keeps compute jobs on an Agave/Tapis Jobs service in step with YAML in git.

For people, in a few lines; credentials and the local service are found as the command finds them::

    with jobsync.open("manifests", target="tacc") as project:
        plan = project.plan()
        applied = project.apply(plan, wait=True)
        states = project.status()

The straight line, as functions that read no environment::

    target = jobsync.Target("tenant", base_url)
    desired = jobsync.load(["manifests"], target=target)
    with jobsync.connect(target, token) as backend:
        seen = jobsync.observe(desired, backend, jobsync.lock(desired), target)
        plan = jobsync.build(desired, seen, jobsync.PlanOptions())
        jobsync.check(plan)
        settings = jobsync.ApplySettings(state_dir)
        outcomes = jobsync.apply(plan, backend, settings, print)

Names are imported when they are first used, so that ``jobsync --help`` pays for none of them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from jobsync.apply import ApplySettings, apply, exit_code
    from jobsync.errors import JobsyncError
    from jobsync.model import DesiredState, Outcome, Plan, PlanOptions, Snapshot, Target
    from jobsync.observe import lock_of as lock
    from jobsync.observe import observe
    from jobsync.plan.build import build
    from jobsync.plan.check import check
    from jobsync.plan.reviewed import reviewed
    from jobsync.platforms.loading import connect, connect_reader, load
    from jobsync.project import Applied, Project, apply_settings
    from jobsync.project import open_project as open

_PLACES = {
    "open": ("jobsync.project", "open_project"),
    "Project": ("jobsync.project", "Project"),
    "Applied": ("jobsync.project", "Applied"),
    "apply_settings": ("jobsync.project", "apply_settings"),
    "load": ("jobsync.platforms.loading", "load"),
    "connect": ("jobsync.platforms.loading", "connect"),
    "connect_reader": ("jobsync.platforms.loading", "connect_reader"),
    "lock": ("jobsync.observe", "lock_of"),
    "observe": ("jobsync.observe", "observe"),
    "build": ("jobsync.plan", "build"),
    "check": ("jobsync.plan", "check"),
    "reviewed": ("jobsync.plan", "reviewed"),
    "apply": ("jobsync.apply", "apply"),
    "exit_code": ("jobsync.apply", "exit_code"),
    "PlanOptions": ("jobsync.plan", "PlanOptions"),
    "ApplySettings": ("jobsync.apply", "ApplySettings"),
    "DesiredState": ("jobsync.model", "DesiredState"),
    "Snapshot": ("jobsync.model", "Snapshot"),
    "Plan": ("jobsync.model", "Plan"),
    "Outcome": ("jobsync.model", "Outcome"),
    "Target": ("jobsync.model", "Target"),
    "JobsyncError": ("jobsync.errors", "JobsyncError"),
}

__all__ = [
    "open",
    "Project",
    "Applied",
    "apply_settings",
    "load",
    "connect",
    "connect_reader",
    "lock",
    "observe",
    "build",
    "check",
    "reviewed",
    "apply",
    "exit_code",
    "PlanOptions",
    "ApplySettings",
    "DesiredState",
    "Snapshot",
    "Plan",
    "Outcome",
    "Target",
    "JobsyncError",
    "__version__",
]


class _Package(ModuleType):
    """Two functions of the line share their names with the module they live in: the function wins.

    Importing ``jobsync.apply`` makes the import system set ``jobsync.apply`` to that module; this
    declines.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _PLACES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _PLACES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
