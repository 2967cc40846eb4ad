"""Every error a user can meet, and the exit code it ends with.

Floor 0: imports nothing of ours. An error says what happened, where, and what
to do next (``hint``). The command line prints it and exits; nothing below the
command line prints or exits.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple


class ExitCode(IntEnum):
    """Exit codes of every command. :data:`PRECEDENCE` says which wins when several hold."""

    OK = 0
    ERROR = 1
    CHANGES = 2
    STALE = 3
    BLOCKED = 4
    PARTIAL = 5
    UNKNOWN = 6
    JOB_FAILED = 7
    USAGE = 64
    INTERRUPTED = 130
    TERMINATED = 143


#: Highest first. A run that ends for several reasons exits with the first that holds.
PRECEDENCE: tuple[ExitCode, ...] = (
    ExitCode.TERMINATED,
    ExitCode.INTERRUPTED,
    ExitCode.UNKNOWN,
    ExitCode.PARTIAL,
    ExitCode.JOB_FAILED,
    ExitCode.BLOCKED,
    ExitCode.STALE,
    ExitCode.ERROR,
    ExitCode.CHANGES,
    ExitCode.OK,
)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The one of *codes* that a run exits with; :data:`ExitCode.OK` for none."""
    return min(codes, key=PRECEDENCE.index, default=ExitCode.OK)


class Location(NamedTuple):
    """A place in a file that a person wrote. Lines and columns count from 1.

    ``path`` is as the command line named the file, ``within`` relative to the folder of its set:
    the same on every machine. It is empty for a file that is no manifest.
    """

    path: str
    line: int
    column: int
    within: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class Problem(NamedTuple):
    """One thing that is wrong in a manifest. ``where`` is None when no place can be named."""

    where: Location | None
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text} ({self.hint})" if self.hint else text


class JobsyncError(Exception):
    """The root of all errors shown to users.

    ``str(error)`` is what happened and where; ``hint`` is what to do next.
    """

    exit_code: ExitCode = ExitCode.ERROR

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ManifestError(JobsyncError):
    """What is wrong with a manifest set: all problems at once, sorted by place."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(
            sorted(set(problems), key=lambda p: (p.where or Location("", 0, 0), p.message))
        )
        count = len(self.problems)
        noun = "problem" if count == 1 else "problems"
        lines = "\n".join(str(problem) for problem in self.problems)
        in_files = any(problem.where for problem in self.problems)
        super().__init__(f"{lines}\n{count} {noun} in the manifests" if in_files else lines)


class PlanError(JobsyncError):
    """Declarations that cannot be planned against what is there: all problems at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(
            sorted(set(problems), key=lambda p: (p.where or Location("", 0, 0), p.message))
        )
        super().__init__("\n".join(str(problem) for problem in self.problems))


class PlanFileError(JobsyncError):
    """A saved plan that cannot be used: edited, of a newer format, for another target or user."""


class SettingsError(JobsyncError):
    """A flag, an environment variable, a credential file or a target that cannot be used."""


class LocalServiceError(JobsyncError):
    """The embedded service cannot start, or its state cannot be used."""


class ServiceError(JobsyncError):
    """Something about a remote service: the root of what the backend raises."""


class Unreachable(ServiceError):
    """No answer: name resolution, connection, TLS, or no answer in time."""


class Unreadable(ServiceError):
    """An answer that cannot be understood. Never the same as an empty answer."""


class Refused(ServiceError):
    """The service understood and said no.

    ``status`` is the HTTP status, ``said`` the service's own words.
    """

    def __init__(self, message: str, *, status: int, said: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.said = said


class NotFound(Refused):
    """The service has no such thing, or hides it."""


class Forbidden(Refused):
    """The service knows who asks and does not let them."""


class Unauthorized(Refused):
    """The token is missing, wrong or expired, and could not be renewed."""


class Throttled(Refused):
    """Too many requests, even after slowing down."""


class RangeRefused(Refused):
    """A download asked for bytes that the file does not have: start again from its beginning."""


class SubmitNotSent(ServiceError):
    """A submit of which it is proven that the service never received it."""


class SubmitRejected(Refused):
    """A submit that is proven to have been refused before a job was made.

    ``fields`` are the paths in the manifest that it may be about, the likeliest first.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        said: str = "",
        hint: str = "",
        fields: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, status=status, said=said, hint=hint)
        self.fields = fields


class SubmitAmbiguous(ServiceError):
    """A submit whose outcome cannot be known from what came back."""


class StalePlan(JobsyncError):
    """A saved plan that no longer matches what is there."""

    exit_code = ExitCode.STALE


class Blocked(JobsyncError):
    """A guard, a missing confirmation, or another apply stands in the way."""

    exit_code = ExitCode.BLOCKED


class UnknownOutcome(JobsyncError):
    """A submit of an earlier run whose outcome is still open."""

    exit_code = ExitCode.UNKNOWN


class Usage(JobsyncError):
    """A command line that means nothing."""

    exit_code = ExitCode.USAGE
