"""Outputs that are taken although it is not sure that they are kept: told by plan and validate."""

from __future__ import annotations

from jobsync.model import DesiredState, OutputRef
from jobsync.plan.references import in_value


def doubtful_outputs(desired: DesiredState) -> list[str]:
    """A sentence for each output that a job takes and whose own job may not keep it, sorted."""
    told: set[str] = set()
    for job in desired.jobs.values():
        for reference in in_value({**job.request}):
            upstream = desired.jobs.get(reference.address)
            if upstream is None or not isinstance(reference, OutputRef):
                continue
            if why := desired.platform.doubtful_output(upstream.request, reference.path):
                told.add(f"{job.address} takes {reference.path} of {upstream.address}: {why}")
    return sorted(told)
