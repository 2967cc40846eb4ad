"""The seam between jobsync and a kind of service: what the service's jobs mean. Pure.

Floor 1. ``platforms/`` has one value for each kind; the core is handed one of them and knows none.
To the core a request is JSON in which places and references stand; what a field of it means is
asked here. No method sends, reads files, or keeps anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from enum import IntEnum
from typing import Any, Protocol
from urllib.parse import unquote

from jobsync.errors import Refused, SettingsError
from jobsync.model import (
    App,
    AppField,
    Archive,
    DeclaredJob,
    JsonValue,
    LogFiles,
    Mark,
    Run,
    Target,
    Value,
)
from jobsync.permission_model import PermissionModel

Step = tuple["str | int", ...]
"""The keys and indexes that lead to a value: ``("inputs", "reads", 0)``."""


class Wrong(ValueError):
    """A value that cannot be sent.

    ``path`` is its place below the field, ``hint`` says what to do, ``more`` are others that were
    found in the same field.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        path: tuple[str | int, ...] = (),
        more: tuple[Wrong, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.path = path
        self.more = more


class Clue(IntEnum):
    """How surely credentials are for a service of a platform, the least first.

    ``POSSIBLE`` says nothing of the platform, as a user and a password do; ``LIKELY`` are
    credentials that other platforms do not use; ``CERTAIN`` are those that name the platform.
    """

    NONE = 0
    POSSIBLE = 1
    LIKELY = 2
    CERTAIN = 3


class Platform(Protocol):
    """What a kind of service means by its jobs. There is one value for each kind: it is compared by
    identity.

    A platform inherits from this class. A method with a body here gives the answer of a service
    that has no such thing, so a platform overrides only what differs.
    """

    def __hash__(self) -> int:
        return id(self)

    @property
    def name(self) -> str:
        """The word in ``api:`` of a target that selects this platform."""

    @property
    def scheme(self) -> str:
        """The letter with which this platform's fingerprints begin. A change of how they are made
        needs a new letter."""

    @property
    def scheme_since(self) -> str:
        """The first version of jobsync that understands :attr:`scheme`."""

    @property
    def scheme_before(self) -> str:
        """The letter of the previous scheme, whose runs are still recognised; empty for none."""
        return ""

    @property
    def journal_mark(self) -> str:
        """The text that keeps this platform's journals apart from those of another platform on the
        same service.

        Empty for the first platform, whose journals are older than this mark.
        """
        return self.name

    @property
    def address_limit(self) -> int:
        """The most characters that a project and an address may have together."""

    def run_name(self, mark: Mark) -> str:
        """The name under which the run of *mark* is submitted, and by which it is found again.

        Each mark has exactly one name, which is also the key in journals and plans. A service with
        labels may store the mark in labels too; its backend then makes the same name from them when
        it reads a run.
        """

    def read_mark(self, name: str) -> Mark | None:
        """The mark from which :meth:`run_name` made *name*; None for a name that jobsync did not
        make."""

    def name_prefix(self, project: str) -> str:
        """The text with which the names of all runs of *project* begin, for a search by the
        service."""

    @property
    def placement(self) -> tuple[str, ...]:
        """The dotted paths of what says, in a request, where and how long a job runs. A change of
        that alone never re-runs the job."""
        return ()

    def request_schema(self) -> dict[str, Any]:
        """The JSON Schema of the request fields: ``properties``, and ``$defs`` to which they refer.

        It describes values before references are filled in. Each node has ``x-expected``: a right
        value, in words for people.
        """

    @property
    def field_hints(self) -> Mapping[str, str]:
        """By field name, what to write instead of fields that people know from other tools."""
        return {}

    @property
    def fields(self) -> Mapping[str, Callable[[Value], Value]]:
        """Every request field, with the function that makes its value ready to send.

        The function raises :class:`Wrong` for a value that cannot be sent.
        """

    @property
    def referring(self) -> frozenset[str]:
        """The request fields that may contain references to jobs."""

    def wrong_reference(self, field: str, at: Step, *, is_file: bool, is_list: bool) -> str:
        """Why a reference to a job cannot be the value at *at* below *field*; empty where it can.

        *is_file* is whether it names an output, else it is the id of a job; *is_list* is whether it
        may select several runs. Asked about fields in :attr:`referring` only.
        """
        return ""

    @property
    def references_hint(self) -> str:
        """Where references to jobs can be used, in words for people."""
        return f"references to jobs can be used in {' and '.join(sorted(self.referring))}"

    @property
    def merged(self) -> frozenset[str]:
        """The dotted paths of mappings in a request that are merged key by key with those of the
        defaults."""
        return frozenset()

    @property
    def named_entries(self) -> Mapping[str, str]:
        """The dotted paths of lists of mappings whose entries take the places of those of the
        defaults with the same name, each with the key that names an entry."""
        return {}

    @property
    def united(self) -> frozenset[str]:
        """The request fields whose list is added to that of the defaults."""
        return frozenset()

    @property
    def hiding(self) -> frozenset[str]:
        """The request fields that may contain sensitive values."""
        return frozenset()

    @property
    def hiding_hint(self) -> str:
        """Where sensitive values can be used, in words for people."""
        return f"sensitive values can be used in {', '.join(sorted(self.hiding))}"

    @property
    def macros(self) -> frozenset[str]:
        """The names that stay as ``${NAME}`` in a request because the service fills them in."""
        return frozenset()

    def is_left(self, name: str) -> bool:
        """Whether ``${NAME}`` stays as it is in a request: the service or the job fills it in."""
        return name in self.macros

    @property
    def app_field(self) -> str:
        """The request field that names the app."""

    @property
    def needed(self) -> Mapping[str, str]:
        """The request fields that every job must have, each with what to do where it is missing."""
        return {self.app_field: "name the app to run; jobsync apps lists them"}

    def app_id(self, request: Mapping[str, Value]) -> str:
        """The id of the app that *request* runs, as the service knows it; empty when none is
        named."""
        return str(request.get(self.app_field) or "")

    def is_fixed_app(self, app_id: str) -> bool:
        """Whether an app of this id never changes."""
        return False

    def defined_app(self, definition: Mapping[str, JsonValue], file_name: str) -> str:
        """The id of the app that a definition in the folder of the set defines; empty where it is
        none of this platform. *file_name* is one of :data:`~jobsync.searched.APP_FILES`."""
        return ""

    def described_app(self, definition: Mapping[str, JsonValue]) -> App | None:
        """The app of a *definition* in the folder of the set, as far as a job can be checked
        against it; None for a platform whose apps are not checked here."""
        return None

    def app_meaning(self, definition: Mapping[str, JsonValue]) -> JsonValue:
        """The part of *definition* that decides what a run does, without texts for people.

        The digest of an app in the folder of the set is made of it.
        """
        return dict(definition)

    def app_without_start(self, definition: Mapping[str, JsonValue], names: Collection[str]) -> str:
        """The file that an app in the folder of the set lacks so that it can start; empty for none.

        *names* are the names in its folder.
        """
        return ""

    def no_output(self, request: Mapping[str, Value], path: str) -> str:
        """The setting in *request* because of which its runs do not keep output *path*, as it is
        written; empty when they keep it."""
        return ""

    def doubtful_output(self, request: Mapping[str, Value], path: str) -> str:
        """Why it is not sure that runs of *request* keep output *path*; empty where nothing in
        the request makes that doubtful."""
        return ""

    def never_kept(self, request: Mapping[str, Value], glob: str) -> str:
        """The setting in *request*, as it is written, because of which its runs keep no file that
        *glob*, of ``outputs`` or ``expect``, means; empty when they may keep one."""
        return ""

    def hardly_kept(self, request: Mapping[str, Value], glob: str) -> str:
        """As :meth:`never_kept`, for a setting of which the app may say more."""
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
        """What is wrong with *request* as a whole. ``path`` of each is its place below the job."""
        return ()

    @property
    def workspace(self) -> str:
        """The prefix of the URI of a file in the folder of the set, for a service that runs
        there."""

    def workspace_path(self, uri: str) -> str:
        """The path, from the folder of the set, of the file that a URI with :attr:`workspace`
        names."""
        return unquote(uri[len(self.workspace) :])

    def names_workspace(self, field: str, value: Value) -> bool:
        """Whether *value* of *field* names a file in the folder of the set."""
        return False

    def workspace_inputs(self, request: Mapping[str, Value]) -> Iterable[tuple[Step, str]]:
        """Each place where *request* names a file in the folder of the set, and the file's URI."""
        return ()

    @property
    def templates(self) -> Mapping[str, str]:
        """The example sets that :meth:`starter` writes: by name what each shows, in words for
        people. The first is the default."""
        return {}

    def starter(self, project: str, template: str) -> Mapping[str, str]:
        """The files, by path, of an example set that runs on any machine.

        Raises :class:`KeyError` for a template that is not among :attr:`templates`.
        """
        raise KeyError(template)

    @property
    def permissions(self) -> PermissionModel:
        """What the permissions of a run mean."""

    @property
    def settings_prefix(self) -> str:
        """The prefix of the names of the environment variables with this platform's settings."""

    @property
    def address_variable(self) -> str:
        """The environment variable with the URL of the service of target ``env``."""

    @property
    def token_variable(self) -> str:
        """The environment variable with the token for that service."""

    @property
    def api_variable(self) -> str:
        """The environment variable with the name of the platform of that service, for addresses
        that several platforms share; empty for none."""
        return ""

    def clue(self, environ: Mapping[str, str]) -> Clue:
        """How surely the credentials in *environ* are for a service of this platform."""
        return Clue.NONE

    def canonical(self, request: Mapping[str, Value]) -> dict[str, JsonValue]:
        """The meaning of *request*, each value in one spelling, for the fingerprint.

        References stay symbolic. Two requests with equal results describe the same run.
        """

    def canonical_before(self, request: Mapping[str, Value]) -> dict[str, JsonValue]:
        """As :meth:`canonical`, under :attr:`scheme_before`; not called when that is empty."""
        return {}

    def tells_request(self, record: Mapping[str, JsonValue]) -> bool:
        """Whether the full record of a run tells what the run was asked for."""
        return True

    @property
    def records_are_requests(self) -> bool:
        """Whether the record of a run is its request as it was sent: then all that differs from a
        declaration was declared otherwise, and the service has dropped and added nothing."""
        return False

    @property
    def defaults(self) -> Mapping[str, Value]:
        """The value that the service assumes for a field that a request leaves out."""
        return {}

    def sides(
        self, declared: Mapping[str, Value], record: Mapping[str, Value], keep: frozenset[str]
    ) -> Mapping[str, tuple[Value, Value]]:
        """The values to compare, by path, as pairs (from the record, declared), in one shape.

        The paths are those of *declared*, and those of *keep* that only the record has.
        """

    def same(self, path: str, declared: Value, remote: Value) -> bool:
        """Whether the values at *path* mean the same to the service, whatever their JSON types."""
        return declared == remote

    def given(self, request: Mapping[str, Value]) -> frozenset[str]:
        """The paths of everything that *request* passes to its app."""
        return frozenset()

    def app_fields(self, app: App) -> Mapping[str, AppField]:
        """What *app* accepts, keyed by the paths of :meth:`given`."""
        return {}

    def check_app(self, job: DeclaredJob, app: App) -> Iterable[Wrong]:
        """The values of *job* that *app* would refuse. ``path`` of each is its place below the
        job."""
        return ()

    def unchecked(self, job: DeclaredJob, app: App) -> Iterable[str]:
        """The rules of *app* that cannot be checked here for what *job* declares, and why."""
        return ()

    def same_placement(self, field: str, declared: Value, remote: Value) -> bool:
        """Whether *declared*, in a placement field, asks for what the record of a run shows."""
        return declared == remote

    def node_hours(self, request: Mapping[str, Value], app: App | None) -> float | None:
        """The most node-hours that one run of *request* may use; None when that is unknown.

        *app* supplies what *request* leaves out; None when its definition is not known.
        """
        return None

    def time_limit(self, request: Mapping[str, Value], app: App | None) -> float | None:
        """The most seconds that one run of *request* may take; None when that is unknown.

        *app* is as in :meth:`node_hours`.
        """
        return None

    def output_folder(self, request: Mapping[str, object]) -> Archive | None:
        """The folder in which a request, or the record of a run, puts outputs.

        None when no folder is named, or when each run has a different one.
        """
        return None

    def output_uri(self, run: Run, path: str) -> str | None:
        """The URI with which an input takes output *path* of *run*; None when the run keeps
        none."""

    def no_uri_hint(self, run: Run, path: str) -> str:
        """What to do where :meth:`output_uri` is None."""
        return ""

    def is_output(self, uri: str, run: Run, path: str) -> bool:
        """Whether *uri*, however it is spelled, is output *path* of *run*."""

    def log_files(self, run: Run, names: Collection[str]) -> LogFiles:
        """Which of *names*, the files at the top of the outputs of *run*, hold what it printed.

        *run* is a full record.
        """
        return LogFiles()

    def outputs_refused(self, run_id: str, error: Refused) -> str:
        """Why the service does not show the outputs of a run; empty where it gives no reason."""
        return ""

    @property
    def pauses(self) -> tuple[float, float]:
        """The first and the longest pause between two looks at runs that are waited for on a
        service that is not of this machine, in seconds."""
        return (1.0, 30.0)

    def is_run_id(self, text: str) -> bool:
        """Whether *text* can be the id of a run on a service of this kind. What is recorded of one
        that cannot belongs to another target of the set."""
        return True

    @property
    def tells_users(self) -> bool:
        """Whether the service can be asked if it has a user, which it does not look at when access
        is granted."""
        return False

    @property
    def finds_hidden(self) -> bool:
        """Whether a search by name also finds hidden runs."""
        return True

    @property
    def restores(self) -> bool:
        """Whether a hidden run can be made visible again."""
        return False

    def restore_command(self, run_id: str) -> str:
        """The command that makes a hidden run visible again; called only where that is possible."""
        return ""

    def revoke_command(self, run_id: str, row: str) -> str:
        """The command that removes a row from a list of permissions; called only where user names
        have several spellings."""
        return ""


def platform_of(target: Target | None, platforms: Mapping[str, Platform]) -> Platform:
    """The platform of *target*; the first of *platforms* where it names none.

    Raises :class:`SettingsError` when it names a platform that is not among them.
    """
    name = target.api if target else ""
    if name and name not in platforms:
        known = ", ".join(platforms)
        raise SettingsError(f"there is no api {name!r}", hint=f"known apis: {known}")
    return platforms[name or next(iter(platforms))]


def addressed_in(
    environ: Mapping[str, str], platforms: Mapping[str, Platform]
) -> tuple[Platform, ...]:
    """The platforms whose address variable is set in *environ*: target ``env`` is of one of them.

    Several may share the variable.
    """
    return tuple(one for one in platforms.values() if environ.get(one.address_variable))


def platform_of_environment(
    environ: Mapping[str, str], said: Platform | None, platforms: Mapping[str, Platform]
) -> Platform | None:
    """The platform of target ``env``; *said* is the one that the manifests name.

    In this order: the variable that names it, *said*, the only one whose address is set, the
    credentials that are there. None where none of these tells it. Raises :class:`SettingsError`
    where a user and a password are all that there is, because a password must not be sent to find
    out.
    """
    addressed = addressed_in(environ, platforms)
    for one in addressed:
        if word := environ.get(one.api_variable, "").strip():
            if word not in platforms:
                raise SettingsError(
                    f"{one.api_variable}: there is no api {word!r}",
                    hint=f"known apis: {', '.join(platforms)}",
                )
            return platforms[word]
    if said or len(addressed) < 2:
        return said or next(iter(addressed), None)
    clues = {one.name: one.clue(environ) for one in addressed}
    best = max(clues.values())
    fitting = [one for one in addressed if clues[one.name] is best]
    if best is Clue.POSSIBLE and len(fitting) > 1:
        raise undecided(fitting, environ)
    return fitting[0] if best is not Clue.NONE else None


def undecided(platforms: Iterable[Platform], environ: Mapping[str, str]) -> SettingsError:
    """The error for credentials that fit several *platforms*."""
    fitting = list(platforms)
    variable = fitting[0].api_variable
    address = environ.get(fitting[0].address_variable, "")
    return SettingsError(
        f"the credentials for {address} do not say which service it is",
        hint=f"set {variable} to {' or '.join(one.name for one in fitting)}",
    )
