"""What a plan decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Union

from jobsync.errors import Location
from jobsync.model.declared import Access, OutputRule, PermissionsMode
from jobsync.model.observed import RunState
from jobsync.model.options import KINDS, PlanOptions
from jobsync.model.values import Address, JsonValue, Value, Word
from jobsync.structs import Placed, Struct, field


class Action(Word):
    """What a plan does to a job, its permissions or its outputs."""

    CREATE = "create"
    REPLACE = "replace"
    RETRY = "retry"
    RESTORE = "restore"
    UPDATE = "update"
    DELETE = "delete"
    STOP = "stop"
    FETCH = "fetch"


SUBMITS = frozenset({Action.CREATE, Action.REPLACE, Action.RETRY})


class Reason(Word):
    """Why a job change is planned, or why a job is left as it is."""

    NEVER_RUN = "never_run"
    FIELDS_CHANGED = "fields_changed"
    CONTENT_CHANGED = "content_changed"
    APP_CHANGED = "app_changed"
    UPSTREAM_REPLACED = "upstream_replaced"
    RUN_FAILED = "run_failed"
    RUN_STOPPED = "run_stopped"
    RETRY_ASKED = "retry_asked"
    HIDDEN = "hidden"
    UNDECLARED = "undeclared"
    SUPERSEDED = "superseded"


class FieldChange(Placed, frozen=True):
    """One field on both sides, by the path people write (``parameters.threads``).

    None stands for "not set"; no request field has null for a value. ``note`` is for people.
    """

    path: str
    before: JsonValue
    after: JsonValue
    note: str = ""
    where: Location | None = None


class RunRef(Struct, frozen=True):
    """The run that a decision is about."""

    id: str
    name: str
    status: str


class UndeclaredRun(RunRef, frozen=True):
    """A run of mine that no manifest declares, and the address that it was made for."""

    address: Address


class JobChange(Placed, frozen=True):
    """Submit, restore, stop or hide one job.

    For a submit, ``name`` is the exact name to submit under (the key of the journal) and
    ``request`` the body without ``name``, references still symbolic; ``digests`` what its inputs
    in the workspace were, as in :class:`DeclaredJob`. ``before`` is the run that is
    replaced, retried, restored, stopped or deleted. ``node_hours`` is the most that the run and
    the ``retries`` left to it may use together, None when unknown. ``places`` are those of the
    declared job, to say where a field stands that the service refuses.
    """

    address: Address
    action: Action
    reason: Reason
    name: str
    attempt: int = 1
    request: Mapping[str, Value] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    upstream: tuple[Address, ...] = ()
    needs: tuple[Address, ...] = ()
    before: RunRef | None = None
    fields: tuple[FieldChange, ...] = ()
    retries: int = 0
    node_hours: float | None = None
    notes: tuple[str, ...] = ()
    where: Location | None = None
    places: Mapping[str, Location] = field(default_factory=dict)


class GrantChange(Placed, frozen=True):
    """One user's row, spelled as the service has it: set to ``after`` (``NO_ACCESS`` revokes)."""

    user: str
    before: Access
    after: Access
    via: str = ""
    note: str = ""
    where: Location | None = None


class AccessChange(Placed, frozen=True):
    """The grants of one run. ``run`` is None for a run that this plan will submit.

    ``image`` is the whole list without the owner as it was when this was decided: apply refuses
    when it has moved. It is None for a hidden run that this plan restores, because the list of a
    hidden run cannot be read: apply reads it after the restore, sets every user of
    ``grants`` and, when ``mode`` is exact, revokes every other row. ``grants`` are in the order to
    carry out. ``left_out`` are the users whose rows are not as declared and stay so, because no
    order is safe in which they are written. ``owner`` owns the run.
    """

    address: Address
    action: Action
    run: RunRef | None
    grants: tuple[GrantChange, ...]
    owner: str = ""
    image: Mapping[str, Access] | None = field(default_factory=dict)
    mode: PermissionsMode = PermissionsMode.EXACT
    left_out: tuple[str, ...] = ()
    where: Location | None = None


class Fetch(Struct, frozen=True):
    """One file to fetch: ``path`` in the outputs, ``to`` in the set, ``length`` in bytes."""

    path: str
    to: str
    length: int
    last_modified: str
    available: bool = False


class OutputChange(Placed, frozen=True):
    """Files to fetch from one run.

    ``run`` is None for a run that this plan will submit; then, and while a run is active, ``files``
    is None: not known yet. ``rules`` and ``expect`` are what to look for once it has finished.
    ``missing`` are rules or expectations that a finished run does not meet, ``refused`` the
    (name, reason) of files that a rule matches but that must not be fetched.
    """

    address: Address
    run: RunRef | None
    rules: tuple[OutputRule, ...]
    expect: tuple[str, ...] = ()
    files: tuple[Fetch, ...] | None = None
    missing: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    action: Action = Action.FETCH
    where: Location | None = None


class Gate(Placed, frozen=True):
    """What a run must have produced before anything that needs its job is submitted."""

    outputs: tuple[OutputRule, ...] = ()
    expect: tuple[str, ...] = ()


Change = Union[JobChange, AccessChange, OutputChange]


