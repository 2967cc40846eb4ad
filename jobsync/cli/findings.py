"""What ``jobsync doctor`` looks at, one after the other; each finding says what to do next.

Nothing is made or changed: the service gets no request but GET, locks are not taken, and folders
that are missing stay so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from jobsync.cli import connect, pipeline
from jobsync.cli.duration import in_words
from jobsync.cli.sets import read_set
from jobsync.cli.target import BUILT_IN, choose, choose_without_set, named_target
from jobsync.errors import ExitCode, JobsyncError
from jobsync.structs import Struct

if TYPE_CHECKING:
    from jobsync.backend import Reader
    from jobsync.cli.connect import ServicePlace
    from jobsync.model import DesiredState, Target
    from jobsync.platforms.connections import Account

SETTINGS = frozenset(
    {
        *("JOBSYNC_TARGET", "JOBSYNC_STATE_DIR", "JOBSYNC_STATE_KEY", "JOBSYNC_OUTPUTS_ROOT"),
        *("JOBSYNC_JOURNAL", "JOBSYNC_JOURNAL_TOKEN", "JOBSYNC_ALLOW_ENV", "JOBSYNC_TRACEBACK"),
        *("JOBSYNC_FORGE_TOKEN", "JOBSYNC_FORGE_AUTHOR", "JOBSYNC_INPUTS"),
    }
)
"""Every environment variable of jobsync's own."""

_CLOCK = 5.0
"""Seconds of difference between two clocks that mean nothing: answers take time, too."""

_SOON = 3600.0
"""Seconds for which a token is still good that is worth a note."""


class Finding(Struct, frozen=True):
    """What was found about *what*; ``next`` is what to do, empty where nothing is to be done."""

    what: str
    said: str
    next: str = ""
    code: ExitCode = ExitCode.OK

    @property
    def level(self) -> str:
        """``ok``, ``note`` (worth knowing, with something to do) or ``problem``."""
        if self.code is not ExitCode.OK:
            return "problem"
        return "note" if self.next else "ok"

    @property
    def document(self) -> dict[str, str]:
        """This as JSON."""
        return {"check": self.what, "message": self.said, "next": self.next}


def findings(
    paths: Sequence[str],
    target: str | None,
    variables: Mapping[str, str],
    environ: Mapping[str, str],
) -> Iterator[Finding]:
    """Everything that is found, in the order in which one thing needs the other."""
    yield from _versions(environ)
    yield from _settings(environ)
    root, desired, found = _set(paths, target, variables, environ)
    yield from found
    try:
        chosen = (
            choose(desired, target, environ) if desired else choose_without_set(target, environ)
        )
    except JobsyncError as error:
        yield _problem("target", error)
        return
    yield Finding("target", _target_line(chosen, _named_by(target, desired, environ)))
    place = connect.ServicePlace(root, chosen)
    yield from _state(place, environ)
    if chosen.name == connect.LOCAL:
        yield Finding("service", "runs inside each command")
        yield from _journal(place, desired, connect.local_user(), environ)
    else:
        yield from _service(place, desired, environ)


def _problem(what: str, error: JobsyncError) -> Finding:
    return Finding(what, str(error), error.hint, error.exit_code)


def _checked(what: str, check: Callable[[], str]) -> Finding:
    """What *check* says is in order, or the error that it raises."""
    try:
        return Finding(what, check())
    except JobsyncError as error:
        return _problem(what, error)


def _versions(environ: Mapping[str, str]) -> Iterator[Finding]:
    import platform
    from importlib import metadata

    import jobsync
    from jobsync import git

    python = platform.python_version()
    yield Finding("versions", f"jobsync {jobsync.__version__}, Python {python}")
    with suppress(metadata.PackageNotFoundError):
        version = metadata.version("jobsync")
        yield Finding(
            "versions",
            f"another package, jobsync {version}, is installed too and may own the same files",
            "pip uninstall jobsync, then install this one again",
            ExitCode.ERROR,
        )
    try:
        git.check_version(environ)
    except JobsyncError as error:
        yield Finding("git", str(error), f"{error.hint}, if you want to share a journal")


