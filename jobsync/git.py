"""git, run as a subprocess with fixed arguments: the only door to it. Floor 1.

Nothing that a repository or its surroundings say makes it run code of ours or wait for a person:
inherited ``GIT_*`` variables are dropped, hooks and watchers are off, nothing asks for a password,
and after a deadline the whole process group is killed. What git says is never printed with a
password in it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from jobsync.errors import JobsyncError
from jobsync.structs import Struct

Settings = tuple[tuple[str, str], ...]
"""Names and values of git's configuration, several of one name in their order."""

OLDEST = (2, 31)
"""The first version that takes its configuration from the environment (``GIT_CONFIG_COUNT``)."""

_SAFE: Settings = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("safe.bareRepository", "explicit"),
)
_MOST = 64 * 1024 * 1024
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")


class GitError(JobsyncError):
    """git is missing, too old, or does not answer as it must."""


class Answer(Struct, frozen=True):
    """How a command of git ended. ``code`` is None when it was killed: its effect is not known."""

    code: int | None
    out: bytes
    err: str

    @property
    def said(self) -> str:
        """Its last words on one line, without passwords."""
        if self.code is None:
            return self.err
        lines = [line.strip() for line in self.err.splitlines() if line.strip()]
        told = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))]
        return cleaned("; ".join((told or lines)[-3:]))[:500] or f"git ended with {self.code}"


def cleaned(text: str) -> str:
    """*text* without the user names and passwords of URLs."""
    return _CREDENTIALS.sub("***@", text)


def environment(environ: Mapping[str, str], settings: Settings = ()) -> dict[str, str]:
    """The environment of git: *environ* without what steers git, and *settings* as configuration.

    They are in the environment and not among the arguments, which every user of a machine can read.
    """
    ours = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("GIT_", "SSH_ASKPASS"))
    }
    ours |= {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS_REQUIRE": "never",
        "GCM_INTERACTIVE": "never",
        "GIT_ALLOW_PROTOCOL": "https:ssh:file",
        "GIT_OPTIONAL_LOCKS": "0",
    }
    pairs = (*settings, *_SAFE)
    ours["GIT_CONFIG_COUNT"] = str(len(pairs))
    for number, (name, value) in enumerate(pairs):
        ours[f"GIT_CONFIG_KEY_{number}"] = name
        ours[f"GIT_CONFIG_VALUE_{number}"] = value
    return ours


