"""Which handler answers which method and path below ``/v3`` (tapis-v3 §3)."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from typing import Union

from werkzeug.wrappers import Response

from jobsync.local.api.tapis import (
    accounts,
    catalog,
    files,
    jobs,
    listing,
    outputs,
    searching,
    shares,
)
from jobsync.local.api.tapis.answer import Answer
from jobsync.local.api.tapis.call import Call
from jobsync.local.api.tapis.fileinfo import decoded
from jobsync.local.api.tapis.profile import Profile
from jobsync.structs import Struct, field

Handler = Callable[[Call], Union[Answer, Response]]


class Operation(Struct, frozen=True):
    """A name (what ``on=`` of a fault matches), what carries it out, whether a token is needed,
    and which kind of body is taken: ``json``, ``any`` or ``parts``."""

    name: str
    handler: Handler
    token: bool = True
    body: str = "json"


class Match(Struct, frozen=True):
    """A recognised path: its methods, its words, its decoded rest."""

    methods: Mapping[str, Operation]
    names: Mapping[str, str] = field(default_factory=dict)
    path: Sequence[str] = ()


_OPEN: Mapping[str, Mapping[str, Operation]] = {
    "oauth2/tokens": {"POST": Operation("token", accounts.make_tokens, token=False, body="any")},
    "oauth2/tokens/revoke": {
        "POST": Operation("revoke", accounts.revoke_token, token=False, body="any")
    },
    "tenants": {"GET": Operation("tenants", accounts.tenants, token=False)},
    "tenants/{tenant}": {"GET": Operation("tenants", accounts.tenant, token=False)},
    "sites": {"GET": Operation("sites", accounts.sites, token=False)},
    "jobs/healthcheck": {"GET": Operation("health", jobs.healthcheck, token=False)},
    "jobs/readycheck": {"GET": Operation("health", jobs.healthcheck, token=False)},
}
_JOBS: Mapping[str, Mapping[str, Operation]] = {
    "jobs/submit": {"POST": Operation("submit", jobs.submit)},
    "jobs/list": {"GET": Operation("list", listing.list_jobs)},
    "jobs/search": {
        "GET": Operation("search", searching.search_jobs),
        "POST": Operation("search", searching.search_by_text),
    },
    "jobs/subscribe/{uuid}": {
        "GET": Operation("subscriptions", shares.subscriptions),
        "POST": Operation("subscribe", shares.subscribe),
        "DELETE": Operation("unsubscribe", shares.unsubscribe),
    },
    "jobs/{uuid}": {"GET": Operation("get", jobs.show)},
    "jobs/{uuid}/status": {"GET": Operation("status", jobs.show_status)},
    "jobs/{uuid}/history": {"GET": Operation("history", jobs.show_history)},
    "jobs/{uuid}/resubmit": {"POST": Operation("resubmit", jobs.resubmit)},
    "jobs/{uuid}/resubmit_request": {"GET": Operation("resubmit-request", jobs.resubmit_request)},
    "jobs/{uuid}/cancel": {"POST": Operation("cancel", jobs.cancel)},
    "jobs/{uuid}/hide": {"POST": Operation("hide", jobs.hide)},
    "jobs/{uuid}/unhide": {"POST": Operation("unhide", jobs.unhide)},
    "jobs/{uuid}/sendEvent": {"POST": Operation("send-event", jobs.send_event)},
    "jobs/{uuid}/share": {
        "GET": Operation("shares", shares.shares),
        "POST": Operation("share", shares.share),
    },
    "jobs/{uuid}/share/{user}": {"DELETE": Operation("unshare", shares.unshare)},
    "jobs/{uuid}/output/list": {"GET": Operation("outputs-list", outputs.listing)},
    "jobs/{uuid}/output/list/*": {"GET": Operation("outputs-list", outputs.listing)},
    "jobs/{uuid}/output/download": {"GET": Operation("outputs-download", outputs.download)},
    "jobs/{uuid}/output/download/*": {"GET": Operation("outputs-download", outputs.download)},
}
_ANNOTATIONS: Mapping[str, Mapping[str, Operation]] = {
    "jobs/{uuid}/annotations": {
        "PATCH": Operation("annotate", jobs.annotate),
        "PUT": Operation("annotate", jobs.annotate),
    },
}
_BESIDE: Mapping[str, Mapping[str, Operation]] = {
    "oauth2/userinfo": {"GET": Operation("profiles", accounts.userinfo)},
    "oauth2/profiles": {"GET": Operation("profiles", accounts.profiles)},
    "oauth2/profiles/{user}": {"GET": Operation("profiles", accounts.profile)},
    "oauth2/clients": {
        "GET": Operation("clients", accounts.list_clients),
        "POST": Operation("clients", accounts.make_client, body="any"),
    },
    "oauth2/clients/{client}": {"DELETE": Operation("clients", accounts.delete_client)},
    "apps": {"GET": Operation("apps", catalog.list_apps)},
    "apps/{app}": {"GET": Operation("apps", catalog.show_app)},
    "apps/{app}/{version}": {"GET": Operation("apps", catalog.show_app)},
    "systems": {"GET": Operation("systems", catalog.list_systems)},
    "systems/{system}": {"GET": Operation("systems", catalog.show_system)},
    "files/ops/{system}": {
        "GET": Operation("files", files.listing),
        "POST": Operation("files-upload", files.make_folder),
    },
    "files/ops/{system}/*": {
        "GET": Operation("files", files.listing),
        "POST": Operation("files-upload", files.upload, body="parts"),
        "DELETE": Operation("files-delete", files.delete),
    },
    "files/content/{system}/*": {"GET": Operation("files", files.content)},
}


class Router:
    """The paths of one profile. Words come before variables: ``jobs/list`` is no job."""

    def __init__(self, profile: Profile) -> None:
        table = {**_OPEN, **_JOBS, **_BESIDE, **(_ANNOTATIONS if profile.modern else {})}
        self._fixed = {path: methods for path, methods in table.items() if _is_fixed(path)}
        self._open = sorted(
            ((path.split("/"), methods) for path, methods in table.items() if not _is_fixed(path)),
            key=lambda one: sum(word.startswith("{") for word in one[0]),
        )

    def match(self, raw: Sequence[str]) -> Match | None:
        """The route of a path, given as its raw segments without empty ones."""
        methods = self._fixed.get("/".join(raw))
        if methods is not None:
            return Match(methods)
        for pattern, found in self._open:
            names = _names(pattern, raw)
            if names is not None:
                rest = raw[len(pattern) - 1 :] if pattern[-1] == "*" else ()
                return Match(found, names, [decoded(segment) for segment in rest])
        return None


def _is_fixed(path: str) -> bool:
    return "{" not in path and "*" not in path


def _names(pattern: Sequence[str], raw: Sequence[str]) -> dict[str, str] | None:
    if pattern[-1] == "*":
        if len(raw) < len(pattern):
            return None
        pattern, raw = pattern[:-1], raw[: len(pattern) - 1]
    if len(pattern) != len(raw):
        return None
    names: dict[str, str] = {}
    for word, segment in zip(pattern, raw, strict=True):
        if word.startswith("{"):
            names[word[1:-1]] = urllib.parse.unquote(segment)  # never half a character
        elif word != segment:
            return None
    return names
