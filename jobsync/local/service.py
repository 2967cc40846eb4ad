"""The local Jobs service: store, engine and HTTP front, started and stopped together."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobsync.errors import LocalServiceError
from jobsync.local import state, users
from jobsync.local.api.agave.dialect import DIALECTS
from jobsync.local.api.agave.permissions import permission_of
from jobsync.local.api.agave.tokens import LIFETIME, Tokens, digest, new_secret
from jobsync.local.api.agave.wire import can_read
from jobsync.local.api.agave.workload import AgaveJobs
from jobsync.local.api.agave.wsgi_app import Front
from jobsync.local.api.tapis.access import OUTPUT, may
from jobsync.local.api.tapis.call import TapisSite
from jobsync.local.api.tapis.places import Places
from jobsync.local.api.tapis.profile import DEFAULT, PROFILES
from jobsync.local.api.tapis.tokens import Keys, signing_key
from jobsync.local.api.tapis.workload import TapisJobs
from jobsync.local.apps import registry
from jobsync.local.apps.tapis_apps import TapisApps
from jobsync.local.context import Site
from jobsync.local.drive import Drive as Drive
from jobsync.local.engine import Engine, EngineSettings, runners
from jobsync.local.faults import BadFault, FaultBoard
from jobsync.local.leader import Leader
from jobsync.local.server import Server
from jobsync.local.storage import systems
from jobsync.local.storage.files import Storage
from jobsync.local.store.database import Store
from jobsync.local.store.rows import AGAVE, TAPIS, Conflict, JobRow, Unusable
from jobsync.local.tie import Owner, held, release
from jobsync.local.tls import Certificate, TlsFront
from jobsync.structs import Struct, field, replace

TAPIS_DIALECT = "tapis-"
"""What the names of the profiles of Tapis begin with where those of all apis are meant."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class ServiceSettings(Struct, frozen=True):
    """What a service is made of. ``state_dir`` holds all it keeps, ``workspace`` is ``local``.

    ``environment`` is the caller's; jobs see little of it. ``faults`` None means that there is no
    control call for faults. ``behind_tls`` says that a proxy outside speaks TLS, so that links are
    https and another address than loopback is allowed; with ``certificate`` the service itself
    does (for tests). The state folder has to be tied to ``owner``, unless that is None. ``acting``
    is a user whose token is new, known to this process alone and kept nowhere; with ``renew`` all
    other users get new tokens, and what was issued before counts no more. Times are in seconds.
    """

    state_dir: Path
    workspace: Path
    owner: Owner | None = None
    host: str = "127.0.0.1"
    port: int = 0
    names: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    acting: str = ""
    renew: bool = False
    dialect: str = "agave"
    profile: str = DEFAULT
    apps: tuple[Path, ...] = ()
    faults: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    drive: Drive = Drive.STEP
    behind_tls: bool = False
    certificate: Certificate | None = None
    token_lifetime: float = LIFETIME
    stop_patience: float = 10.0
    kill_delay: float = 1.0
    aloe_delay: float = 0.5
    threads: int = 40
    cpus: int = 0


