"""The nouns of jobsync: frozen values that pass along the line from manifest to outcome.

Floor 1. ``where`` says where a person wrote something; it travels with a value
and never takes part in a comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Union

from jobsync.errors import Location
from jobsync.searched import Searched
from jobsync.secret import HIDDEN, Sensitive
from jobsync.structs import Placed, Struct, field

if TYPE_CHECKING:
    from jobsync.platform import Platform

Address = str
"""The key of a job plus its matrix values: ``align``, ``tree.lg.1``. Never an index."""

JsonValue = Union[None, bool, int, float, str, list["JsonValue"], dict[str, "JsonValue"]]


class Word(str, Enum):
    """A closed set of words that print as themselves (``enum.StrEnum`` is newer than 3.10)."""

    def __str__(self) -> str:
        return str(self.value)


# --- values in a request ---------------------------------------------------------------


class OutputRef(Struct, frozen=True):
    """``${jobs.ADDRESS.outputs/PATH}``: an output of another job, once that has finished."""

    address: Address
    path: str

    def __str__(self) -> str:
        return f"${{jobs.{self.address}.outputs/{self.path}}}"


class IdRef(Struct, frozen=True):
    """``${jobs.ADDRESS.id}``: the id that the service gave to another job."""

    address: Address

    def __str__(self) -> str:
        return f"${{jobs.{self.address}.id}}"


class Sealed(Struct, frozen=True):
    """What a saved plan has in place of a :class:`~jobsync.secret.Sensitive` value.

    ``digest`` tells whether a value is that one (see ``plan.seal``).
    """

    digest: str

    def __str__(self) -> str:
        return HIDDEN


Scalar = Union[None, bool, int, float, str]

Value = Union[
    Scalar, OutputRef, IdRef, Sensitive, Sealed, list["Value"], dict[str, "Value"]
]  # fmt: skip
"""A JSON value in which a whole scalar may be a reference to another job, or sensitive."""


# --- what is declared ------------------------------------------------------------------


class Access(Struct, frozen=True, order=True):
    """What the service can tell about a permission (agave-v2 §5.1: EXECUTE is never reported)."""

    read: bool
    write: bool

    def __str__(self) -> str:
        return {
            (False, False): "NONE",
            (True, False): "READ",
            (False, True): "WRITE",
            (True, True): "READ_WRITE",
        }[self.read, self.write]


NO_ACCESS = Access(read=False, write=False)
LEVELS: Mapping[str, Access] = {
    "NONE": NO_ACCESS,
    "READ": Access(read=True, write=False),
    "WRITE": Access(read=False, write=True),
    "READ_WRITE": Access(read=True, write=True),
    "ALL": Access(read=True, write=True),
}
"""The levels a manifest may grant. ``ALL`` reads back as ``READ_WRITE`` (agave-v2 §5.1)."""

WORLD = "world"
"""The user name whose grant reaches everybody (agave-v2 §5.1)."""


class Grant(Placed, frozen=True):
    """What one user is to have. ``via`` is the team it came through (``@reviewers``) or empty."""

    access: Access
    via: str = ""
    where: Location | None = None


class PermissionsMode(Word):
    EXACT = "exact"
    ADDITIVE = "additive"


class OutputRule(Placed, frozen=True):
    """Which files to fetch (``path``, a glob) and where to (``to``, relative to the set).

    ``to`` ending in ``/`` is a folder; otherwise it is a file, and the glob may match one file.
    """

    path: str
    to: str
    required: bool = True
    where: Location | None = None


class AppFolder(Struct, frozen=True):
    """An app that the workspace holds in ``apps/``.

    ``digest`` is of all that makes a run what it is; ``changed`` maps each file of it, relative to
    ``apps/``, to when it was last changed, in seconds since the epoch.
    """

    digest: str
    changed: Mapping[str, float]


class DeclaredJob(Placed, frozen=True):
    """One job of a manifest set, every variable and matrix value filled in.

    ``request`` holds only the declared request fields, in the service's spelling, without
    ``name``. ``places`` maps a dotted path (``parameters.threads``) to where it was written.
    ``digests`` maps an ``agave://local/`` URI among the inputs to the SHA-256 of its content.
    ``upstream`` are the jobs whose outputs or ids it takes, ``needs`` all it must wait for
    (upstream included), both sorted. ``name`` is the run name of the first attempt. ``older`` are
    the fingerprints that it had under older schemes, None when there are too many to try.
    ``formerly`` are addresses, or ``project/address``. ``app`` is None where the app is not one of
    the workspace, or the service has its own. ``secrets`` are the sensitive values of the set that
    are known, wherever they stand: a run may still have one where the job has it no more.
    """

    ASIDE: ClassVar = frozenset({"where", "places", "secrets"})

    address: Address
    fingerprint: str
    name: str
    request: Mapping[str, Value]
    permissions: Mapping[str, Grant] | None = None
    permissions_mode: PermissionsMode = PermissionsMode.EXACT
    outputs: tuple[OutputRule, ...] = ()
    expect: tuple[str, ...] = ()
    needs: tuple[Address, ...] = ()
    upstream: tuple[Address, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    retries: int = 0
    rerun: int = 1
    pinned: str | None = None
    formerly: tuple[str, ...] = ()
    older: tuple[str, ...] | None = ()
    app: AppFolder | None = None
    protect: bool = False
    where: Location | None = None
    places: Mapping[str, Location] = field(default_factory=dict)
    secrets: tuple[Sensitive, ...] = ()


class Target(Placed, frozen=True):
    """A place to run jobs. ``base_url`` is empty for ``local`` and ``env``, which always exist.

    ``api`` names the platform of its service; empty is that of every target that says none.
    """

    name: str
    base_url: str = ""
    owner: str = ""
    concurrency: int = 16
    api: str = ""
    where: Location | None = None


class Guards(Struct, frozen=True):
    """Limits past which a plan names a hazard, and the hazards accepted in the manifest."""

    allow: frozenset[str] = frozenset()
    max_node_hours: float | None = None
    rerun_node_hours: float = 100.0
    mass_submit: int = 100
    mass_revoke: int = 5


class DesiredState(Struct, frozen=True):
    """All that a manifest set declares. ``jobs`` is in address order.

    ``root`` is the folder of the set (where ``jobsync.lock`` lies and ``outputs`` land),
    ``outputs_root`` an absolute folder that outputs may not leave, ``digest`` the SHA-256 of
    what was read, ``default_target`` the set's own ``target:`` or None. ``service_here`` is whether
    the service was taken for one of this folder, whose apps count; None when none of them is used.
    ``searched`` is where its manifests are searched, None when it does not come from files.
    ``requires`` is what the set says of the jobsync that may be used, or empty. ``platform`` is
    what the service that it was read for means by jobs.
    """

    platform: Platform
    project: str
    jobs: Mapping[Address, DeclaredJob]
    root: str
    outputs_root: str
    digest: str
    default_target: str | None = None
    targets: Mapping[str, Target] = field(default_factory=dict)
    guards: Guards = Guards()
    service_here: bool | None = None
    requires: str = ""
    searched: Searched | None = None


# --- what is observed ------------------------------------------------------------------


class RunState(Word):
    """What a run's status means to a decision (agave-v2 §4.1; see ``agave.wire`` for the table)."""

    ACTIVE = "active"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"