def _settings(environ: Mapping[str, str]) -> Iterator[Finding]:
    from jobsync.http.proxies import certificates
    from jobsync.suggestions import did_you_mean, one_of

    for name in sorted(environ):
        if name.startswith("JOBSYNC_") and name not in SETTINGS:
            hint = did_you_mean(name, SETTINGS) or one_of(SETTINGS)
            yield Finding("settings", f"{name} is set, and jobsync does not read it", hint)
    trusted = certificates(environ)
    if trusted and not Path(trusted).exists():
        said = f"the file of certificates to trust is not there: {trusted}"
        yield Finding("settings", said, "correct or unset the variable", ExitCode.ERROR)


def _set(
    paths: Sequence[str],
    target: str | None,
    variables: Mapping[str, str],
    environ: Mapping[str, str],
) -> tuple[str, DesiredState | None, list[Finding]]:
    """The folder, the set where there is one that can be read, and what was found about both."""
    from jobsync import manifest
    from jobsync.render.values import counted

    here = "." if manifest.holds_set(".") else manifest.find_above(".")
    root = str(Path(here or ".").resolve())
    if not paths and here is None:
        if named_target(target, environ) in (None, *BUILT_IN):
            return root, None, [Finding("set", f"no manifests around {root}: none is checked")]
        paths = (".",)  # where a folder below may hold it
    try:
        desired = read_set(paths or (str(here),), target, variables, environ)
    except JobsyncError as error:
        first, *rest = str(error).splitlines() or [""]
        more = f" (and {len(rest)} lines more)" if rest else ""
        said = Finding("set", f"{first}{more}", "see all with: jobsync validate", error.exit_code)
        return root, None, [said]
    root, jobs = str(Path(desired.root).resolve()), counted(len(desired.jobs), "job")
    found = [Finding("set", f"project {desired.project}, {jobs}, in {root}")]
    if not os.access(root, os.W_OK):
        found.append(Finding("folder", f"{root} cannot be written", _WRITABLE, ExitCode.ERROR))
    return root, desired, found


_WRITABLE = "outputs and jobsync.lock go there: use a folder of yours, or change who may write"


def _named_by(target: str | None, desired: DesiredState | None, environ: Mapping[str, str]) -> str:
    if target:
        return "--target"
    if environ.get("JOBSYNC_TARGET"):
        return "JOBSYNC_TARGET"
    return "the set" if desired and desired.default_target else "nothing, so it is the default"


def _target_line(target: Target, source: str) -> str:
    api = f" ({target.api})" if target.api else ""
    where = f" at {target.base_url}" if target.base_url else ""
    return f"{target.name}{api}{where}, named by {source}"


def _state(place: ServicePlace, environ: Mapping[str, str]) -> Iterator[Finding]:
    try:
        folder = pipeline.state_dir(place, environ)
    except JobsyncError as error:
        yield _problem("state", error)
        return
    is_local = place.target.name == connect.LOCAL
    if not os.path.lexists(folder):
        yield _makeable(folder)
    elif is_local:
        yield _checked("state", lambda: _local_state(folder, environ))
    else:
        yield _private(folder)


def _makeable(folder: Path) -> Finding:
    above = next(one for one in folder.absolute().parents if one.exists())
    if os.access(above, os.W_OK | os.X_OK):
        return Finding("state", f"{folder} is not there yet; the first apply makes it")
    hint = "set JOBSYNC_STATE_DIR to a folder of yours, on a disk of this machine"
    return Finding("state", f"{folder} cannot be made in {above}", hint, ExitCode.ERROR)


def _local_state(folder: Path, environ: Mapping[str, str]) -> str:
    from jobsync.cli.state import owner
    from jobsync.local.state import check

    return f"{folder}: {check(folder, owner(environ))}"


def _private(folder: Path) -> Finding:
    from jobsync.private_files import open_private_folder

    hint = "set JOBSYNC_STATE_DIR to a folder that only this account can write to"
    try:
        os.close(open_private_folder(folder, make=False))
    except OSError as error:
        return Finding("state", f"{folder}: {error.strerror}", hint, ExitCode.ERROR)
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding("state", f"{folder} cannot be written", hint, ExitCode.ERROR)
    return Finding("state", f"{folder} can be used")


