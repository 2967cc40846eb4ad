"""Plan, apply and render a set of three jobs on the example, with the command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from jobsync.platforms.example.connections import SERVICES  # type: ignore[import-not-found]

from jobsync.cli.main import cli

URL = "https://example.test"
SET = """\
apiVersion: jobsync/v1
project: three
jobs:
  first:
    appId: tool-1.0
    text: one
    permissions: {bob: READ}
    outputs: [{path: out.txt, to: results/}]
  second: {appId: tool-1.0, text: two, queue: long}
  third: {appId: tool-1.0, text: "${jobs.first.outputs/out.txt}"}
"""


def run(*arguments: str) -> int:
    """One command; its exit code."""
    print(f"$ jobsync {' '.join(arguments)}", flush=True)
    result = cli.main(list(arguments), prog_name="jobsync", standalone_mode=False)
    return int(result or 0)


def main() -> None:
    os.environ |= {"EXAMPLE_URL": URL, "EXAMPLE_USER": "alice"}
    os.environ["JOBSYNC_STATE_DIR"] = str(Path("state").absolute())
    Path("set.yaml").write_text(SET)
    assert run("validate") == 0
    assert run("plan", "--detailed-exitcode", "--out", "three.plan.json") == 2
    for format_name in ("text", "json", "markdown"):
        assert run("show", "three.plan.json", "--format", format_name) == 0
    assert run("apply", "--auto-approve", "--wait") == 0
    assert run("plan", "--detailed-exitcode") == 0
    # The second may be submitted before the first or after the third.
    jobs = sorted(SERVICES[URL].jobs.values(), key=lambda job: "/third/" in job.name)
    jobs = [*sorted(jobs[:2], key=lambda job: str(job.request["text"])), jobs[2]]
    assert [job.request["text"] for job in jobs[:2]] == ["one", "two"]
    assert jobs[2].request["text"] == f"example://{jobs[0].id}/out.txt"
    assert {user: str(access) for user, access in jobs[0].grants.items()} == {"bob": "READ"}
    assert Path("results/out.txt").read_text() == jobs[0].id
    print("done", file=sys.stderr)


if __name__ == "__main__":
    main()
