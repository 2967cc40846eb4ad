"""The apps that the workspace holds: ``apps/`` beside the manifests, as SHA-256.

Where the service is the embedded one, or a ``serve`` of this folder, these files are what runs, so
they count like the content of inputs.
"""

# ruff: noqa: PTH100, PTH113, PTH114, PTH116, PTH118

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jobsync.given_files import json_of, read_given
from jobsync.globs import matches as matches_glob
from jobsync.manifest.digests import Unusable, Workspace, file_digest
from jobsync.manifest.files import reason
from jobsync.manifest.messages import quoted
from jobsync.manifest.yaml_reader import SIZE_LIMIT
from jobsync.model import AppFolder, JsonValue
from jobsync.platform import Platform
from jobsync.searched import APP_FILES, APPS, below

_LEFT_OUT = (".*", "__pycache__", "README*", "LICENSE*")


def moved(root: str, digests: Mapping[str, str], platform: Platform) -> tuple[str, ...]:
    """The entries of *digests* that no longer hold for the folder *root*, in words.

    *digests* are SHA-256 by the URI of an input, or by ``apps/ID`` of an app. Everything is read
    anew, because the time and size of a file do not prove its content.
    """
    found = []
    for name, digest in sorted(digests.items()):
        try:
            if _digest_now(root, name, platform) != digest:
                found.append(f"{name} has changed since the plan")
        except Unusable as error:
            found.append(error.message)
    return tuple(found)


def _digest_now(root: str, name: str, platform: Platform) -> str:
    prefix = f"{APPS}/"
    if not name.startswith(prefix):
        return Workspace(root, platform).digest(name)
    app = AppFolders(root, platform).get(name.removeprefix(prefix))
    return app.digest if app else ""


class AppFolders:
    """The apps below ``apps/`` in one folder, each read when it is first asked for."""

    def __init__(self, root: str, platform: Platform) -> None:
        self._platform = platform
        self._root = root
        self._apps = Path(root) / APPS
        self._folders: dict[str, tuple[Path, Mapping[str, JsonValue]]] | None = None
        self._known: dict[str, AppFolder | None] = {}

    def get(self, app_id: str) -> AppFolder | None:
        """The app with this id; None when no folder holds it. Raises :class:`Unusable`."""
        if app_id not in self._known:
            found = self._found().get(app_id)
            self._known[app_id] = self._read(*found) if found else None
        return self._known[app_id]

    def has(self, app_id: str) -> bool:
        """Whether a folder holds the app with this id."""
        return app_id in self._found()

    def _found(self) -> Mapping[str, tuple[Path, Mapping[str, JsonValue]]]:
        """File and definition by id. Of two apps with one id the local service takes the first.

        A definition that cannot be read is no app: the service says what is wrong with it.
        """
        if self._folders is None:
            self._folders = {}
            for path in [
                *sorted(path for name in APP_FILES for path in self._apps.glob(f"*/{name}")),
                *sorted(path for name in APP_FILES for path in self._apps.glob(f"*/*/{name}")),
            ]:
                try:
                    definition = json_of(read_given(path, SIZE_LIMIT))
                except (OSError, ValueError):
                    continue
                if isinstance(definition, dict):
                    app_id = self._platform.defined_app(definition, path.name)
                    self._folders.setdefault(app_id, (path, definition))
        return self._folders

    def _read(self, file: Path, definition: Mapping[str, JsonValue]) -> AppFolder:
        folder = file.parent
        meaning = self._platform.app_meaning(definition)
        text = json.dumps(meaning, sort_keys=True, separators=(",", ":"))
        total = hashlib.sha256(text.encode("ascii") + b"\n")
        changed = {}
        homes = [os.path.realpath(home) for home in (self._apps, _repository(self._root))]
        try:
            there = [path.name for path in folder.iterdir()]
            if lacking := self._platform.app_without_start(definition, there):
                shown = f"{APPS}/{os.path.relpath(folder, self._apps)}"
                raise Unusable(f"{shown}: there is no {lacking} beside {file.name}")
            for path in _files(folder, homes):
                name = os.path.relpath(path, folder)
                if name in APP_FILES and name != file.name:
                    continue  # the definition of an app of another platform
                facts = os.stat(path)
                changed[os.path.relpath(path, self._apps)] = facts.st_mtime
                if name == file.name:
                    continue
                runs = b"x" if facts.st_mode & stat.S_IXUSR else b"-"
                content = file_digest(path).encode()
                total.update(os.fsencode(name) + b"\0" + runs + content + b"\n")
            folders = {folder, *((self._apps / path).parent for path in changed)}
            arranged = max(os.stat(path).st_mtime for path in folders)
        except OSError as error:
            where = error.filename or folder
            raise Unusable(f"{quoted(str(where))} cannot be read: {reason(error)}") from error
        return AppFolder(total.hexdigest(), changed, arranged)


def _files(folder: Path, homes: Sequence[str]) -> Iterator[str]:
    """Every regular file that counts, in order; the service follows links, and so does this.

    Raises :class:`Unusable` for a link that leads out of all *homes*: behind it may be the whole
    machine.
    """

    def check(path: str, real: str) -> None:
        if not any(real == home or below(real, home) is not None for home in homes):
            hint = "copy it into the folder of the app"
            shown = os.path.join(APPS, os.path.relpath(path, folder.parent))
            raise Unusable(f"{quoted(shown)} leads out of the repository, to {quoted(real)}", hint)

    seen = {os.path.realpath(folder)}
    for parent, subfolders, names in os.walk(folder, followlinks=True, onerror=_raise):
        reals = {name: os.path.realpath(os.path.join(parent, name)) for name in subfolders}
        subfolders[:] = sorted(n for n in subfolders if _counts(n) and reals[n] not in seen)
        for name in subfolders:
            if os.path.islink(path := os.path.join(parent, name)):
                check(path, reals[name])
            seen.add(reals[name])
        for name in sorted(filter(_counts, names)):
            if os.path.isfile(path := os.path.join(parent, name)):
                if os.path.islink(path):
                    check(path, os.path.realpath(path))
                yield path


def _repository(folder: str) -> str:
    """The repository that *folder* is in, *folder* itself without one."""
    above = Path(os.path.abspath(folder))
    return str(next((f for f in (above, *above.parents) if (f / ".git").exists()), above))


def _raise(error: OSError) -> None:
    raise error


def _counts(name: str) -> bool:
    return not any(matches_glob(name, glob) for glob in _LEFT_OUT)
