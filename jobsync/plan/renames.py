"""Jobs under other names: what a plan says of runs with a former name or an older fingerprint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jobsync.model import Address, DeclaredJob, DesiredState, Mark, Run
from jobsync.plan.history import History, is_before, is_of
from jobsync.platform import Platform


def former_name(desired: DesiredState, job: DeclaredJob, run: Run) -> str:
    """The name that *job* had when *run* was made, by ``formerly``; empty for its present name."""
    mark, project = desired.platform.read_mark(run.name), desired.project
    if job.pinned or mark is None or mark.job == (project, job.address):
        return ""
    was = _as_written(mark.address, job)
    return was if mark.project == project else f"{mark.project}/{was}"


def former_note(desired: DesiredState, job: DeclaredJob, run: Run) -> tuple[str, ...]:
    """A note that *run* is current under a former name, so ``formerly`` must stay; else nothing."""
    was = former_name(desired, job, run)
    return (f"was {was}: keep formerly as long as that run is current",) if was else ()


def _as_written(was: Address, job: DeclaredJob) -> str:
    """The address *was* without the matrix values that *job* has too."""
    _, dot, values = job.address.partition(".")
    return was.removesuffix(dot + values) if dot else was


def find_twins(platform: Platform, job: DeclaredJob, undeclared: Iterable[Run]) -> dict[str, Mark]:
    """The undeclared runs with exactly the meaning of *job*, by their ids."""
    marks = ((run.id, platform.read_mark(run.name)) for run in undeclared)
    return {
        run_id: mark for run_id, mark in marks if mark and is_of(platform, job, mark.fingerprint)
    }


def renamed_notes(
    platform: Platform, job: DeclaredJob, undeclared: Iterable[Run]
) -> tuple[str, ...]:
    """Notes that the new *job* may be an old one under a new name."""
    known = sorted({mark.address for mark in find_twins(platform, job, undeclared).values()})
    notes = [
        f"looks like {was} renamed: add formerly: [{_as_written(was, job)}] to keep that run"
        for was in known
    ]
    if job.older is None:
        notes.append(
            "the jobs whose outputs it uses have too many former names: jobsync does not "
            "recognise runs that an older version submitted"
        )
    return tuple(notes)


def advice(desired: DesiredState, histories: Mapping[Address, History]) -> tuple[str, ...]:
    """Advice to write ``requires``, once there are runs of the previous fingerprint scheme.

    A jobsync that does not know the present scheme would not find the runs made with it.
    """
    platform = desired.platform
    if desired.requires or not any(
        (mark := platform.read_mark(run.name)) is not None and is_before(platform, mark.fingerprint)
        for address, job in desired.jobs.items()
        if job.pinned is None
        for run in histories[address].exact
    ):
        return ()
    return (
        "some runs were made by an older jobsync, which does not know the names of new ones and "
        f'would submit their jobs again: write requires: ">={platform.scheme_since}" into the set',
    )
