"""Observe: ask a service all that one decision rests on, and nothing else.

Floor 4. Reads only, in parallel, through the :class:`~jobsync.backend.Reader` seam. What cannot be
read raises: an incomplete observation is never "nothing there". Only the outputs and the access
list of a single run may be handed on as :class:`~jobsync.model.Unavailable`, because that marks
the run's own address and must not hide the rest.

``questions`` knows what the planner will want to know and asks nothing; ``asker`` asks, and knows
nothing of plans; ``snapshots`` puts one after the other.
"""

from __future__ import annotations

from jobsync.observe.asker import ask_apps, ask_histories, known_apps
from jobsync.observe.owners import refuse_others, shared_by
from jobsync.observe.snapshots import lock_of, observe, service_name, with_unmanaged_access

__all__ = [
    "ask_apps",
    "ask_histories",
    "known_apps",
    "lock_of",
    "observe",
    "refuse_others",
    "service_name",
    "shared_by",
    "with_unmanaged_access",
]
