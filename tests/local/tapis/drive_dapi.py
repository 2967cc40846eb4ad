"""A round of dapi 0.6.3 as its users make it. Run by the Python that has it.

``python drive_dapi.py URL USER PASSWORD OTHER``; the last line says how many steps passed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from dapi import DSClient  # type: ignore[import-not-found]

URL, USER, PASSWORD, OTHER = sys.argv[1:]
done: list[str] = []


def passed(name: str) -> None:
    done.append(name)
    print("PASS", name)


ds = DSClient(base_url=URL, username=USER, password=PASSWORD)
passed("login")
assert "demo" in {app[0] if isinstance(app, tuple) else app.id for app in ds.apps.find("demo")}
assert ds.apps.get_details("demo").runtime == "ZIP"
passed("apps")
request = ds.jobs.generate(
    app_id="demo", input_dir_uri="tapis://local/case", script_filename="run.txt",
    job_name="with dapi", archive_system="archive", tags=["dapi"],
)  # fmt: skip
job = ds.jobs.submit(request)
passed("submit")
assert job.monitor(interval=1, timeout_minutes=1) == "FINISHED", job.last_message
passed("monitor")
assert {"tapisjob.out", "result.txt"} <= {one.name for one in job.list_outputs()}
assert job.get_output_content("tapisjob.out").startswith("ran run.txt")
with tempfile.TemporaryDirectory() as folder:
    target = Path(folder) / "result.txt"
    job.download_output("result.txt", str(target))
    assert target.read_text() == "from the case\n"
passed("outputs")
job.share(user_id=OTHER)
assert set(job.shares["grantee"]) == {OTHER}
assert len(job.shares) == 4, "all four resources, by default"
passed("share")
table = ds.jobs.list(output="raw")
assert job.uuid in {getattr(one, "uuid", None) or one["uuid"] for one in table}
passed("list")
slow = ds.jobs.submit({"name": "slow", "appId": "slow", "appVersion": "1.0"})
slow.cancel()
assert slow.monitor(interval=1, timeout_minutes=1) == "CANCELLED"
passed("cancel")
print(f"{len(done)} steps PASS")
