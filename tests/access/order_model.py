"""One list of permissions, who acts on it, and one write that goes wrong: a small model.

The service's rule is written again here (agave-v2 §5.1, §5.3), for the order of names that it may
have. What is tried is the planner's own decision and the applier's own writes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol, cast

from jobsync.apply import permission_step as applied
from jobsync.apply.session import Session
from jobsync.errors import Forbidden, Unreachable
from jobsync.model import (
    NO_ACCESS,
    Access,
    AccessChange,
    DeclaredJob,
    Grant,
    Outcome,
    Result,
    Run,
    RunState,
)
from jobsync.plan import plan_permissions as planned
from jobsync.platforms.agave.permissions import READ, READ_WRITE, WRITE
from jobsync.platforms.agave.platform import AGAVE

OWNER = "olga"
STRANGER = "stranger"
BOTH = READ_WRITE
MODEL = AGAVE.permissions
DECLARED = (None, READ, WRITE, BOTH)
FOUND = (*DECLARED, NO_ACCESS)
"""A row without access is there too: EXECUTE reads back so (agave-v2 §5.1)."""

Rows = Mapping[str, Access]
Collation = Callable[[str], str]


def code_points(name: str) -> str:
    return name


def without_case(name: str) -> str:
    """As the usual collations of MySQL compare: case does not count, ``_`` is after letters."""
    return name.upper()


COLLATIONS: tuple[Collation, ...] = (code_points, without_case)


class Fault(NamedTuple):
    """The write of this *number* fails; it may have ``taken`` effect. Or it is *ignored*: answered
    as done."""

    number: int
    taken: bool
    ignored: bool = False


class Case(NamedTuple):
    before: Rows
    wanted: Rows
    me: str
    collation: Collation = code_points
    order_is_known: bool = True


def may(rows: Rows, user: str, collation: Collation) -> Access:
    """The owner everything; others by the first row that is theirs or ``world``."""
    if user == OWNER:
        return BOTH
    matching = [name for name in rows if name in (user, "world")]
    return rows[min(matching, key=collation)] if matching else NO_ACCESS


@dataclass
class Service:
    """The service as the acting user meets it. ``states`` has the rows after every write."""

    case: Case
    fault: Fault | None
    rows: dict[str, Access]
    platform = AGAVE
    states: list[dict[str, Access]] = field(default_factory=list)
    refused: bool = False
    reads: int = 0

    def access(self, run_id: str) -> dict[str, Access]:
        self.reads += 1
        if "read" not in may(self.rows, self.case.me, self.case.collation).gives:
            raise Forbidden("User does not have permission to view this resource", status=403)
        return dict(self.rows)

    def grant(self, run_id: str, user: str, access: Access, *, is_new: bool = False) -> None:
        if "write" not in may(self.rows, self.case.me, self.case.collation).gives:
            self.refused = True
            raise Forbidden("User does not have permission to modify this resource.", status=403)
        fails = self.fault is not None and self.fault.number == len(self.states)
        if not fails or (self.fault is not None and self.fault.taken):
            if access == NO_ACCESS:
                self.rows.pop(user, None)
            else:
                self.rows[user] = access
        self.states.append(dict(self.rows))
        if fails and self.fault is not None and not self.fault.ignored:
            raise Unreachable("no answer")


def change_of(case: Case) -> AccessChange | None:
    """What the planner decides."""
    job = DeclaredJob("a", "", "p.a.x", {}, {name: Grant(row) for name, row in case.wanted.items()})
    run = Run("1", "p.a.x", OWNER, "app", "FINISHED", RunState.FINISHED)
    return planned.change_current(MODEL, job, run, case.before, case.me)


class Seen(Protocol):
    """What an apply left, and every list on the way; whether a write of mine was refused."""

    states: list[dict[str, Access]]
    refused: bool

    @property
    def rows(self) -> dict[str, Access]: ...


CarryOut = Callable[[Case, AccessChange, "Fault | None"], "tuple[Outcome, Seen]"]


def apply_to(backend: object, change: AccessChange, run_id: str, me: str) -> Outcome:
    """The applier's writes and what it says of them."""
    session = SimpleNamespace(
        plan=SimpleNamespace(user=me),
        backend=backend,
        started=lambda change, run_id: 0.0,
        ended=lambda outcome, began: outcome,
        audited=lambda line: "",
    )
    return applied.carry_out(cast(Session, session), change, run_id)


