"""How the local service says no: an HTTP status and the service's words."""

from __future__ import annotations


class Refusal(Exception):
    """A request that is refused with *status* and *message*, in the error envelope."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
