"""The command ``jobsync``: finds the command's file, and turns errors into exit codes once.

Only click is imported for ``--help`` and ``--version``; a command's own file is imported when it
is called, and what is heavy in it only when it runs.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from importlib import import_module
from types import FrameType

import click

import jobsync
from jobsync.cli.robust_stdio import flush, make_robust
from jobsync.cli.suggesting import Suggesting
from jobsync.errors import ExitCode, JobsyncError, ManifestError, PlanError

COMMANDS: dict[str, str] = {
    "plan": "Show what apply would change.",
    "apply": "Make the service match the manifests.",
    "validate": "Check manifests without asking a service.",
    "drift": "Show differences from the manifests; exit 2 if there are any.",
    "status": "Show the state of each declared job.",
    "wait": "Wait until the declared jobs have finished, and fetch their outputs.",
    "logs": "Print what a run wrote to standard output and error.",
    "stop": "Stop the active runs of declared jobs.",
    "outputs": "List, fetch and verify the files of finished jobs.",
    "access": "Show who can read, write and share which run.",
    "history": "Show what happened to the runs of one job.",
    "why": "Explain the decision for one job, field by field.",
    "show": "Print a saved plan.",
    "report": "Write one HTML file of jobs, changes, access and outputs.",
    "graph": "Draw the declared jobs and what they wait for.",
    "resolve": "Settle a submit whose outcome is unknown.",
    "journal": "Make, show and shrink the shared journal of submits.",
    "import": "Write manifests for jobs that exist.",
    "convert": "Write a manifest from job.json files.",
    "init": "Write a small commented manifest to start from.",
    "ci": "Steps of a CI job: run a command, keep one comment or issue up to date.",
    "jobs": "Call one operation of the Jobs service, for scripts.",
    "apps": "List the apps of the target, and what each takes.",
    "schema": "Print the JSON Schema of the manifest language.",
    "serve": "Run the local Jobs service.",
    "doctor": "Check what a command needs, and say what to do.",
    "auth": "Log in, log out, and see which credentials are used.",
    "completion": "Print the completion script for a shell.",
}
"""Every command with its line in ``--help``; ``jobsync/cli/NAME.py`` holds it as ``command``."""

_KEYWORDS = {"import": "import_"}


class _Commands(Suggesting):
    """A group that imports a command's file only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"jobsync.cli.{_KEYWORDS.get(cmd_name, cmd_name)}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: jobsync init, then jobsync plan.",
)
@click.version_option(jobsync.__version__, message="jobsync %(version)s")
def cli() -> None:
    """Keep compute jobs, who may see them, and the files they produce in step with YAML in git."""


YOUNG = 100_000
"""New objects between two walks of the garbage collector. With Python's 700 it would walk hundreds
of times over what thousands of jobs are read into, which has no cycles."""


def main() -> None:
    """Run the command line and exit with one of :class:`~jobsync.errors.ExitCode`."""
    gc.set_threshold(YOUNG)
    signal.signal(signal.SIGTERM, _terminate)
    # Set by hand: a shell that starts us in the background makes SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    make_robust()
    code = _ended(_run(sys.argv[1:]))
    if code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED):
        os._exit(code)  # threads that wait for a connection or a name server cannot be ended
    gc.freeze()  # all that is left goes with the process: it need not be walked once more before
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    try:
        result = cli.main(arguments, prog_name="jobsync", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        return ExitCode.USAGE
    except click.ClickException as error:
        error.show()
        return ExitCode.ERROR
    except (KeyboardInterrupt, click.Abort):
        _say("Interrupted.")
        return ExitCode.INTERRUPTED
    except _TerminatedError:
        _say("Terminated.")
        return ExitCode.TERMINATED
    except JobsyncError as error:
        report(error)
        return error.exit_code
    except Exception as error:  # nothing foresaw it: say so, keep the place for a report
        if os.environ.get("JOBSYNC_TRACEBACK"):
            raise
        _say(f"Error: {_unforeseen(error)}")
        _say("  Please report it with the output of the same command under JOBSYNC_TRACEBACK=1.")
        return ExitCode.ERROR
    return result if isinstance(result, int) else ExitCode.OK


def _unforeseen(error: Exception) -> str:
    """A disk that fails may do so anywhere, also under Python itself; all else is ours."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        said = f"{error.strerror}: {error.filename!r}"
    elif isinstance(error, ImportError):
        said = str(error)
    else:
        return f"this is a defect in jobsync: {type(error).__name__}: {error}"
    return (
        f"{said}: jobsync cannot continue. If that is in order, please report a defect in jobsync."
    )


def report(error: JobsyncError) -> None:
    """Print an error the way every command does: what happened, then what to do next."""
    from jobsync.cli.source_lines import listed
    from jobsync.render.escape import terminal

    lines = [terminal(line) for line in str(error).splitlines()]
    if isinstance(error, (ManifestError, PlanError)):
        of_problems = sum(len(str(problem).splitlines()) for problem in error.problems)
        lines[:of_problems] = listed(error.problems)
    _say("Error: " + "\n".join(lines))
    for line in error.hint.splitlines():
        _say("  " + terminal(line))


def _say(text: str) -> None:
    click.echo(text, err=True)


def _ended(code: int) -> int:
    """The exit code, once everything printed has reached its reader."""
    error = flush()
    if error is None:
        return code
    _say(f"Error: the output could not be written: {error.strerror}")
    return code or ExitCode.ERROR


class _TerminatedError(BaseException):
    """SIGTERM arrived; a BaseException so that no handler on the way takes it for an error."""


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _TerminatedError
