"""Jobs under other names: what a plan says of runs with a former name or an older fingerprint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jobsync.identity import OLD_SCHEME, SCHEME_SINCE, RunName
from jobsync.model import Address, DeclaredJob, DesiredState, Run
from jobsync.plan.history import History, fingerprints


def former_note(project: str, job: DeclaredJob, run: Run) -> str:
    """That *run* of *job* has a former name, so that ``formerly`` has to stay; else empty.

    What a run is called that is not of this very fingerprint does not matter.
    """
    name = RunName.parse(run.name)
    if job.pinned or name is None or name.fingerprint not in fingerprints(job):
        return ""
    if (name.project, name.address) == (project, job.address):
        return ""
    was = name.address if name.project == project else f"{name.project}/{name.address}"
    return f"was {was}: keep formerly as long as run {run.id} is current"


def twins(job: DeclaredJob, undeclared: Iterable[Run]) -> tuple[Run, ...]:
    """The runs that nothing declares and that are just what *job* would be."""
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
    _, dot, values = job.address.partition(".")
    formers = {
        was: was.removesuffix(dot + values) if dot and was.endswith(dot + values) else was
        for was in known
    }
    notes = [
        f"looks like {was} renamed: with formerly: [{former}] it keeps that run"
        for was, former in formers.items()
    ]
    if job.older is None:
        notes.append(
            "what it takes outputs of has too many former names: runs that an older jobsync made "
            "of it are not recognised"
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
