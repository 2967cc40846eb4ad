"""Eight applies of one set at once, round after round: one works, the rest are told who.

    python -m tests.campaigns.race [--rounds 100] [--applies 8] [--api tapis/v3]

Real processes against a real service. On a busy machine one may come so late that the first has
ended: it then has nothing to do. After each round the service's own books must have one job for
every declared one. Prints a line of JSON; ends with 1 when something is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from jobsync.local.store.statuses import STATUSES
from jobsync.testing import local_service
from tests.campaigns.apis import APIS, CHOICES

MANIFEST = """\
apiVersion: jobsync/v1
project: {project}
target: race
targets:
  race: {{api: {api.name}, baseUrl: "{url}"}}
jobs:
  one: {{{api.slow}}}
  two: {{{api.app}}}
"""


def zygote() -> None:
    """For each line ``COUNT FOLDER``: fork so many applies there; say how each ended."""
    from jobsync.cli.main import main

    for line in sys.stdin:
        count, folder = line.split()
        start = time.time() + 0.2
        children = {}
        for number in range(int(count)):
            child = os.fork()
            if child:
                children[child] = number
                continue
            os.chdir(folder)
            os.environ["JOBSYNC_STATE_DIR"] = f"{folder}/.state"
            for stream in (1, 2):
                os.dup2(os.open(f"{number}.{stream}", os.O_WRONLY | os.O_CREAT), stream)
            sys.argv = ["jobsync", "apply", "--auto-approve", "--wait"]
            time.sleep(max(0.0, start - time.time()))
            try:
                main()
            except SystemExit as end:
                os._exit(int(end.code or 0))
            os._exit(99)
        codes = {}
        for _ in children:
            child, status = os.wait()
            codes[str(children[child])] = (child, os.waitstatus_to_exitcode(status))
        print(json.dumps(codes), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--applies", type=int, default=8)
    parser.add_argument("--api", choices=CHOICES, default=CHOICES[0])
    parser.add_argument("--zygote", action="store_true")
    options = parser.parse_args()
    api = APIS[options.api]
    if options.zygote:
        zygote()
        return 0
    began, wrong, codes = time.monotonic(), [], Counter[str]()
    named = lone = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        local_service(folder=Path(folder) / "service", api=api.name) as service,
    ):
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "TAPIS_BASE_URL": service.url,
            api.variable: api.token(service),
        }
        forker = subprocess.Popen(
            [sys.executable, "-m", "tests.campaigns.race", "--zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environ,
        )
        assert forker.stdin is not None
        assert forker.stdout is not None
        for number in range(options.rounds):
            project = f"race{number}"
            place = Path(folder) / project
            place.mkdir()
            text = MANIFEST.format(project=project, url=service.url, api=api)
            (place / "jobs.yaml").write_text(text)
            print(options.applies, place, file=forker.stdin, flush=True)
            ended = json.loads(forker.stdout.readline())
            for which, (_, code) in ended.items():
                codes[str(code)] += 1
                said = (place / f"{which}.2").read_text()
                if code == 4:
                    holder = re.search(r"process (\d+), since", said)
                    pids = {str(pid) for pid, _ in ended.values()}
                    named += holder is not None and holder[1] in pids
                elif code != 0:
                    wrong.append(f"{project}: exit {code}: {said[-400:]}")
            worked = [code for _, code in ended.values()].count(0)
            lone += worked == 1
            if not worked:
                wrong.append(f"{project}: nobody could work")
            rows = service.service.store.jobs_in(STATUSES)
            jobs = Counter(r.name.split(".")[1] for r in rows if r.name.startswith(f"{project}."))
            if jobs != {"one": 1, "two": 1}:
                wrong.append(f"{project}: jobs {dict(jobs)}")
        forker.stdin.close()
        forker.wait()
        service.stop_jobs()
    for what in wrong:
        print(what, file=sys.stderr)
    print(
        json.dumps(
            {
                "rounds": options.rounds,
                "applies": sum(codes.values()),
                "exit codes": dict(codes),
                "rounds with one at work": lone,
                "told who holds the lock": named,
                "wrong": len(wrong),
                "seconds": round(time.monotonic() - began),
            }
        )
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