def run(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    *,
    given: bytes = b"",
    seconds: float = 60.0,
) -> Answer:
    """Run ``git ARGUMENTS`` with *given* as its input and exactly the environment *environ*.

    After *seconds*, or more than 64 MiB of output, its process group is killed. Raises
    :class:`GitError` when there is no git.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 -- no shell; callers put -- before what varies
            ["git", *arguments],  # noqa: S607
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # no terminal to ask on, and Ctrl-C does not reach it
        )
    except OSError as error:
        raise GitError(
            f"git cannot be run: {error.strerror or error}", hint="install git 2.31 or newer"
        ) from error
    try:
        return _ended(process, given, seconds)
    except BaseException:  # somebody interrupts: nothing of it goes on
        _kill(process)
        process.wait()
        raise


def _ended(process: subprocess.Popen[bytes], given: bytes, seconds: float) -> Answer:
    out, err = bytearray(), bytearray()
    readers = [
        threading.Thread(target=act, args=arguments, daemon=True)
        for act, *arguments in (
            (_read, process.stdout, out),
            (_read, process.stderr, err),
            (_write, process.stdin, given),
        )
    ]
    for reader in readers:
        reader.start()
    killed = ""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        killed = f"git did not end within {seconds:.0f} s"
    if not killed and max(len(out), len(err)) >= _MOST:
        killed = "git printed more than 64 MiB"
    _kill(process)  # and helpers of it that hold the pipes open
    for reader in readers:
        reader.join(5)
    code = None if killed else process.wait()
    return Answer(code, bytes(out), killed or err.decode("utf-8", "replace"))


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _read(stream: IO[bytes], into: bytearray) -> None:
    """All of *stream*, up to a bound; a program that goes on writing is then cut off."""
    with suppress(OSError, ValueError), stream:
        while len(into) < _MOST and (chunk := stream.read(65536)):
            into += chunk


def _write(stream: IO[bytes], data: bytes) -> None:
    with suppress(OSError, ValueError), stream:
        stream.write(data)


def check_version(environ: Mapping[str, str]) -> None:
    """Raises :class:`GitError` for a git that is missing or older than :data:`OLDEST`."""
    answer = run(["--version"], environment(environ), seconds=10)
    found = re.search(rb"(\d+)\.(\d+)", answer.out)
    if not found or (int(found[1]), int(found[2])) < OLDEST:
        said = answer.out.decode("ascii", "replace").strip() or answer.said
        raise GitError(
            f"{said}: the shared journal needs git 2.31 or newer", hint="install a newer git"
        )


def commit(root: str, environ: Mapping[str, str]) -> str:
    """The commit checked out at *root*, or empty where there is none or no git."""
    try:
        arguments = ["-C", root, "rev-parse", "--verify", "HEAD"]
        answer = run(arguments, environment(environ), seconds=10)
    except GitError:
        return ""
    return answer.out.decode("ascii", "replace").strip() if answer.code == 0 else ""


def tracks(folder: str, environ: Mapping[str, str]) -> bool:
    """Whether git tracks *folder* or a file in it: not where there is no repository or no git.

    Where git cannot tell, as in a repository of another user, the answer is yes.
    """
    above, name = os.path.split(os.path.abspath(folder))  # noqa: PTH100
    path = Path(above)
    if not any((parent / ".git").exists() for parent in (path, *path.parents)):
        return False
    question = ["-C", above, "ls-files", "-z", "--", f":(literal){name}"]
    try:
        answer = run(question, environment(environ))
    except GitError:
        return False
    return answer.code != 0 or bool(answer.out)


def attribute(path: str, name: str, environ: Mapping[str, str]) -> str | None:
    """What ``.gitattributes`` say of *name* for the file at *path*, such as ``union`` or
    ``unspecified``; None where there is no repository or no git."""
    above, file = os.path.split(os.path.abspath(path))  # noqa: PTH100
    try:
        answer = run(["-C", above, "check-attr", "-z", name, "--", file], environment(environ))
    except GitError:
        return None
    fields = answer.out.decode("utf-8", "replace").split("\0")
    return fields[2] if answer.code == 0 and len(fields) > 2 else None


def configuration(root: str, environ: Mapping[str, str]) -> Settings:
    """All that git's configuration says in the checkout around *root*, the system's first.

    Raises :class:`GitError` when *root* is in no checkout that git works in. A folder that is
    itself laid out like a repository is none: whoever can commit files could have made it.
    """
    env = environment(environ)
    where = run(["-C", root, "rev-parse", "--absolute-git-dir"], env, seconds=10)
    if where.code != 0:
        raise _no_checkout(root, where.said)
    folder = Path(os.fsdecode(where.out.rstrip(b"\n"))).resolve()
    if Path(root).resolve().is_relative_to(folder):
        raise _no_checkout(root, "it is itself laid out like a repository of git")
    answer = run(["-C", root, "config", "--includes", "--null", "--list"], env, seconds=10)
    if answer.code != 0:
        raise _no_checkout(root, answer.said)
    return tuple(_pairs(answer.out))


def _no_checkout(root: str, said: str) -> GitError:
    hint = "name the journal by a URL: JOBSYNC_JOURNAL=git+URL#REF"
    if "dubious ownership" in said:
        hint = f"git config --global --add safe.directory {root}"
    return GitError(f"{root}: git does not work in this folder: {said}", hint=hint)


def _pairs(data: bytes) -> Iterable[tuple[str, str]]:
    for item in data.split(b"\0"):
        name, newline, value = item.decode("utf-8", "surrogateescape").partition("\n")
        if name:
            yield name, value if newline else "true"


class Blob(Struct, frozen=True):
    """A file of a commit: where it lies below the folder that was asked for, and how long it is."""

    path: str
    id: str
    length: int
    is_executable: bool


def files_at(folder: str, ref: str, environ: Mapping[str, str]) -> tuple[Blob, ...]:
    """The ordinary files below *folder* in the commit *ref*, without links and submodules.

    Raises :class:`GitError` when there is no such commit, or *folder* is in no checkout.
    """
    env = environment(environ)
    asked = [
        "-C",
        folder,
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        f"{ref}^{{tree}}",
    ]
    found = run(asked, env, seconds=10)
    if found.code != 0:
        raise GitError(
            f"{ref}: there is no such commit here: {found.said}",
            hint="fetch it first: git fetch origin BRANCH; a checkout in CI needs its history",
        )
    tree = found.out.decode("ascii").strip()
    listed = run(["-C", folder, "ls-tree", "-r", "-z", "--long", tree, "--", "."], env)
    if listed.code != 0:
        raise GitError(f"{ref}: cannot be read: {listed.said}")
    return tuple(_blobs(listed.out))


def _blobs(data: bytes) -> Iterable[Blob]:
    for row in filter(None, data.split(b"\0")):
        head, _, name = row.partition(b"\t")
        mode, kind, blob, length = head.split()
        path = os.fsdecode(name)
        inside = not path.startswith("/") and ".." not in path.split("/")
        if kind == b"blob" and mode in (b"100644", b"100755") and inside:
            yield Blob(path, blob.decode("ascii"), int(length), mode == b"100755")


def contents(
    folder: str, blobs: Sequence[Blob], environ: Mapping[str, str]
) -> Iterable[tuple[Blob, bytes]]:
    """The bytes of *blobs*, one after the other. Raises :class:`GitError` for one over 32 MiB."""
    env = environment(environ)
    for group in _groups(blobs):
        asked = "".join(f"{blob.id}\n" for blob in group).encode()
        answer = run(["-C", folder, "cat-file", "--batch"], env, given=asked)
        if answer.code != 0:
            raise GitError(f"git cannot read files of a commit: {answer.said}")
        at = 0
        for blob in group:
            start = answer.out.index(b"\n", at) + 1
            at = start + blob.length + 1
            yield blob, answer.out[start : at - 1]


def _groups(blobs: Sequence[Blob]) -> Iterable[list[Blob]]:
    group: list[Blob] = []
    for blob in blobs:
        if blob.length > _MOST // 2:
            raise GitError(
                f"{blob.path}: is longer than 32 MiB", hint="keep large files out of git"
            )
        if group and sum(one.length for one in group) + blob.length > _MOST // 2:
            yield group
            group = []
        group.append(blob)
    if group:
        yield group
