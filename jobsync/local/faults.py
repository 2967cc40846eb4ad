"""Faults on demand: the one way in which the local service misbehaves, and only when told to.

A fault is written ``KIND[,key=value ...]``: ``throttle,retry-after=1,on=submit,times=3``. The same
text works for ``jobsync serve --fault``, for the control call ``POST /_faults`` from loopback, and
for :class:`jobsync.testing.LocalService`. docs/testing.md lists the kinds.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from jobsync.globs import matches as matches_glob
from jobsync.structs import Struct, field

ALWAYS = -1


class Kind(Struct, frozen=True):
    """What a fault does, the options it takes with their defaults, how often it strikes."""

    text: str
    options: Mapping[str, str] = field(default_factory=dict)
    times: int = 1


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        # Instead of an answer; the request is not looked at.
        "throttle": Kind("429 of the gateway", {"retry-after": ""}),
        "html": Kind(
            "an HTML error page; when=after: the request was carried out first",
            {"status": "502", "when": "before"},
        ),
        "reset-before": Kind("the connection is reset, nothing was done"),
        "expired": Kind(
            "401 token expired; an issued token really is, until it is refreshed",
            {"code": "900904"},
        ),
        # After the request was carried out.
        "reset-after": Kind("the connection is reset after the request was carried out"),
        "lost": Kind(
            "carried out, then silence for some seconds and the connection is closed",
            {"seconds": "0"},
        ),
        "html-200": Kind("carried out, then an HTML page with status 200"),
        "slow": Kind("the answer starts late", {"seconds": "1"}),
        "drip": Kind("the body takes that long", {"seconds": "1"}),
        "truncated": Kind("the body ends early", {"bytes": ""}),
        "gzip": Kind("a gzip body nobody asked for"),
        # The service itself, acting up.
        "late": Kind("a submitted job cannot be seen for some seconds", {"seconds": "1"}),
        "drop-filters": Kind("search terms are ignored (agave-v2 §2.6)", times=ALWAYS),
        "drop-projection": Kind("filter= is ignored", times=ALWAYS),
        "list-500": Kind("the default order is broken: 500 (agave-v2 §2.6)", times=ALWAYS),
        "page-limit": Kind("pages are no longer than this", {"limit": "10"}, times=ALWAYS),
        "drift": Kind(
            "rows move to the top of the default order before a page is read", {"rows": "1"}, ALWAYS
        ),
        "gateway-xml": Kind("gateway faults are XML, as old gateways had it", times=ALWAYS),
        "null-prefix": Kind("output paths start with null/ (agave-v2 §6.2)", times=ALWAYS),
        "empty-missing": Kind("a missing archived file is 200 and empty", times=ALWAYS),
        "system-down": Kind("the system with the outputs is down"),
        "ignored-grant": Kind("a permission is answered as set or taken away, and is not"),
        # Of Tapis only.
        "row-then-500": Kind("a job is stored and never queued: 500, and it ends FAILED"),
        "row-then-drop": Kind("a job is stored, then the connection is closed"),
        "no-record": Kind("a submit keeps no record for resubmit and resubmit_request"),
        "unshare-500": Kind("DELETE share answers 500"),
        "unshare-nothing": Kind("DELETE share answers 200 and removes nothing"),
        "shuffle": Kind("a list without orderBy is in any order", times=ALWAYS),
        "blocked": Kind("a submitted job is BLOCKED for some seconds", {"seconds": "1"}),
        "foreign-provider": Kind(
            "profiles answer the caller's own, whoever is asked", times=ALWAYS
        ),
        "no-zip": Kind("files over 1 MB are downloaded as they are", times=ALWAYS),
        "never-archived-404": Kind(
            "outputs of archiveMode NEVER are looked for in the archive", times=ALWAYS
        ),
        "unknown-404": Kind("GET of an unknown job is 404, not 500", times=ALWAYS),
        "unreadable-row": Kind("a job cannot be read: 500, as if it were unknown"),
        "system-refuses": Kind("outputs: 401, since their system knows no login of the user"),
        "ignored-hide": Kind("hide and unhide are answered as done, and change nothing"),
        "resubmit-annotated": Kind("a resubmit carries annotated tags and notes", times=ALWAYS),
        "empty-tag": Kind("annotations take the empty tag", times=ALWAYS),
        "duplicate-owner": Kind("the owner's permission comes twice", times=ALWAYS),
    }
)

_COMMON = {"times", "after", "rate", "seed", "on", "method", "path", "user"}


class BadFault(ValueError):
    """A fault that cannot be understood."""


class Fault(Struct):
    """One armed fault. ``left`` counts down to 0; negative is for ever. ``hits`` counts up."""

    spec: str
    kind: str
    options: dict[str, str]
    left: int
    skip: int
    match: dict[str, str]
    rate: float
    dice: random.Random
    hits: int = 0

    def seconds(self) -> float:
        """The option ``seconds`` of the fault, in seconds."""
        return float(self.options["seconds"])

    def number(self, name: str) -> int:
        """The option *name* of the fault, as a whole number."""
        return int(self.options[name])


class Asked(Struct, frozen=True):
    """The parts of a request by which faults select it. ``operation`` is a name such as
    ``submit``."""

    operation: str
    method: str
    path: str
    user: str = ""


class FaultBoard:
    """The armed faults. Safe to use from several threads."""

    def __init__(
        self, specs: Sequence[str] = (), *, clock: Callable[[], float] = time.time
    ) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._faults: list[Fault] = [parse(spec) for spec in specs]
        self._late: dict[str, float] = {}
        self._blocked: dict[str, float] = {}

    def add(self, spec: str) -> None:
        """Arm a fault. Raises :class:`BadFault`."""
        fault = parse(spec)
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Disarm all faults; jobs that were hidden for a time become visible."""
        with self._lock:
            self._faults.clear()
            self._late.clear()
            self._blocked.clear()

    def state(self) -> list[dict[str, Any]]:
        """The armed faults and how often each has struck, in the order of arming."""
        with self._lock:
            return [{"fault": f.spec, "left": f.left, "hits": f.hits} for f in self._faults]

    def hits(self, kind: str) -> int:
        """How often faults of this kind have struck."""
        with self._lock:
            return sum(fault.hits for fault in self._faults if fault.kind == kind)

    def take(self, kinds: Collection[str], asked: Asked) -> Fault | None:
        """The first armed fault of *kinds* that applies to this request, with its count reduced by
        one."""
        with self._lock:
            for fault in self._faults:
                if fault.kind in kinds and fault.left and _matches(fault, asked):
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    if fault.rate < 1 and fault.dice.random() >= fault.rate:
                        continue
                    fault.left -= fault.left > 0
                    fault.hits += 1
                    return fault
        return None

    def hide(self, job_id: str, seconds: float) -> None:
        """Hide a job from all requests for some seconds."""
        with self._lock:
            self._late[job_id] = self._clock() + seconds

    def block(self, job_id: str, seconds: float) -> None:
        """Keep a job in its present state for some seconds."""
        with self._lock:
            self._blocked[job_id] = self._clock() + seconds

    def blocked(self) -> frozenset[str]:
        """The jobs that are kept in their present state."""
        if not self._blocked:
            return frozenset()
        with self._lock:
            now = self._clock()
            self._blocked = {job: until for job, until in self._blocked.items() if until > now}
            return frozenset(self._blocked)

    def hidden(self) -> frozenset[str]:
        """The jobs that are hidden from all requests."""
        if not self._late:
            return frozenset()
        with self._lock:
            now = self._clock()
            self._late = {job: until for job, until in self._late.items() if until > now}
            return frozenset(self._late)


