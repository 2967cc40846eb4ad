"""A folder whose commands act as alice on a service of Tapis v3, through the installed command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobsync.testing import LocalService
from tests.line.linebench import Lab


class TapisLab(Lab):
    """As :class:`Lab`: its sets are of ``tapis/v3``."""

    def __init__(self, folder: Path, service: LocalService) -> None:
        super().__init__(folder, service)
        del self.environ["TAPIS_TOKEN"]
        self.environ["TAPIS_ACCESS_TOKEN"] = service.jwt("alice")

    def write(self, jobs: str, head: str = "") -> None:
        super().write(jobs, f"api: tapis/v3\n{head}")

    def mine(self) -> list[dict[str, Any]]:
        """The visible runs of this lab's project, oldest first."""
        query = f"name.like={self.project}.*&select=uuid,id,name,status,tags&orderBy=id(asc)"
        rows: list[dict[str, Any]] = self.service.call(
            "alice", "GET", f"/v3/jobs/search?{query}"
        ).result
        return rows

    def shares(self, run_id: str) -> dict[str, set[str]]:
        """What each user may read of a run."""
        found: dict[str, set[str]] = {}
        for row in self.service.call("alice", "GET", f"/v3/jobs/{run_id}/share").result:
            found.setdefault(row["grantee"], set()).add(row["jobResource"])
        return found
