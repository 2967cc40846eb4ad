"""What an apply is told besides the plan. Nothing here is read from the environment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from jobsync.apply.audit import Audit
from jobsync.apply.clock import Clock, SystemClock
from jobsync.apply.shared.journal import Ref
from jobsync.apply.submit_protocol import SubmitLimits
from jobsync.backend import Reader
from jobsync.model import OutputChange, Run
from jobsync.outputs.result import FetchLimits, FetchResult, Progress
from jobsync.plan.reviewed import Stale
from jobsync.structs import Struct, field

Fetch = Callable[
    [Reader, OutputChange, Run, Callable[[Progress], None], Callable[[], bool]], FetchResult
]
"""Carries out one output change; its own function so that a test can do without files."""


class ApplySettings(Struct, frozen=True):
    """How to apply.

    ``state_dir``  the folder of the journal and the lock (``JOBSYNC_STATE_DIR``).
    ``wait``       seconds to wait for jobs to finish, ``math.inf`` without end, None not at all.
    ``embedded``   whether the service is this command's, and that of an earlier one ended before.
    ``submits``    how long to look for a submit whose answer was lost, and for a new id.
    ``poll``       the first and the longest pause between two looks at running jobs, in seconds.
    ``patience``   seconds for which polling may fail before the wait is given up.
    ``fetching``   limits on outputs.
    ``stale``      changes of a reviewed plan that are not carried out because something has moved.
    ``stop``       set by a signal: nothing more is sent, what is in flight is settled.
    ``audit``      called for every change that was made or tried.
    ``shared``     the ref of the shared journal, None where there is none.
    ``who``        how others are told of this apply.
    ``cold``       nothing that lasts says what was submitted before: nothing is sent until that
                   can be seen on the service.
    """

    state_dir: Path
    wait: float | None = None
    embedded: bool = False
    submits: SubmitLimits = field(default_factory=SubmitLimits)
    poll: tuple[float, float] = (1.0, 30.0)
    patience: float = 300.0
    fetching: FetchLimits = field(default_factory=FetchLimits)
    stale: tuple[Stale, ...] = ()
    stop: threading.Event = field(default_factory=threading.Event)
    audit: Audit | None = None
    shared: Ref | None = None
    who: str = ""
    cold: bool = False
    clock: Clock = field(default_factory=SystemClock)
    fetch: Fetch | None = None
