"""A real local Jobs service for tests: users, apps, faults on demand. docs/testing.md shows it.

Works with or without pytest. With pytest, say ``pytest_plugins = ["jobsync.testing"]`` in a
``conftest.py`` and ask for the fixture ``jobsync_service``.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import tempfile
import time
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from jobsync.local.service import Drive, Service, ServiceSettings, with_dialect
from jobsync.local.store.rows import AGAVE
from jobsync.local.store.statuses import STATUSES, TERMINAL
from jobsync.local.tls import Certificate
from jobsync.local.users import ensure
from jobsync.structs import Struct

__all__ = ["Drive", "LocalService", "Reply", "local_service"]


class Reply(Struct, frozen=True):
    """An answer as it came: status, headers (names in lower case) and bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def result(self) -> Any:
        """What stands in ``result`` of the envelope; KeyError where there is none."""
        return self.json["result"]


class LocalService:
    """A running service: where it is, who its users are, and how to make it misbehave."""

    def __init__(self, service: Service, api: str = AGAVE) -> None:
        self._service = service
        self.api = api
        self.url = service.url
        self.tokens = dict(service.tokens)
        self.workspace = service.settings.workspace
        self.state = service.settings.state_dir

    @property
    def service(self) -> Service:
        """The service itself, for tests of the service."""
        return self._service

    def add_user(self, name: str) -> str:
        """Create one more user while the service runs; the token."""
        found = ensure(self._service.store, self.state, [name])
        self.tokens[name] = found[name]
        return found[name]

    def arm(self, *faults: str) -> None:
        """Arm faults, each ``KIND[,key=value ...]``; docs/testing.md lists the kinds."""
        for fault in faults:
            self._service.faults.add(fault)

    def disarm(self) -> None:
        """Behave again."""
        self._service.faults.clear()

    def hits(self, kind: str) -> int:
        """How often the armed faults of this kind have struck."""
        return self._service.faults.hits(kind)

    def call(
        self,
        user: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> Reply:
        """One request as *user* (empty: without a token), sent exactly as given, with the token
        that the api of this object takes: a bearer token, or a ``X-Tapis-Token``.

        *body* is sent as JSON unless it is bytes. *path* is put on the wire as it is. Raises what
        the connection raises: ``OSError`` and ``http.client.HTTPException``.
        """
        head = self.credentials(user) if user else {}
        data = body
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
            head["Content-Type"] = "application/json"
        connection = self._connection(timeout)
        try:
            connection.request(method, path, data, {**head, **(headers or {})})
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()

    def credentials(self, user: str) -> dict[str, str]:
        """The header by which a request is this user's."""
        if self.api == AGAVE:
            return {"Authorization": f"Bearer {self.tokens[user]}"}
        return {"X-Tapis-Token": self.jwt(user)}

    def jwt(self, user: str) -> str:
        """A token of Tapis for a user, as a login gives it."""
        issued = self._service.keys.issue(user, None, self.url)
        return str(issued["access_token"]["access_token"])

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        parts = urllib.parse.urlsplit(self.url)
        host = parts.hostname or ""
        certificate = self._service.settings.certificate
        if certificate is None:
            return http.client.HTTPConnection(host, parts.port, timeout=timeout)
        context = ssl.create_default_context(cafile=str(certificate.chain))
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context)

    def submit(self, user: str, **request: Any) -> dict[str, Any]:
        """Submit a job of the shipped demo app unless *request* names another; its record."""
        if self.api == AGAVE:
            path, body = "/jobs/v2", {"name": "demo", "appId": "wc-demo-1.00", **request}
        else:
            path = "/v3/jobs/submit"
            body = {"name": "demo", "appId": "wc-demo", "appVersion": "1.00", **request}
        reply = self.call(user, "POST", path, body)
        if reply.status not in (200, 201):
            raise AssertionError(f"submit answered {reply.status}: {reply.body!r}")
        job: dict[str, Any] = reply.result
        return job

    def stop_jobs(self, *, timeout: float = 10.0) -> None:
        """Stop every job that has not ended, so that no process is left behind."""
        store = self._service.store
        open_statuses = STATUSES - TERMINAL
        for row in store.jobs_in(open_statuses):
            self._service.engine.cancel(row.id)
        until = time.monotonic() + timeout
        while store.jobs_in(open_statuses) and time.monotonic() < until:
            time.sleep(0.02)

    def wait(self, user: str, job_id: str, *, timeout: float = 30.0) -> dict[str, Any]:
        """Poll until the job has ended; its record. Raises ``TimeoutError``."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            path = f"/jobs/v2/{job_id}" if self.api == AGAVE else f"/v3/jobs/{job_id}"
            reply = self.call(user, "GET", path)
            if reply.status == 200 and reply.result["status"] in TERMINAL | {"CANCELLED"}:
                job: dict[str, Any] = reply.result
                return job
            time.sleep(0.02)
        raise TimeoutError(f"job {job_id} has not ended: {reply.body!r}")


@contextmanager
def local_service(
    folder: str | Path | None = None,
    *,
    users: Sequence[str] = ("alice", "bob"),
    apps: Sequence[str | Path] = (),
    faults: Sequence[str] = (),
    api: str = AGAVE,
    dialect: str | None = None,
    drive: Drive = Drive.STEP,
    certificate: tuple[str | Path, str | Path] | None = None,
    environment: Mapping[str, str] | None = None,
    **settings: Any,
) -> Iterator[LocalService]:
    """A service for the time of a ``with``.

    *folder* is the workspace (``agave://local/`` in inputs, ``apps/`` in it is read) and keeps the
    state in ``.jobsync``, and jobs that run there run on afterwards; without one a temporary folder
    is used, and its jobs are stopped at the end. Every service speaks both apis; *api*
    (``agave/v2``, ``tapis/v3``) is the one of the object's own calls, and *dialect* is one of
    either: ``agave``, ``aloe``, ``tapis-25Q4``, ``tapis-1.7``. *faults* are armed from the start.
    *certificate* is (chain, key) in PEM: then it speaks https. *settings* are further fields of
    :class:`jobsync.local.service.ServiceSettings`.
    """
    with ExitStack() as stack:
        is_temporary = folder is None
        if folder is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="jobsync-"))
        root = Path(folder).absolute()
        made_of = ServiceSettings(
            state_dir=root / ".jobsync",
            workspace=root,
            users=tuple(users),
            apps=(*(Path(app).absolute() for app in apps), root / "apps"),
            faults=tuple(faults),
            drive=drive,
            certificate=Certificate(*(Path(one) for one in certificate)) if certificate else None,
            environment=dict(os.environ if environment is None else environment),
            **settings,
        )
        if dialect is not None:
            made_of = with_dialect(made_of, dialect)
        with Service(made_of) as running:
            service = LocalService(running, api)
            try:
                yield service
            finally:
                # Their folder is about to be removed.
                if is_temporary:
                    service.stop_jobs()


try:
    import pytest
except ImportError:  # the context manager works without it
    pass
else:

    @pytest.fixture
    def jobsync_service(tmp_path: Path) -> Iterator[LocalService]:
        """A fresh service with the users alice and bob; ``tmp_path`` is its workspace."""
        with local_service(tmp_path) as service:
            yield service
            service.stop_jobs()
