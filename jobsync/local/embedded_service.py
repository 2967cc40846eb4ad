"""What the process of an embedded service does: serve until its command ends.

A line of JSON on standard input says what to serve, later ones what to start; each is answered by
one on standard output. The end of standard input is the end of the command, whatever ended it.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from jobsync.errors import JobsyncError
from jobsync.local import orphans, state
from jobsync.local.drive import Drive
from jobsync.local.service import Service, ServiceSettings
from jobsync.local.tie import Owner

_YOUNG = 50_000
"""New objects between two walks of the garbage collector: those of requests have no cycles."""


def main() -> None:
    """Serve what standard input asks for; the process ends with this."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(_YOUNG)
    with ExitStack() as stack:
        service: Service | None = None
        for line in sys.stdin.buffer:
            told = json.loads(line)
            try:
                if service is None:
                    service = _started(told, stack)
                else:
                    service.start_jobs(all_of_them=told["start_jobs"])
            except JobsyncError as error:
                _say({"error": str(error), "hint": error.hint})
            except OSError as error:
                where = f"{error.filename}: " if error.filename else ""
                why = f"the local service cannot go on: {where}{error.strerror or error}"
                _say({"error": why, "hint": "see that the disk is not full and can be written to"})
            else:
                user = service.settings.acting
                ready = {"url": service.url, "token": service.tokens[user]}
                _say({**ready, "is_held": service.is_held})
    gc.freeze()  # all that is left goes with the process


def _started(told: dict[str, Any], stack: ExitStack) -> Service:
    """The service that a command asks for. The command has seen that git does not track its state
    folder."""
    folder, workspace = Path(told["state_dir"]), Path(told["workspace"])
    owner = Owner(bytes.fromhex(told["key"]), lambda _: False) if told["key"] else None
    state.prepare(folder, owner)
    with state.in_turn(folder):
        orphans.end_all(folder)
        stack.enter_context(orphans.registered(folder))
    settings = ServiceSettings(
        state_dir=folder,
        workspace=workspace,
        acting=told["user"],
        owner=owner,
        apps=(workspace / "apps",),
        environment=told["environment"],
        drive=Drive(told["drive"]),
    )
    return stack.enter_context(Service(settings))


def _say(answer: dict[str, Any]) -> None:
    """Answer the command, if it is still there."""
    try:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
