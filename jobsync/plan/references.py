"""References to other jobs, compared with what they once resolved to.

A reference stays symbolic in a plan. On the service stands what it was resolved to when the run
was submitted: an ``agave://`` address in the archive of some run of the upstream job, or its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from jobsync.archives import canonical
from jobsync.model import Address, IdRef, JsonValue, OutputRef, Run, Value


class References:
    """What the references to each address have ever resolved to, over all its known runs."""

    __slots__ = ("_archives", "_ids")

    def __init__(self, runs: Mapping[Address, Iterable[Run]]) -> None:
        self._ids: dict[Address, dict[str, str]] = {}
        self._archives: dict[Address, dict[str, str]] = {}
        for address, known in runs.items():
            self._ids[address] = {run.id: run.id for run in known}
            self._archives[address] = {
                archive: run.id for run in known if (archive := archive_of(run)) is not None
            }

    def same(self, reference: OutputRef | IdRef, remote: JsonValue) -> bool:
        """Whether *remote* is what *reference* resolved to for any run of its job."""
        return self.source(reference, remote) is not None

    def source(self, reference: OutputRef | IdRef, remote: JsonValue) -> str | None:
        """The id of the run that *remote* was taken from, None when it is none of them."""
        if not isinstance(remote, str):
            return None
        if isinstance(reference, IdRef):
            return self._ids.get(reference.address, {}).get(remote)
        place = _place(unquote(remote))
        for archive, run_id in self._archives.get(reference.address, {}).items():
            if place == _place(f"{archive}/{reference.path}"):
                return run_id
        return None


def archive_of(run: Run) -> str | None:
    """Where a run's outputs are archived, as a decoded URI; None when the record does not tell."""
    if run.request is None:
        return None
    system, path = run.request.get("archiveSystem"), run.request.get("archivePath")
    if not isinstance(system, str) or not isinstance(path, str):
        return None
    return f"agave://{system}/{path}"


def _place(uri: str) -> tuple[str, str]:
    """The system and the path of a decoded URI, however the path is spelled."""
    system, _, path = uri.removeprefix("agave://").partition("/")
    return system, canonical(path)


def in_value(value: Value) -> tuple[OutputRef | IdRef, ...]:
    """Every reference inside *value*."""
    if isinstance(value, (OutputRef, IdRef)):
        return (value,)
    if isinstance(value, list):
        return tuple(found for item in value for found in in_value(item))
    if isinstance(value, dict):
        return tuple(found for key in sorted(value) for found in in_value(value[key]))
    return ()
