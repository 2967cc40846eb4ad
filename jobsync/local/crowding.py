"""Keeps the service open to all when one peer opens many connections and says nothing on them.

A connection that has no request under way costs its peer nothing, so it is closed when its head
takes too long, when nobody reads what it asked for, and when its peer
or all together have too many: the longest silent one first. The thread that owns the connections
calls this.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from waitress.channel import HTTPChannel  # type: ignore[import-untyped]

HEAD_SECONDS = 10.0
"""How long the head of a request may take, from its first byte or from the connection's start."""

STALL_SECONDS = 30.0
"""How long nothing of an answer, or of the body of a request, may move."""

PER_PEER = 256
"""Connections without a request under way that one address may have."""

TOGETHER = 700
"""The same for all addresses."""


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection that records how long it has waited for a head, and when bytes last moved."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.head_began: float | None = time.monotonic()
        self.moved = self.quiet_since = time.monotonic()
        super().__init__(*arguments, **named)

    def received(self, data: bytes) -> Any:
        """Note the time at which bytes arrived, and when the head of a request began."""
        self.moved = time.monotonic()
        if self.head_began is None:
            self.head_began = self.moved
        answer = super().received(data)
        if self.requests or (self.request is not None and self.request.headers_finished):
            self.head_began = None
        return answer

    def send(self, data: bytes, do_close: bool = True) -> Any:
        """Note the time at which bytes were sent."""
        sent = super().send(data, do_close)
        if sent:
            self.moved = self.quiet_since = time.monotonic()
        return sent

    def has_expired(self, now: float) -> bool:
        """Whether a deadline of the peer has passed."""
        if self.total_outbufs_len:
            return now - self.moved > STALL_SECONDS
        if self.requests:
            return False
        if self.head_began is not None:
            return now - self.head_began > HEAD_SECONDS
        return self.request is not None and now - self.moved > STALL_SECONDS

    @property
    def is_silent(self) -> bool:
        """Whether no request is under way on it."""
        return not (self.requests or self.total_outbufs_len)

    def drop(self) -> None:
        """Close the connection, which releases a thread that waits to write to it."""
        self.handle_close()


def thin_out(channels: Iterable[Channel]) -> None:
    """Close the connections among *channels* that have expired and, of too many, the longest
    silent."""
    now = time.monotonic()
    silent: dict[object, list[Channel]] = defaultdict(list)
    for channel in channels:
        if channel.has_expired(now):
            channel.drop()
        elif channel.is_silent:
            silent[channel.addr[0] if isinstance(channel.addr, tuple) else ""].append(channel)
    kept: list[Channel] = []
    for group in silent.values():
        group.sort(key=lambda one: one.quiet_since)
        kept += group[-PER_PEER:]
        for channel in group[:-PER_PEER]:
            channel.drop()
    kept.sort(key=lambda one: one.quiet_since)
    for channel in kept[:-TOGETHER]:
        channel.drop()
