"""A set in a repository, and commands run in it: as on a developer's machine or a runner."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.line.linebench import Bench, Done, add_app


class Repository(Bench):
    """A git repository that is the folder of a set."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.environ["HOME"] = str(folder.parent)
        del self.environ["JOBSYNC_STATE_KEY"]
        self.environ["GIT_CONFIG_GLOBAL"] = str(folder.parent / "gitconfig")
        self.git("init", "-q", ".")

    def run(self, *arguments: str, **environ: str) -> Done:
        """As of any bench; what a stranger wrote is never taken for a defect."""
        done = super().run(*arguments, **environ)
        assert "defect in jobsync" not in done.err, done.err
        return done

    def git(self, *arguments: str) -> str:
        """What git prints, and its exit code must be 0."""
        person = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        done = subprocess.run(
            ["git", *person, *arguments],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout

    def declare(self, *lines: str) -> None:
        """Write the manifest: a head, *lines*, one job of the app ``sh``."""
        head = ("apiVersion: jobsync/v1", "project: p")
        self.write("set.yaml", "\n".join([*head, *lines, ""]))

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


def script_app(bench: Bench, script: str) -> None:
    """The app ``sh-1.0`` of the set, which runs *script*."""
    add_app(bench, {"name": "sh", "version": "1.0", "templatePath": "w.sh"})
    (bench.folder / "apps/sh/w.sh").write_text(script, encoding="utf-8")
