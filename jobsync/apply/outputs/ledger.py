"""The lock file as it is while outputs are being fetched: shared, thread-safe, saved in steps."""

from __future__ import annotations

from collections.abc import Collection

from jobsync.model import Address


class Ledger:
    """Who wrote which file. One per apply, for the set at *root*.

    *outputs_root* is the absolute folder that outputs go to. *declared* are all addresses of the
    set: the recorded files of an address that is not declared any more may be taken over by
    another. Make it before the first fetch; it reads ``jobsync.lock`` and raises
    :class:`~jobsync.errors.ManifestError` when that is damaged.
    """

    def __init__(self, root: str, outputs_root: str, declared: Collection[Address]) -> None:
        self.root = root
        self.outputs_root = outputs_root
        self.declared = frozenset(declared)
