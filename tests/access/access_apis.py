"""What permissions mean on each api, written again from the contracts for the model-based test."""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import strategies as st

from jobsync.backend import Backend
from jobsync.http.retry import RetryPolicy
from jobsync.model import Access, Outcome, Result
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave.credentials import explicit
from jobsync.platforms.tapis import connections as tapis
from jobsync.platforms.tapis.credentials import explicit as explicit_of_tapis
from tests.access.access_oracle import LEVELS, NOTHING, may
from tests.access.access_world import PEOPLE, Level, Levels, Rows, World, Written

POLICY = RetryPolicy(attempts=3, first=0.01, longest=0.05)


class AgaveWorld(World):
    """agave-v2 §5: one row a user, by which ``world`` may decide for others too."""

    app: ClassVar = {"appId": "wc-demo-1.00"}
    nothing = NOTHING
    id = "id"

    def users(self, number: int) -> tuple[str, str]:
        return f"alice{number}", f"olga{number}"

    def connect(self) -> Backend:
        credentials = explicit(self.service.url, self.service.tokens[self.me])
        how = agave.Connection(policy=POLICY)
        return agave.connect(self.service.url, credentials, how=how).__enter__()

    def listen(self) -> None:
        store = type(self.store)

        def set_grant(job_id: str, user: str, permission: str | None, by: str) -> None:
            store.set_grant(self.store, job_id, user, permission, by)
            self.written.append(Written(job_id, by, user, self.rows(job_id)))

        def drop_grants(job_id: str, by: str) -> None:
            raise AssertionError(f"DELETE /pems for all on {job_id}")

        self.store.set_grant, self.store.drop_grants = set_grant, drop_grants  # type: ignore

    def forget(self) -> None:
        del self.store.set_grant, self.store.drop_grants

    def rows(self, run: str) -> Levels:
        return {user: LEVELS[word] for user, word in self.store.grants(run).items()}

    def by_hand(self, who: str, run: str, user: str, word: Any) -> int:
        body = {"username": user, "permission": word}
        return self.service.call(who, "POST", f"/jobs/v2/{run}/pems", body).status

    def hide(self, run: str) -> int:
        return self.service.call(self.me, "DELETE", f"/jobs/v2/{run}").status

    def let_me_in(self) -> None:
        for user, word in ((self.me.title(), "NONE"), (self.me, "ALL")):
            self.by_hand(self.olga, self.jobs["pin"].pinned, user, word)

    def twin(self, row: Any) -> str:
        body = {"name": row.name, "appId": "wc-demo-1.00", "parameters": {"lines": 1}}
        twin = str(self.service.submit(self.me, **body)["id"])
        # Within one second the ids decide which is older, and those are different each time.
        self.store.update(twin, created=row.created + 2 * len(self.mine()))
        return twin

    def requested(self, version: int) -> dict[str, Any]:
        return {"parameters": {"lines": 1 + version}}

    def level(self, access: Access) -> Level:
        return ("read" in access.gives, "write" in access.gives)

    def level_of(self, word: Any) -> Level:
        return LEVELS.get(word, NOTHING)

    def folded(self, user: str) -> str:
        return user.lower()

    def spelled(self, user: str, image: Rows) -> str:
        """The service refuses a second spelling, so the one that is there is used (agave-v2
        §5.3)."""
        if user in image:
            return user
        return next((name for name in sorted(image) if name.lower() == user.lower()), user)

    def age(self, row: Any) -> tuple[Any, ...]:
        return (int(row.created), row.id)

    def may(self, rows: Rows, owner: str, user: str) -> Level:
        return may(rows, owner, user)  # type: ignore[arg-type]

    def is_unseen(self, outcome: Outcome) -> bool:
        """I kept WRITE on olga's job and gave up READ: that cannot be proven, so it is not done."""
        pin = self.jobs["pin"]
        mine = self.declared(pin).get(self.me)
        told = (outcome.run_id, outcome.result) == (pin.pinned, Result.FAILED)
        return told and mine == (False, True) and "cannot be read back" in outcome.detail

    def gave_up(self) -> bool:
        return not self.may(self.rows(self.jobs["pin"].pinned), self.olga, self.me)[0]


RESOURCES = ("JOB_HISTORY", "JOB_OUTPUT", "JOB_RESUBMIT_REQUEST", "JOB_INPUT")


