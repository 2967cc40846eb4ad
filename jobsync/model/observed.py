"""What was read from the service, and of the outputs that were fetched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from jobsync.model.declared import Access
from jobsync.model.values import Address, JsonValue, Word
from jobsync.structs import Placed, Struct, field


class RunState(Word):
    """What a run's status means to a decision; each platform has its table."""

    ACTIVE = "active"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"


class Run(Struct, frozen=True):
    """One job on the service.

    ``name`` is the text that the platform makes of a :class:`~jobsync.model.Mark`, wherever the
    service keeps it, or whatever else it says where jobsync did not make the run.
    ``status`` is the service's word, ``state`` what it means. ``request`` is the record in the
    platform's field names, or None when only a summary row was read; the output folder in it is
    the resolved one. ``message`` is the service's word on a failure. ``created``, ``started`` and
    ``ended`` are when it was submitted, began to run and came to its end; None where the service
    does not say.
    ``number`` rises from run to run on a service that numbers them, and is 0 on others. ``sent``
    tells which send made the run, where the service keeps that: what a person submits again
    afterwards tells the same one. It is empty where nothing tells.
    """

    id: str
    name: str
    owner: str
    app_id: str
    status: str
    state: RunState
    visible: bool = True
    created: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    message: str = ""
    request: Mapping[str, JsonValue] | None = None
    number: int = 0
    sent: str = ""


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
    """One entry of an output folder. ``path`` is joined by us, without a leading ``/``.

    ``by_name_only``: a file of the service's own, which may hold secrets. It is an output only
    where its path is written out.
    """

    path: str
    length: int
    last_modified: str
    is_folder: bool = False
    by_name_only: bool = False


class LogFiles(Struct, frozen=True):
    """The outputs that hold what a run wrote to standard output (``out``) and error (``err``).

    Paths; empty where there is no such file, equal where both streams go to one file.
    """

    out: str = ""
    err: str = ""


class Unavailable(Struct, frozen=True):
    """Why something about one run could not be read; marks its address, never aborts a plan."""

    reason: str


class Presence(Word):
    """What is at the place of a fetched file: a file of its size, nothing, or something else."""

    HERE = "here"
    ABSENT = "absent"
    CHANGED = "changed"


class FetchedFile(Placed, frozen=True):
    """A line of ``jobsync.lock``: this file of this run was fetched whole, with this content.

    ``presence`` is what is at ``to`` now; it takes no part in comparisons.
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
    """The definition of an app, as far as a manifest can be checked against it.

    ``changed`` is when a private app was last changed; None for a public app, which never changes.
    ``definition`` is the whole as the service publishes it, for a platform whose apps say more.
    """

    id: str
    inputs: Mapping[str, AppField]
    parameters: Mapping[str, AppField]
    defaults: Mapping[str, JsonValue] = field(default_factory=dict)
    changed: datetime | None = None
    definition: Mapping[str, JsonValue] = field(default_factory=dict)


class Snapshot(Struct, frozen=True):
    """What was observed of the service ("remote" to users) and of the fetched outputs.

    ``user``        who is acting ("me").
    ``owner``       whose runs are meant where that is somebody else: the owner of the target, some
                    of whose runs are shared with me. Empty where they are mine.
    ``runs``        every visible run of mine, or of ``owner``, with a name of this project or a
                    former one, plus the pinned ones, plus hidden ones that a point query by exact
                    name found.
    ``foreign``     runs of other owners that carry exactly a declared name.
    ``archived``    every run of mine, visible or hidden, of whatever name, whose archive folder
                    meets one that a declaration names; empty when none names one.
    ``confirmed``   exact run names that were asked for by name, visible and hidden. Only for a
                    name in here does "not among runs" mean "does not exist".
    ``asked_by_id`` addresses of which runs are recorded, whose ids were asked for since they may be
                    hidden; only where no search finds hidden runs.
    ``access``      per run id: the grants without the owner's row, or why they cannot be read.
                    Absent means not asked.
    ``outputs``     per run id: the files, or why they cannot be read. Absent means not asked.
    ``apps``        per app id: its definition, or None when it could not be asked.
    ``changed_apps`` per id of a private app of a job that has a run: when it was last changed.
    ``missing_apps`` per id of which the service says that it has no such app: its words.
    ``users``       per user who may be granted access: whether the service has that user, or None
                    where it does not tell. Absent means not asked.
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
    asked_by_id: frozenset[Address] = frozenset()
    access: Mapping[str, Mapping[str, Access] | Unavailable] = field(default_factory=dict)
    outputs: Mapping[str, tuple[RemoteFile, ...] | Unavailable] = field(default_factory=dict)
    apps: Mapping[str, App | None] = field(default_factory=dict)
    missing_apps: Mapping[str, str] = field(default_factory=dict)
    changed_apps: Mapping[str, datetime] = field(default_factory=dict)
    users: Mapping[str, bool | None] = field(default_factory=dict)
    fetched: tuple[FetchedFile, ...] = ()
    expectations: frozenset[tuple[Address, str]] = frozenset()
    owner: str = ""

    @property
    def owned_by(self) -> str:
        """Whose runs are matched by name; nobody else's are, whatever they are called."""
        return self.owner or self.user
