"""What a set of manifests declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Protocol

from jobsync.destinations import Destinations
from jobsync.errors import Location
from jobsync.model.values import Address, Value, Word
from jobsync.secret import Sensitive
from jobsync.structs import Placed, Struct, field

if TYPE_CHECKING:
    from jobsync.platform import Platform


class Access(Struct, frozen=True):
    """What a row of permissions gives, and the platform's word for that: one word for one access.

    ``gives`` names what can be done with it, in words of the platform.
    """

    gives: frozenset[str] = frozenset()
    word: str = "NONE"

    def __str__(self) -> str:
        return self.word


NO_ACCESS = Access()


class Grant(Placed, frozen=True):
    """What one user is to have. ``via`` is the team it came through (``@reviewers``) or empty."""

    access: Access
    via: str = ""
    where: Location | None = None


class PermissionsMode(Word):
    """Whether permissions that are not declared are removed (exact) or left (additive)."""

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
    ``apps/``, to when it was last changed, in seconds since the epoch. ``arranged`` is when a file
    of it was last added, renamed or removed.
    """

    digest: str
    changed: Mapping[str, float]
    arranged: float = 0.0


class Earlier(Protocol):
    """Knows what the fingerprints of the jobs of a set were under older schemes."""

    def of(self, address: Address) -> tuple[str, ...] | None:
        """Those that one job may have had, None when there are too many to try."""


class DeclaredJob(Placed, frozen=True):
    """One job of a manifest set, every variable and matrix value filled in.

    ``request`` holds only the declared request fields, in the service's spelling, without
    ``name``. ``places`` maps a dotted path (``parameters.threads``) to where it was written.
    ``digests`` maps the URI of an input in the workspace to the SHA-256 of its content.
    ``upstream`` are the jobs whose outputs or ids it takes, ``needs`` all it must wait for
    (upstream included), both sorted. ``name`` is the run name of the first attempt. ``earlier``
    knows the fingerprints that it had under older schemes, None where there were none.
    ``formerly`` are addresses, or ``project/address``. ``app`` is None where the app is not one of
    the workspace, or the service has its own. ``secrets`` are the sensitive values of the set that
    are known, wherever they stand: a run may still have one where the job has it no more.
    """

    ASIDE: ClassVar = frozenset({"where", "places", "secrets", "earlier"})

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
    earlier: Earlier | None = None
    app: AppFolder | None = None
    protect: bool = False
    where: Location | None = None
    places: Mapping[str, Location] = field(default_factory=dict)
    secrets: tuple[Sensitive, ...] = ()

    @property
    def older(self) -> tuple[str, ...] | None:
        """The fingerprints under older schemes, None when there are too many to try."""
        return self.earlier.of(self.address) if self.earlier else ()


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


class JournalRef(Placed, frozen=True):
    """Which shared journal a set uses: a git remote of its checkout and a ref there.

    ``id`` is what ``journal init`` printed, or empty. ``url`` stands in place of ``git`` where the
    environment names a journal; no manifest can.
    """

    git: str = ""
    ref: str = ""
    id: str = ""
    url: str = ""
    where: Location | None = None


class DesiredState(Struct, frozen=True):
    """All that a manifest set declares. ``jobs`` is in address order.

    ``root`` is the folder of the set (where ``jobsync.lock`` lies and ``outputs`` land),
    ``outputs_root`` an absolute folder that outputs may not leave, ``digest`` the SHA-256 of
    what was read, ``default_target`` the set's own ``target:`` or None. ``service_here`` is whether
    the service was taken for one of this folder, whose apps count; None when none of them is used.
    ``destinations`` judges where outputs may go, None when the set does not come from files.
    ``sources`` has a SHA-256 for each file and each variable (``variable NAME``) that was read but
    the sensitive ones, to say what differs where the digest does.
    ``requires`` is what the set says of the jobsync that may be used, or empty. ``platform`` is
    what the service that it was read for means by jobs. ``sensitive`` names the variables whose
    values are not shown. ``journal`` is the shared journal of submits, None where the set has none.
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
    sources: Mapping[str, str] = field(default_factory=dict)
    destinations: Destinations | None = None
    sensitive: frozenset[str] = frozenset()
    journal: JournalRef | None = None
