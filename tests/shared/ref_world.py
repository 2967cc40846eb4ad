"""Real bare repositories, checkouts and journals for the tests of the shared journal."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from jobsync.apply.journal_entry import Binding
from jobsync.apply.shared.claims import PATIENCE, Fetched, Pushed
from jobsync.apply.shared.journal import SharedJournal
from jobsync.apply.shared.location import Location, locate
from jobsync.apply.shared.record import folder
from jobsync.apply.shared.repository import Repository
from jobsync.manifest.settings import DEFAULT_REF
from jobsync.model import JournalRef

BINDING = Binding("https://api.example", "alice", "lab")
ID = "4f1c9a"
ENVIRON: Mapping[str, str] = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_AUTHOR_NAME": "t",
    "GIT_AUTHOR_EMAIL": "t@example.org",
    "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@example.org",
}


def git(*arguments: object, cwd: Path | None = None) -> str:
    """Run git as anybody would; its output."""
    done = subprocess.run(
        ["git", *map(str, arguments)],
        cwd=cwd,
        env=dict(ENVIRON),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


class World:
    """One bare repository with a checkout of it, and journals on it from fresh machines."""

    def __init__(self, root: Path, hashing: str = "sha1", ref: str = DEFAULT_REF) -> None:
        self.root = root
        self.ref = ref
        self.bare = root / "remote.git"
        git("init", "-q", "--bare", f"--object-format={hashing}", self.bare)
        self.checkout = root / "checkout"
        git("init", "-q", f"--object-format={hashing}", self.checkout)
        git("remote", "add", "origin", self.bare.as_uri(), cwd=self.checkout)
        git("commit", "-q", "--allow-empty", "-m", "one", cwd=self.checkout)
        git("push", "-q", "origin", "HEAD:refs/heads/main", cwd=self.checkout)
        self.machines = 0

    def location(self, id_: str = "") -> Location:
        found = locate(JournalRef("origin", self.ref, id_), str(self.checkout), ENVIRON)
        assert found is not None
        return found

    def machine(self) -> Path:
        """The state folder of one more machine."""
        self.machines += 1
        return self.root / f"machine{self.machines}"

    def repository(self, state: Path | None = None, id_: str = "") -> Repository:
        return Repository(self.location(id_), state or self.machine(), ENVIRON)

    def init(self) -> None:
        assert self.repository().create(ID) == Pushed()

    @contextmanager
    def journal(
        self,
        who: str = "me",
        state: Path | None = None,
        id_: str = "",
        patience: float = PATIENCE,
    ) -> Iterator[SharedJournal]:
        ref = self.repository(state, id_)
        journal = SharedJournal(ref, BINDING, who=who, served_at=lambda: None, patience=patience)
        try:
            yield journal
        finally:
            journal.close()

    def now(self) -> Fetched:
        """The ref as a stranger sees it."""
        found = self.repository().fetch([folder(BINDING)])
        assert isinstance(found, Fetched), found
        return found

    def head(self) -> str:
        return git("rev-parse", self.ref, cwd=self.bare)

    def hook(self, name: str, text: str) -> Path:
        """A hook of the remote."""
        path = self.bare / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path
