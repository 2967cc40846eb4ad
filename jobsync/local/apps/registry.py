"""The apps below some folders. Each file is read by itself: a bad one takes away its own app only.

Folders are read again when a file in them changes, so that a running service sees a new or edited
app at the next submit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from jobsync.errors import LocalServiceError
from jobsync.local.apps.app_file import App, claimed_id, is_foreign, read_app
from jobsync.structs import Struct, replace

SHIPPED = Path(__file__).parent
"""The apps that come with the service."""

_REVISION = re.compile(r"u[0-9]+$")


class _Read(Struct, frozen=True):
    """What came of reading one file: an app, or in words why it is none.

    ``claims`` is the id that it has or would have, "" where even that cannot be told.
    """

    signature: tuple[int, int]
    claims: str
    app: App | None = None
    trouble: str = ""


class Apps:
    """The apps below some folders; where two have one id, the one of the earlier folder wins."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._files: dict[Path, _Read] = {}
        self._apps: dict[str, App | None] = {}

    def get(self, app_id: str) -> App | None:
        """The app with this id, or None; then :meth:`trouble` may say why."""
        self._refresh()
        return self._apps.get(app_id)

    def list(self) -> list[App]:
        """All apps that can be read, by id."""
        self._refresh()
        return [app for _, app in sorted(self._apps.items()) if app]

    def trouble(self, app_id: str = "") -> str:
        """What is wrong with the files that may be meant to be *app_id*; of all files without one.

        A file that does not even tell its id may be any app's.
        """
        self._refresh()
        return "; ".join(
            read.trouble
            for read in self._files.values()
            if read.trouble and (not app_id or not read.claims or app_id in _spelled(read.claims))
        )

    def _refresh(self) -> None:
        """Read what was added or changed, and what could not be read before."""
        known, files = self._files, dict[Path, _Read]()
        for path in definitions(self._folders):
            read = known.get(path)
            if read is None or read.trouble or read.signature != _signature(path):
                read = _read(path)
            files[path] = read
        if files == known:
            return
        apps: dict[str, App | None] = {}
        for read in files.values():
            for name in _spelled(read.claims):
                # One that cannot be read does not give way to another of its name further down.
                apps.setdefault(name, read.app and _as(read.app, name))
        self._files, self._apps = files, apps


def load(folders: Iterable[str | Path]) -> Apps:
    """The apps below *folders* and the shipped ones; a missing folder has none."""
    return Apps([*(Path(folder) for folder in folders), SHIPPED])


def definitions(folders: Iterable[Path]) -> list[Path]:
    """Every ``app.json`` one or two folders down, in order."""
    found: list[Path] = []
    for folder in folders:
        found += sorted([*folder.glob("*/app.json"), *folder.glob("*/*/app.json")])
    return found


def _read(path: Path) -> _Read:
    signature = _signature(path)
    if is_foreign(path):
        return _Read(signature, "")  # an app of the other api
    try:
        app = read_app(path)
    except LocalServiceError as error:
        return _Read(signature, claimed_id(path), None, str(error))
    return _Read(signature, app.id, app)


def _spelled(app_id: str) -> list[str]:
    """An app with a revision in its id is found without it too."""
    return list(dict.fromkeys((app_id, _REVISION.sub("", app_id)))) if app_id else []


def _as(app: App, app_id: str) -> App:
    return replace(app, id=app_id, document={**app.document, "id": app_id})


def _signature(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:
        return 0, -1
    return stat.st_mtime_ns, stat.st_size
