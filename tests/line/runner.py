"""The command in a process of its own with shorter times, a wrong clock, or a stop in its midst."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.line.linebench import Done, Lab

FRESH, OLD, YOUNG = 3.0, 4.0, 6.0
"""In place of 30 s, 5 and 15 minutes: a claim is looked at again, made again, may be settled."""

_RUNNER = """
import signal, sys, threading, time

ahead, fresh, old, young = map(float, sys.argv[1:5])
stop_when_written = sys.argv.pop(5) == "written"
del sys.argv[1:5]
right = time.time
time.time = lambda: right() + ahead

from jobsync.apply import SubmitLimits, manual_resolution
from jobsync.apply.journal import Journal
from jobsync.apply.journal_entry import State
from jobsync.apply.shared import journal
from jobsync.cli import pipeline
from jobsync.structs import replace

journal.FRESH, journal.OLD, manual_resolution.YOUNG = fresh, old, young
settings, append = pipeline.settings, Journal.append

def shorter(*arguments, **options):
    limits = SubmitLimits(settle=1.5, visible=3.0, pause=0.05, longest_pause=0.2)
    return replace(settings(*arguments, **options), submits=limits)

def stopped(self, entry, clock):
    written = append(self, entry, clock)
    if stop_when_written and entry.state is State.SENDING:
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # at once, in this thread
    return written

pipeline.settings, Journal.append = shorter, stopped
from jobsync.cli.main import main
sys.exit(main())
"""

_GIT = """#!/bin/sh
{git} "$@"
code=$?
case " $* " in
*" push "*) touch {folder}/pushed; now=push;;
*" ls-tree "*) now=look;;
*) now=other;;
esac
if [ $now = {point} ] && [ -e {folder}/pushed ] && [ ! -e {folder}/stopped ]; then
  touch {folder}/stopped
  kill -STOP $PPID
fi
exit $code
"""


def start(
    lab: Lab,
    *arguments: str,
    ahead: float = 0.0,
    stop_at: str = "",
    fresh: float = FRESH,
    old: float = OLD,
    young: float = YOUNG,
) -> subprocess.Popen[str]:
    """Start ``jobsync ARGUMENTS`` with a clock that is *ahead* seconds ahead.

    It stops itself by SIGSTOP at *stop_at*: ``push`` (its claim has landed), ``look`` (it has read
    the ref since) or ``written`` (its own journal says "sending"; what comes next is the submit).
    """
    environ = dict(lab.environ)
    if stop_at in ("push", "look"):
        tools = lab.folder / "tools"
        tools.mkdir()
        git = subprocess.run(["which", "git"], capture_output=True, text=True, check=True)
        script = tools / "git"
        script.write_text(_GIT.format(git=git.stdout.strip(), folder=tools, point=stop_at))
        script.chmod(0o755)
        environ["PATH"] = f"{tools}{os.pathsep}{environ['PATH']}"
    times = map(str, (ahead, fresh, old, young))
    process = subprocess.Popen(
        [sys.executable, "-c", _RUNNER, *times, stop_at, *arguments],
        cwd=lab.folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lab.started.append(process)
    return process


def ended(process: subprocess.Popen[str]) -> Done:
    """How *process* ended."""
    out, err = process.communicate(timeout=100)
    assert "Traceback" not in err, err
    return Done(process.returncode, out, err)


def is_stopped(process: subprocess.Popen[str]) -> bool:
    """Whether a signal has stopped *process*."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
