"""The lock file as it is while outputs are being fetched: shared, thread-safe, saved in steps."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

from jobsync import filenames
from jobsync.destinations import Destinations, root_refusal, typed_refusal
from jobsync.errors import SettingsError
from jobsync.in_groups import InGroups
from jobsync.lock_format import Lock
from jobsync.manifest import find_destinations
from jobsync.model import Address, Fetch, FetchedFile
from jobsync.outputs import lockfile
from jobsync.searched import SUFFIXES, Searched


class FetchRecord(Protocol):
    """What fetching needs to know of places that are taken, and where it records its files."""

    @property
    def outputs_root(self) -> str:
        """The absolute folder below which outputs are put."""

    def claim(self, address: Address, fetches: Iterable[Fetch]) -> dict[str, str]:
        """Reserve the places of *fetches* for *address*.

        Returns, by path, the reason for each place that cannot be reserved.
        """

    def lines(self, to: str) -> tuple[FetchedFile, ...]:
        """The recorded files at the place *to*, earlier runs and merged branches included."""

    def recorded(self, job_id: str, path: str) -> tuple[FetchedFile, ...]:
        """The recorded files for output *path* of a run, under whatever address they were
        recorded."""

    def of_others(self, to: str) -> str:
        """The run of another target whose file is recorded at the place *to*; empty for none."""

    def record(self, files: Collection[FetchedFile]) -> None:
        """Record files that now stand in their places. The record is on the disk on return."""

    def record_expectation(self, address: Address, job_id: str) -> None:
        """Record that a run has produced what its ``expect`` requires."""

    def retire(self, address: Address, job_id: str) -> None:
        """Record that files from other runs of *address* are superseded by those of *job_id*."""


class Unrecorded:
    """The record for files that a person asked for by hand: nothing is looked up or recorded.

    *root* is the folder of the set, in which such files may not be taken for manifests. Raises
    :class:`SettingsError` for a folder to which nothing may be fetched.
    """

    def __init__(self, root: str, outputs_root: str) -> None:
        self.outputs_root = outputs_root
        _permit(outputs_root, typed_refusal(os.path.realpath(outputs_root)))
        self._judge = _Judge(root, outputs_root, ())

    def claim(self, address: Address, fetches: Iterable[Fetch]) -> dict[str, str]:
        return self._judge.refused(fetches)

    def lines(self, to: str) -> tuple[FetchedFile, ...]:
        return ()

    def recorded(self, job_id: str, path: str) -> tuple[FetchedFile, ...]:
        return ()

    def of_others(self, to: str) -> str:
        return ""

    def record(self, files: Collection[FetchedFile]) -> None:
        pass

    def record_expectation(self, address: Address, job_id: str) -> None:
        pass

    def retire(self, address: Address, job_id: str) -> None:
        pass


class Ledger:
    """Which address wrote which file. One for each apply, for the set at *root*.

    *outputs_root* is the absolute folder of the outputs. *declared* has all addresses of the set:
    recorded files of an address that is no longer declared may be taken over by another. *closed*
    are folders of state, to which nothing is fetched. *is_ours* tells the ids of runs that the
    service in use can have made: what is recorded of others is another target's. Make it before
    the first fetch: it reads ``jobsync.lock`` and raises :class:`~jobsync.errors.ManifestError`
    when that is damaged.
    """

    def __init__(
        self,
        root: str,
        outputs_root: str,
        declared: Collection[Address],
        closed: Sequence[str] = (),
        is_ours: Callable[[str], bool] = lambda run_id: True,
    ) -> None:
        self.root = root
        self.outputs_root = outputs_root
        real = tuple(map(os.path.realpath, closed))
        _permit(
            outputs_root,
            root_refusal(os.path.realpath(outputs_root), os.path.realpath(root), real),
        )
        self._declared = frozenset(declared)
        self._mutex = threading.Lock()
        self._lines: dict[str, tuple[FetchedFile, ...]] = {}
        self._others: dict[str, str] = {}
        self._is_ours = is_ours
        self._recorded: dict[tuple[str, str], tuple[FetchedFile, ...]] = {}
        self._claims: dict[str, Address] = {}
        self._runs: dict[Address, set[str]] = {}
        self._judge = _Judge(root, outputs_root, closed)
        self._writer = lockfile.LockfileWriter(root)
        self._changes = InGroups(self._write_all)
        lock = lockfile.read_lockfile(root)
        for file in (*lock.old, *lock.files):
            key = filenames.collision_key(file.to)
            if not is_ours(file.job_id):
                self._others[key] = file.job_id
                continue
            self._lines[key] = (*self._lines.get(key, ()), file)
            run_and_path = (file.job_id, file.path)
            self._recorded[run_and_path] = (*self._recorded.get(run_and_path, ()), file)
        for file in filter(lambda file: is_ours(file.job_id), lock.files):
            self._remember_owner(file)
        for address, job_id in filter(lambda pair: is_ours(pair[1]), lock.expectations):
            self._runs.setdefault(address, set()).add(job_id)

    def claim(self, address: Address, fetches: Iterable[Fetch]) -> dict[str, str]:
        fetches = tuple(fetches)
        with self._mutex:
            refused = self._judge.refused(fetches)
            for fetch in fetches:
                key = filenames.collision_key(fetch.to)
                owner = self._claims.setdefault(key, address)
                if owner != address:
                    refused[fetch.path] = f"would go to {fetch.to}, which belongs to {owner}"
        return refused

    def lines(self, to: str) -> tuple[FetchedFile, ...]:
        with self._mutex:
            return self._lines.get(filenames.collision_key(to), ())

    def recorded(self, job_id: str, path: str) -> tuple[FetchedFile, ...]:
        with self._mutex:
            return self._recorded.get((job_id, path), ())

    def of_others(self, to: str) -> str:
        return self._others.get(filenames.collision_key(to), "")

    def record(self, files: Collection[FetchedFile]) -> None:
        if not files:
            return
        self._write(lambda lock: lockfile.with_fetched(lock, files=files, expectations=()))
        with self._mutex:
            for file in files:
                self._lines[filenames.collision_key(file.to)] = (file,)
                self._remember_owner(file)

    def record_expectation(self, address: Address, job_id: str) -> None:
        met = [(address, job_id)]
        self._write(lambda lock: lockfile.with_fetched(lock, files=(), expectations=met))
        with self._mutex:
            self._runs.setdefault(address, set()).add(job_id)

    def retire(self, address: Address, job_id: str) -> None:
        with self._mutex:
            # Seldom is there anything to forget, and the lock file may be long.
            if self._runs.get(address, set()) <= {job_id}:
                return
        self._write(
            lambda lock: lockfile.with_retired(
                lock, address, job_id, self.outputs_root, self._is_ours
            )
        )
        with self._mutex:
            self._runs[address] = {job_id}

    def _write(self, change: Callable[[Lock], Lock]) -> None:
        """Make *change* to the lock file, with those of other threads; durable on return."""
        self._changes.ask(change)

    def _write_all(self, changes: Sequence[Callable[[Lock], Lock]]) -> list[Lock]:
        return [self._writer.write(changes)] * len(changes)

    def _remember_owner(self, file: FetchedFile) -> None:
        self._runs.setdefault(file.address, set()).add(file.job_id)
        if file.address in self._declared:
            self._claims[filenames.collision_key(file.to)] = file.address


def _permit(folder: str, why: str) -> None:
    if why:
        raise SettingsError(
            f"outputs cannot go to {folder}: it {why}",
            hint="name a folder that is only for outputs",
        )


class _Judge:
    """Asks of every place whether a file may go there, whoever chose it.

    What the manifests say themselves is read when the first YAML file comes: a plan may have been
    made by somebody else, or long ago.
    """

    def __init__(self, root: str, outputs_root: str, closed: Sequence[str]) -> None:
        self._root, self._outputs_root, self._closed = root, outputs_root, tuple(closed)
        self._of_manifests: Destinations | None = None
        landed, home = os.path.realpath(outputs_root), os.path.realpath(root)
        real = tuple(map(os.path.realpath, self._closed))
        self._of_others = Destinations(Searched(home, landed, {}), real)

    def refused(self, fetches: Iterable[Fetch]) -> dict[str, str]:
        """By path, why a file may not go where it would."""
        told = ((fetch.path, self._judge_of(fetch.to).refusal(fetch.to)) for fetch in fetches)
        return {path: why for path, why in told if why}

    def _judge_of(self, to: str) -> Destinations:
        if not to.endswith(SUFFIXES):
            return self._of_others
        if self._of_manifests is None:
            self._of_manifests = find_destinations(self._root, self._outputs_root, self._closed)
        return self._of_manifests
