"""References to other jobs, compared with what they once resolved to.

A reference stays symbolic in a plan. On the service stands what it was resolved to when the run
was submitted: where an output of some run of the upstream job lies, or its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jobsync.model import Address, IdRef, JsonValue, OutputRef, Run, Value
from jobsync.platform import Platform


class References:
    """The values that references to each address have had, over all its known runs."""

    __slots__ = ("_runs", "platform")

    def __init__(self, platform: Platform, runs: Mapping[Address, Iterable[Run]]) -> None:
        self.platform = platform
        # Where several have one folder, the files there are of the last one.
        self._runs = {address: [*known][::-1] for address, known in runs.items()}

    def same(self, reference: OutputRef | IdRef, remote: JsonValue) -> bool:
        """Whether *remote* is the value of *reference* for some run of its job."""
        return self.source(reference, remote) is not None

    def source(self, reference: OutputRef | IdRef, remote: JsonValue) -> str | None:
        """The id of the run from which *remote* was taken; None when it is none of them."""
        if not isinstance(remote, str):
            return None
        for run in self._runs.get(reference.address, ()):
            if isinstance(reference, IdRef):
                found = run.id == remote
            else:
                found = self.platform.is_output(remote, run, reference.path)
            if found:
                return run.id
        return None


def in_value(value: Value) -> tuple[OutputRef | IdRef, ...]:
    """Every reference inside *value*."""
    if isinstance(value, (OutputRef, IdRef)):
        return (value,)
    if isinstance(value, list):
        return tuple(found for item in value for found in in_value(item))
    if isinstance(value, dict):
        return tuple(found for key in sorted(value) for found in in_value(value[key]))
    return ()
