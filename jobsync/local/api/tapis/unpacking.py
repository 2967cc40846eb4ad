"""The archive of a ZIP app, unpacked (tapis-v3 §11.4). Nothing lands outside the folder."""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from jobsync.local.storage.copying import Check
from jobsync.local.storage.staging import StagingError


class AppError(StagingError):
    """An app that cannot be made ready."""

    reason = "staging-app"


def unpack(archive: Path, folder: Path, check: Check) -> None:
    """Unpack *archive* into *folder*: ``.zip`` by its name, else as tar, compressed or not.

    Raises :class:`AppError`, also for a member that would lie outside.
    """
    try:
        if archive.name.endswith(".zip"):
            _unzip(archive, folder, check)
        else:
            _untar(archive, folder, check)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, ValueError, RuntimeError) as error:
        raise AppError(f"Cannot unpack {archive.name}: {error}") from error


def _unzip(archive: Path, folder: Path, check: Check) -> None:
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            check()
            target = _target(folder, member.filename, archive)
            if member.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with opened.open(member) as source, target.open("wb") as written:
                shutil.copyfileobj(source, written)
            mode = member.external_attr >> 16 & 0o777
            target.chmod(mode | 0o600 if mode else 0o644)


def _untar(archive: Path, folder: Path, check: Check) -> None:
    with tarfile.open(archive) as opened:
        for member in opened:
            check()
            target = _target(folder, member.name, archive)
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
            elif member.isfile():
                source = opened.extractfile(member)
                target.parent.mkdir(parents=True, exist_ok=True)
                if source is not None:
                    with target.open("wb") as written:
                        shutil.copyfileobj(source, written)
                target.chmod(member.mode & 0o777 | 0o600)
            elif member.issym() and _stays_inside(folder, target, member.linkname):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.unlink(missing_ok=True)
                target.symlink_to(member.linkname)
            else:
                raise AppError(f"Cannot unpack {archive.name}: {member.name} is no plain file")


def _target(folder: Path, name: str, archive: Path) -> Path:
    parts = [part for part in PurePosixPath(name).parts if part != "."]
    target = folder.joinpath(*parts) if parts else folder
    inside = Path(os.path.realpath(target)).is_relative_to(os.path.realpath(folder))
    if name.startswith("/") or ".." in parts or "\0" in name or not inside:
        raise AppError(f"Cannot unpack {archive.name}: {name} would lie outside")
    return target


def _stays_inside(folder: Path, link: Path, target: str) -> bool:
    real = os.path.realpath(link.parent / target)
    return not target.startswith("/") and Path(real).is_relative_to(os.path.realpath(folder))
