"""The head of an answer, read by the standard library's rules without its mail parser.

The parser that ``http.client`` uses is made for e-mail, and takes a third of the time of a small
answer. Bodies, chunks and connections stay with ``http.client``.
"""

from __future__ import annotations

import http.client
from typing import BinaryIO

_MOST_LINES = 100
_LONGEST_LINE = 65_536


class Response(http.client.HTTPResponse):
    """An answer whose ``fields`` are its headers, names in lower case, repeated ones joined."""

    fields: dict[str, str]

    def begin(self) -> None:
        """Read the head. Raises OSError and HTTPException like the original, and for bad lines."""
        status = http.client.CONTINUE
        while status == http.client.CONTINUE:
            version, status, reason = self._read_status()  # type: ignore[attr-defined]
            self.fields = read_fields(self.fp)
        self.code = self.status = status
        self.reason, self.version = reason.strip(), 10 if version == "HTTP/1.0" else 11
        self.chunked = self.fields.get("transfer-encoding", "").lower() == "chunked"
        self.chunk_left = None
        self.length = self._length()
        said = self.fields.get("connection", "").lower()
        self.will_close = self.version == 10 or "close" in said
        self.will_close = self.will_close or (self.length is None and not self.chunked)

    def _length(self) -> int | None:
        if self.status in (204, 304) or 100 <= self.status < 200 or self._method == "HEAD":  # type: ignore[attr-defined]
            return 0
        said = self.fields.get("content-length", "").strip()
        if self.chunked or not (said.isascii() and said.isdigit() and len(said) <= 18):
            return None
        return int(said)


def read_fields(lines: BinaryIO) -> dict[str, str]:
    """The header lines up to the empty one. Raises HTTPException for what is no header line."""
    found: dict[str, str] = {}
    last = ""
    for _ in range(_MOST_LINES + 1):
        line = lines.readline(_LONGEST_LINE + 1)
        if len(line) > _LONGEST_LINE:
            raise http.client.LineTooLong("header line")
        if line in (b"\r\n", b"\n", b""):
            return found
        name, colon, value = line.decode("latin-1").partition(":")
        if last and line[:1] in (b" ", b"\t"):  # a line that goes on: old, but allowed
            found[last] += " " + f"{name}{colon}{value}".strip()
            continue
        if not colon or name != name.strip() or not name:
            raise http.client.HTTPException("a header line that is none")
        last = name.lower()
        value = value.strip()
        found[last] = f"{found[last]}, {value}" if last in found else value
    raise http.client.HTTPException(f"more than {_MOST_LINES} header lines")
