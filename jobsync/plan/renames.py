"""Jobs under other names: what a plan says of runs with a former name or an older fingerprint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jobsync.identity import OLD_SCHEME, SCHEME_SINCE, RunName
from jobsync.model import Address, DeclaredJob, DesiredState, Run
from jobsync.plan.history import History, fingerprints


def former_name(project: str, job: DeclaredJob, run: Run) -> str:
    """What *job* was called when *run* was made, as ``formerly`` has it; empty for its own name."""
    name = RunName.parse(run.name)
    if job.pinned or name is None or (name.project, name.address) == (project, job.address):
        return ""
    was = _as_written(name.address, job)
    return was if name.project == project else f"{name.project}/{was}"


def former_note(project: str, job: DeclaredJob, run: Run) -> tuple[str, ...]:
    """That *run* is current under a former name, so that ``formerly`` has to stay; else nothing."""
    was = former_name(project, job, run)
    return (f"was {was}: keep formerly as long as that run is current",) if was else ()


def _as_written(was: Address, job: DeclaredJob) -> str:
    """The address *was* without the matrix values that *job* has too."""
    _, dot, values = job.address.partition(".")
    return was.removesuffix(dot + values) if dot else was


def twins(job: DeclaredJob, undeclared: Iterable[Run]) -> tuple[Run, ...]:
    """The runs that no manifest declares and that are just what *job* would be."""
    marks = fingerprints(job)
    return tuple(
        run
        for run in undeclared
        if (name := RunName.parse(run.name)) is not None and name.fingerprint in marks
    )


def renamed_notes(job: DeclaredJob, undeclared: Iterable[Run]) -> tuple[str, ...]:
    """What speaks for the new *job* being an old one that was renamed."""
    names = (RunName.parse(run.name) for run in twins(job, undeclared))
    known = sorted({name.address for name in names if name is not None})
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
    """To write ``requires``, once there are runs of the scheme before.

    A jobsync that does not know this scheme would not find the runs made with it.
    """
    if desired.requires or not any(
        (name := RunName.parse(run.name)) is not None and name.fingerprint.startswith(OLD_SCHEME)
        for address, job in desired.jobs.items()
        if job.pinned is None
        for run in histories[address].exact
    ):
        return ()
    return (
        "some runs were made by an older jobsync, which does not know the names of new ones and "
        f'would submit their jobs again: write requires: ">={SCHEME_SINCE}" into the set',
    )
