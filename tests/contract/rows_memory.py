"""The service in memory that other tests rest on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jobsync.model import App, JsonValue
from jobsync.platform import Platform
from jobsync.platforms.agave.platform import AGAVE
from tests.contract.service import Service
from tests.fakes.memory import Job, MemoryBackend, MemoryService, archiving
from tests.fakes.memory_outputs import Outputs

APP = "tool-1.0"
FILES = {"out.txt": b"a result\n", "logs/run.log": b"began\nended\n"}


class Timed(MemoryService):
    """Jobs take as long as their requests say, and leave files."""

    def make(self, name: str, owner: str, request: Mapping[str, Any], **more: Any) -> Job:
        seconds = int(request.get("seconds", 0))
        end = (1.0, "FAILED") if seconds < 0 else (1.0 + seconds, "FINISHED")
        more = {"message": "exit 1" if seconds < 0 else "", **more}
        return super().make(name, owner, request, life=((0.5, "RUNNING"), end), **more)


def in_memory(
    platform: Platform, resolved: Callable[[Job], dict[str, Any]] = archiving
) -> Callable[[Path], Any]:
    """A row of a service in memory whose jobs mean what *platform* says."""

    @contextmanager
    def opened(folder: Path) -> Iterator[Service]:
        books = Timed()
        books.resolved = resolved
        books.apps = {APP: App(APP, {}, {})}
        left: dict[str, Outputs] = {}

        def outputs(run_id: str) -> Outputs:
            name = books.jobs[run_id].name
            logs = {f"{name}.out": b"began\nended\n", f"{name}.err": b""}
            return left.setdefault(run_id, Outputs(FILES | (logs if platform is AGAVE else {})))

        books.outputs = outputs
        yield Service(
            as_=lambda user: MemoryBackend(books, user, platform),
            request=lambda seconds: _request(seconds),
            app=APP,
            pass_time=lambda: books.clock.sleep(1.0),
        )

    return opened


def _request(seconds: int) -> Mapping[str, JsonValue]:
    return {"appId": APP, "seconds": seconds}


ROWS = {"memory": in_memory(AGAVE)}
