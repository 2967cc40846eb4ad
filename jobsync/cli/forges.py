"""The forge that a CI job runs on, by the variables that it sets."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobsync.errors import SettingsError

if TYPE_CHECKING:
    from jobsync.forge.comments import Forge
    from jobsync.forge.github import GitHub
    from jobsync.forge.gitlab import GitLab

TOKEN = "JOBSYNC_FORGE_TOKEN"  # noqa: S105 -- the name of a variable
"""The token to write comments with; GITHUB_TOKEN where it is not set."""


@contextmanager
def forge_of(environ: Mapping[str, str]) -> Iterator[Forge]:
    """The forge of this run. Raises :class:`SettingsError` where the environment names none."""
    if environ.get("GITLAB_CI"):
        with _gitlab_of(environ) as gitlab:
            yield gitlab
    else:
        with github_of(environ) as github:
            yield github


@contextmanager
def github_of(environ: Mapping[str, str]) -> Iterator[GitHub]:
    """The repository on GitHub that this run belongs to."""
    from jobsync.forge.github import BOT, GitHub
    from jobsync.forge.rest import Rest

    repository = _needed(environ, "GITHUB_REPOSITORY")
    token = environ.get(TOKEN) or _needed(environ, "GITHUB_TOKEN")
    url = environ.get("GITHUB_API_URL") or "https://api.github.com"
    rest = Rest(*_way(url, environ), token, "Authorization", "Bearer ")
    try:
        yield GitHub(rest, repository, environ.get("JOBSYNC_FORGE_AUTHOR") or BOT)
    finally:
        rest.close()


@contextmanager
def _gitlab_of(environ: Mapping[str, str]) -> Iterator[GitLab]:
    from jobsync.forge.gitlab import GitLab
    from jobsync.forge.rest import Rest

    way = _way(_needed(environ, "CI_API_V4_URL"), environ)
    rest = Rest(*way, _needed(environ, TOKEN), "PRIVATE-TOKEN")
    try:
        yield GitLab(rest, _needed(environ, "CI_PROJECT_ID"))
    finally:
        rest.close()


def started_by(environ: Mapping[str, str]) -> int | None:
    """The pull or merge request that started this run; None for none."""
    if environ.get("GITLAB_CI"):
        text = environ.get("CI_MERGE_REQUEST_IID", "")
        return int(text) if text.isdigit() else None
    number = event(environ).get("pull_request", {}).get("number")
    return int(number) if number else None


def branch_and_commit(environ: Mapping[str, str]) -> tuple[str, str] | None:
    """The branch that this run is on, and its commit; None for a tag and the like."""
    if environ.get("GITLAB_CI"):
        branch = environ.get("CI_COMMIT_BRANCH", "")
        return (branch, _needed(environ, "CI_COMMIT_SHA")) if branch else None
    if environ.get("GITHUB_REF_TYPE", "branch") != "branch":
        return None
    return _needed(environ, "GITHUB_REF_NAME"), _needed(environ, "GITHUB_SHA")


def merged(forge: Forge, environ: Mapping[str, str]) -> int | None:
    """The one pull or merge request that the commit of this run merged into its branch; None for
    none, or for several."""
    place = branch_and_commit(environ)
    found = forge.merged_by(*place) if place else ()
    return found[0] if len(found) == 1 else None


def reviewed(forge: Forge, marker: str, environ: Mapping[str, str]) -> str:
    """The digest of the plan that was reviewed before the commit of this run was merged, from our
    own comment with *marker*; empty where none is known.

    Raises :class:`StalePlan` when the commit is not the head of its branch any more.
    """
    from jobsync.forge.comments import reviewed_digest
    from jobsync.render.escape import comment

    if place := branch_and_commit(environ):
        forge.check_head(*place)
    number = merged(forge, environ)
    return reviewed_digest(forge.comments(number), comment(marker)) if number else ""


def event(environ: Mapping[str, str]) -> Mapping[str, Any]:
    """What GitHub says started this run; empty where it says nothing."""
    path = environ.get("GITHUB_EVENT_PATH")
    if not path:
        return {}
    try:
        found = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"GITHUB_EVENT_PATH: {path}: cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}


def base_of_fork(environ: Mapping[str, str]) -> str | None:
    """The commit that a pull request from a fork is compared with; None for all other runs."""
    request = event(environ).get("pull_request")
    if not isinstance(request, dict):
        return None
    head = (request.get("head") or {}).get("repo") or {}
    if head.get("full_name") == environ.get("GITHUB_REPOSITORY"):
        return None
    commit = str((request.get("base") or {}).get("sha", ""))
    if not re.fullmatch("[0-9a-f]{40,64}", commit):
        raise SettingsError("the pull request does not say which commit it is for")
    return commit


def _way(url: str, environ: Mapping[str, str]) -> tuple[Any, str]:
    """The connection to *url*, as the environment says, and its one spelling."""
    from jobsync.base_url import base_url
    from jobsync.http.connection import Connection
    from jobsync.http.proxies import certificates, proxy_for

    there = base_url(url)
    connection = Connection(certificates=certificates(environ), proxy=proxy_for(there, environ))
    return connection, there


def _needed(environ: Mapping[str, str], name: str) -> str:
    if value := environ.get(name):
        return value
    raise SettingsError(
        f"{name} is not set, so the forge cannot be asked",
        hint="run this in a CI job, or see docs/ci",
    )


def append(variable: str, text: str) -> None:
    """*text* at the end of the file that the environment names, if it names one.

    Raises :class:`SettingsError` when it cannot be written.
    """
    if path := os.environ.get(variable):
        try:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            said = f"{variable}: {path}: cannot be written: {error.strerror}"
            raise SettingsError(said) from error
