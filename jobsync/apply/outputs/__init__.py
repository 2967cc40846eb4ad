"""Fetching what jobs produced: walk, download, verify, commit, and remember in ``jobsync.lock``.

::

    ledger = Ledger(plan.root, plan.outputs_root, declared=[state.address for state in plan.states])
    result = fetch_all(backend, change, run, ledger=ledger, limits=Limits(), report=..., stop=...)
    result.result, result.exit_code, result.detail

``lockfile.load(root, outputs_root)`` gives the recorded files and expectations for a snapshot.
"""

from jobsync.apply.outputs.fetch import fetch_all
from jobsync.apply.outputs.ledger import Ledger
from jobsync.apply.outputs.result import FetchResult, Limits, Progress

__all__ = ["fetch_all", "Ledger", "Limits", "Progress", "FetchResult"]
