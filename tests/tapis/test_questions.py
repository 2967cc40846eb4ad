"""What an apply asks a service of Tapis v3 for each job, and what it does without asking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from jobsync.http.client import HttpClient
from jobsync.http.messages import Request
from jobsync.model import Access, Result
from tests.apply.plans import create, grants, name, plan
from tests.apply.service_world import RealWorld, tapis_real_world

TAPIS_API = "tapis/v3"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealWorld]:
    with tapis_real_world(tmp_path_factory.mktemp("questions")) as running:
        yield running


def test_no_user_of_a_new_run_costs_a_question(
    world: RealWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: Counter[str] = Counter()
    send = HttpClient.send

    def counting(client: HttpClient, request: Request, *how: Any) -> Any:
        sent[f"{request.method} {request.url.partition('?')[0].rpartition('/')[2]}"] += 1
        return send(client, request, *how)

    monkeypatch.setattr(HttpClient, "send", counting)
    users = dict.fromkeys(("bob", "carol"), "READ")
    outcomes = world.apply(
        plan(
            create("asks", platform=world.backend.platform, request=world.app),
            grants("asks", None, {}, platform=world.backend.platform, **users),
        )
    )
    assert {one.result for one in outcomes} == {Result.DONE}, outcomes
    [run_id] = world.named(name("asks"))
    assert sent["POST share"] == 2
    assert sent["GET share"] == 2, "once before the changes and once after"
    assert sent["GET resubmit_request"] == 0, "nobody looks at the request of what was just sent"
    assert sent[f"GET {run_id}"] == 1
    assert world.backend.access(run_id) == dict.fromkeys(users, world.level("READ"))


def test_what_somebody_shares_meanwhile_is_told(
    world: RealWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the list and the change, the owner shares more from elsewhere."""
    look, looks = world.backend.access, 0

    def access(run_id: str) -> Mapping[str, Access]:
        nonlocal looks
        looks, found = looks + 1, look(run_id)
        if looks == 1:
            world.service.store.share(run_id, "bob", ["JOB_HISTORY"], "alice")
        return found

    monkeypatch.setattr(world.backend, "access", access)
    outcomes = world.apply(
        plan(
            create("told", platform=world.backend.platform, request=world.app),
            grants("told", None, {}, platform=world.backend.platform, bob="[JOB_OUTPUT]"),
        )
    )
    assert [one.result for one in outcomes] == [Result.DONE, Result.FAILED], outcomes
    assert "bob has READ, not [JOB_OUTPUT]" in outcomes[1].detail
