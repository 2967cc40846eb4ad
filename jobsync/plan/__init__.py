"""The one decision: from what is declared and what is there to a finished plan. Pure."""

from jobsync.model import KINDS
from jobsync.plan.build import build
from jobsync.plan.check import check
from jobsync.plan.options import PlanOptions

__all__ = ["KINDS", "PlanOptions", "build", "check"]