class Standing(Word):
    """How a declared address stands.

    ``pending``: the plan submits or restores a run. ``blocked``: nothing is submitted because
    something it needs has failed, was stopped, misses files or was left out of this plan.
    ``incomplete``: the run finished and misses files that it must produce. ``not_visible``: the
    owner shares no run of the job with whoever is looking, who cannot tell that from none.
    """

    CURRENT = "current"
    IN_PROGRESS = "in_progress"
    FAILED = "failed"
    STOPPED = "stopped"
    PENDING = "pending"
    BLOCKED = "blocked"
    INCOMPLETE = "incomplete"
    NOT_VISIBLE = "not_visible"


HOW_STUCK = {
    Standing.FAILED: "has failed",
    Standing.STOPPED: "was stopped",
    Standing.INCOMPLETE: "is incomplete",
    Standing.BLOCKED: "is blocked",
}
"""The standings for which other jobs cannot wait, as a sentence about the job says them."""


class AddressState(Struct, frozen=True):
    """How one declared address stands: its current run, or None when there is none yet.

    ``problems`` are things about it that could not be read, so that what they would show is not
    planned, and output files that are refused. ``retriable`` is whether ``--retry`` runs it again
    when it has ended badly: not where it is pinned by id.
    """

    address: Address
    standing: Standing
    run: RunRef | None
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    retriable: bool = True


class Hazard(Struct, frozen=True):
    """A risk that a person must accept by name before apply continues.

    ``limit`` and ``actual`` are texts for people; ``accept`` is the exact flag that accepts it (or
    the name goes into ``guards.allow`` of the manifest).
    """

    name: str
    message: str
    addresses: tuple[Address, ...] = ()
    accepted: bool = False
    limit: str = ""
    actual: str = ""

    @property
    def accept(self) -> str:
        """The option of ``apply`` that accepts this hazard."""
        return f"--allow {self.name}"


class Basis(Struct, frozen=True):
    """What the decision for one address rested on, so that apply can see that it still holds.

    ``names`` are the exact run names looked at; ``runs`` maps each run id to ``(state, visible)``.
    """

    names: tuple[str, ...]
    runs: Mapping[str, tuple[RunState, bool]]


class EffectiveAccess(Struct, frozen=True):
    """What one user can really do with one run: the first matching row decides."""

    address: Address
    run_id: str
    user: str
    before: Access
    after: Access


class Scope(Struct, frozen=True):
    """What a plan looked at: these ``kinds`` of things, of ``declared`` addresses all but
    ``left_out``."""

    kinds: tuple[str, ...] = KINDS
    declared: int = 0
    left_out: tuple[Address, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether the plan looked at every kind of change of every declared address."""
        return self.kinds == KINDS and not self.left_out


class View(Struct, frozen=True):
    """That a plan was made by somebody else than the ``owner`` of the runs, who alone applies.

    ``differing`` are the declared addresses with a visible run whose permissions are not as
    declared, ``unknown`` those with one whose permissions only others may list.
    """

    owner: str
    differing: tuple[Address, ...] = ()
    unknown: tuple[Address, ...] = ()


class Plan(Struct, frozen=True):
    """A finished decision: what to change and what that rests on. Sorted when built.

    ``changes`` is what apply does. ``awaiting`` are outputs of runs that are still active: not
    changes, but what ``--wait`` fetches when they finish. ``states`` has every declared address
    that was selected. ``effective`` covers the runs whose grants change. ``superseded`` counts the
    runs that this plan replaces. ``gates`` has what the runs must produce that are under way, and
    those that this plan submits or restores. ``duplicates`` has the run ids where one name has
    several live runs. ``scope`` is what all of this is about, ``options`` what was asked for, but
    for the hazards that were accepted; ``sources`` as in :class:`DesiredState`. ``api`` is the name
    of the platform whose jobs these are. ``view`` is None where whoever acts may apply; else the
    plan has no change but files to fetch.
    """

    api: str
    project: str
    target: str
    base_url: str
    user: str
    manifest_digest: str
    root: str
    outputs_root: str
    changes: tuple[Change, ...] = ()
    awaiting: tuple[OutputChange, ...] = ()
    states: tuple[AddressState, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    basis: Mapping[Address, Basis] = field(default_factory=dict)
    gates: Mapping[Address, Gate] = field(default_factory=dict)
    effective: tuple[EffectiveAccess, ...] = ()
    superseded: int = 0
    undeclared: tuple[UndeclaredRun, ...] = ()
    duplicates: Mapping[Address, tuple[str, ...]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    scope: Scope = Scope()
    options: PlanOptions = PlanOptions()
    sources: Mapping[str, str] = field(default_factory=dict)
    view: View | None = None

    @property
    def submits(self) -> tuple[JobChange, ...]:
        """The changes that submit a job."""
        jobs = (change for change in self.changes if isinstance(change, JobChange))
        return tuple(change for change in jobs if change.action in SUBMITS)


class OpenSubmit(Struct, frozen=True):
    """A submit that may have reached the service. Nothing else of its job is sent until that is
    known.

    ``reason`` is what the service answered; ``settle`` are the commands that record what became of
    it. It is recorded in the journal of one machine, so it is no part of a plan.
    """

    address: Address
    name: str
    reason: str = ""
    ids: tuple[str, ...] = ()
    settle: tuple[str, ...] = ()
