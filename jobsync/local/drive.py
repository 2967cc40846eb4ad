"""What the engine of a service does while it runs."""

from __future__ import annotations

from enum import Enum


class Drive(str, Enum):
    """What the engine does while the service runs.

    ``STEP`` moves all jobs on; ``OBSERVE`` starts nothing new but sees what happened to what runs,
    and carries out stops; ``NONE`` leaves jobs as they are. Of several services on one state folder
    one does so at a time (:mod:`jobsync.local.leader`).
    """

    STEP = "step"
    OBSERVE = "observe"
    NONE = "none"
