"""The commands that are advised, with what names this set and target: they work when pasted."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from jobsync.model import Address, AddressState, Outcome, Result
from jobsync.plan.retrying import RETRIED
from jobsync.render.escape import terminal
from jobsync.structs import Struct

_TAKE_PATHS = frozenset({"plan", "apply", "validate", "drift"})
_GROUPS = frozenset({"jobs"})
"""Whose options come after the second word."""
_NAMED = 10
"""More jobs than this are not named one by one in a command."""


_SHOWN = 5


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


def what_next(state: AddressState, call: Call) -> str:
    """:func:`next_commands` on one line."""
    return "; ".join(next_commands(state, call))


def next_commands(state: AddressState, call: Call) -> tuple[str, ...]:
    """What a person does about a run that has ended badly: read its log, and run it again where
    nothing else does. Empty for all others."""
    if state.standing not in RETRIED:
        return ()
    log = _log(state.address, call) if state.run else ""
    again = f"run it again with: {retry([state.address], call)}" if state.retriable else ""
    return tuple(filter(None, (log, again)))


def log_of(outcome: Outcome, call: Call) -> str:
    """Where to read why a run has failed; empty for all else that an apply does."""
    if outcome.kind != "run" or outcome.result is not Result.FAILED:
        return ""
    return _log(outcome.address, call)


def _log(address: Address, call: Call) -> str:
    return f"see its log with: {call.command('logs', address)}"


def retry(addresses: Sequence[Address], call: Call) -> str:
    """The command that runs *addresses* again."""
    if len(addresses) > _NAMED:
        return call.command("apply", "--retry-failed")
    return call.command("apply", *(word for one in addresses for word in ("--retry", one)))


def log_in(call: Call) -> str:
    """The command that logs in to the target. It takes the set and the target and nothing else."""
    paths = [word for path in call.paths for word in ("-m", path)]
    pairs = zip(call.options, call.options[1:], strict=False)
    target = next((["--target", name] for word, name in pairs if word == "--target"), [])
    return terminal(shlex.join(["jobsync", "auth", "login", *paths, *target]))


def stop(addresses: Sequence[Address], call: Call) -> str:
    """The command that stops the runs of *addresses*; of many, those of their whole jobs."""
    named = dict.fromkeys(addresses)
    if len(named) > _NAMED:
        named = dict.fromkeys(address.partition(".")[0] for address in addresses)
    return call.command("stop", *named)


def some(addresses: Sequence[Address]) -> str:
    """The first of *addresses*, and how many there are besides."""
    shown = ", ".join(terminal(address) for address in addresses[:_SHOWN])
    more = len(addresses) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
