"""The engine: runs jobs as processes of this machine or as batch jobs of a Slurm cluster.

The only place that starts programs.
"""

from jobsync.local.engine.engine import Engine
from jobsync.local.engine.runners import runners
from jobsync.local.engine.settings import EngineSettings

__all__ = ["Engine", "EngineSettings", "runners"]
