"""The manifest set of a command: read with what the command line and the environment allow it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jobsync.cli.files import FilePath
from jobsync.cli.target import named_target
from jobsync.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobsync.manifest import OutputsFolder
    from jobsync.model import DesiredState

F = TypeVar("F", bound="Callable[..., Any]")

_SHOWN = 5
_ALLOWED = "jobsync.allow_env"
_OUTPUTS_ROOT = "jobsync.outputs_root"


def environment_option(command: F) -> F:
    """What the set may do only if whoever runs the command says so: which environment variables
    it may read where ``CI`` is set, and a folder of outputs that is outside of it."""
    command = click.option(
        "--outputs-root",
        type=FilePath(file_okay=False),
        expose_value=False,
        callback=_keep_outputs_root,
        help="Put outputs under this folder instead of the set's outputsRoot; it may be outside "
        "the set.",
    )(command)
    return click.option(
        "--allow-env",
        multiple=True,
        metavar="NAME",
        expose_value=False,
        callback=_allow,
        help="With CI set: let the manifests read this environment variable. [JOBSYNC_ALLOW_ENV]",
    )(command)


def read_set(
    paths: Sequence[str],
    flag: str | None,
    variables: Mapping[str, str],
    environ: Mapping[str, str],
) -> DesiredState:
    """The set at *paths*, by default the one that this folder is in; *flag* is ``--target``."""
    from jobsync.platforms.loading import load

    return load(
        tuple(paths) or (_set_here(),),
        target=named_target(flag, environ),
        variables=variables,
        environ=environ,
        permitted=permitted(environ),
        outputs=outputs_folder(environ),
    )


def read_each(
    paths: Sequence[str],
    flag: str | None,
    variables: Mapping[str, str],
    environ: Mapping[str, str],
) -> list[DesiredState]:
    """The set at *paths* for the target that is named, or else for each api that it names."""
    from jobsync.platforms.loading import load_each

    if named_target(flag, environ):
        return [read_set(paths, flag, variables, environ)]
    return load_each(
        tuple(paths) or (_set_here(),),
        variables=variables,
        environ=environ,
        permitted=permitted(environ),
        outputs=outputs_folder(environ),
    )


def _set_here() -> str:
    """The folder of the set that this folder is in.

    Raises :class:`SettingsError` where that is none, and sets lie below.
    """
    from jobsync import manifest

    if not (below := manifest.sets_below()):
        return manifest.find_set()
    context = click.get_current_context(silent=True)
    path = f"-m {shlex.quote(below[0])}" if context else repr(below[0])
    text = "there is no set in this folder or above it"
    if len(below) == 1:
        raise SettingsError(
            f"{text}; there is one in {below[0]}",
            hint=f"add {path}, or cd {shlex.quote(below[0])}; if this folder is that of the set: "
            f"{'-m .' if context else repr('.')}",
        )
    more = f" and {len(below) - _SHOWN} more" if below[_SHOWN:] else ""
    takes_all = context is not None and any(one.name == "every" for one in context.command.params)
    raise SettingsError(
        f"{text}; there are {len(below)} below: {', '.join(below[:_SHOWN])}{more}",
        hint=f"name one with {path}{', or take each by itself with --all' if takes_all else ''}",
    )


def outputs_folder(environ: Mapping[str, str]) -> OutputsFolder:
    """What the command line and the environment say of where outputs may go."""
    from jobsync.manifest import OutputsFolder

    context = click.get_current_context(silent=True)
    state = environ.get("JOBSYNC_STATE_DIR", "")
    return OutputsFolder(
        chosen=(context.meta.get(_OUTPUTS_ROOT) if context else None) or "",
        permitted=environ.get("JOBSYNC_OUTPUTS_ROOT", ""),
        closed=(state,) if state else (),
    )


def permitted(environ: Mapping[str, str]) -> frozenset[str] | None:
    """The environment variables that a set may read, of those that it lists; None for all.

    With ``CI`` set a set may come from anybody who can open a pull request, so there it needs the
    word of whoever runs the command.
    """
    if not environ.get("CI"):
        return None
    context = click.get_current_context(silent=True)
    named = context.meta.get(_ALLOWED, ()) if context else ()
    return frozenset(named).union(re.split(r"[,\s]+", environ.get("JOBSYNC_ALLOW_ENV", "")))


def _allow(ctx: click.Context, param: click.Parameter, names: tuple[str, ...]) -> None:
    ctx.meta[_ALLOWED] = names


def _keep_outputs_root(ctx: click.Context, param: click.Parameter, folder: str | None) -> None:
    ctx.meta[_OUTPUTS_ROOT] = folder
