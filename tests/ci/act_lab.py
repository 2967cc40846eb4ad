"""The shipped workflows, run by ``act`` on this machine, with a forge and a service on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ci.fake_forge import REPOSITORY, TOKEN, Forge

ROOT = Path(__file__).parents[2]
CHECKOUT = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683"


@dataclass
class Ran:
    """What a run of a workflow left: whether it passed, and what it printed, pages too."""

    passed: bool
    log: str


class ActLab:
    """A repository with the shipped workflows and callers of them, and events that start them."""

    def __init__(self, folder: Path, forge: Forge, environ: dict[str, str]) -> None:
        self.folder, self.forge = folder / "repo", forge
        self.home = folder / "home"
        self.environ = environ
        for made in (self.folder / ".github/workflows", self.home):
            made.mkdir(parents=True)
        for name in ("plan", "apply", "drift"):
            shutil.copy(ROOT / f".github/workflows/{name}.yml", self.folder / ".github/workflows")
        # In place of a second checkout, which would ask the network.
        action = self.folder / ".jobsync-action"
        action.mkdir()
        shutil.copy(ROOT / "action.yml", action)
        self.nothing = folder / "checkout"
        self.nothing.mkdir()
        (self.nothing / "action.yml").write_text(
            "name: none\ndescription: none\nruns:\n  using: composite\n  steps:\n"
            "    - {run: 'true', shell: bash}\n"
        )
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "origin", f"https://github.com/{REPOSITORY}.git")

    def git(self, *words: str) -> str:
        call = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", *words]
        done = subprocess.run(call, cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def caller(self, name: str, on: str, inputs: dict[str, str], secrets: tuple[str, ...]) -> None:
        """A workflow as a user writes it, which calls the shipped one of that name."""
        told = {"jobsync": "o/jobsync", "jobsync-ref": "c" * 40, "python": sys.executable, **inputs}
        document = {
            "name": name,
            "on": json.loads(on),
            "jobs": {
                name: {
                    "uses": f"./.github/workflows/{name}.yml",
                    "with": told,
                    "secrets": {key: f"${{{{ secrets.{key} }}}}" for key in secrets},
                }
            },
        }
        path = self.folder / f".github/workflows/call-{name}.yml"
        path.write_text(json.dumps(document))  # JSON is YAML

    def commit(self, text: str) -> str:
        """A commit of the set *text*. Its id."""
        (self.folder / "set.yaml").write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")

    def run(
        self,
        name: str,
        event: str,
        document: dict[str, Any],
        killed_when: Callable[[], bool] | None = None,
        **secrets: str,
    ) -> Ran:
        """Run the workflow that calls *name* for an *event*, as a runner of GitHub does: a fresh
        one each time. It is killed when *killed_when* says so."""
        shutil.rmtree(self.home)
        self.home.mkdir()
        path = self.home / "event.json"
        path.write_text(json.dumps(document))
        pairs = {
            "GITHUB_API_URL": self.forge.url,
            **self.environ,
        }
        words = ["act", event, "-W", f".github/workflows/call-{name}.yml", "-e", str(path)]
        words += ["-P", "ubuntu-latest=-self-hosted", "--no-cache-server", "--pull=false"]
        words += ["--local-repository", f"{CHECKOUT}={self.nothing}", "--action-offline-mode"]
        for key, value in pairs.items():
            words += ["--env", f"{key}={value}"]
        for key, value in {"GITHUB_TOKEN": TOKEN, **secrets}.items():
            words += ["-s", f"{key}={value}"]
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "XDG_CONFIG_HOME": str(self.home),
        }
        process = subprocess.Popen(
            words,
            cwd=self.folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        watching = threading.Thread(target=self._kill_when, args=(process, killed_when))
        watching.start()
        try:
            out, _ = process.communicate(timeout=200)
        finally:
            self._kill(process)
            watching.join()
        log = re.sub(r"\x1b\[[0-9;]*m", "", out)
        return Ran(process.returncode == 0, log)

    def _kill_when(
        self, process: subprocess.Popen[str], happened: Callable[[], bool] | None
    ) -> None:
        """The runner is gone, and all that runs on it, as soon as that has happened."""
        while happened is not None and process.poll() is None:
            if happened():
                self._kill(process)
            time.sleep(0.02)

    def _kill(self, process: subprocess.Popen[str]) -> None:
        """The processes of the run: act starts each step in a group of its own."""
        known = {process.pid}
        for _ in range(5):  # children of children
            for entry in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError, ValueError, IndexError):
                    parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                    if parent in known:
                        known.add(int(entry.name))
        for pid in sorted(known, reverse=True):
            with contextlib.suppress(OSError):
                if pid != process.pid or process.poll() is None:
                    os.kill(pid, signal.SIGKILL)
