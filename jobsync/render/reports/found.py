"""What a command found about one set: findings with places, whatever the report that shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from jobsync.errors import (
    ExitCode,
    Location,
    ManifestError,
    PlanError,
    Unauthorized,
    Unreachable,
)
from jobsync.model import (
    Address,
    Change,
    JobChange,
    OpenSubmit,
    Outcome,
    OutputChange,
    Plan,
    Result,
    Standing,
    Word,
)
from jobsync.plan.declarations import Declaration
from jobsync.plan.exit_status import failing, to_do
from jobsync.render.advice import Call, log_of, what_next
from jobsync.render.open_submits import question
from jobsync.structs import Struct, replace


class Level(Word):
    """How bad a finding is, in the words that CI systems share."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Finding(Struct, frozen=True):
    """One thing that was found. ``rule`` names its kind, such as ``manifest`` or
    ``hazard-public-access``; ``address`` is the job that it is about, or empty."""

    rule: str
    level: Level
    message: str
    address: Address = ""
    where: Location | None = None
    hint: str = ""

    @property
    def text(self) -> str:
        """The message with its hint, on one line."""
        said = f"{self.address}: {self.message}" if self.address else self.message
        return f"{said} ({self.hint})" if self.hint else said


class Found(Struct, frozen=True):
    """All that ``command`` found about one set.

    ``name`` is for people; ``folder`` is the set's, for findings without a place; ``addresses`` are
    the jobs that were looked at. ``failure`` is why it failed, a word of :func:`reason`, or empty.
    ``plan`` is None where none was made. ``markdown`` is the whole as a document.
    """

    command: str
    code: ExitCode
    name: str = ""
    folder: str = "."
    findings: tuple[Finding, ...] = ()
    addresses: tuple[Address, ...] = ()
    failure: str = ""
    plan: Plan | None = None
    markdown: str = ""


Places = Mapping[Address, Location | None]
"""Where each declared job stands."""

_CODES = {
    ExitCode.STALE: "stale",
    ExitCode.BLOCKED: "blocked",
    ExitCode.PARTIAL: "partial",
    ExitCode.UNKNOWN: "unknown",
    ExitCode.JOB_FAILED: "failed-job",
    ExitCode.USAGE: "usage",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.TERMINATED: "interrupted",
    ExitCode.ERROR: "error",
}
_DOUBTFUL = (Standing.BLOCKED, Standing.NOT_VISIBLE)
_ENDED_BADLY = (Result.UNKNOWN, Result.FAILED, Result.STALE, Result.BLOCKED)


def reason(code: ExitCode, error: Exception | None = None) -> str:
    """Why a command that ends with *code* failed, in one word; empty when it did not."""
    kinds = (
        ((ManifestError, PlanError), "invalid"),
        (Unauthorized, "unauthorised"),
        (Unreachable, "unreachable"),
    )
    return next((word for kind, word in kinds if isinstance(error, kind)), _CODES.get(code, ""))


def of_error(error: Exception) -> tuple[Finding, ...]:
    """A finding for each problem of *error*."""
    if isinstance(error, (ManifestError, PlanError)):
        return tuple(
            Finding("manifest", Level.ERROR, one.message, where=one.where, hint=one.hint)
            for one in error.problems
        )
    hint = "; ".join(getattr(error, "hint", "").splitlines())
    said = "; ".join(str(error).splitlines())
    return (Finding("failed", Level.ERROR, said, hint=hint),)


def of_plan(
    plan: Plan,
    submits: Sequence[OpenSubmit] = (),
    places: Places | None = None,
    call: Call | None = None,
    *,
    changes: Level = Level.NOTE,
) -> tuple[Finding, ...]:
    """What *plan* and the *submits* whose outcome is open give cause to say, the worst first.

    *places* says where the declared jobs stand; *changes* is how bad a change is.
    """
    known = places or {}
    found = [*_troubles(plan, call or Call()), *_risks(plan), *_changes(plan, changes)]
    found[:0] = [Finding("held", Level.ERROR, question(one), one.address) for one in submits]
    levels = [*Level]
    placed = [
        replace(one, where=known[one.address]) if not one.where and one.address in known else one
        for one in found
    ]
    return tuple(sorted(placed, key=lambda one: levels.index(one.level)))


def of_declarations(changes: Sequence[Declaration]) -> tuple[Finding, ...]:
    """What is declared otherwise, without a service; access for everybody is a warning."""
    found = []
    for one in changes:
        found.append(Finding("declared", Level.NOTE, f"job: {one.edit}", one.address, one.where))
        if one.public:
            said = "grants access to everybody"
            found.append(Finding("public", Level.WARNING, said, one.address, one.where))
    return tuple(found)


def of_outcomes(
    outcomes: Sequence[Outcome], places: Places, call: Call | None = None
) -> tuple[Finding, ...]:
    """What came out otherwise than planned."""
    return tuple(
        Finding(
            f"{one.kind}-{one.result}",
            Level.ERROR if one.result in _ENDED_BADLY else Level.WARNING,
            f"{one.kind} {one.result}" + (f": {one.detail}" if one.detail else ""),
            one.address,
            places.get(one.address),
            log_of(one, call or Call()),
        )
        for one in outcomes
        if one.result not in (Result.DONE, Result.WAITING)
    )


def _troubles(plan: Plan, call: Call) -> Iterator[Finding]:
    for address, ids in plan.duplicates.items():
        said = f"{len(ids)} runs with the same name: {', '.join(ids)}"
        yield Finding("duplicates", Level.ERROR, said, address)
    failed = frozenset(failing(plan))
    for state in plan.states:
        for text in state.problems:
            yield Finding("unread", Level.ERROR, text, state.address)
        if state.address in failed or state.standing in _DOUBTFUL:
            level = Level.ERROR if state.address in failed else Level.WARNING
            said = "; ".join([str(state.standing).replace("_", " "), *state.notes])
            rule, hint = f"job-{state.standing}", what_next(state, call)
            yield Finding(rule, level, said, state.address, hint=hint)


def _risks(plan: Plan) -> Iterator[Finding]:
    for hazard in plan.hazards:
        if not hazard.accepted:
            address = hazard.addresses[0] if len(hazard.addresses) == 1 else ""
            said = f"{hazard.message}; limit {hazard.limit}, actual {hazard.actual}"
            hint = f"accept with {hazard.accept}"
            yield Finding(f"hazard-{hazard.name}", Level.WARNING, said, address, hint=hint)
    for text in plan.warnings:
        yield Finding("warning", Level.WARNING, text)


def _changes(plan: Plan, level: Level) -> Iterator[Finding]:
    for change in to_do(plan):
        yield Finding("change", level, _told(change), change.address, change.where)


def _told(change: Change) -> str:
    what = "job"
    if not isinstance(change, JobChange):
        what = "outputs" if isinstance(change, OutputChange) else "permissions"
    return f"{what}: {change.action}"