def parse(spec: str) -> Fault:
    """Read ``KIND[,key=value ...]``. Raises :class:`BadFault` that names what is wrong."""
    name, *rest = [part.strip() for part in spec.split(",")]
    kind = KINDS.get(name)
    if kind is None:
        raise BadFault(f"no fault {name!r}; there are {', '.join(KINDS)}")
    given: dict[str, str] = {}
    for part in rest:
        key, equals, value = part.partition("=")
        if not equals or key not in _COMMON | set(kind.options):
            known = ", ".join(sorted(_COMMON | set(kind.options)))
            raise BadFault(f"{name}: no option {key!r}; there are {known}")
        given[key] = value
    options = {key: given.get(key, default) for key, default in kind.options.items()}
    try:
        fault = Fault(
            spec=spec,
            kind="html-after" if options.get("when") == "after" else name,
            options=options,
            left=_times(given.get("times"), kind.times),
            skip=int(given.get("after", "0")),
            match={key: given[key] for key in ("on", "method", "path", "user") if key in given},
            rate=float(given.get("rate", "1")),
            dice=random.Random(int(given.get("seed", "1"))),  # noqa: S311 - repeatable, no secret
        )
        for key in ("seconds", "limit", "rows", "status", "code"):
            if key in options:
                float(options[key])
    except ValueError as error:
        raise BadFault(f"{name}: {error}") from error
    return fault


def _times(text: str | None, default: int) -> int:
    if text is None:
        return default
    return ALWAYS if text == "always" else int(text)


def _matches(fault: Fault, asked: Asked) -> bool:
    have = {"on": asked.operation, "method": asked.method, "user": asked.user}
    for key, wanted in fault.match.items():
        if key == "path":
            if not matches_glob(asked.path, wanted):
                return False
        elif wanted.lower() != have[key].lower():
            return False
    return True
