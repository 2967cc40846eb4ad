"""What the local service remembers: one SQLite file.

WAL, one connection per thread, every write in ``BEGIN IMMEDIATE``, so that the HTTP threads, the
engine and a second process never see half of a change. A status and its history event are one
transaction; a status may only move along the table of agave-v2 §4.2. Times are epoch seconds.
"""

from __future__ import annotations

from jobsync.local.store.accounts import Accounts
from jobsync.local.store.history import History
from jobsync.local.store.jobs import Jobs
from jobsync.local.store.permissions import Permissions
from jobsync.local.store.tapis import TapisTables


class Store(Accounts, Jobs, History, Permissions, TapisTables):
    """The database at *path*. Safe to use from several threads and several processes.

    Raises :class:`Unusable` when it cannot be opened.
    """
