"""The local service over HTTP, as it speaks Tapis v3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from jobsync.backend import Backend
from jobsync.model import JsonValue
from jobsync.platforms.tapis.app_definitions import joined_id
from tests.contract.service import Opened, Service
from tests.fakes.tapis_world import FAILING, world

SHOWING = frozenset({"JOB_HISTORY"})


def over_http(dialect: str) -> Opened:
    @contextmanager
    def opened(folder: Path) -> Iterator[Service]:
        with world(folder, dialect=dialect) as running:

            @contextmanager
            def small_pages() -> Iterator[None]:
                running.service.arm("page-limit,limit=4")
                yield
                running.service.disarm()

            @lru_cache
            def as_(user: str) -> Backend:
                return running.as_(user)

            app = joined_id("wc-demo", "1.00")
            yield Service(
                as_=as_, request=_request, app=app, small_pages=small_pages, showing=SHOWING
            )

    return opened


def _request(seconds: int) -> Mapping[str, JsonValue]:
    if seconds < 0:
        return {"appId": FAILING, "appVersion": "1.0"}
    waits: JsonValue = [{"key": "wait_seconds", "value": str(seconds)}]
    return {
        "appId": "wc-demo",
        "appVersion": "1.00",
        "parameterSet": {"envVariables": waits},
    }


ROWS = {dialect: over_http(dialect) for dialect in ("tapis-25Q4", "tapis-1.7")}
