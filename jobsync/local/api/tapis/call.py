"""What a handler of ``/v3`` is given: the parts of the service, and the request in hand."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from werkzeug.wrappers import Request

from jobsync.local.api.tapis.answer import Problem
from jobsync.local.api.tapis.ends import is_over, status_of
from jobsync.local.api.tapis.places import Places
from jobsync.local.api.tapis.profile import Profile
from jobsync.local.api.tapis.tokens import Keys
from jobsync.local.apps.tapis_apps import TapisApps
from jobsync.local.faults import Asked, Fault, FaultBoard
from jobsync.local.storage.folders import Folders
from jobsync.local.storage.systems import Systems
from jobsync.local.store.database import Store
from jobsync.local.store.rows import TAPIS, JobRow
from jobsync.structs import Struct, field

ADMIN = frozenset({"admin"})


class TapisSite(Struct, frozen=True):
    """The parts that every request shares. ``wake`` tells the engine that there is something."""

    store: Store
    apps: TapisApps
    systems: Systems
    places: Places
    keys: Keys
    faults: FaultBoard
    profile: Profile
    folders: Folders = field(default_factory=Folders)
    wake: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.time


class Call(Struct, frozen=True):
    """One request. ``names`` are the words of its path, ``path`` the decoded rest of it;
    ``folder`` says that the path as sent ended with a slash. ``base`` is scheme, host, port."""

    site: TapisSite
    request: Request
    user: str
    asked: Asked
    base: str
    names: Mapping[str, str] = field(default_factory=dict)
    path: Sequence[str] = ()
    folder: bool = False

    @property
    def store(self) -> Store:
        """The database of the service."""
        return self.site.store

    @property
    def query(self) -> Mapping[str, str]:
        """The query, the first of repeated words."""
        return dict(reversed(list(self.request.args.items(multi=True))))

    def truth(self, name: str) -> bool:
        """Whether a word of the query is true, in any case."""
        return self.query.get(name, "").strip().lower() == "true"

    def fault(self, *kinds: str) -> Fault | None:
        """The armed fault of one of *kinds* that strikes this request."""
        return self.site.faults.take(kinds, self.asked)

    def status_of(self, row: JobRow) -> str:
        """The status of a job in the service's word; a fault keeps some of them blocked."""
        is_blocked = not is_over(row) and row.id in self.site.faults.blocked()
        return "BLOCKED" if is_blocked else status_of(row)

    def job(self) -> JobRow | None:
        """The job that the path names, hidden ones too, unless a fault hides it."""
        uuid = self.names["uuid"]
        row = self.store.job(uuid)
        if row is None or row.api != TAPIS or uuid in self.site.faults.hidden():
            return None
        return row

    def body(self, what: str) -> dict[str, Any]:
        """The JSON object of the request. Raises :class:`Problem` 400."""
        raw = self.request.get_data()
        try:
            value = json.loads(raw, parse_constant=_refuse_constant) if raw.strip() else {}
            json.dumps(value, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise payload(what, f"invalid JSON: {error}") from error
        if not isinstance(value, dict):
            raise payload(what, "#: expected type: JSONObject")
        return value


def payload(what: str, why: str) -> Problem:
    """The refusal of a body that does not fit its schema."""
    return Problem(400, f"NET_REQUEST_PAYLOAD_ERROR The {what} request payload is not valid: {why}")


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)
