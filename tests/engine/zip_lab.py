"""The laboratory of the engine with a ZIP app: the same probe, as a job of Tapis."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from jobsync.local.api.tapis import submission
from jobsync.local.api.tapis.access import OUTPUT, may
from jobsync.local.api.tapis.call import TapisSite
from jobsync.local.api.tapis.places import Places
from jobsync.local.api.tapis.profile import PROFILES
from jobsync.local.api.tapis.tokens import Keys
from jobsync.local.api.tapis.workload import TapisJobs
from jobsync.local.apps.tapis_apps import TapisApps
from jobsync.local.engine.workload import Workload
from jobsync.local.faults import FaultBoard
from jobsync.local.store.rows import TAPIS
from tests.engine.engine_lab import Lab, main

PROBE = """\
echo "start $(date +%s.%N) ${SLURMD_NODENAME:--} $_tapisJobUUID" >> "$log"
eval "$before"
sleep "$seconds"
echo out
echo result > "$_tapisExecSystemOutputDir/result.txt"
echo "end $(date +%s.%N)" >> "$log"
[ "$code" = 0 ] || echo "$code" > "$_tapisExecSystemOutputDir/tapisjob.exitcode"
exit "$code"
"""
DEFAULTS = {"seconds": "0", "code": "0", "before": ":"}


class ZipLab(Lab):
    """One state folder and one workspace whose jobs are those of Tapis."""

    script = __file__

    def write_app(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        document = {"id": "probe", "version": "1.0", "runtime": "ZIP",
                    "jobAttributes": {"execSystemId": "local"}}  # fmt: skip
        (folder / "app.json").write_text(json.dumps(document))
        (folder / "tapisjob_app.sh").write_text(PROBE)

    def site(self) -> TapisSite:
        places = Places(
            self.store,
            self.systems,
            self.storage,
            lambda row, user: may(self.store, row, user, OUTPUT),
        )
        return TapisSite(
            store=self.store,
            apps=TapisApps([self.workspace / "apps"]),
            systems=self.systems,
            places=places,
            keys=Keys(self.store, b"k"),
            faults=FaultBoard(),
            profile=PROFILES["25Q4"],
        )

    def workloads(self) -> dict[str, Workload]:
        site = self.site()
        jobs = TapisJobs(self.store, site.apps, site.places, site.faults)
        return {**super().workloads(), TAPIS: jobs}

    def submit(self, owner: str = "alice", **fields: Any) -> str:
        """Submit a probe; seconds, code and before are its variables."""
        values = {name: str(fields.pop(name, default)) for name, default in DEFAULTS.items()}
        variables = [{"key": key, "value": value.replace('"', '\\"').replace("$", "\\$")}
                     for key, value in {**values, "log": str(self.log)}.items()]  # fmt: skip
        body = {
            "name": "probe", "appId": "probe", "appVersion": "1.0",
            "parameterSet": {"envVariables": variables}, "archiveSystemId": "archive", **fields,
        }  # fmt: skip
        row = submission.resolve(self.site(), owner, body)
        self.store.insert_job(row, "Job created")
        return row.id

    def output(self, job_id: str, name: str) -> str:
        """A file of a job's archive."""
        folder = self.storage.archive_folder(self.job(job_id).archive_path or "")
        return (folder / name).read_text()


if __name__ == "__main__":
    main(sys.argv[1:], ZipLab)
