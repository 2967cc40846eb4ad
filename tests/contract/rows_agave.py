"""The local service over HTTP, in both of its older dialects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from jobsync.backend import Backend
from jobsync.model import JsonValue
from tests.contract.service import Service
from tests.fakes.agave_world import APP, world


def over_http(dialect: str) -> Callable[[Path], Any]:
    @contextmanager
    def opened(folder: Path) -> Iterator[Service]:
        with world(folder, dialect=dialect, aloe_delay=0.05) as running:

            @contextmanager
            def small_pages() -> Iterator[None]:
                running.service.faults.add("page-limit,limit=4")
                yield
                running.service.faults.clear()

            @lru_cache
            def as_(user: str) -> Backend:
                return running.as_(user)

            yield Service(as_=as_, request=_request, app=APP, small_pages=small_pages)

    return opened


def _request(seconds: int) -> Mapping[str, JsonValue]:
    return {
        "appId": APP,
        "inputs": {"text": "agave://local/in.txt"},
        "parameters": {"seconds": seconds},
    }


ROWS = {dialect: over_http(dialect) for dialect in ("agave", "aloe")}