class Service:
    """A running service, as a context manager.

    Raises :class:`LocalServiceError` when it cannot start. ``url``, ``tokens`` (name to token) and
    ``faults`` can be used while it runs; ``store`` too, for tests.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings = _absolute(settings)
        if settings.dialect not in DIALECTS:
            raise LocalServiceError(
                f"there is no dialect {settings.dialect!r}", hint="known: agave, aloe"
            )
        if settings.profile not in PROFILES:
            raise LocalServiceError(
                f"there is no profile {settings.profile!r}", hint=f"known: {', '.join(PROFILES)}"
            )
        if settings.host not in LOOPBACK and not settings.behind_tls:
            raise LocalServiceError(
                f"will not listen on {settings.host}: tokens would cross the network unencrypted",
                hint="put a TLS proxy in front and pass --i-am-behind-tls",
            )
        if settings.behind_tls and not settings.names:
            raise LocalServiceError(
                "behind a proxy the service is called by another name, and none is allowed",
                hint="add --allow-host NAME with the name in the URL that clients use",
            )
        try:
            self.faults = FaultBoard(settings.faults or ())
        except BadFault as error:
            raise LocalServiceError(str(error)) from error
        self.tokens: dict[str, str] = {}
        self.url = ""
        self.apps: registry.Apps
        self.tapis_apps: TapisApps
        self.keys: Keys
        self.store: Store
        self.engine: Engine
        self._server: Server | None = None
        self._tls: TlsFront | None = None
        self._driver: Leader | None = None

    def __enter__(self) -> Service:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Open the state, find out what happened meanwhile, answer requests, and move jobs
        along."""
        state_dir = self.settings.state_dir
        state.prepare(state_dir, self.settings.owner)
        # One after the other: two that both make a user would make two tokens.
        with state.in_turn(state_dir):
            try:
                self.store = Store(state_dir / "jobs.db")
            except Conflict as error:
                raise LocalServiceError(str(error)) from error
            except Unusable as error:
                raise LocalServiceError(
                    str(error),
                    hint="restore the file from a copy, or delete the folder "
                    f"{state_dir}: that forgets the local jobs and what they archived"
                    if error.damaged
                    else "see that this account can write to it and that the disk is not full",
                ) from error
            try:
                self._open()
            except BaseException:  # also Ctrl-C: what was started is stopped
                self.stop()
                raise

    def stop(self, patience: float = 10.0) -> None:
        """Finish the requests under way, let the engine end its turn, and close. Jobs continue to
        run."""
        if self._tls is not None:
            self._tls.stop()
        if self._server is not None:
            self._server.stop(patience)
        if self._driver is not None:
            self._driver.stop()
        self.store.close()
        self._tls = self._server = self._driver = None

    def _open(self) -> None:
        settings = self.settings
        self.tokens = users.ensure(
            self.store, settings.state_dir, settings.users, renew=settings.renew
        )
        table = _systems(settings)
        self.store.place_work_folders(
            {name: str(system.work_folder) for name, system in table.by_name.items()}
        )
        self.apps = registry.load(settings.apps)
        archive = settings.state_dir / "archive"
        works = {system.work_folder for system in table.by_name.values()}
        # Before anything runs: one folder that serves two purposes would mix their files.
        state.refuse_overlap(settings.state_dir, settings.workspace, archive, works)
        storage = Storage(
            settings.workspace,
            archive,
            self.store,
            may_read=self._may_read,
            hosts=(settings.host,),
            hidden=(settings.state_dir, *works),
        )
        self.tapis_apps = TapisApps(settings.apps)
        places = Places(
            self.store, table, storage, lambda row, user: may(self.store, row, user, OUTPUT)
        )
        self.engine = Engine(
            self.store,
            EngineSettings(
                table,
                {
                    AGAVE: AgaveJobs(self.store, self.apps, storage, dialect=settings.dialect),
                    TAPIS: TapisJobs(self.store, self.tapis_apps, places, self.faults),
                },
                runners(table, settings.environment),
            ),
        )
        # Jobs that an adopted state folder brought along do not start before somebody agrees.
        self.engine.held = held(settings.state_dir)
        site = Site(
            store=self.store,
            apps=self.apps,
            systems=table,
            storage=storage,
            tokens=self._known_tokens(),
            faults=self.faults,
            dialect=DIALECTS[settings.dialect],
            wake=self.engine.wake,
            stop_patience=settings.stop_patience if settings.drive is not Drive.NONE else 0.0,
            kill_delay=settings.kill_delay if settings.drive is not Drive.NONE else 0.0,
            aloe_delay=settings.aloe_delay,
        )
        self.keys = Keys(
            self.store,
            # A service that only acts for one command signs with a key that is never saved.
            secrets.token_bytes(32)
            if settings.acting
            else signing_key(settings.state_dir, renew=settings.renew),
            lifetime=settings.token_lifetime,
            own=self.tokens if settings.acting else {},
        )
        tapis = TapisSite(
            store=self.store,
            apps=self.tapis_apps,
            systems=table,
            places=places,
            keys=self.keys,
            faults=self.faults,
            profile=PROFILES[settings.profile],
            wake=self.engine.wake,
        )
        self._driver = Leader(self.engine, settings.state_dir)
        # Jobs may have ended while no service ran: the first answer already shows that.
        if settings.drive is not Drive.NONE:
            self._driver.look_once()
        self._serve(site, tapis)
        self._drive(self._driver)

    def _serve(self, site: Site, tapis: TapisSite) -> None:
        settings = self.settings
        https = settings.behind_tls or settings.certificate is not None
        scheme = "https" if https else "http"
        context = settings.certificate.context() if settings.certificate else None
        front = Front(
            site,
            tapis=tapis,
            scheme=scheme,
            control=settings.faults is not None,
            names=(settings.host, *settings.names),
        )
        inner = ("127.0.0.1", 0) if settings.certificate else (settings.host, settings.port)
        self._server = Server(front, *inner, threads=settings.threads)
        port = self._server.port
        if context:
            self._tls = TlsFront(context, settings.host, settings.port, ("127.0.0.1", port))
            port = self._tls.port
            self._tls.start()
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.url = f"{'https' if settings.certificate else 'http'}://{host}:{port}"
        self._server.start()

    def start_jobs(self, *, all_of_them: bool) -> None:
        """Start jobs that are queued from now on.

        With *all_of_them*, also those held since the folder was adopted; for that, a person must
        have confirmed an apply.
        """
        if all_of_them:
            release(self.settings.state_dir)
            self.engine.held = frozenset()
        if self._driver is not None:
            self._driver.stop()
            self._driver = Leader(self.engine, self.settings.state_dir)
            self._driver.start_jobs()

    @property
    def is_held(self) -> bool:
        """Whether queued jobs wait because the state folder was adopted."""
        return bool(self.engine.held)

    def _known_tokens(self) -> Tokens:
        settings = self.settings
        own = {}
        if settings.acting:
            users.check(settings.acting)
            if self.store.token_hash(settings.acting) is None:
                self.store.add_user(settings.acting, digest(new_secret()))
            self.tokens[settings.acting] = own[settings.acting] = new_secret()
        return Tokens(self.store, lifetime=settings.token_lifetime, own=own)

    def _drive(self, driver: Leader) -> None:
        if self.settings.drive is Drive.STEP and not self.is_held:
            driver.start_jobs()
        elif self.settings.drive is Drive.STEP or self.settings.drive is Drive.OBSERVE:
            driver.watch_jobs()

    def _may_read(self, row: JobRow, user: str) -> bool:
        if row.api == TAPIS:
            return may(self.store, row, user, OUTPUT)
        return can_read(permission_of(row, self.store.grants(row.id), user))


