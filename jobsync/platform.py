"""The seam between jobsync and a kind of service: what the service's jobs mean. Pure.

Floor 1. ``platforms/`` has one value for each kind; the core is handed one of them and knows none.
To the core a request is JSON in which places and references stand; what a field of it means is
asked here. No method sends, reads files, or keeps anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from jobsync.errors import Refused, SettingsError
from jobsync.model import (
    App,
    AppField,
    Archive,
    DeclaredJob,
    JsonValue,
    Mark,
    Run,
    Target,
    Value,
)
from jobsync.permission_model import PermissionModel

Step = tuple["str | int", ...]
"""The keys and indexes that lead to a value: ``("inputs", "reads", 0)``."""


class Wrong(ValueError):
    """A value that cannot be sent. ``path`` is where below the field, ``hint`` what to do."""

    def __init__(self, message: str, hint: str = "", *, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.path = path


class Platform(Protocol):
    """What a kind of service means by its jobs. One value for each kind, so it is its identity.

    A platform inherits from this class. What has a body here is what it needs not say: that is the
    answer where its service has no such thing.
    """

    def __hash__(self) -> int:
        return id(self)

    @property
    def name(self) -> str:
        """What ``api:`` of a target says to mean this platform."""

    @property
    def scheme(self) -> str:
        """The letter that its fingerprints begin with; another letter for every other way to make
        them."""

    @property
    def scheme_since(self) -> str:
        """The first version of jobsync that knows :attr:`scheme`."""

    @property
    def scheme_before(self) -> str:
        """The letter of the scheme before, whose runs are still recognised; empty for none."""
        return ""

    @property
    def journal_mark(self) -> str:
        """What tells its journals of submits from those of another platform on the same service;
        empty for the platform whose journals were there before there was another."""
        return self.name

    @property
    def address_limit(self) -> int:
        """The most characters that a project and an address may have together."""

    def run_name(self, mark: Mark) -> str:
        """The text by which a run is known to be that of *mark*: it is submitted under it.

        One text for one mark, and the key of journals and plans. Where a service has labels, its
        backend may set some beside it, and make the text of them when it reads a run.
        """

    def read_mark(self, name: str) -> Mark | None:
        """What :meth:`run_name` made *name* of; None for the name of a run that jobsync did not
        make."""

    def name_prefix(self, project: str) -> str:
        """What the names of all runs of *project* begin with, for a service that searches."""

    @property
    def placement(self) -> tuple[str, ...]:
        """The request fields that say where and how long, not what: they never re-run a job."""
        return ()

    def request_schema(self) -> dict[str, Any]:
        """The JSON Schema of its request fields (``properties``), and of what they refer to
        (``$defs``), as they may be before references are filled in.

        Each node has ``x-expected``: what a person would call a right value.
        """

    @property
    def field_hints(self) -> Mapping[str, str]:
        """What to write in place of fields that people know from elsewhere."""
        return {}

    @property
    def fields(self) -> Mapping[str, Callable[[Value], Value]]:
        """Every request field, and what makes its value ready to send or raises :class:`Wrong`."""

    @property
    def referring(self) -> frozenset[str]:
        """The request fields in which references to jobs may stand."""

    @property
    def merged(self) -> frozenset[str]:
        """The request fields that are laid over those of the defaults key by key."""
        return frozenset()

    @property
    def hiding(self) -> frozenset[str]:
        """The request fields in which sensitive values may stand."""
        return frozenset()

    @property
    def macros(self) -> frozenset[str]:
        """What stands as ``${NAME}`` in a request because the service fills it in."""
        return frozenset()

    @property
    def app_field(self) -> str:
        """The request field that names the app."""

    def app_id(self, request: Mapping[str, Value]) -> str:
        """The app that *request* runs, as the service is asked for it; empty when it names none."""
        return str(request.get(self.app_field) or "")

    def is_fixed_app(self, app_id: str) -> bool:
        """Whether an app of this id never changes."""
        return False

    def defined_app(self, definition: Mapping[str, JsonValue]) -> str:
        """The id of the app that a definition in the folder of the set defines; empty for none."""
        return ""

    def app_meaning(self, definition: Mapping[str, JsonValue]) -> JsonValue:
        """What of such a definition makes a run what it is: without what only people read."""
        return dict(definition)

    def no_outputs(self, request: Mapping[str, Value]) -> str:
        """What of *request* makes its runs keep no outputs, as it is written; empty where they
        do."""
        return ""

    @property
    def output_folder_field(self) -> str:
        """The request field that names the folder of the outputs."""
        return ""

    @property
    def output_system_field(self) -> str:
        """The request field that names the system on which that folder is."""
        return ""

    @property
    def own_folder_hint(self) -> str:
        """What to write so that each run has an output folder of its own."""
        return ""

    @property
    def time_field(self) -> str:
        """The request field that says how long a run may take."""
        return ""

    def check_request(self, request: Mapping[str, Value]) -> Iterable[Wrong]:
        """What is wrong with *request* as a whole; ``path`` is where below the job."""
        return ()

    @property
    def workspace(self) -> str:
        """What the URI of a file in the folder of the set begins with, on a service there."""

    def names_workspace(self, field: str, value: Value) -> bool:
        """Whether *value* of *field* names a file in the folder of the set."""
        return False

    def workspace_inputs(self, request: Mapping[str, Value]) -> Iterable[tuple[Step, str]]:
        """Where *request* names files in the folder of the set, and their URIs."""
        return ()

    def starter(self, project: str) -> Mapping[str, str]:
        """The files, by path, of a small set to start from that runs on any machine."""
        return {}

    @property
    def permissions(self) -> PermissionModel:
        """What the permissions of a run mean."""

    @property
    def settings_prefix(self) -> str:
        """What the names of the environment variables with its settings begin with."""

    @property
    def address_variable(self) -> str:
        """The environment variable that says where the service of target ``env`` is."""

    @property
    def token_variable(self) -> str:
        """The environment variable with the token for that service."""

    def canonical(self, request: Mapping[str, Value]) -> dict[str, JsonValue]:
        """What of *request* means something, each value in one spelling: for the fingerprint.

        References stay symbolic. Equal results mean: the same run.
        """

    def canonical_before(self, request: Mapping[str, Value]) -> dict[str, JsonValue]:
        """The same under :attr:`scheme_before`; not asked where that is empty."""
        return {}

    @property
    def defaults(self) -> Mapping[str, Value]:
        """What a request that leaves a field out means by it."""
        return {}

    def sides(
        self, declared: Mapping[str, Value], record: Mapping[str, Value], keep: frozenset[str]
    ) -> Mapping[str, tuple[Value, Value]]:
        """What is compared of a request and the record of a run, by path, in one shape.

        The record's value comes first. The paths are those of *declared* and, of *keep*, those
        that only the record has.
        """

    def same(self, path: str, declared: Value, remote: Value) -> bool:
        """Whether two leaves at *path* mean the same to the service, however each is typed."""
        return declared == remote

    def given(self, request: Mapping[str, Value]) -> frozenset[str]:
        """The paths of all that *request* gives to its app."""
        return frozenset()

    def app_fields(self, app: App) -> Mapping[str, AppField]:
        """What *app* takes, by the paths of :meth:`given`."""
        return {}

    def check_app(self, job: DeclaredJob, app: App) -> Iterable[Wrong]:
        """What *app* would not take of *job*; ``path`` is where below the job."""
        return ()

    def unchecked(self, job: DeclaredJob, app: App) -> Iterable[str]:
        """What *app* says of what *job* declares and cannot be checked here, and why."""
        return ()

    def same_placement(self, field: str, declared: Value, remote: Value) -> bool:
        """Whether a placement field as *declared* asks for what the record of a run has."""
        return declared == remote

    def node_hours(self, request: Mapping[str, Value], app: App | None) -> float | None:
        """The most node-hours that one run of *request* may use; None when that is unknown.

        *app* fills in what *request* leaves out; None when its definition is not known.
        """
        return None

    def output_folder(self, request: Mapping[str, object]) -> Archive | None:
        """The folder that a request, or the record of a run, puts outputs into.

        None when none is named, or another one for each run.
        """
        return None

    def output_uri(self, run: Run, path: str) -> str | None:
        """What an input says to take output *path* of *run*; None when the run keeps none."""

    def is_output(self, uri: str, run: Run, path: str) -> bool:
        """Whether *uri*, however it is spelled, is output *path* of *run*."""

    def outputs_refused(self, run_id: str, error: Refused) -> str:
        """Why the service does not show the outputs of a run; empty where it does not tell."""
        return ""

    @property
    def finds_hidden(self) -> bool:
        """Whether a question for a name also finds runs that were hidden."""
        return True

    @property
    def restores(self) -> bool:
        """Whether a hidden run can be made visible again."""
        return False

    def restore_command(self, run_id: str) -> str:
        """The command that makes a hidden run visible again; not asked where that cannot be."""
        return ""

    def revoke_command(self, run_id: str, row: str) -> str:
        """The command that takes a row out of a list of permissions; only asked where names have
        several spellings."""
        return ""


def platform_of(target: Target | None, platforms: Mapping[str, Platform]) -> Platform:
    """The platform of *target*: the first of *platforms* where it names none.

    Raises :class:`SettingsError` when it names another one.
    """
    name = target.api if target else ""
    if name and name not in platforms:
        known = ", ".join(platforms)
        raise SettingsError(f"no service is known as api {name!r}", hint=f"known are: {known}")
    return platforms[name or next(iter(platforms))]


def platform_named_in(
    environ: Mapping[str, str], platforms: Mapping[str, Platform]
) -> Platform | None:
    """The first platform for which *environ* says where its service is: that of target ``env``."""
    named = (one for one in platforms.values() if environ.get(one.address_variable))
    return next(named, None)
