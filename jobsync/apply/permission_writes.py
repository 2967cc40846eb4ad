"""The writes to the list of one run, one after the other, and what is known of its rows meanwhile.

A write that failed may have taken effect, and one that was answered may not. So each write is made
only if, whichever of those before it took, nobody has more than before and after, and whoever acts
can make those after it. Where that cannot be told, the list is read again first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobsync.backend import Backend
from jobsync.errors import Forbidden, ServiceError
from jobsync.model import Access, GrantChange
from jobsync.plan.write_order import (
    NO_ROW,
    Aim,
    Known,
    can_write,
    certain,
    exposed,
    in_safe_order,
    left_out,
    level,
    surely,
)

_NO_ORDER = "not changed: no order of the changes is safe"


class ListWriter:
    """Writes to one list. ``troubles`` says by user what went wrong, or why nothing was tried;
    ``unseen`` are the users whose rows cannot be read back any more."""

    def __init__(self, backend: Backend, run_id: str, aim: Aim) -> None:
        self.troubles: dict[str, str] = {}
        self.unseen: frozenset[str] = frozenset()
        self._backend, self._run_id, self._aim = backend, run_id, aim
        self._known = certain(aim.before)
        self._unseen: dict[str, GrantChange] = {}
        self._rows: Mapping[str, Access] = aim.before
        self._unreadable = ""
        self._took_read: GrantChange | None = None

    def write(self, grants: Sequence[GrantChange]) -> Mapping[str, Access]:
        """Make *grants* as far as that is safe; the list after that.

        Raises :class:`ServiceError` when the list cannot be read back.
        """
        writes = in_safe_order(self._aim, grants)
        self.troubles = {grant.user: _NO_ORDER for grant in left_out(grants, writes)}
        for number, grant in enumerate(writes, 1):
            is_last = number == len(writes)
            why = self._unsafe(grant, is_last=is_last)
            if why and self._unseen and not self._unreadable:
                self._look()
                why = self._unsafe(grant, is_last=is_last)
            if why:
                self.troubles[grant.user] = f"not changed: {why}"
                continue
            self._send(grant)
            if grant.user in self.troubles and not is_last:
                self._look()
        return self._read_back() if self._unseen or self._took_read else self._rows

    def _unsafe(self, grant: GrantChange, *, is_last: bool) -> str:
        """Why *grant* must not be written now; empty when it may be."""
        if self._unreadable:
            return f"after a failure the list could not be read again ({self._unreadable})"
        then = self._once_sent(grant)
        if others := exposed(self._aim, then, grant.user):
            return f"{', '.join(others)} would have more access than before or after"
        if not is_last and not can_write(self._aim, then):
            return f"{self._aim.me} would lose the right to make the remaining changes"
        if self._takes_from_me(then) and (self.troubles or self._unseen):
            return (
                f"{self._aim.me} is needed to repair the other changes, which did not take effect"
            )
        return ""

    def _once_sent(self, grant: GrantChange) -> Known:
        before = self._known.get(grant.user, NO_ROW)
        return {**self._known, grant.user: before | {level(grant)}}

    def _takes_from_me(self, then: Known) -> bool:
        orders = self._aim.model.deciders(self._aim.me)
        return self._aim.me != self._aim.owner and not all(
            surely(self._known, order) <= surely(then, order) for order in orders
        )

    def _send(self, grant: GrantChange) -> None:
        then = self._once_sent(grant)
        if self._takes_from_me(then) and not self._shows(grant.after):
            self._took_read = grant
        is_new = self._known.get(grant.user, NO_ROW) == NO_ROW
        self._known, self._unseen[grant.user] = dict(then), grant
        try:
            self._backend.grant(self._run_id, grant.user, grant.after, is_new=is_new)
        except ServiceError as error:
            self.troubles[grant.user] = str(error)

    def _shows(self, access: Access) -> bool:
        model = self._aim.model
        return bool(model.seeing) and model.levels[model.seeing].gives <= access.gives

    def _look(self) -> None:
        """Read the list again. That my READ is gone, after the write that takes it was answered, is
        enough to go on from, though not to report it as done."""
        try:
            self._see(self._backend.access(self._run_id))
        except ServiceError as error:
            mine = self._took_read
            answered = mine is not None and mine.user not in self.troubles
            if mine is None or not (answered and isinstance(error, Forbidden)):
                self._unreadable = str(error)
            elif self._unseen.pop(mine.user, None):
                self._known[mine.user] = frozenset({level(mine)})

    def _see(self, rows: Mapping[str, Access]) -> None:
        """Take *rows* for what is there. A write that is not in them may still take."""
        self._rows = rows
        for user in {*self._known, *rows}:
            row, grant = rows.get(user), self._unseen.get(user)
            self._known[user] = frozenset({row} if grant is None else {row, level(grant)})
            if grant is not None and row == level(grant):
                del self._unseen[user]
                self.troubles.pop(user, None)

    def _read_back(self) -> Mapping[str, Access]:
        try:
            self._see(self._backend.access(self._run_id))
        except Forbidden:
            if self._took_read is None:
                raise
            return self._without_read(self._took_read)
        return self._rows

    def _without_read(self, mine: GrantChange) -> Mapping[str, Access]:
        """The list once my READ is gone, which proves that the write which takes it has taken, if
        all it does is to take away; of others it proves nothing."""
        rows = dict(self._rows)
        if level(mine) is None:
            rows.pop(mine.user, None)
        proven = {mine.user} if level(mine) is None else frozenset()
        self.unseen = frozenset({*self._unseen, mine.user} - proven)
        why = f"the result cannot be read back without {self._aim.model.seeing}"
        self.troubles.update(dict.fromkeys(self.unseen, why))
        return rows
