"""Several fresh runners apply one commit at once, round after round: each job is submitted once.

    python -m tests.campaigns.fresh_runners [--rounds 200] [--runners 2] [--without-journal]
                                            [--api tapis/v3]

Each runner is a real process with its own clone of a real bare repository, its own home and its own
state folder; the service is real too. All that they share is the git remote. After each round the
service's own books must have one job for every declared one. Prints a line of JSON; ends with 1
when a job was submitted twice or not at all, or an apply did not end with 0. With
``--without-journal`` the same race must submit some jobs twice, which shows that it can be lost.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from jobsync.local.store.statuses import STATUSES
from jobsync.testing import LocalService, local_service
from tests.campaigns.apis import APIS, CHOICES

MANIFEST = """\
apiVersion: jobsync/v1
project: {project}
target: race
targets:
  race: {{api: {api.name}, baseUrl: "{url}"}}
jobs:
  one: {{{api.app}, permissions: {{bob: READ}}}}
  two: {{{api.three}}}
"""
REF = "refs/jobsync/journal"


def zygote() -> None:
    """For each line of JSON, a list of runners: fork all of them at once; say how each ended."""
    from jobsync.cli.main import main

    for line in sys.stdin:
        runners = json.loads(line)
        start = time.time() + 0.15
        children = {}
        for number, runner in enumerate(runners):
            child = os.fork()
            if child:
                children[child] = number
                continue
            os.chdir(runner["folder"])
            os.environ.update(runner["environ"])
            for stream in (1, 2):
                path = f"{runner['environ']['HOME']}/{stream}"
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), stream)
            sys.argv = ["jobsync", "apply", "--auto-approve"]
            time.sleep(max(0.0, start - time.time()))
            try:
                main()
            except SystemExit as end:
                os._exit(int(end.code or 0))
            os._exit(99)
        codes = [0] * len(runners)
        for _ in children:
            child, status = os.wait()
            codes[children[child]] = os.waitstatus_to_exitcode(status)
        print(json.dumps(codes), flush=True)


def git(*arguments: object) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *map(str, arguments)],
        check=True,
        capture_output=True,
    )


class Race:
    """A bare repository, a service, and a process that forks runners."""

    def __init__(self, folder: Path, service: LocalService, *, journal: bool) -> None:
        self.folder, self.service, self.journal = folder, service, journal
        self.bare, self.author = folder / "remote.git", folder / "author"
        git("init", "-q", "--bare", self.bare)
        git("clone", "-q", self.bare, self.author)
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "TAPIS_BASE_URL": service.url,
            APIS[service.api].variable: APIS[service.api].token(service),
        }
        if journal:
            self.environ["JOBSYNC_JOURNAL"] = f"git:origin#{REF}"
            subprocess.run(
                [sys.executable, "-m", "jobsync", "journal", "init", "-m", str(self.author)],
                env=self.environ,
                check=True,
                capture_output=True,
            )
        self.forker = subprocess.Popen(
            [sys.executable, "-m", "tests.campaigns.fresh_runners", "--zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environ,
        )

    def round(self, project: str, count: int) -> tuple[list[int], list[str], Counter[str]]:
        """How each of *count* runners ended, what it said, and the jobs of each name."""
        api = APIS[self.service.api]
        text = MANIFEST.format(project=project, url=self.service.url, api=api)
        (self.author / "jobs.yaml").write_text(text)
        git("-C", self.author, "add", "jobs.yaml")
        git("-C", self.author, "commit", "-q", "-m", project)
        git("-C", self.author, "push", "-q", "origin", "HEAD:refs/heads/main")
        runners = []
        for number in range(count):
            home = self.folder / f"{project}.{number}"
            home.mkdir()
            git("clone", "-q", "--depth=1", "-b", "main", self.bare.as_uri(), home / "checkout")
            environ = {"HOME": str(home), "JOBSYNC_STATE_DIR": str(home / "state")}
            runners.append({"folder": str(home / "checkout"), "environ": environ})
        assert self.forker.stdin is not None and self.forker.stdout is not None
        print(json.dumps(runners), file=self.forker.stdin, flush=True)
        codes = json.loads(self.forker.stdout.readline())
        said = [(self.folder / f"{project}.{n}" / "2").read_text() for n in range(count)]
        rows = self.service.service.store.jobs_in(STATUSES)
        jobs = Counter(r.name.split(".")[1] for r in rows if r.name.startswith(f"{project}."))
        return codes, said, jobs

    def close(self) -> None:
        assert self.forker.stdin is not None
        self.forker.stdin.close()
        self.forker.wait()


def race(
    rounds: int, runners: int, *, journal: bool, api: str = CHOICES[0]
) -> tuple[dict[str, object], list[str]]:
    """The figures of *rounds*, and what went wrong."""
    began, wrong, codes, doubles, slowest = time.monotonic(), list[str](), Counter[str](), 0, 0.0
    with (
        tempfile.TemporaryDirectory() as folder,
        local_service(folder=Path(folder) / "service", api=api) as service,
    ):
        course = Race(Path(folder), service, journal=journal)
        for number in range(rounds):
            start = time.monotonic()
            ended, said, jobs = course.round(f"race{number}", runners)
            slowest = max(slowest, time.monotonic() - start)
            codes.update(map(str, ended))
            doubles += sum(count > 1 for count in jobs.values())
            if set(jobs) != {"one", "two"}:
                wrong.append(f"race{number}: jobs {dict(jobs)}")
            wrong += [
                f"race{number}: exit {code}: {text[-600:]}"
                for code, text in zip(ended, said, strict=True)
                if code != 0
            ]
        course.close()
        service.stop_jobs()
    figures = {
        "rounds": rounds,
        "runners": runners,
        "journal": journal,
        "submitted twice": doubles,
        "exit codes": dict(codes),
        "slowest round": round(slowest, 1),
        "seconds": round(time.monotonic() - began),
    }
    return figures, wrong


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--runners", type=int, default=2)
    parser.add_argument("--without-journal", action="store_true")
    parser.add_argument("--api", choices=CHOICES, default=CHOICES[0])
    parser.add_argument("--zygote", action="store_true")
    options = parser.parse_args()
    if options.zygote:
        zygote()
        return 0
    journal = not options.without_journal
    figures, wrong = race(options.rounds, options.runners, journal=journal, api=options.api)
    print(json.dumps(figures))
    if not journal:
        return 0 if figures["submitted twice"] else 1
    for what in wrong:
        print(what, file=sys.stderr)
    return 1 if wrong or figures["submitted twice"] else 0


if __name__ == "__main__":
    sys.exit(main())
