"""Run ids, shortened as far as they stay different."""

from __future__ import annotations

from collections.abc import Collection

SHORTEST = 8
"""Characters that a shortened id has at least."""


def short_ids(ids: Collection[str]) -> dict[str, str]:
    """The shortest beginning of each of *ids* that no other has; at least :data:`SHORTEST`
    characters."""
    ordered = sorted(set(ids))
    shortened = {}
    for index, one in enumerate(ordered):
        neighbours = ordered[max(0, index - 1) : index] + ordered[index + 1 : index + 2]
        same = max((_common(one, other) for other in neighbours), default=0)
        shortened[one] = one[: max(SHORTEST, same + 1)]
    return shortened


def _common(one: str, other: str) -> int:
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index
    return min(len(one), len(other))
