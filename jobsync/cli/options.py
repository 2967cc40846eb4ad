"""Options that several commands share, and the formats of their output."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jobsync.cli import completing
from jobsync.cli.files import FilePath
from jobsync.cli.sets import environment_option
from jobsync.errors import Usage
from jobsync.secret import HIDDEN

if TYPE_CHECKING:
    import logging

    from jobsync.render.advice import Call

F = TypeVar("F", bound=Callable[..., Any])

_LISTED = 20
"""How many known words an error lists; of the sets of words only addresses can be more."""

_MANIFESTS_HELP = (
    "Manifest file or folder; may be repeated. Default: the set around the current folder."
)
_NAMED = "jobsync.manifests"
_EXPANDED = "jobsync.expand"

format_option = click.option(
    "--format",
    "format_name",
    type=click.Choice(["text", "json"]),
    default="text",
    help="Output format.",
)

COLORS = click.Choice(["auto", "always", "never"])


def paths_argument(command: F) -> F:
    """The manifests, as plan and apply take them: as arguments, or with ``-m`` as all others."""
    command = click.argument("paths", nargs=-1, type=FilePath(), callback=_with_named)(command)
    return click.option(
        *("-m", "--manifests"),
        multiple=True,
        type=FilePath(),
        is_eager=True,  # so that the callback of the argument finds it
        expose_value=False,
        callback=_keep_named,
        help=_MANIFESTS_HELP,
    )(command)


def manifests_option(command: F) -> F:
    """The manifests, as every other command takes them."""
    return click.option(
        "-m",
        "--manifests",
        "paths",
        multiple=True,
        type=FilePath(),
        help=_MANIFESTS_HELP,
    )(command)


def log_options(command: F) -> F:
    """What is said about the requests that are sent; never a token, never a body."""
    command = click.option(
        "--log-file",
        type=FilePath(dir_okay=False),
        expose_value=False,
        callback=_log_to_file,
        help="Append a line for each request to this file.",
    )(command)
    return click.option(
        "-v",
        "--verbose",
        is_flag=True,
        expose_value=False,
        callback=_log_to_stderr,
        help="Print a line for each request to standard error.",
    )(command)


def target_option(text: str) -> Callable[[F], F]:
    """``--target``, with *text* as its help."""
    return click.option("--target", metavar="NAME", help=text, shell_complete=completing.targets)


def target_options(command: F) -> F:
    """Where to, the variables that may depend on it, and the log of what is asked there."""
    command = environment_option(log_options(command))
    command = click.option(
        "--var",
        "variables",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_pairs,
        shell_complete=completing.variables,
        help="Set a variable of the set; may be repeated.",
    )(command)
    return target_option("The target to use.")(command)


def selection_options(command: F) -> F:
    """Which addresses, and which kinds of change."""
    command = click.option(
        "--only",
        multiple=True,
        type=click.Choice(["jobs", "permissions", "outputs"]),
        help="Only this kind of change; may be repeated.",
    )(command)
    command = click.option(
        "--outputs",
        type=click.Choice(["all", "new", "none"]),
        help="Which outputs to fetch: all (the default); new: not those that were fetched before "
        "and are only missing here, as on a new machine; or none.",
    )(command)
    command = click.option(
        "--exclude",
        multiple=True,
        metavar="GLOB",
        help="Exclude these addresses.",
        shell_complete=completing.addresses,
    )(command)
    return click.option(
        "--select",
        multiple=True,
        metavar="GLOB",
        help="Only these addresses and what they need.",
        shell_complete=completing.addresses,
    )(command)


def decision_options(command: F) -> F:
    """What a plan may contain beyond the declared jobs."""
    for option in (
        click.option(
            "--stop-superseded",
            is_flag=True,
            help="Stop older runs that are still active when a job is replaced.",
        ),
        click.option(
            "--retry-failed",
            is_flag=True,
            help="Run all jobs again that failed or did not produce what they must.",
        ),
        click.option(
            "--retry",
            multiple=True,
            metavar="GLOB",
            shell_complete=completing.addresses,
            help="Run these jobs again if they failed, were stopped, or did not produce what "
            "they must.",
        ),
        click.option(
            "--prune", is_flag=True, help="Delete runs that the manifests no longer declare."
        ),
        click.option(
            "--allow",
            multiple=True,
            metavar="HAZARD",
            callback=_hazards,
            shell_complete=completing.hazards,
            help="Accept a hazard by its name.",
        ),
    ):
        command = option(command)
    return command


def quiet_option(command: F) -> F:
    """For a log: just what is wrong, and what it all comes to."""
    return click.option(
        "-q", "--quiet", is_flag=True, help="Print only errors and the final summary."
    )(command)


def call_of(
    paths: Sequence[str],
    target: str | None,
    variables: Mapping[str, str],
    hidden: Collection[str] = (),
) -> Call:
    """How this command line named its set and target, for the commands that it advises.

    Of the variables in *hidden* the value is not repeated.
    """
    from jobsync.render.advice import Call

    options = ["--target", target] if target else []
    for name, value in variables.items():
        options += ["--var", f"{name}={HIDDEN if name in hidden else value}"]
    return Call(tuple(map(str, paths)), tuple(options))


def expand_option(command: F) -> F:
    """Whether changes that are alike are shown one by one; :func:`is_expanded` tells."""

    def keep(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        ctx.meta[_EXPANDED] = value

    return click.option(
        "--expand",
        is_flag=True,
        expose_value=False,
        callback=keep,
        help="Show every change or job of a matrix separately, even when several are alike.",
    )(command)


def is_expanded() -> bool:
    """Whether the command that is running was given ``--expand``."""
    context = click.get_current_context(silent=True)
    return bool(context and context.meta.get(_EXPANDED))


def color_option(command: F) -> F:
    """Colour: on a terminal unless ``NO_COLOR`` is set."""
    return click.option("--color", type=COLORS, default="auto", help="When to use colour.")(command)


def wants_color(choice: str, environ: dict[str, str]) -> bool:
    """What ``--color`` means for standard output now (https://no-color.org)."""
    if choice != "auto":
        return choice == "always"
    return sys.stdout.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def _hazards(ctx: click.Context, param: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    if names:
        from jobsync.model.hazards import HAZARDS

        for name in names:
            if name not in HAZARDS:
                raise unknown(f"--allow {name}: there is no such hazard", name, HAZARDS)
    return names


def unknown(message: str, word: str, known: Collection[str]) -> Usage:
    """The error for *word*, which is not among *known*; it suggests a similar word, or lists
    all."""
    from jobsync.suggestions import did_you_mean, one_of

    listed = one_of(known) if len(known) <= _LISTED else "see them all with: jobsync status"
    return Usage(message, hint=did_you_mean(word, known) or listed)


def named(text: str, addresses: Collection[str]) -> list[str]:
    """The declared *addresses* that *text* selects: an address, a key with a matrix, or a glob.

    Raises :class:`Usage` when there is none.
    """
    from jobsync.plan.retrying import matches

    found = [address for address in sorted(addresses) if matches(address, text)]
    if not found:
        raise unknown(f"the manifests declare no job {text!r}", text, addresses)
    return found


def _keep_named(ctx: click.Context, param: click.Parameter, paths: tuple[str, ...]) -> None:
    ctx.meta[_NAMED] = paths


def _with_named(
    ctx: click.Context, param: click.Parameter, paths: tuple[str, ...]
) -> tuple[str, ...]:
    return (*ctx.meta.get(_NAMED, ()), *paths)


def _pairs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for value in values:
        name, separator, text = value.partition("=")
        if not separator or not name:
            raise click.BadParameter(f"{value!r} is not NAME=VALUE")
        pairs[name] = text
    return pairs


def _log_to_stderr(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        import logging

        _log_through(logging.StreamHandler(sys.stderr))


def _log_to_file(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value and not ctx.resilient_parsing:  # a shell that completes makes no file
        import logging

        try:
            _log_through(logging.FileHandler(value, encoding="utf-8"))
        except OSError as error:
            raise click.BadParameter(f"{value} cannot be written: {error.strerror}") from error


def _log_through(handler: logging.Handler) -> None:
    import logging

    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger = logging.getLogger("jobsync")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
