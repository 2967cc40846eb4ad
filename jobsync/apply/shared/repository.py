"""The ref of the shared journal, read and moved with git's plumbing in a bare folder of our own.

The folder remembers the last commit that was seen, so that a ref that goes back, or is replaced by
another journal, is refused and not taken for one in which nobody has claimed anything.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from jobsync import git
from jobsync.apply.shared.claims import Fetched, NoAnswer, Pushed, Refused, Unread
from jobsync.apply.shared.location import Location
from jobsync.apply.shared.record import (
    LARGEST,
    ROOT,
    Record,
    Root,
    decode,
    decode_root,
    encode,
    encode_root,
    named_at,
)
from jobsync.git import Answer
from jobsync.locks import LockTaken, file_lock
from jobsync.private_files import open_private_folder
from jobsync.structs import replace

_Said = TypeVar("_Said")

_STEP = 60.0
"""Seconds that one step of git may take. After it the step counts as lost."""

_SEEN, _FETCHED = "refs/seen", "refs/fetched"
_AUTHOR = "jobsync <jobsync@localhost>"
_NO_OPTIONS = "does not support push options"
_MAY_NOT = "The requested URL returned error: 403"


class Nowhere:
    """Stands in for a journal that cannot be found: every claim is refused, for *reason*."""

    label = "the shared journal"

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def fetch(self, scopes: Sequence[str], seconds: float = _STEP) -> Fetched | Unread:
        return Unread(self._reason, final=True)

    def push(
        self, onto: Fetched, writes: Mapping[str, Record | None]
    ) -> Pushed | Refused | NoAnswer:
        return Refused(self._reason)

    def close(self) -> None:
        pass


class Repository:
    """One journal. Hold it with one thread; other processes use the same folder in turns.

    *folders* is the state folder in which the bare folder is made.
    """

    def __init__(self, location: Location, folders: Path, environ: Mapping[str, str]) -> None:
        self.location = location
        self._environ = location.environment(environ)
        key = hashlib.sha256(f"{location.url}\n{location.ref}".encode()).hexdigest()[:16]
        self._parent = folders / "git"
        self._path = self._parent / key
        self._made = self._path / "made-by-jobsync"
        self._draft = f"refs/draft/{secrets.token_hex(8)}"
        self._records: dict[str, Record] = {}
        self._options = ["-o", "ci.skip"] if location.ref.startswith("refs/heads/") else []

    @property
    def label(self) -> str:
        return self.location.label

    # --- reading ----------------------------------------------------------------------

    def fetch(self, scopes: Sequence[str], seconds: float = _STEP) -> Fetched | Unread:
        """The ref as it is now, with the records in the folders *scopes*."""
        return self._told(lambda: self._fetch(scopes, seconds), seconds)

    def _fetch(self, scopes: Sequence[str], seconds: float) -> Fetched | Unread:
        if trouble := self._prepare(seconds):
            return trouble
        refspec = f"+{self.location.ref}:{_FETCHED}"
        answer = self._git(
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--depth=1"),
            *("--", self.location.url, refspec),
            seconds=seconds,
        )
        if answer.code != 0:
            return self._unread(answer)
        head = self._oid(_FETCHED)
        root = self._root(head)
        if isinstance(root, Unread):
            return root
        if trouble := self._gone_back(head, root):
            return trouble
        self._git("update-ref", _SEEN, head)
        found = self._read(head, *(f"{scope}/" for scope in scopes)) if scopes else []
        return Fetched(head, root.id, root.serial, {record.name: record for record in found})

    def _prepare(self, seconds: float) -> Unread | None:
        """Make the bare folder, of the hash that the remote uses, where there is none."""
        if self._made.is_file():
            return None
        answer = git.run(
            ["ls-remote", "--quiet", "--", self.location.url, self.location.ref],
            self._environ,
            seconds=seconds,
        )
        if answer.code != 0:
            return self._unread(answer)
        oid, _, _ = answer.out.partition(b"\t")
        if not re.fullmatch(rb"[0-9a-f]{40}([0-9a-f]{24})?", oid):
            return self._absent()
        self._make("sha256" if len(oid) == 64 else "sha1")
        return None

    def _make(self, hashing: str) -> None:
        form = f"--object-format={hashing}"
        answer = git.run(
            ["init", "--quiet", "--bare", "--template=", form, "--", str(self._path)],
            self._environ,
        )
        if answer.code != 0:
            raise git.GitError(f"{self._path}: a bare repository cannot be made: {answer.said}")
        self._made.touch()  # a folder that was being made when the power went is made again

    def _root(self, oid: str) -> Root | Unread:
        answer = self._git("cat-file", "blob", f"{oid}:{ROOT}")
        try:
            if answer.code != 0:
                raise ValueError(f"it has no {ROOT}")
            return decode_root(answer.out)
        except (ValueError, RecursionError) as error:
            return Unread(f"{self.location.label} is not a journal of submits: {error}", final=True)

    def _gone_back(self, head: str, root: Root) -> Unread | None:
        """Why this is not what was seen before, or what the set means."""
        wanted = self.location.id
        if wanted and root.id != wanted:
            return Unread(
                f"{self.location.label} is another journal ({root.id}) than that of the set "
                f"({wanted})",
                final=True,
            )
        answer = self._git("rev-parse", "--quiet", "--verify", _SEEN)
        if answer.code != 0 or (seen := answer.out.decode("ascii").strip()) == head:
            return None
        before = self._root(seen)
        if isinstance(before, Unread) or (wanted and before.id != wanted):
            return None
        if before.id != root.id:
            why = f"is another journal ({root.id}) than before ({before.id})"
        elif root.serial <= before.serial:
            why = (
                f"was moved back or rewritten: its serial number is {root.serial}, and was "
                f"{before.serial}"
            )
        else:
            return None
        return Unread(f"{self.location.label} {why}", final=True, rewound=str(self._path))

    def everything(self, look: Fetched) -> list[Record]:
        """Every record, of whatever service, user and project. Raises :class:`GitError`."""
        with self._locked(_STEP):
            return self._read(look.head)

    def _read(self, head: str, *folders: str) -> list[Record]:
        listed = self._git("ls-tree", "-r", "-l", "-z", head, "--", *folders)
        if listed.code != 0:
            raise git.GitError(f"{self.location.label} cannot be read: {listed.said}")
        found: list[tuple[str, str, str]] = []
        unread: dict[str, str] = {}
        for line in listed.out.split(b"\0"):
            facts, _, place = line.partition(b"\t")
            under, name = named_at(place.decode("utf-8", "replace"))
            if not name:
                continue
            _, kind, oid, size = facts.decode("ascii").split()
            found.append((under, name, oid))
            if oid not in self._records:
                if kind != "blob" or not size.isdigit() or int(size) > LARGEST:
                    self._records[oid] = decode(name, b"")
                else:
                    unread[oid] = name
        self._records.update(self._blobs(unread))
        return [
            replace(record if record.name == name else decode(name, b""), folder=under)
            for under, name, oid in found
            for record in [self._records[oid]]
        ]

    def _blobs(self, wanted: Mapping[str, str]) -> Iterator[tuple[str, Record]]:
        if not wanted:
            return
        given = "".join(f"{oid}\n" for oid in wanted).encode()
        data = self._git("cat-file", "--batch", given=given).out
        for oid, name in wanted.items():
            head, _, data = data.partition(b"\n")
            parts = head.split()
            if len(parts) != 3 or parts[0].decode() != oid:
                raise git.GitError(f"{self.location.label} cannot be read: {oid} is missing")
            size = int(parts[2])
            yield oid, decode(name, data[:size])
            data = data[size + 1 :]

    # --- writing ----------------------------------------------------------------------

    def push(
        self, onto: Fetched, writes: Mapping[str, Record | None]
    ) -> Pushed | Refused | NoAnswer:
        """Move the ref from *onto* to a commit that also has *writes*, unless it has moved.

        *writes* maps paths to records, None to remove one. Whether it took is decided by fetching.
        """
        files = {place: encode(r) if r is not None else None for place, r in writes.items()}
        root = Root(onto.id, onto.serial + 1)
        subject = f"{len(writes)} submits [skip ci]"
        said = self._told(lambda: self._pushed(onto.head, root, files, subject), _STEP)
        return NoAnswer(said.reason) if isinstance(said, Unread) else said

    def create(self, id_: str) -> Pushed | Refused | NoAnswer:
        """Make the journal *id_* where the ref is absent."""
        said = self._told(lambda: self._created(Root(id_, 1)), _STEP)
        return NoAnswer(said.reason) if isinstance(said, Unread) else said

    def _created(self, root: Root) -> Pushed | Refused | NoAnswer:
        if not self._made.is_file():
            asked = ["ls-remote", "--quiet", "--", self.location.url]
            answer = git.run(asked, self._environ)
            if answer.code != 0:
                return NoAnswer(answer.said)
            oid, _, _ = answer.out.partition(b"\t")
            self._make("sha256" if len(oid) == 64 else "sha1")
        return self._pushed("", root, {}, "A journal of submits [skip ci]")

    def _pushed(
        self, head: str, root: Root, files: Mapping[str, bytes | None], subject: str
    ) -> Pushed | Refused | NoAnswer:
        commit = self._commit(head, root, files, subject)
        lease = f"--force-with-lease={self.location.ref}:{head}"
        refspec = f"{commit}:{self.location.ref}"
        while True:
            answer = self._git(
                *("push", "--porcelain", "--no-verify", lease, *self._options),
                *("--", self.location.url, refspec),
                seconds=_STEP,
            )
            if not (self._options and answer.code and _NO_OPTIONS in answer.err):
                break
            self._options = []
        if answer.code == 0:
            return Pushed()
        if answer.code is not None and (line := re.search(rb"^!\t\S+\t(.+)$", answer.out, re.M)):
            said = line[1].decode("utf-8", "replace")
            return Refused("; ".join(filter(None, (git.cleaned(said), answer.said)))[:500])
        if answer.code is not None and _MAY_NOT in answer.err:  # before anything was sent
            return Refused(f"this login may not push, use one that may: {answer.said}")
        return NoAnswer(answer.said)

    def _commit(
        self, head: str, root: Root, files: Mapping[str, bytes | None], subject: str
    ) -> str:
        when = f"{int(time.time())} +0000"
        lines = [
            f"commit {self._draft}\nmark :1\ncommitter {_AUTHOR} {when}\n".encode(),
            _data(subject.encode()),
            f"from {head}\n".encode() if head else b"",
            f"M 100644 inline {ROOT}\n".encode(),
            _data(encode_root(root)),
        ]
        for place, content in sorted(files.items()):
            if content is None:
                lines.append(f"D {place}\n".encode())
            else:
                lines += [f"M 100644 inline {place}\n".encode(), _data(content)]
        lines.append(b"\nget-mark :1\ndone\n")
        self._git("update-ref", "-d", self._draft)
        answer = self._git(
            "fast-import", "--quiet", "--done", "--date-format=raw", given=b"".join(lines)
        )
        oid = answer.out.decode("ascii", "replace").strip()
        if answer.code != 0 or not re.fullmatch(r"[0-9a-f]{40}([0-9a-f]{24})?", oid):
            raise git.GitError(f"{self._path}: the journal cannot be written: {answer.said}")
        return oid

    def close(self) -> None:
        """Remove what this process has left in the folder."""
        if self._made.is_file():
            self._told(lambda: self._dropped(), 10.0)

    def _dropped(self) -> Pushed:
        self._git("update-ref", "-d", self._draft)
        return Pushed()

    # --- git --------------------------------------------------------------------------

    def _told(self, act: Callable[[], _Said], seconds: float) -> _Said | Unread:
        """What *act* says, while no other process uses the folder."""
        try:
            with self._locked(seconds):
                return act()
        except LockTaken:
            return Unread(f"{self._path}: another process has used it for {seconds:.0f} s")
        except git.GitError as error:
            return Unread(str(error))
        except OSError as error:
            return Unread(f"{self._path}: {error.strerror or error}")

    @contextmanager
    def _locked(self, seconds: float) -> Iterator[None]:
        os.close(open_private_folder(self._parent))
        with file_lock(self._parent / f"{self._path.name}.lock", seconds):
            yield

    def _git(self, *arguments: str, given: bytes = b"", seconds: float = _STEP) -> Answer:
        whole = [f"--git-dir={self._path}", *arguments]
        return git.run(whole, self._environ, given=given, seconds=seconds)

    def _oid(self, ref: str) -> str:
        return self._git("rev-parse", "--verify", ref).out.decode("ascii", "replace").strip()

    def _unread(self, answer: Answer) -> Unread:
        if "couldn't find remote ref" in answer.err:
            return self._absent()
        return Unread(f"{self.location.label} cannot be read: {answer.said}")

    def _absent(self) -> Unread:
        return Unread(f"{self.location.label} does not exist", final=True, absent=True)


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)
