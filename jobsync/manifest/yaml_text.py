"""The bytes of a YAML file before they are parsed: size, encoding, and where a byte stands."""

from __future__ import annotations

from jobsync.errors import Location, Problem

SIZE_LIMIT = 32 * 1024 * 1024
"""The most bytes of one file."""

_SEPARATORS = {"\x85": "U+0085", "\u2028": "U+2028", "\u2029": "U+2029"}


class Unreadable(Exception):
    """Reading cannot go on."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def check_text(data: bytes, path: str) -> None:
    """Raise :class:`Unreadable` unless *data* is UTF-8 of at most :data:`SIZE_LIMIT` bytes."""
    if len(data) > SIZE_LIMIT:
        raise Unreadable(too_large(path))
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        where = Location(path, 1, 1)
        raise Unreadable(
            Problem(where, "the file is UTF-16", "manifests are UTF-8: convert the file")
        )
    try:
        if data.isascii():
            return
        text = data.decode()
    except UnicodeDecodeError as error:
        where = at_byte(data, error.start, path)
        byte = data[error.start]
        message = f"the file is not UTF-8: byte 0x{byte:02x}"
        raise Unreadable(
            Problem(where, message, "manifests are UTF-8: convert the file")
        ) from error
    for character, name in _SEPARATORS.items():
        if character in text:
            where = at_byte(data, data.index(character.encode()), path)
            # YAML 1.1 folds these like line ends, JSON and editors do not: never guess.
            message = f"the character {name} ends a line in YAML, but in few other places"
            raise Unreadable(Problem(where, message, "write it as an escape in double quotes"))


def too_large(path: str) -> Problem:
    """The problem of a file above :data:`SIZE_LIMIT`."""
    megabytes = SIZE_LIMIT // (1024 * 1024)
    hint = "split the set into several files"
    return Problem(Location(path, 1, 1), f"the file is larger than {megabytes} MiB", hint)


def at_byte(data: bytes, offset: int, path: str) -> Location:
    """The line and column of the byte at *offset*."""
    before = data[:offset].removeprefix(b"\xef\xbb\xbf")
    line_start = before.rfind(b"\n") + 1
    column = len(before[line_start:].decode(errors="replace"))
    return Location(path, before.count(b"\n") + 1, column + 1)