class TapisWorld(World):
    """tapis-v3 §9: resources are shared one by one, two of them open something, and only those
    count where one is there. Only the owner shares, so the pinned job is mine."""

    app: ClassVar = {"appId": "wc-demo", "appVersion": "1.00"}
    nothing = (False,) * 4
    id = "uuid"

    def users(self, number: int) -> tuple[str, str]:
        return f"alice{number}", f"alice{number}"

    def connect(self) -> Backend:
        credentials = explicit_of_tapis(self.service.url, self.service.jwt(self.me))
        how = tapis.Connection(policy=POLICY)
        return tapis.connect(self.service.url, credentials, how=how).__enter__()

    def listen(self) -> None:
        store = type(self.store)

        def share(job_id: str, grantee: str, resources: Any, grantor: str) -> None:
            store.share(self.store, job_id, grantee, resources, grantor)
            self.written.append(Written(job_id, grantor, grantee, self.rows(job_id)))

        def unshare(job_id: str, grantee: str, by: str) -> int:
            count = store.unshare(self.store, job_id, grantee, by)
            self.written.append(Written(job_id, by, grantee, self.rows(job_id)))
            return count

        self.store.share, self.store.unshare = share, unshare  # type: ignore[method-assign]

    def forget(self) -> None:
        del self.store.share, self.store.unshare

    def rows(self, run: str) -> Levels:
        found: dict[str, set[str]] = {}
        for one in self.store.shares(run):
            found.setdefault(one.grantee, set()).add(one.resource)
        return {user: self._given(resources) for user, resources in found.items()}

    def _given(self, resources: Any) -> Level:
        counted = {*resources} & {*RESOURCES[:2]} or {*resources}
        return tuple(resource in counted for resource in RESOURCES)

    def by_hand(self, who: str, run: str, user: str, word: Any) -> int:
        path = f"/v3/jobs/{run}/share"
        if word == "NONE":
            return self.service.call(who, "DELETE", f"{path}/{user}").status
        body = {
            "grantee": user,
            "jobResource": [*RESOURCES] if word == "READ" else [*word],
            "jobPermission": "READ",
        }
        return self.service.call(who, "POST", path, body).status

    def hide(self, run: str) -> int:
        return self.service.call(self.me, "POST", f"/v3/jobs/{run}/hide").status

    def twin(self, row: Any) -> str:
        return str(self.service.submit(self.me, name=row.name)["uuid"])

    def requested(self, version: int) -> dict[str, Any]:
        variables = [{"key": "lines", "value": str(1 + version)}]
        return {"parameterSet": {"envVariables": variables}}

    def level(self, access: Access) -> Level:
        return self._given(access.gives)

    def level_of(self, word: Any) -> Level:
        if word == "NONE":
            return self.nothing
        return self._given(RESOURCES if word == "READ" else word)

    def age(self, row: Any) -> tuple[Any, ...]:
        return (row.number,)

    def may(self, rows: Rows, owner: str, user: str) -> Level:
        return self._given(RESOURCES) if user == owner else rows.get(user, self.nothing)

    def may_in_between(self, was: Level, will: Level) -> tuple[Level, ...]:
        """Who gets less has nothing for a moment: a share can only be taken away whole."""
        is_less = any(a and not b for a, b in zip(was, will, strict=True))
        return (was, will, self.nothing) if is_less else (was, will)


_LISTS: list[Any] = [["JOB_OUTPUT"], ["JOB_HISTORY"], ["JOB_INPUT"], ["JOB_HISTORY", "JOB_OUTPUT"]]


class Words:
    """What people write, on one api. ``quirks`` make an apply fail, ``harmless`` ones do not."""

    def __init__(
        self, levels: list[Any], users: list[str], raw: list[Any], hands: list[str],
        quirks: list[str], harmless: list[str],
    ) -> None:  # fmt: skip
        some = st.dictionaries(st.sampled_from(users), st.sampled_from(levels), max_size=5)
        self.declared = some | some | some | st.none()
        self.raw, self.hands = st.sampled_from(raw), st.sampled_from(hands)
        self.empty = raw[-1]
        self.quirks, self.harmless = st.sampled_from(quirks), st.sampled_from(["", *harmless])


AGAVE = Words(
    ["READ", "WRITE", "READ_WRITE", "ALL", "NONE"],
    [*PEOPLE, "world", "@lab", "ME"],
    ["READ", "WRITE", "ALL", "EXECUTE", "READ_EXECUTE", "WRITE_EXECUTE", "NONE", "EXECUTE"],
    [*PEOPLE, "Bob", "Bob", "Amy", "World", "world", "world", "a b@c..", "..", "ALICE"],
    [
        "ignored-grant",
        "ignored-grant,after=1",
        "reset-after,on=pems-grant",
        "reset-before,on=pems-grant",
        "html,status=500,when=after,on=pems-grant",
        "html,status=502,on=pems-grant,times=9",
        "throttle,retry-after=0,on=pems-grant",
        "html-200,on=pems-list,after=3,times=9",
        "truncated,on=pems-list,after=3",
        "html-200,on=submit",
    ],
    ["duplicate-owner", "page-limit,limit=2", "drift,rows=1"],
)
TAPIS = Words(
    ["READ", "READ", "NONE", *_LISTS],
    [*PEOPLE, "Bob", "@lab", "ME"],
    ["READ", "NONE", *_LISTS, ["JOB_INPUT"]],
    [*PEOPLE, "Bob", "Amy", "world", "ALICE"],
    [
        "ignored-grant",
        "ignored-grant,after=1",
        "unshare-nothing",
        "unshare-500",
        "unshare-500,times=9",
        "reset-after,on=share",
        "reset-before,on=unshare",
        "html,status=500,when=after,on=share",
        "html,status=500,when=after,on=unshare",
        "html,status=502,on=share,times=9",
        "throttle,retry-after=0,on=share",
        "html-200,on=shares,after=3,times=9",
        "truncated,on=shares,after=3",
        "html-200,on=submit",
        "row-then-500",
    ],
    ["page-limit,limit=2", "drift,rows=1"],
)