def _service(
    place: ServicePlace, desired: DesiredState | None, environ: Mapping[str, str]
) -> Iterator[Finding]:
    step = "credentials"
    try:
        with connect.account(place, environ) as account:
            yield _credentials(account, place.target)
            step = "service"
            how = connect.how(place.target, environ)
            with account.reader(how) as reader:
                user = reader.whoami()
                yield _reached(user, place.target, bool(how.proxy))
                yield _clock(reader)
                yield from _journal(place, desired, user, environ)
    except JobsyncError as error:
        yield _problem(step, error)


def _credentials(account: Account, target: Target) -> Finding:
    login = f"jobsync auth login --target {target.name}" if account.saved else "get a new token"
    if account.expires is None:
        return Finding("credentials", f"from {account.source}; they do not say when they end")
    left = account.expires - time.time()
    if left <= 0:
        said = f"the token from {account.source} ended {in_words(-left)} ago"
        return Finding("credentials", said, login, ExitCode.ERROR)
    said = f"from {account.source}; the token ends in {in_words(left)}"
    return Finding("credentials", said, f"before that: {login}" if left < _SOON else "")


def _reached(user: str, target: Target, by_proxy: bool) -> Finding:
    said = f"{target.base_url} answers{' through the proxy' if by_proxy else ''}; you are {user}"
    if target.owner and target.owner != user:
        said = f"{said}; only {target.owner} applies, and you see what is shared with you"
        return Finding("service", said, f"to apply: log in as {target.owner}")
    return Finding("service", said)


def _clock(reader: Reader) -> Finding:
    there, here = reader.served_at(), time.time()
    if there is None:
        return Finding("clock", "the service does not tell the time")
    ahead = here - there
    if abs(ahead) <= _CLOCK:
        return Finding("clock", "agrees with the service to a few seconds")
    said = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} that of the service"
    return Finding("clock", said, "set the clock of this machine, for example by NTP")


def _journal(
    place: ServicePlace, desired: DesiredState | None, user: str, environ: Mapping[str, str]
) -> Iterator[Finding]:
    """Whether an apply is running, and which submits have an outcome that nobody knows."""
    from jobsync.apply import Binding, lock_holder, open_submits
    from jobsync.cli import shared_journal
    from jobsync.observe import service_name
    from jobsync.render.values import counted

    if desired is None:
        return
    binding = Binding(
        service_name(place.target), user, desired.project, desired.platform.journal_mark
    )
    try:
        folder = pipeline.state_dir(place, environ)
        count = len(open_submits(folder, binding))
    except JobsyncError as error:
        yield _problem("journal", error)
        return
    holder = lock_holder(folder, binding)
    said = f"{counted(count, 'open submit')} in the journal of this machine"
    if count and holder is None:
        hint = "jobsync plan shows them; jobsync apply looks for their jobs first"
        yield Finding("journal", said, hint, ExitCode.UNKNOWN)
    else:
        yield Finding("journal", said)
    if shared_journal.lasts(desired.journal, place.target, environ):
        yield from _shared(place, desired, folder, environ)
    else:
        said = "CI is set, and nothing that lasts records what this machine submits"
        yield Finding("journal", said, "make one with: jobsync journal init")
    yield Finding("lock", f"an apply is running: {holder}" if holder else "no apply is running")


def _shared(
    place: ServicePlace, desired: DesiredState, folder: Path, environ: Mapping[str, str]
) -> Iterator[Finding]:
    from jobsync.apply.shared.claims import Unread
    from jobsync.apply.shared.repository import Repository
    from jobsync.cli import shared_journal

    try:
        location = shared_journal.locate(desired.journal, place, environ)
    except JobsyncError as error:
        yield Finding("journal", str(error), error.hint, ExitCode.BLOCKED)
        return
    if location is None:
        return
    look = Repository(location, folder, environ).fetch((), seconds=10.0)
    if isinstance(look, Unread):
        hint = look.advice or "until it can be read, apply submits nothing: try git fetch there"
        yield Finding("journal", look.reason, hint, ExitCode.BLOCKED)
    else:
        yield Finding("journal", f"{location.label} can be read, id {look.id}")
