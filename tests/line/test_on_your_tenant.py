"""The pages "On your tenant, in ten minutes": every command as written, from top to bottom."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from jobsync.testing import local_service

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"agave/v2": "on-your-tenant-v2.md", "tapis/v3": "on-your-tenant-v3.md"}


def commands(page: str, replaced: dict[str, str]) -> str:
    """The blocks of commands of *page*, with what stands in place of a reader's own."""
    text = (DOCS / page).read_text(encoding="utf-8")
    script = "\n".join(re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    for old, new in replaced.items():
        assert re.search(old, script), old
        script = re.sub(old, new, script)
    return script


@pytest.mark.parametrize("api", PAGES)
def test_the_page_runs_as_it_is_written(api: str, tmp_path: Path) -> None:
    folder, home = tmp_path / "tenant", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    with local_service(folder, api=api) as service:
        job = service.submit("alice")
        job_id = job.get("uuid") or job["id"]
        service.wait("alice", job_id)
        script = commands(
            PAGES[api],
            {
                r"https://(designsafe\.tapis\.io|api\.tacc\.example)": service.url,
                r"JOB=\S+": f"JOB={job_id}",
                "--username alice": "--username alice --password-stdin < password",
            },
        )
        (home / "password").write_text(service.tokens["alice"] + "\n")
        environ = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("TAPIS_", "AGAVE_", "JOBSYNC_")) and key != "CI"
        }
        environ |= {
            "HOME": str(home),
            "JOBSYNC_STATE_KEY": "the key of the tests",
            "PATH": f"{Path(sys.executable).parent}:{environ['PATH']}",
        }
        done = subprocess.run(
            ["bash", "-exc", script], cwd=home, env=environ, capture_output=True, text=True,
            timeout=200, check=False,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        assert done.stdout.count("No changes.") == 3, said
        assert "bob : READ" in re.sub(" +", " ", done.stdout), said
        rows = service.call("alice", "GET", _listing(api)).result
        assert len(rows) == 2, "the job that was there, and one more"
        assert (home / "first/jobs.yaml").exists() and (home / "second/jobs.yaml").exists()
        shared = service.call("alice", "GET", _permissions(api, job_id)).result
        assert "bob" in json.dumps(shared)


def _listing(api: str) -> str:
    return "/jobs/v2?limit=9" if api == "agave/v2" else "/v3/jobs/list"


def _permissions(api: str, job_id: str) -> str:
    return f"/jobs/v2/{job_id}/pems" if api == "agave/v2" else f"/v3/jobs/{job_id}/share"
