"""The law of the order of writes against the running service: some lists, every single failure."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from jobsync.errors import Forbidden
from jobsync.http.retry import RetryPolicy
from jobsync.local.store.rows import Conflict
from jobsync.model import Access, AccessChange, Outcome
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave.credentials import explicit
from jobsync.platforms.agave.permissions import access as pair
from jobsync.testing import LocalService, local_service
from tests.access.access_oracle import LEVELS
from tests.access.order_model import OWNER, Case, Fault, apply_to, cases, wrongs

USERS = (OWNER, "mia", "zoe", "bob", "zed")
LISTS = [
    (("amy", "bob", "world", "zed"), OWNER),
    (("bob", "mia", "world", "zed"), "mia"),
    (("bob", "world", "zed", "zoe"), "zoe"),
]
SAMPLE = 12


@dataclass
class Shared:
    """A finished job of olga's; its list, and every list that it has had."""

    service: LocalService
    job: str
    states: list[dict[str, Access]] = field(default_factory=list)
    refused: bool = False
    fault: Fault | None = None
    failing: str = ""

    @property
    def rows(self) -> dict[str, Access]:
        grants = self.service.service.store.grants(self.job)
        return {
            user: pair(read=LEVELS[word][0], write=LEVELS[word][1]) for user, word in grants.items()
        }

    def carry_out(
        self, case: Case, change: AccessChange, fault: Fault | None
    ) -> tuple[Outcome, Shared]:
        store = self.service.service.store
        self.fault, self.failing, self.refused = None, "", False
        store.drop_grants(self.job, OWNER)
        for user, access in case.before.items():
            store.set_grant(self.job, user, str(access), OWNER)
        self.states.clear()
        self.fault = fault
        self.failing = change.grants[fault.number].user if fault else ""
        how = agave.Connection(policy=RetryPolicy(attempts=2, first=0.001, longest=0.001))
        credentials = explicit(self.service.url, self.service.tokens[case.me])
        with agave.connect(self.service.url, credentials, how=how) as backend:
            send = backend.grant

            def grant(run_id: str, user: str, access: Access, *, is_new: bool = False) -> None:
                try:
                    send(run_id, user, access, is_new=is_new)
                except Forbidden:  # a write that took all that I had is sent again in vain
                    self.refused |= user != self.failing or not (fault and fault.taken)
                    raise

            backend.grant = grant  # type: ignore[method-assign]
            outcome = apply_to(backend, change, self.job, case.me)
        self.asked_of_the_service()
        return outcome, self

    def asked_of_the_service(self) -> None:
        """The model's rule is the service's: who can read, reads."""
        for user in USERS:
            reply = self.service.call(user, "GET", f"/jobs/v2/{self.job}/pems")
            assert reply.status == (200 if reads(self.rows, user) else 403), (user, self.rows)


def reads(rows: dict[str, Access], user: str) -> bool:
    first = min((name for name in rows if name in (user, "world")), default="")
    return user == OWNER or (first in rows and ("read" in rows[first].gives))


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    with local_service(users=USERS) as service:
        job = service.submit(OWNER)["id"]
        assert service.wait(OWNER, job)["status"] == "FINISHED"
        found = Shared(service, job)
        store = service.service.store
        write = store.set_grant

        def set_grant(job_id: str, user: str, permission: str | None, by: str) -> None:
            fault = found.fault if user == found.failing else None
            if fault is None or fault.taken:
                write(job_id, user, permission, by)
            found.states.append(found.rows)
            if fault is not None and not fault.ignored:
                raise Conflict("it fails")

        store.set_grant = set_grant  # type: ignore[method-assign]
        yield found


@pytest.mark.parametrize(("names", "me"), LISTS)
def test_a_sample_of_lists_of_four_names(shared: Shared, names: tuple[str, ...], me: str) -> None:
    every = list(cases(names, me))
    for case in random.Random(14).sample(every, SAMPLE):
        assert list(wrongs(case, shared.carry_out)) == []
