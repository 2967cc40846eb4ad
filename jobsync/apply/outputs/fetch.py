"""Fetch the outputs of one run: walk, select, download, verify, commit, record."""

from __future__ import annotations

from collections.abc import Callable

from jobsync.apply.outputs.ledger import Ledger
from jobsync.apply.outputs.result import FetchResult, Limits, Progress
from jobsync.backend import Reader
from jobsync.model import OutputChange, Run


def fetch_all(
    reader: Reader,
    change: OutputChange,
    run: Run,
    *,
    ledger: Ledger,
    limits: Limits,
    report: Callable[[Progress], None],
    stop: Callable[[], bool],
) -> FetchResult:
    """Carry out *change* for *run*, the run as it is now (``change.run`` may be None).

    Files that ``change.files`` names are fetched as planned; when it is None the outputs are
    walked and selected now. ``expect`` and ``required`` are judged and, when met, recorded. One
    bad file never keeps the others back, and nothing is raised for what the service or a file
    name does: read it from the result. *ledger* is shared by all changes of one apply and is
    what keeps two addresses off one path. *report* is called from several threads. Once *stop()*
    is true no new bytes are asked for; what is there is kept for the next run to go on from.

    Raises :class:`~jobsync.errors.ManifestError` for a damaged lock file and
    :class:`~jobsync.errors.SettingsError` when the folder of the outputs cannot be used.
    """
    raise NotImplementedError
