"""Where the shared journal is: a set names a remote of its checkout, the environment also a URL.

A pull request can name a remote, and cannot add one: a URL comes only from the environment or
from the configuration of the checkout.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from jobsync import git
from jobsync.errors import SettingsError
from jobsync.git import Settings
from jobsync.manifest.settings import DEFAULT_REF
from jobsync.model import JournalRef
from jobsync.structs import Struct

BRANCH = "refs/heads/jobsync-journal"
"""The form for forges that take nothing but branches and tags."""

VARIABLE, TOKEN = "JOBSYNC_JOURNAL", "JOBSYNC_JOURNAL_TOKEN"

_REMOTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_REF = re.compile(
    r"refs/(?:jobsync/|heads/jobsync-)[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?=[A-Za-z0-9]))*"
)
_URL = re.compile(r"(?:https|ssh|file)://\S+|[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:\S+")
_HANDED_ON = ("http.", "credential.", "url.")
_OURS: Settings = (
    ("transfer.fsckObjects", "true"),
    ("push.gpgSign", "false"),
    ("push.followTags", "false"),
    ("push.recurseSubmodules", "no"),
    ("fetch.recurseSubmodules", "no"),
    ("gc.autoDetach", "false"),
    ("maintenance.autoDetach", "false"),
    ("credential.interactive", "false"),
)
_HINT = f"write {VARIABLE}=git+https://HOST/PATH#{DEFAULT_REF} or {VARIABLE}=git:REMOTE#REF"


class Location(Struct, frozen=True):
    """A ref of a remote, and git's configuration for the way there. ``id`` is empty where the set
    does not say which journal it must be; ``label`` is how people are told of it."""

    url: str
    ref: str
    label: str
    id: str = ""
    settings: Settings = ()

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment of git: nothing of a configuration but what is in ``settings``."""
        files = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
        return git.environment(environ, self.settings) | files


def locate(declared: JournalRef | None, root: str, environ: Mapping[str, str]) -> Location | None:
    """The journal that ``JOBSYNC_JOURNAL`` or else the set names, None where neither does.

    *root* is the folder of the set. Raises :class:`~jobsync.errors.SettingsError` for a value that
    names nothing, and :class:`~jobsync.git.GitError` where git does not work.
    """
    if text := environ.get(VARIABLE, ""):
        journal = _parsed(text, declared.id if declared else "")
    elif declared:
        journal = declared
    else:
        return None
    git.check_version(environ)
    found = git.configuration(root, environ) if journal.git or _in_checkout(root) else ()
    url = journal.url or _url_of(journal.git, found, root)
    where = f"git:{journal.git}" if journal.git else f"git+{git.cleaned(url)}"
    label = f"{where}#{journal.ref}"
    settings = _settings(found, url, environ.get(TOKEN, ""))
    return Location(url, journal.ref, label, journal.id, settings)


def is_ref(text: str) -> bool:
    """Whether a journal may lie at *text*: never where somebody's own commits are."""
    return _REF.fullmatch(text) is not None and not text.endswith(".lock")


def is_remote(text: str) -> bool:
    """Whether *text* can be the name of a remote."""
    return _REMOTE.fullmatch(text) is not None


def _parsed(text: str, id_: str) -> JournalRef:
    what, _, ref = text.partition("#")
    ref = ref or DEFAULT_REF
    remote, url = what.removeprefix("git:"), what.removeprefix("git+")
    if not is_ref(ref):
        hint = f"use {DEFAULT_REF}, or {BRANCH} where the forge takes only branches"
        raise SettingsError(f"{VARIABLE}: {ref!r} cannot be the ref of a journal", hint=hint)
    if what != remote and is_remote(remote):
        return JournalRef(git=remote, ref=ref, id=id_)
    if what != url and _URL.fullmatch(url):
        return JournalRef(url=url, ref=ref, id=id_)
    raise SettingsError(f"{VARIABLE} does not name a journal: {git.cleaned(text)!r}", hint=_HINT)


def _in_checkout(root: str) -> bool:
    here = Path(root).resolve()
    return any((folder / ".git").exists() for folder in (here, *here.parents))


def _url_of(remote: str, found: Settings, root: str) -> str:
    urls = [value for name, value in found if name == f"remote.{remote}.url"]
    if not urls:
        remotes = sorted({n[7:-4] for n, _ in found if re.fullmatch(r"remote\..+\.url", n)})
        raise SettingsError(
            f"the journal is on the git remote {remote!r}, but this checkout has no such remote",
            hint=f"its remotes: {', '.join(remotes) or 'none'}; "
            f"add it with: git remote add {remote} URL",
        )
    if "://" in urls[0] or re.match(r"[^/]*:", urls[0]):
        return urls[0]
    here = Path(root).resolve()
    top = next((f for f in (here, *here.parents) if (f / ".git").exists()), here)
    return str(top / urls[0])


def _settings(found: Settings, url: str, token: str) -> Settings:
    """What of the checkout's configuration *found* says how to reach *url*, and what we add."""
    kept = [(name, value) for name, value in found if name.startswith(_HANDED_ON)]
    ssh = [(name, value) for name, value in found if name == "core.sshcommand"]
    parts = urlsplit(url)
    if token and parts.scheme == "https":
        # Of this host only: the header would follow a redirect to any other one.
        kept = [pair for pair in kept if not pair[0].endswith(".extraheader")]
        code = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        host = parts.netloc.rpartition("@")[2]
        kept += [
            (f"http.https://{host}/.extraHeader", f"Authorization: Basic {code}"),
            ("http.followRedirects", "false"),
        ]
    return (*kept, *(ssh or [("core.sshCommand", "ssh -oBatchMode=yes")]), *_OURS)
