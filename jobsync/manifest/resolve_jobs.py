"""From what is written to runs: defaults laid under, every reference filled in, fields checked."""

from __future__ import annotations

import re

from jobsync.errors import Location, Problem
from jobsync.manifest import matrix, output_targets
from jobsync.manifest.access import Teams, grants
from jobsync.manifest.fill_values import Families, ValueFiller, has_reference
from jobsync.manifest.job_locations import JobPlaces, RunPlaces
from jobsync.manifest.job_selectors import needed
from jobsync.manifest.layers import check_defaults, layered
from jobsync.manifest.matrix import Family, Member
from jobsync.manifest.merge import JobEntry, RawSet
from jobsync.manifest.messages import dotted, quoted
from jobsync.manifest.references import (
    BadReference,
    Filler,
)
from jobsync.manifest.source_map import Places
from jobsync.manifest.variables import VariableScope
from jobsync.model import (
    Address,
    Grant,
    OutputRef,
    OutputRule,
    PermissionsMode,
    Value,
)
from jobsync.platform import Platform, Step, Wrong
from jobsync.sensitive import Path, concealed, paths_of, revealed
from jobsync.structs import Struct, field

_NOWHERE: frozenset[Path] = frozenset()
_NOT_OF_A_RUN = ("matrix", "permissions")
"""Fields that all runs of a job have together: they are read with the job."""

_VERBS = frozenset(
    ("must", "cannot", "is", "are", "has", "lacks", "leads", "leaves", "ends", "begins")
)
_FORMER = re.compile(r"([a-z][a-z0-9_-]*/)?[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*")
_JOB_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


class DraftJob(Struct):
    """One run under construction: all but what depends on other runs and on files.

    ``files_of`` are the outputs that it takes, each with its job and the field and place that say
    so.
    """

    address: Address
    entry: JobEntry
    places: JobPlaces | RunPlaces
    request: dict[str, Value] = field(default_factory=dict)
    permissions: dict[str, Grant] | None = None
    mode: PermissionsMode = PermissionsMode.EXACT
    outputs: tuple[OutputRule, ...] = ()
    expect: tuple[str, ...] = ()
    needs: tuple[Address, ...] = ()
    upstream: tuple[Address, ...] = ()
    files_of: tuple[tuple[OutputRef, str, Step], ...] = ()
    retries: int = 0
    rerun: int = 1
    pinned: str | None = None
    formerly: tuple[str, ...] = ()
    protect: bool = False


def draft_jobs(
    raw: RawSet, scope: VariableScope, teams: Teams, platform: Platform
) -> list[DraftJob]:
    """A draft of every run of the set; what is wrong goes to the problems of the set."""
    known: dict[str, Family | None] = {}

    def wrong_defaults(where: Location, message: str, hint: str) -> None:
        raw.problems.append(Problem(where, f"defaults.{message}", hint))

    check_defaults(raw.defaults, platform, wrong_defaults)
    for key, entry in raw.jobs.items():
        known[key] = _family(entry, scope, raw.problems)
    drafts: list[DraftJob] = []
    for key, entry in raw.jobs.items():
        family = known[key]
        if family is not None and entry.sound:
            job = _Job(raw, entry, scope, teams, known, platform)
            drafts.extend(_Run(job, member).draft() for member in family.members)
    return drafts


def _family(entry: JobEntry, scope: VariableScope, problems: list[Problem]) -> Family | None:
    if not entry.sound or not isinstance(entry.value, dict):
        return None
    axes = entry.value.get("matrix")
    if not isinstance(axes, dict):
        return matrix.single(entry.key)
    return matrix.family(entry, axes, Filler(scope), problems)


