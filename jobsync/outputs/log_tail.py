"""The end of what a failed job said: its standard output and error."""

from __future__ import annotations

from collections.abc import Iterator

from jobsync.backend import Reader
from jobsync.errors import ServiceError
from jobsync.model import Address, RemoteFile, Run
from jobsync.structs import Struct

LINES = 20
_BYTES = 64 * 1024
_WIDEST = 500
_SUFFIXES = (".err", ".out")


class Tail(Struct, frozen=True):
    """The last lines of one file, as text from outside; ``command`` fetches the whole file."""

    path: str
    lines: tuple[str, ...]
    is_whole: bool
    command: str


def log_tails(
    reader: Reader, address: Address, run: Run, *, lines: int = LINES
) -> tuple[Tail, ...]:
    """The last *lines* of what *run* wrote to standard error and output; empty ones are left out.

    A service makes the file names from the job's name, some with its id, by its own rule, so names
    are compared by their letters and digits. Nothing is raised: what cannot be read is simply not
    shown, because this only explains a failure that is reported anyway.
    """
    try:
        files = reader.files(run.id)
        return tuple(_tail(reader, address, run, file, lines) for file in _said(files, run))
    except ServiceError:
        return ()


def _said(files: list[RemoteFile], run: Run) -> Iterator[RemoteFile]:
    stems = (_letters(run.name), _letters(run.name + run.id))
    for suffix in _SUFFIXES:
        for file in files:
            stem = file.path.removesuffix(suffix)
            if stem != file.path and _letters(stem) in stems and file.length:
                yield file


def _tail(reader: Reader, address: Address, run: Run, file: RemoteFile, lines: int) -> Tail:
    offset = max(0, file.length - _BYTES)
    data = b""
    with reader.open(run.id, file.path, offset) as content:
        for chunk in content.chunks:
            data = (data + chunk)[-_BYTES:]
    found = data.decode("utf-8", errors="replace").splitlines()
    shown = tuple(line[:_WIDEST] for line in found[-lines:])
    command = f"jobsync outputs get {address} '{file.path}' --to ./"
    return Tail(file.path, shown, len(found) <= lines and file.length <= _BYTES, command)


def _letters(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
