"""Hold the fetched files against ``jobsync.lock``: what is missing, changed, or extra."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jobsync.lock_format import Lock
from jobsync.model import Address, DeclaredJob, FetchedFile
from jobsync.outputs.hashing import sha256_of
from jobsync.plan.output_rules import puts
from jobsync.structs import Struct

_OWN = ".jobsync-"


class Verified(Struct, frozen=True):
    """``changed`` holds (file, how). ``extra`` are (path, why) of files that no recorded output
    of a declared job accounts for; paths relative to the outputs' root. All sorted."""

    intact: int
    missing: tuple[FetchedFile, ...]
    changed: tuple[tuple[FetchedFile, str], ...]
    extra: tuple[tuple[str, str], ...]

    @property
    def is_clean(self) -> bool:
        """Whether every file is as it was fetched, and nothing else lies there."""
        return not (self.missing or self.changed or self.extra)


def verify_outputs(
    lock: Lock, jobs: Mapping[Address, DeclaredJob], outputs_root: str, *, threads: int = 2
) -> Verified:
    """Read every recorded file again, and search each folder to which an output goes.

    Only folders that a rule names (``to`` with a trailing ``/``) are searched for extra files,
    never the root itself: other files in the set belong to the user.
    """
    root = Path(outputs_root)
    strays = {file: why for file in lock.files if (why := _stray(file, jobs))}
    declared = [file for file in lock.files if file not in strays]
    with ThreadPoolExecutor(threads) as pool:
        findings = list(pool.map(lambda file: _finding(root, file), declared))
    # After a merge a place may have a line of each of two runs: it is as one of them says, or not.
    places: dict[str, tuple[FetchedFile, str]] = {}
    for file, finding in zip(declared, findings, strict=True):
        if not finding or file.to not in places:
            places[file.to] = (file, finding)
    pairs = list(places.values())
    missing = tuple(file for file, finding in pairs if finding == _MISSING)
    changed = tuple((file, finding) for file, finding in pairs if finding not in ("", _MISSING))
    return Verified(
        intact=sum(not finding for _, finding in pairs),
        missing=missing,
        changed=changed,
        extra=tuple(sorted(_extra(lock, strays, jobs, root))),
    )


_MISSING = "is missing"


def _finding(root: Path, file: FetchedFile) -> str:
    """What is wrong with one file, or empty."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(root / file.to, flags)
    except (FileNotFoundError, NotADirectoryError):
        return _MISSING
    except OSError as error:
        return "is a symlink" if error.errno == errno.ELOOP else f"cannot be read: {error.strerror}"
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            return "is not a file"
        if found.st_size != file.size:
            return f"has {found.st_size} bytes instead of {file.size}"
        digest = sha256_of(handle, file.size)
        return "" if digest == file.sha256 else "has other content of the same size"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    finally:
        os.close(handle)


def _stray(file: FetchedFile, jobs: Mapping[Address, DeclaredJob]) -> str:
    """Why no output of a declared job is where *file* was put; empty when one is."""
    if file.address not in jobs:
        return f"is an output of {file.address}, which is no longer declared"
    if not puts(jobs[file.address].outputs, file.path, file.to):
        return f"was fetched for {file.address}, whose outputs now go elsewhere"
    return ""


def _extra(
    lock: Lock,
    strays: Mapping[FetchedFile, str],
    jobs: Mapping[Address, DeclaredJob],
    root: Path,
) -> Iterator[tuple[str, str]]:
    recorded = {file.to for file in lock.files}
    seen: set[str] = set()
    for file in lock.old:
        if os.path.lexists(root / file.to):
            seen.add(file.to)
            yield file.to, f"was left by {file.job_id}, an earlier run of {file.address}"
    for folder in sorted(_folders(jobs)):
        for path in _files_below(root, folder):
            if path not in recorded and path not in seen:
                seen.add(path)
                yield path, "is not recorded as an output"
    for file, why in strays.items():
        if os.path.lexists(root / file.to):
            yield file.to, why


def _folders(jobs: Mapping[Address, DeclaredJob]) -> set[str]:
    rules = [rule for job in jobs.values() for rule in job.outputs if rule.to.endswith("/")]
    parts = [[part for part in rule.to.split("/") if part not in ("", ".")] for rule in rules]
    return {"/".join(part) for part in parts if part and ".." not in part}


def _files_below(root: Path, folder: str) -> Iterator[str]:
    for current, _folders_here, names in os.walk(root / folder, followlinks=False):
        for name in sorted(names):
            if not name.startswith(_OWN):
                yield (Path(current) / name).relative_to(root).as_posix()
