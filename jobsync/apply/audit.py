"""One line per change that was made or tried: who gave whom access to what, and when."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from jobsync.errors import SettingsError
from jobsync.model import Address, Result
from jobsync.structs import Struct


class AuditLine(Struct, frozen=True):
    """One change. ``user`` is the grantee, empty for a change of the job itself.

    ``before`` and ``after`` are levels for a grant, run ids or names for a job.
    """

    address: Address
    job: str
    user: str
    before: str
    after: str
    result: Result
    action: str = ""


Audit = Callable[[AuditLine], None]


class AuditFile:
    """Appends audit lines to a file as JSON, each in one write.

    Raises :class:`SettingsError` when the file cannot be opened or is a symbolic link, so that an
    apply that is to be audited does not begin without it.
    """

    def __init__(
        self, path: Path, *, who: str, target: str, plan_digest: str, commit: str = ""
    ) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._descriptor = os.open(path, flags, 0o644)
        except OSError as error:
            raise SettingsError(
                f"{path}: the audit file cannot be written ({error.strerror or error})",
                hint="pass --audit FILE with a file that you can write",
            ) from error
        self._path = path
        self._fixed = {
            "who": who,
            "target": target,
            "plan": plan_digest,
            "commit": commit,
        }
        self._guard = threading.Lock()

    def __call__(self, line: AuditLine) -> None:
        """Write *line*. Raises :class:`SettingsError` when that fails."""
        when = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        document = {
            "when": when,
            **self._fixed,
            "action": line.action,
            "address": line.address,
            "job": line.job,
            "user": line.user,
            "before": line.before,
            "after": line.after,
            "result": str(line.result),
        }
        data = json.dumps(document, ensure_ascii=True).encode("ascii") + b"\n"
        try:
            with self._guard:
                os.write(self._descriptor, data)
        except OSError as error:
            raise SettingsError(
                f"{self._path}: the audit file cannot be written ({error.strerror or error})"
            ) from error

    def close(self) -> None:
        """Flush to the disk and close."""
        try:
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)
