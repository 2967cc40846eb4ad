"""What the fingerprints of a set were under the scheme before, to recognise runs made with it.

Under that scheme jobs stood in the fingerprints of those that take their outputs with the address
that they had at the time. So each is worked out for every time there may have been: for every
choice of a present or former name for each job upstream.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice, product

from jobsync import identity
from jobsync.manifest.resolve_jobs import DraftJob
from jobsync.model import Address
from jobsync.platform import Platform

LIMIT = 16
"""How many such times are tried for one job."""

Time = tuple[tuple[str, int], ...]
"""Which name each renamed job had, by key: 0 for the present one, then as in ``formerly``."""


class OlderFingerprints:
    """Fingerprints under the scheme before. Add the drafts in order, upstream first."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._drafts: dict[Address, DraftJob] = {}
        self._renamed: dict[Address, dict[str, int]] = {}
        self._prints: dict[Address, dict[Time, str] | None] = {}

    def add(self, draft: DraftJob, digests: Mapping[str, str]) -> tuple[str, ...] | None:
        """All fingerprints that *draft* may have had; None when there are more than
        :data:`LIMIT`."""
        upstream = [address for address in draft.upstream if address in self._drafts]
        renamed: dict[str, int] = {}
        for address in upstream:
            renamed.update(self._renamed[address])
            if names := len(self._drafts[address].formerly):
                renamed[self._drafts[address].entry.key] = 1 + names
        self._drafts[draft.address], self._renamed[draft.address] = draft, renamed
        keys = sorted(renamed)
        numbers = product(*(range(renamed[key]) for key in keys))
        times = [tuple(zip(keys, n, strict=True)) for n in islice(numbers, LIMIT + 1)]
        if len(times) > LIMIT or any(self._prints[address] is None for address in upstream):
            self._prints[draft.address] = None
            return None
        prints = {time: self._at(draft, upstream, digests, time) for time in times}
        self._prints[draft.address] = prints
        return tuple(dict.fromkeys(prints.values()))

    def _at(
        self, draft: DraftJob, upstream: list[Address], digests: Mapping[str, str], time: Time
    ) -> str:
        return identity.old_fingerprint(
            self._platform,
            draft.request,
            upstream={address: self._was(address, time) for address in upstream},
            digests=digests,
            rerun=draft.rerun,
        )

    def _was(self, address: Address, time: Time) -> tuple[Address, str]:
        """The address and the fingerprint (or id) of *address* at *time*."""
        draft, prints, renamed = (
            self._drafts[address],
            self._prints[address],
            self._renamed[address],
        )
        number = dict(time).get(draft.entry.key, 0)
        name = draft.formerly[number - 1].rpartition("/")[2] if number else address
        if draft.pinned or prints is None:
            return name, draft.pinned or ""
        return name, prints[tuple(choice for choice in time if choice[0] in renamed)]
