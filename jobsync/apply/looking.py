"""Looks whether a run that has finished has produced what it must: its service does not say so."""

from __future__ import annotations

from jobsync.apply.session import Session
from jobsync.errors import ServiceError
from jobsync.model import Gate, OutputChange, RunRef
from jobsync.outputs import reasons
from jobsync.outputs.listing import walk_outputs
from jobsync.plan.output_rules import choose_files
from jobsync.structs import Struct, replace


class SeenOutputs(Struct, frozen=True):
    """What was seen of a run: what it misses, or why that cannot be told (``unread``).

    ``change`` is what is to be fetched of it, as it was listed: nobody has to list it again.
    """

    missing: tuple[str, ...] = ()
    unread: str = ""
    change: OutputChange | None = None


def look(session: Session, gate: Gate, change: OutputChange | None, run: RunRef) -> SeenOutputs:
    """List the outputs of *run* and check them against *gate*. *change* says what to fetch of
    them."""
    try:
        files = walk_outputs(session.backend, run.id)
    except ServiceError as error:
        return SeenOutputs(
            unread=reasons.outputs_unavailable(run.id, error, session.backend.platform)
        )
    missing = choose_files(gate.outputs, gate.expect, files).missing
    if change is None:
        return SeenOutputs(missing)
    chosen = choose_files(change.rules, change.expect, files)
    found = replace(
        change, run=run, files=chosen.fetches, missing=chosen.missing, refused=chosen.refused
    )
    return SeenOutputs(missing, change=found)
