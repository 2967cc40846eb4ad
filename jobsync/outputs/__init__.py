"""What jobs produced: listed, fetched, checked, and remembered in ``jobsync.lock``.

::

    ledger = Ledger(plan.root, plan.outputs_root, declared=[state.address for state in plan.states])
    result = fetch_all(
        backend, change, run, ledger=ledger, limits=FetchLimits(), report=..., stop=...
    )
    result.result, result.exit_code, result.detail

``lockfile.load_lockfile(root, outputs_root)`` gives the recorded files and expectations
for a snapshot.
"""
