"""A job that takes the files of a whole matrix: plans and texts do not grow with it."""

from __future__ import annotations

from jobsync.model import OutputRef
from jobsync.plan.reasons import anew
from jobsync.render.values import shown


def test_files_of_many_runs_of_one_job_are_one_item() -> None:
    refs = [OutputRef(f"fit.{number}", "score.txt") for number in range(1000)]
    assert shown(refs) == '["${jobs.fit[*].outputs/score.txt}" of 1000 jobs]'
    assert shown([*refs, "agave://x/y"]) == (
        '["${jobs.fit[*].outputs/score.txt}" of 1000 jobs, "agave://x/y"]'
    )
    few = [OutputRef(f"fit.{number}", "a") for number in range(2)]
    assert shown(few) == '["${jobs.fit.0.outputs/a}", "${jobs.fit.1.outputs/a}"]'
    mixed = [*few, OutputRef("fit.0", "b"), OutputRef("other", "a")]
    assert shown(mixed).count("${") == 4, "another file, or of another job, is another item"


def test_many_jobs_that_run_again_are_one_note() -> None:
    addresses = tuple(f"fit.{number}" for number in range(12))
    assert anew((*addresses, "gen")) == (
        "takes outputs of fit (12 jobs), which will run again",
        "takes outputs of gen, which will run again",
    )
    assert anew(addresses[:2]) == (
        "takes outputs of fit.0, which will run again",
        "takes outputs of fit.1, which will run again",
    )
