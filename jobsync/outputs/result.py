"""The nouns of fetching: limits, progress, and what came of it."""

from __future__ import annotations

from jobsync.errors import ExitCode
from jobsync.model import Address, FetchedFile, Result
from jobsync.structs import Struct

_NAMED = 5


class FetchLimits(Struct, frozen=True):
    """How much to fetch at once and at most.

    ``jobs`` is the number of downloads at once (None: as many as the reader says are worth
    making). ``max_bytes`` and ``max_files`` refuse the whole change before its first byte when it
    wants more. ``patience`` are the seconds to wait before each further try of a broken download
    that brought nothing new; a try that brought bytes starts it again.
    """

    jobs: int | None = None
    max_bytes: int | None = None
    max_files: int | None = None
    patience: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 4.0)


class Progress(Struct, frozen=True):
    """How far one change is, as reported from several threads. Sizes are in bytes.

    ``path`` is the file that made progress. ``files`` of ``total_files`` are complete and verified.
    """

    address: Address
    path: str
    received: int
    total_bytes: int
    files: int
    total_files: int


class FetchResult(Struct, frozen=True):
    """What came of one :class:`~jobsync.model.OutputChange`.

    ``fetched``  files that now lie at their ``to``, recorded in the lock file.
    ``received`` bytes that came over the wire.
    ``missing``  required rules and expectations that found nothing, with what was there instead.
    ``refused``  (name, reason) of files that must not be fetched.
    ``failed``   (name, reason) of files that could not be fetched.
    ``left``     number of files not finished because the caller asked to stop.
    ``unavailable`` why the outputs cannot be read at all, or empty.
    """

    address: Address
    run_id: str
    fetched: tuple[FetchedFile, ...] = ()
    received: int = 0
    missing: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    left: int = 0
    unavailable: str = ""

    @property
    def result(self) -> Result:
        """DONE when nothing is wrong and nothing is left."""
        if self.unavailable or self.missing or self.refused or self.failed:
            return Result.FAILED
        return Result.SKIPPED if self.left else Result.DONE

    @property
    def exit_code(self) -> ExitCode:
        """1 for files that were not fetched, 7 for files that the job did not produce.

        One change that could not be carried out is 1; an apply that carried out others makes it 5.
        """
        if self.unavailable or self.refused or self.failed or self.left:
            return ExitCode.ERROR
        return ExitCode.JOB_FAILED if self.missing else ExitCode.OK

    @property
    def detail(self) -> str:
        """One line for people; it names a few of the files that did not come."""
        if self.unavailable:
            return self.unavailable
        size = sum(file.size for file in self.fetched)
        parts = [f"{_count(len(self.fetched), 'file')} fetched ({size} bytes)"]
        if not self.fetched:
            parts = ["nothing to fetch"] if self.result is Result.DONE else []
        parts += _few([f"{name}: refused, {why}" for name, why in self.refused])
        parts += _few([f"{name}: {why}" for name, why in self.failed])
        parts += self.missing
        if self.left:
            parts.append(f"{_count(self.left, 'file')} left for the next apply")
        return "; ".join(parts)


def _few(said: list[str]) -> list[str]:
    more = len(said) - _NAMED
    return [*said[:_NAMED], f"and {more:,} more"] if more > 0 else said


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