class Run(Struct, frozen=True):
    """One job on the service.

    ``status`` is the service's word, ``state`` what it means. ``request`` is the record in the
    legacy engine's field names whatever the engine (``batchQueue``, ``maxRunTime`` ...), or None
    when only a summary row was read; ``archiveSystem`` and ``archivePath`` in it are the resolved
    ones. ``message`` is the service's word on a failure.
    """

    id: str
    name: str
    owner: str
    app_id: str
    status: str
    state: RunState
    visible: bool = True
    created: datetime | None = None
    ended: datetime | None = None
    message: str = ""
    request: Mapping[str, JsonValue] | None = None


class Archive(Struct, frozen=True):
    """A folder that runs archive to (see ``archives`` for what is equal).

    ``system`` is empty where it is the service's default. ``path`` has no slash at either end, no
    empty and no dot segments; the root is empty.
    """

    system: str
    path: str


class Archived(Struct, frozen=True):
    """A run and the folder that its outputs went to or will go to."""

    run: Run
    archive: Archive


class RemoteFile(Struct, frozen=True):
    """One entry of an output folder. ``path`` is joined by us, without a leading ``/``."""

    path: str
    length: int
    last_modified: str
    is_folder: bool = False


class Unavailable(Struct, frozen=True):
    """Why something about one run could not be read; marks its address, never aborts a plan."""

    reason: str


class Presence(Word):
    """What lies where a file was fetched to: a file of its size, nothing, or something else."""

    HERE = "here"
    ABSENT = "absent"
    CHANGED = "changed"


class FetchedFile(Placed, frozen=True):
    """A line of ``jobsync.lock``: this file of this run was fetched whole, with this content.

    ``presence`` is what lies at ``to`` now; it takes no part in comparisons.
    """

    ASIDE: ClassVar = frozenset({"presence"})

    address: Address
    job_id: str
    path: str
    to: str
    size: int
    sha256: str
    presence: Presence = Presence.HERE


class AppField(Struct, frozen=True):
    """An input or parameter that an app declares. ``validator`` is a Java regular expression, of
    which a match must be found in each value."""

    id: str
    type: str = "string"
    required: bool = False
    visible: bool = True
    choices: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int | None = None
    validator: str = ""


class App(Struct, frozen=True):
    """What the service tells of an app, as far as a manifest can be checked against it.

    ``changed`` is when a private app was last changed; None for a public one, which never is.
    """

    id: str
    inputs: Mapping[str, AppField]
    parameters: Mapping[str, AppField]
    defaults: Mapping[str, JsonValue] = field(default_factory=dict)
    changed: datetime | None = None


