"""The lock file as it is while outputs are being fetched: shared, thread-safe, saved in steps."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable

from jobsync import names
from jobsync.apply.outputs import lockfile
from jobsync.model import Address, Fetch, FetchedFile


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
        self._declared = frozenset(declared)
        self._mutex = threading.Lock()
        self._lines: dict[str, FetchedFile] = {}
        self._claims: dict[str, Address] = {}
        for file in lockfile.read(root).files:
            self._remember(file)

    def claim(self, address: Address, fetches: Iterable[Fetch]) -> dict[str, str]:
        """Take the places of *fetches* for *address*; by path, why a place cannot be taken."""
        refused: dict[str, str] = {}
        with self._mutex:
            for fetch in fetches:
                key = names.collision_key(fetch.to)
                owner = self._claims.setdefault(key, address)
                if owner != address:
                    refused[fetch.path] = f"would go to {fetch.to}, which belongs to {owner}"
        return refused

    def line(self, to: str) -> FetchedFile | None:
        """What the lock file says about the place *to*."""
        with self._mutex:
            return self._lines.get(names.collision_key(to))

    def record(self, files: Collection[FetchedFile]) -> None:
        """Note files that now lie at their places; durable on return."""
        if not files:
            return
        with self._mutex:
            lockfile.update(
                self.root, lambda lock: lockfile.changed(lock, files=files, expectations=())
            )
            for file in files:
                self._remember(file)

    def record_expectation(self, address: Address, job_id: str) -> None:
        """Note that a run has produced what its ``expect`` asks for."""
        with self._mutex:
            lockfile.update(
                self.root,
                lambda lock: lockfile.changed(lock, files=(), expectations=[(address, job_id)]),
            )

    def retire(self, address: Address, job_id: str) -> None:
        """Forget what was fetched from other runs of *address*."""
        with self._mutex:
            lockfile.update(self.root, lambda lock: lockfile.retired(lock, address, job_id))

    def _remember(self, file: FetchedFile) -> None:
        key = names.collision_key(file.to)
        self._lines[key] = file
        if file.address in self._declared:
            self._claims[key] = file.address
