"""The commands that are advised, with what names this set and target: they work when pasted."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from jobsync.model import Address, AddressState
from jobsync.plan.retrying import RETRIED
from jobsync.render.escape import terminal
from jobsync.structs import Struct

_TAKE_PATHS = frozenset({"plan", "apply", "validate", "drift"})
_GROUPS = frozenset({"jobs"})
"""Whose options come after the second word."""
_NAMED = 10
"""More jobs than this are not named one by one in a command."""


class Call(Struct, frozen=True):
    """How the command line that is being answered named the set (``paths``) and the target."""

    paths: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def command(self, *words: str) -> str:
        """``jobsync WORDS`` for the same set and target."""
        paths: Sequence[str] = self.paths
        if words[0] not in _TAKE_PATHS:
            paths = [word for path in paths for word in ("-m", path)]
        lead = 2 if words[0] in _GROUPS else 1
        rest = (*paths, *self.options, *words[lead:])
        return terminal(shlex.join(["jobsync", *words[:lead], *rest]))


NO_CALL = Call()
"""The set in this folder and its own target."""


def run_again(state: AddressState, call: Call) -> str:
    """What a person does about a run that nothing runs again by itself; empty for all others."""
    if state.standing not in RETRIED or not state.retriable:
        return ""
    return f"run it again with: {retry([state.address], call)}"


def retry(addresses: Sequence[Address], call: Call) -> str:
    """The command that runs *addresses* again."""
    if len(addresses) > _NAMED:
        return call.command("apply", "--retry-failed")
    return call.command("apply", *(word for one in addresses for word in ("--retry", one)))