class Snapshot(Struct, frozen=True):
    """What was observed of the service ("remote" to users) and of the fetched outputs.

    ``runs``        every visible run of mine with a name of this project or a former one, plus the
                    pinned ones, plus hidden ones that a point query by exact name found.
    ``foreign``     runs of other owners that carry exactly a declared name.
    ``archived``    every run of mine, visible or hidden, of whatever name, whose archive folder
                    meets one that a declaration names; empty when none names one.
    ``confirmed``   exact run names that were asked for by name, visible and hidden. Only for a
                    name in here does "not among runs" mean "does not exist".
    ``access``      per run id: the grants without the owner's row, or why they cannot be read.
                    Absent means not asked.
    ``outputs``     per run id: the files, or why they cannot be read. Absent means not asked.
    ``apps``        per app id: its definition, or None when it could not be asked.
    ``changed_apps`` per id of a private app of a job that has a run: when it was last changed.
    ``missing_apps`` per id of which the service says that it has no such app: its words.
    ``fetched``     the lines of ``jobsync.lock``.
    ``expectations`` (address, run id) pairs whose ``expect`` the lock records as met.
    """

    user: str
    target: str
    base_url: str
    runs: tuple[Run, ...]
    foreign: tuple[Run, ...] = ()
    archived: tuple[Archived, ...] = ()
    confirmed: frozenset[str] = frozenset()
    access: Mapping[str, Mapping[str, Access] | Unavailable] = field(default_factory=dict)
    outputs: Mapping[str, tuple[RemoteFile, ...] | Unavailable] = field(default_factory=dict)
    apps: Mapping[str, App | None] = field(default_factory=dict)
    missing_apps: Mapping[str, str] = field(default_factory=dict)
    changed_apps: Mapping[str, datetime] = field(default_factory=dict)
    fetched: tuple[FetchedFile, ...] = ()
    expectations: frozenset[tuple[Address, str]] = frozenset()


# --- what is decided -------------------------------------------------------------------


class Action(Word):
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
    hidden run cannot be read (agave-v2 §5.2): apply reads it after the restore, sets every user of
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
    ``incomplete``: the run finished and misses files that it must produce.
    """

    CURRENT = "current"
    IN_PROGRESS = "in_progress"
    FAILED = "failed"
    STOPPED = "stopped"
    PENDING = "pending"
    BLOCKED = "blocked"
    INCOMPLETE = "incomplete"


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
    """Something a person has to accept by name before apply goes on.

    ``limit`` and ``actual`` are texts for people; ``accept`` is the exact flag that accepts it
    (or the name goes into ``guards.allow`` of the manifest).
    """

    name: str
    message: str
    addresses: tuple[Address, ...] = ()
    accepted: bool = False
    limit: str = ""
    actual: str = ""

    @property
    def accept(self) -> str:
        return f"--allow {self.name}"


class Basis(Struct, frozen=True):
    """What the decision for one address rested on, so that apply can see that it still holds.

    ``names`` are the exact run names looked at; ``runs`` maps each run id to ``(state, visible)``.
    """

    names: tuple[str, ...]
    runs: Mapping[str, tuple[RunState, bool]]


class EffectiveAccess(Struct, frozen=True):
    """What one user can really do with one run: the first matching row decides (agave-v2 §5.1)."""

    address: Address
    run_id: str
    user: str
    before: Access
    after: Access


KINDS = ("jobs", "permissions", "outputs")
"""The kinds of things that a plan looks at, as ``--only`` names them."""


class Scope(Struct, frozen=True):
    """What a plan looked at: these ``kinds`` of things, of ``declared`` addresses all but
    ``left_out``."""

    kinds: tuple[str, ...] = KINDS
    declared: int = 0
    left_out: tuple[Address, ...] = ()

    @property
    def is_whole(self) -> bool:
        return self.kinds == KINDS and not self.left_out


class Plan(Struct, frozen=True):
    """A finished decision: what to change and what that rests on. Sorted when built.

    ``changes`` is what apply does. ``awaiting`` are outputs of runs that are still active: not
    changes, but what ``--wait`` fetches when they finish. ``states`` has every declared address
    that was selected. ``effective`` covers the runs whose grants change. ``superseded`` counts the
    runs that this plan replaces. ``gates`` has what the runs must produce that are under way, and
    those that this plan submits or restores. ``duplicates`` has the run ids where one name has
    several live runs. ``scope`` is what all of this is about.
    """

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
    undeclared: tuple[RunRef, ...] = ()
    duplicates: Mapping[Address, tuple[str, ...]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    scope: Scope = Scope()


class OpenSubmit(Struct, frozen=True):
    """A submit that may have reached the service; nothing else of its job is sent until it is
    known. ``reason`` is what came back; ``settle`` are the commands that say what became of it.

    It stands in the journal of one machine, so it is no part of a plan.
    """

    address: Address
    name: str
    reason: str = ""
    ids: tuple[str, ...] = ()
    settle: tuple[str, ...] = ()


# --- what came of it -------------------------------------------------------------------


class Result(Word):
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    WAITING = "waiting"
    UNKNOWN = "unknown"
    STALE = "stale"


class Outcome(Struct, frozen=True):
    """What came of one change. ``detail`` is for people: an id, a reason, a path."""

    address: Address
    kind: str
    action: Action
    result: Result
    detail: str = ""
    run_id: str = ""
