"""The one decision: from what is declared and what is there to a finished plan. Pure."""

from jobsync.model import KINDS, PlanOptions
from jobsync.plan.build import build
from jobsync.plan.check import check
from jobsync.plan.decisions import digest
from jobsync.plan.reviewed import Stale, reviewed

__all__ = ["KINDS", "PlanOptions", "Stale", "build", "check", "digest", "reviewed"]