def with_dialect(settings: ServiceSettings, dialect: str) -> ServiceSettings:
    """*settings* with a dialect of one of the apis: ``aloe``, ``tapis-1.7`` ..."""
    if dialect.startswith(TAPIS_DIALECT):
        return replace(settings, profile=dialect.removeprefix(TAPIS_DIALECT))
    return replace(settings, dialect=dialect)


def _absolute(settings: ServiceSettings) -> ServiceSettings:
    """The same whatever becomes of the current folder; jobs never get a relative path."""
    return replace(
        settings,
        state_dir=_fixed(settings.state_dir),
        workspace=_fixed(settings.workspace),
        apps=tuple(_fixed(folder) for folder in settings.apps),
    )


def _fixed(path: Path) -> Path:
    """Without ``..``, which would lead through folders that may be gone later. Otherwise as given:
    the nodes of a cluster may know a folder by this name only."""
    path = path.absolute()
    return path.resolve() if ".." in path.parts else path


def _systems(settings: ServiceSettings) -> systems.Systems:
    folder = settings.state_dir
    named = [path for path in (folder / "systems.yaml", folder / "systems.json") if path.exists()]
    return systems.load(
        named[0] if named else folder / "systems.yaml",
        work_folder=folder / "work",
        cpus=settings.cpus or os.cpu_count() or 1,
        parse=_parse,
    )


def _parse(path: Path) -> Any:
    if path.suffix == ".json":
        try:
            return json.loads(path.read_bytes())
        except ValueError as error:
            raise LocalServiceError(f"{path}: not JSON: {error}") from error
    from jobsync.manifest import yaml_reader

    document = yaml_reader.read(path.read_bytes(), str(path))
    if document.problems:
        raise LocalServiceError("\n".join(str(problem) for problem in document.problems))
    return document.value
