"""Its services are in this process, one for each URL. A token is the name of a user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from jobsync.errors import SettingsError
from jobsync.http.connection import Connection
from jobsync.platforms.connections import Connections, Lasting, LoggedOut
from jobsync.secret import Secret
from tests.fakes.memory import MemoryBackend, MemoryService
from tests.fakes.memory_outputs import Outputs

from .platform import PLATFORM

SERVICES: dict[str, MemoryService] = {}


@dataclass(frozen=True)
class ExampleAccount:
    """A user of the service at a URL."""

    base_url: str
    user: str
    source: str = "EXAMPLE_USER"
    saved: bool = False
    expires: float | None = None

    @contextmanager
    def backend(self, how: Connection) -> Iterator[MemoryBackend]:
        books = SERVICES.setdefault(self.base_url, MemoryService())
        books.fates[""] = ((0.0, "FINISHED"),)
        books.resolved = lambda job: dict(job.request)
        books.outputs = lambda run_id: Outputs({"out.txt": run_id.encode()})
        opened = MemoryBackend(books, self.user, PLATFORM)
        opened.base_url = self.base_url
        yield opened

    reader = backend


class ExampleConnections:
    """See :class:`~jobsync.platforms.connections.Connections`."""

    def account(self, environ: Mapping[str, str], base_url: str) -> ExampleAccount:
        return self.account_of(base_url, environ["EXAMPLE_USER"])

    def has_login(self, environ: Mapping[str, str], base_url: str) -> bool:
        return False

    def account_of(self, base_url: str, token: str, user: str = "") -> ExampleAccount:
        return ExampleAccount(base_url, token)

    def log_in(
        self,
        environ: Mapping[str, str],
        base_url: str,
        username: str,
        password: Secret,
        lasting: Lasting,
        how: Connection,
    ) -> str:
        raise SettingsError("set EXAMPLE_USER")

    def log_out(self, environ: Mapping[str, str], base_url: str, how: Connection) -> LoggedOut:
        return LoggedOut("EXAMPLE_USER", found=False)


CONNECTIONS: Connections = ExampleConnections()