class _Job:
    """What all runs of one job share."""

    def __init__(
        self,
        raw: RawSet,
        entry: JobEntry,
        scope: VariableScope,
        teams: Teams,
        families: Families,
        platform: Platform,
    ) -> None:
        self.platform = platform
        self.entry = entry
        self.scope = scope
        self.defaults = raw.defaults
        self.families = families
        self.problems = raw.problems
        self.path = f"jobs.{entry.key}"
        layers = layered(entry, raw.defaults, platform, self._layering)
        self.fields = layers.fields
        self.places = JobPlaces(entry, raw.defaults, platform.merged, layers)
        self.permissions: dict[str, Grant] | None = None
        declared = self.fields.get("permissions")
        if isinstance(declared, dict):
            path = f"{self.path}.permissions"
            places = self.origin("permissions")
            self.permissions = grants(declared, places, teams, path, raw.problems, platform)

    def _layering(self, where: Location, message: str, hint: str) -> None:
        self.problems.append(Problem(where, f"{self.path}.{message}", hint))

    def origin(self, field: str) -> Places:
        """The places of the file that says *field*: the job's, or that of the default."""
        body = self.entry.value if isinstance(self.entry.value, dict) else {}
        return self.entry.places if field in body else self.defaults[field].places


class _Run:
    """One run of a job being filled in."""

    def __init__(self, job: _Job, member: Member) -> None:
        self.job = job
        self.member = member
        self.field = ""
        family = job.families[job.entry.key]
        self.places: JobPlaces | RunPlaces = job.places
        if family is not None and family.matrix is not None:
            self.places = RunPlaces(job.places, family.matrix, member)

    def draft(self) -> DraftJob:
        job = self.job
        draft = DraftJob(self.member.address, job.entry, self.places)
        draft.permissions = job.permissions
        # Not kept by the run, of which it knows a method: the two would be a circle of garbage.
        filler = ValueFiller(job.scope, job.families, job.platform, self.member, self._say)
        request, checks = draft.request, job.platform.fields
        for name, raw in job.fields.items():
            if name in _NOT_OF_A_RUN:
                continue
            self.field = name
            value: Value
            hidden = _NOWHERE
            if "${" in raw if isinstance(raw, str) else has_reference(raw):
                value = filler.fill(name, raw)
                if filler.failed:
                    continue
                if filler.hides:
                    hidden, value = paths_of(value), revealed(value)
            else:
                value = raw  # type: ignore[assignment]  # nothing to fill in: shared as it is
            check = checks.get(name)
            try:
                if check is not None:
                    checked = check(value)
                    request[name] = concealed(checked, hidden) if hidden else checked
                else:
                    self._own(draft, name, value)
            except Wrong as wrong:
                for one in (wrong, *wrong.more):
                    if any(_meet(one.path, path) for path in hidden):
                        self._say(one.path, "cannot be sent; its value is sensitive and not shown")
                    else:
                        self._say(one.path, one.message, one.hint)
        self._together(draft)
        upstream = filler.upstream
        if upstream or draft.needs:
            draft.upstream = tuple(sorted(upstream))
            draft.needs = tuple(sorted(upstream.union(draft.needs)))
            draft.files_of = tuple(filler.files_of)
        return draft

    # --- jobsync's own fields ---------------------------------------------------------

    def _own(self, draft: DraftJob, name: str, value: Value) -> None:
        if name == "outputs":
            draft.outputs = tuple(self._rules(value))
        elif name == "expect":
            draft.expect = tuple(self._globs(value))
        elif name == "needs":
            draft.needs = tuple(self._needs(value))
        elif name == "formerly":
            draft.formerly = tuple(self._formerly(value))
        elif name == "permissionsMode":
            draft.mode = PermissionsMode(str(value))
        elif name == "onFailure":
            retries = value.get("retries", 0) if isinstance(value, dict) else 0
            draft.retries = _count(retries, 0, 10, ("retries",))
        elif name == "rerun":
            draft.rerun = _count(value, 1, 1_000_000, ())
        elif name == "protect":
            draft.protect = _flag(value)
        elif name == "id":
            draft.pinned = _job_id(value)

    def _rules(self, value: Value) -> list[OutputRule]:
        rules = []
        raw, places = self.job.fields["outputs"], self.job.origin("outputs")
        for number, item in enumerate(value if isinstance(value, list) else []):
            fields = item if isinstance(item, dict) else {}
            path, to = str(fields.get("path")), str(fields.get("to"))
            if why := output_targets.refuse_glob(path):
                self._say((number, "path"), f"{why}: {quoted(path)}")
            elif why := output_targets.refuse_to(to):
                self._say((number, "to"), f"{why}: {quoted(to)}")
            else:
                where = places.item(raw, number) if isinstance(raw, list) else self.job.entry.where
                required = fields.get("required", True) is not False
                rules.append(OutputRule(path, output_targets.tidy(to), required, where))
        return rules

    def _globs(self, value: Value) -> list[str]:
        globs = [str(item) for item in value] if isinstance(value, list) else []
        for number, glob in enumerate(globs):
            if why := output_targets.refuse_glob(glob):
                self._say((number,), f"{why}: {quoted(glob)}")
        return globs

    def _needs(self, value: Value) -> list[Address]:
        found: list[Address] = []
        for number, item in enumerate(value if isinstance(value, list) else []):
            try:
                members = needed(self.job.families, str(item), self.member.values)
            except BadReference as error:
                self._say((number,), error.message, error.hint)
                continue
            found.extend(member.address for member in members)
        return found

    def _formerly(self, value: Value) -> list[str]:
        found: list[str] = []
        for number, item in enumerate(value if isinstance(value, list) else []):
            text = str(item)
            if not _FORMER.fullmatch(text):
                self._say((number,), f"must be an address like phylo/tree.lg.1, not {quoted(text)}")
            elif text in found:
                self._say((number,), f"has {quoted(text)} twice")
            else:
                found.extend(self._former_addresses(text))
        return found

    def _former_addresses(self, text: str) -> list[str]:
        """A former key without matrix values means, in a matrix, the same values under that key.

        Where the matrix has one run, that run may also have been the job before it had a matrix.
        """
        key, family = self.job.entry.key, self.job.families[self.job.entry.key]
        values = self.member.address[len(key) :]
        if not values or "." in text:
            return [text]
        if family is None or len(family.members) > 1:
            return [text + values]
        return [former for former in (text + values, text) if former != key + values]

    # --- the request as a whole --------------------------------------------------------

    def _together(self, draft: DraftJob) -> None:
        job = self.job
        for name, hint in job.platform.needed.items():
            if name not in job.fields:
                self._problem(job.entry.where, f"{job.path} lacks {name}", hint)
        for wrong in job.platform.check_request(draft.request):
            head, *below = wrong.path
            message = _sentence(job.path, wrong.message)
            where = (
                self.places.key(str(head), str(below[0]))
                if len(below) == 1
                else self.places.value(str(head), tuple(below))
            )
            self._problem(where, message, wrong.hint)

    def _say(self, at: Step, message: str, hint: str = "") -> None:
        """A problem of the field that is being looked at, ``at`` below it."""
        path = dotted((self.field, *at))
        where = self.places.value(self.field, at)
        self._problem(where, _sentence(f"{self.job.path}.{path}", message), hint)

    def _problem(self, where: Location, message: str, hint: str = "") -> None:
        self.job.problems.append(Problem(where, message, hint))


def _sentence(subject: str, message: str) -> str:
    """*message* about *subject*: its predicate, or a sentence of its own."""
    return f"{subject}{' ' if message.split(' ', 1)[0] in _VERBS else ': '}{message}"


def _meet(one: Step, other: Step) -> bool:
    """Whether one path is the other, or leads to it."""
    return one[: len(other)] == other[: len(one)]


def _count(value: Value, low: int, high: int, at: Step) -> int:
    if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) < 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Wrong(f"must be a whole number from {low} to {high}", path=at)
    return value


def _flag(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    raise Wrong("must be true or false")


def _job_id(value: Value) -> str:
    if isinstance(value, str) and _JOB_ID.fullmatch(value):
        return value
    raise Wrong("must be the id of a job")
