"""What the fingerprints of a set were under the scheme before, to recognise runs made with it.

Under that scheme jobs stood in the fingerprints of those that take their outputs with the address
that they had at the time. So each is worked out for every time there may have been: for every
choice of a present or former name for each job upstream.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice, product

from jobsync import identity
from jobsync.model import Address, DeclaredJob
from jobsync.platform import Platform

LIMIT = 16
"""How many such times are tried for one job."""

Time = tuple[tuple[str, int], ...]
"""Which name each renamed job had, by key: 0 for the present one, then as in ``formerly``."""


class OlderFingerprints:
    """Fingerprints under the scheme before, of the jobs of one set.

    They are worked out when somebody asks for the first of them: most sets have no run that was
    made under that scheme, and then nobody does.
    """

    def __init__(self, platform: Platform, jobs: Mapping[Address, DeclaredJob]) -> None:
        """*jobs* are all of the set, upstream first. They may be added later."""
        self._platform = platform
        self._jobs = jobs
        self._found: dict[Address, tuple[str, ...] | None] = {}

    def of(self, address: Address) -> tuple[str, ...] | None:
        """All fingerprints that a job may have had; None when there are more than :data:`LIMIT`."""
        if not self._found:
            work = _Work(self._platform, self._jobs)
            self._found = {each: work.add(each, job) for each, job in self._jobs.items()}
        return self._found[address]


class _Work:
    """The fingerprints of the jobs so far. Add them in order, upstream first."""

    def __init__(self, platform: Platform, jobs: Mapping[Address, DeclaredJob]) -> None:
        self._platform = platform
        self._jobs = jobs
        self._renamed: dict[Address, dict[str, int]] = {}
        self._prints: dict[Address, dict[Time, str] | None] = {}

    def add(self, address: Address, job: DeclaredJob) -> tuple[str, ...] | None:
        upstream = [other for other in job.upstream if other in self._prints]
        renamed: dict[str, int] = {}
        for other in upstream:
            renamed.update(self._renamed[other])
            if names := len(self._jobs[other].formerly):
                renamed[_key(other)] = 1 + names
        self._renamed[address] = renamed
        keys = sorted(renamed)
        numbers = product(*(range(renamed[key]) for key in keys))
        times = [tuple(zip(keys, n, strict=True)) for n in islice(numbers, LIMIT + 1)]
        if len(times) > LIMIT or any(self._prints[other] is None for other in upstream):
            self._prints[address] = None
            return None
        prints = {time: self._at(job, upstream, time) for time in times}
        self._prints[address] = prints
        return tuple(dict.fromkeys(prints.values()))

    def _at(self, job: DeclaredJob, upstream: list[Address], time: Time) -> str:
        return identity.old_fingerprint(
            self._platform,
            job.request,
            upstream={address: self._was(address, time) for address in upstream},
            digests=job.digests,
            rerun=job.rerun,
        )

    def _was(self, address: Address, time: Time) -> tuple[Address, str]:
        """The address and the fingerprint (or id) of *address* at *time*."""
        job, prints, renamed = self._jobs[address], self._prints[address], self._renamed[address]
        number = dict(time).get(_key(address), 0)
        name = job.formerly[number - 1].rpartition("/")[2] if number else address
        if job.pinned or prints is None:
            return name, job.pinned or ""
        return name, prints[tuple(choice for choice in time if choice[0] in renamed)]


def _key(address: Address) -> str:
    """The key of the job, without the values of its matrix."""
    return address.partition(".")[0]
