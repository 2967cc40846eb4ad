"""A set and its service in a few lines of Python: ``jobsync.open``.

Credentials, the local service, the state folder and the shared journal are found as the command
finds them. Like the command, and unlike the other functions of the package, this reads the
environment.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Union

from jobsync.cli import connect, pipeline
from jobsync.cli.planning import options_from
from jobsync.errors import ExitCode
from jobsync.model import AddressState, DesiredState, Outcome, Plan, Target
from jobsync.structs import Struct, replace

if TYPE_CHECKING:
    from jobsync.apply import ApplyEvent, ApplySettings
    from jobsync.backend import Reader
    from jobsync.cli.connect import Embedded
    from jobsync.platforms.connections import Account

Paths = Union[str, Path, Sequence[Union[str, Path]], None]
Words = Union[str, Iterable[str]]
Wait = Union[bool, float]


class Applied(Struct, frozen=True):
    """What came of an apply: what was carried out, each outcome, and the command's exit code."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    code: ExitCode

    @property
    def ok(self) -> bool:
        """Whether everything was done, and no job failed."""
        return self.code is ExitCode.OK


class Project:
    """An open set: made by :func:`open_project`, used inside its ``with``.

    ``desired`` is what the manifests declare, ``target`` the service that they are meant for.
    Every method raises :class:`~jobsync.errors.JobsyncError`.
    """

    def __init__(
        self,
        desired: DesiredState,
        target: Target,
        account: Account,
        reader: Reader,
        service: Embedded,
        environ: Mapping[str, str],
    ) -> None:
        self.desired = desired
        self.target = target
        self._account = account
        self._reader = reader
        self._service = service
        self._environ = environ

    @property
    def user(self) -> str:
        """The user whom the service takes the credentials for."""
        return self._reader.whoami()

    def plan(
        self,
        *,
        select: Words = (),
        exclude: Words = (),
        only: Words = (),
        prune: bool = False,
        retry: Words = (),
        retry_failed: bool = False,
        outputs: str = "all",
        stop_superseded: bool = False,
        allow: Words = (),
    ) -> Plan:
        """What :meth:`apply` would change. Nothing but GET is sent.

        The options are those of ``jobsync plan``; each that takes several words takes one as well.
        """
        flags = {
            "select": _several(select),
            "exclude": _several(exclude),
            "only": _several(only),
            "retry": _several(retry),
            "allow": _several(allow),
            "outputs": outputs,
            "prune": prune,
            "retry_failed": retry_failed,
            "stop_superseded": stop_superseded,
        }
        options = options_from(flags)
        place = (self.desired, self.target, self._reader)
        return pipeline.decide(*place, options, self._environ)[0]

    def apply(
        self,
        plan: Plan | None = None,
        *,
        wait: Wait = False,
        allow: Words = (),
        report: Callable[[ApplyEvent], None] | None = None,
    ) -> Applied:
        """Carry out *plan*, or all that there is to do; *report* is told of each event.

        The service is looked at again: what *plan* and a new one have in common is done, and what
        has moved is left and told as stale. *wait* is how many seconds to wait for jobs and fetch
        their outputs, or True for as long as it takes; on the local target it always is.

        Raises :class:`~jobsync.errors.Blocked` while a hazard is not accepted, by *allow* or in
        the set, or another apply of the project runs.
        """
        from jobsync.apply import apply, exit_code
        from jobsync.plan import check
        from jobsync.plan.reviewed import refuse_other_manifests

        seconds = math.inf if wait is True else None if wait is False else float(wait)
        if self.target.name == connect.LOCAL and seconds is None:
            seconds = math.inf
        reviewed = self.plan(allow=allow) if plan is None else plan
        refuse_other_manifests(reviewed, self.desired)
        accepted = reviewed.options.allow | frozenset(_several(allow))
        with self._account.backend(connect.how(self.target, self._environ)) as backend:
            place = (self.desired, self.target, backend)
            part, stale = pipeline.review(reviewed, *place, accepted, self._environ)
            check(part)
            settings = apply_settings(
                part, self.desired, self.target, wait=seconds, environ=self._environ
            )
            self._service.start_jobs()
            settings = replace(settings, stale=stale)
            outcomes = apply(part, backend, settings, report or (lambda event: None))
        return Applied(part, tuple(outcomes), exit_code(part, outcomes))

    def status(self) -> tuple[AddressState, ...]:
        """How each declared job stands, by address: its state, its run, and what is wrong."""
        return self.plan().states

    def render(self, plan: Plan, format_name: str = "text") -> str:
        """*plan* as ``jobsync plan --format FORMAT_NAME`` prints it: text, json, markdown, html."""
        from jobsync.render import FORMATS, RenderOptions

        return FORMATS[format_name](plan, RenderOptions())


@contextmanager
def open_project(
    paths: Paths = None,
    *,
    target: str | None = None,
    variables: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Project]:
    """The set at *paths* and its service, for the time of a ``with``::

        with jobsync.open("manifests", target="tacc") as project:
            plan = project.plan()
            print(project.render(plan))
            applied = project.apply(plan, wait=True)

    *paths* is a folder, a file, or several; None is the set around the current folder. *target* is
    the name of a target, else it is chosen as the command does. *environ* stands for the
    environment of this process, where credentials, proxies and folders are looked for.

    Raises :class:`~jobsync.errors.JobsyncError`.
    """
    found = os.environ if environ is None else environ
    desired, chosen = pipeline.load(_paths(paths), target, variables or {}, found)
    place = connect.ServicePlace(desired.root, chosen)
    with (
        connect.reached(place, found) as (account, service),
        account.reader(connect.how(chosen, found)) as reader,
    ):
        yield Project(desired, chosen, account, reader, service, found)


def apply_settings(
    plan: Plan,
    desired: DesiredState,
    target: Target,
    *,
    wait: float | None = None,
    environ: Mapping[str, str] | None = None,
) -> ApplySettings:
    """How the command would apply *plan*: its state folder and the shared journal.

    The journal is the one that ``JOBSYNC_JOURNAL`` or the set names. One that cannot be found is
    warned of, and nothing is submitted then. *wait* is as in :class:`ApplySettings`.
    """
    found = os.environ if environ is None else environ
    place = connect.ServicePlace(desired.root, target)
    settings = pipeline.settings(place, found, wait=wait)
    if not plan.submits:
        return settings
    return pipeline.with_shared(settings, plan, desired, place, found, warn=_warn)


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=4)


def _several(words: Words) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else tuple(words)


def _paths(paths: Paths) -> tuple[str, ...]:
    if paths is None:
        return ()
    return tuple(map(str, (paths,) if isinstance(paths, (str, Path)) else paths))
