"""A command that uses the embedded service: what a test tells it, in a process of its own.

    embedded_command.py STATE WORKSPACE USER DRIVE SECONDS [APP_SECONDS]

Prints the URL, submits a job if APP_SECONDS are given and prints its id, stays for SECONDS or until
its standard input closes, prints the job's status.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from jobsync.local.embedded import embedded
from jobsync.local.service import Drive


def call(url: str, token: str, path: str, body: object = None, method: str | None = None) -> object:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url + path,
        data=data,
        method=method,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    for _ in range(100):
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.loads(answer.read()).get("result")
        except urllib.error.HTTPError:
            raise
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise AssertionError(f"{url} does not answer")


def main(state: str, workspace: str, user: str, drive: str, seconds: str, app: str = "") -> None:
    with embedded(
        Path(state), Path(workspace), user, drive=Drive(drive), environment=os.environ
    ) as service:
        url, token = service.url, service.token
        print(url, flush=True)
        job_id = ""
        if app:
            body = {"name": "x", "appId": "wc-demo-1.00", "parameters": {"seconds": int(app)}}
            job = call(url, token, "/jobs/v2/", body)
            assert isinstance(job, dict)
            job_id = str(job["id"])
            print(job_id, flush=True)
        select.select([sys.stdin], [], [], float(seconds))
        if job_id:
            status = call(url, token, f"/jobs/v2/{job_id}/status")
            assert isinstance(status, dict)
            print(status["status"], flush=True)


if __name__ == "__main__":
    # What a shell runs in the background begins with Ctrl-C ignored, a suite among it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main(*sys.argv[1:])
