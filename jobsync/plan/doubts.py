"""Outputs that are taken or fetched although it is not sure that they are kept: told by plan and
validate."""

from __future__ import annotations

from jobsync.model import DesiredState, OutputRef
from jobsync.plan.references import in_value


def doubtful_outputs(desired: DesiredState) -> list[str]:
    """A sentence for each output that a job takes or fetches and that may not be kept, sorted."""
    told: set[str] = set()
    for job in desired.jobs.values():
        wishes = [("outputs", rule.where, rule.path) for rule in job.outputs]
        wishes += [("expect", job.where, glob) for glob in job.expect]
        for field, where, glob in wishes:
            if why := desired.platform.hardly_kept(job.request, glob):
                said = f"{job.address}.{field}: no file that {glob!r} means is archived, {why}"
                told.add(f"{where}: {said}")
        for reference in in_value({**job.request}) if job.upstream else ():
            upstream = desired.jobs.get(reference.address)
            if upstream is None or not isinstance(reference, OutputRef):
                continue
            if why := desired.platform.doubtful_output(upstream.request, reference.path):
                told.add(f"{job.address} takes {reference.path} of {upstream.address}: {why}")
    return sorted(told)