def in_memory(case: Case, change: AccessChange, fault: Fault | None) -> tuple[Outcome, Seen]:
    service = Service(case, fault, dict(case.before))
    return apply_to(service, change, "1", case.me), service


def faults(writes: int) -> Iterator[Fault | None]:
    yield None
    for number in range(writes):
        yield Fault(number, taken=False)
        yield Fault(number, taken=True)
        yield Fault(number, taken=False, ignored=True)


def wrongs(case: Case, carry_out: CarryOut = in_memory) -> Iterator[tuple[str, Any]]:
    """Every way in which an apply of *case* breaks the law, without a fault and with each one.

    What is planned is done, but for what cannot be read back by who gives up their READ: writes
    that are safe only once that is known may be left.
    """
    change = change_of(case)
    if change is None:
        return
    wanted = _target(case)
    keeps = ("write" in may(wanted, case.me, case.collation).gives) and case.order_is_known
    target = dict(case.before)
    for grant in change.grants:
        target.pop(grant.user, None)
        if grant.after != NO_ACCESS:
            target[grant.user] = grant.after
    if keeps and target != wanted:
        yield "a write was left out", (case, change)
    for fault in faults(len(change.grants)):
        outcome, service = carry_out(case, change, fault)
        facts = (case, fault, service.states, outcome)
        for state in (service.rows, *service.states):
            for user in {*case.before, *wanted, STRANGER}:
                now = may(state, user, case.collation)
                was, will = (may(rows, user, case.collation) for rows in (case.before, wanted))
                if (
                    ("read" in now.gives) and not (("read" in was.gives) or ("read" in will.gives))
                ) or (
                    ("write" in now.gives)
                    and not (("write" in was.gives) or ("write" in will.gives))
                ):
                    yield "more than before and after", (user, *facts)
        if service.refused:
            yield "locked out before the last write", facts
        over = service.rows == target
        if (
            fault is None
            and not over
            and ("read" in may(service.rows, case.me, case.collation).gives)
        ):
            yield "not as planned", facts
        if not over and "write" not in may(service.rows, case.me, case.collation).gives:
            yield "locked out of what is left", facts
        if not over and outcome.result is Result.DONE:
            yield "done, and is not", facts


def _target(case: Case) -> dict[str, Access]:
    """The rows that are declared. A row without access stays as it is, unless it hides others."""
    rows = dict(case.wanted)
    for user, row in case.before.items():
        if row == NO_ACCESS and user not in rows and not _hides(user, case.wanted):
            rows[user] = row
    return rows


def _hides(user: str, wanted: Rows) -> bool:
    """Whether a row of *user* may hide a row that is wanted, by any of the ways to sort names."""
    if user == "world":
        return any(_may_precede("world", name) for name in wanted)
    return "world" in wanted and _may_precede(user, "world")


def _may_precede(one: str, other: str) -> bool:
    return any(collation(one) < collation(other) for collation in COLLATIONS)


def cases(
    names: tuple[str, ...],
    me: str,
    *,
    found: tuple[Access | None, ...] = DECLARED,
    collation: Collation = code_points,
    order_is_known: bool = True,
) -> Iterator[Case]:
    """All pairs of lists over *names* (``world`` among them) that *me*, who can read and write the
    first one, may be asked to change. *order_is_known* unless a name is one of those that
    databases sort differently: then rows may be left out."""
    for before in itertools.product(found, repeat=len(names)):
        rows = _rows(names, before)
        if may(rows, me, collation) != BOTH:
            continue
        for wanted in itertools.product(DECLARED, repeat=len(names)):
            if before != wanted:
                yield Case(rows, _rows(names, wanted), me, collation, order_is_known)


def _rows(names: tuple[str, ...], levels: tuple[Access | None, ...]) -> dict[str, Access]:
    return {name: row for name, row in zip(names, levels, strict=True) if row is not None}
