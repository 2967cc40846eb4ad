"""Apps, profiles and OAuth2 clients: what existing tools ask besides the jobs service."""

from __future__ import annotations

from typing import Any

from jobsync.local.api.agave import bodies
from jobsync.local.api.agave.answer import Answer, is_true
from jobsync.local.api.agave.app_document import app_document
from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.api.agave.search import window
from jobsync.local.api.agave.tokens import client_document
from jobsync.local.context import Call
from jobsync.local.store.rows import Client


def list_apps(call: Call) -> Answer:
    """``GET /apps/v2``: a page of the apps, by id. All are public, none is private."""
    page = window(call.query)
    apps = [] if is_true(call.query.get("privateOnly")) else call.site.apps.list()
    documents = [app_document(call, app) for app in apps]
    documents = documents[page.offset : page.offset + page.limit]
    if "filter" not in call.query:
        documents = [{key: one[key] for key in one if key in _APP_SUMMARY} for one in documents]
    return Answer(documents)


def show_app(call: Call) -> Answer:
    """``GET /apps/v2/{id}``: the whole definition; why there is none, if a file is to blame."""
    wanted = call.names["app"]
    app = call.site.apps.get(wanted)
    if app is None:
        why = call.site.apps.trouble(wanted)
    else:
        why = call.site.systems.lacks(app.system)
    if app is None or why:
        raise Refusal(404, f"No software found matching {wanted}{f': {why}' if why else ''}")
    return Answer(app_document(call, app))


_APP_SUMMARY = (
    *("id", "name", "version", "revision", "executionSystem", "shortDescription", "label"),
    *("isPublic", "lastModified", "_links"),
)


def show_me(call: Call) -> Answer:
    """``GET /profiles/v2/me``: who a token is."""
    return Answer(_profile(call, call.user))


def list_profiles(call: Call) -> Answer:
    """``GET /profiles/v2``: the users of this service, or those that ``username=`` or
    ``email=`` name."""
    profiles = [_profile(call, user) for user in call.store.users()]
    for key in ("username", "email"):
        if wanted := call.query.get(key):
            profiles = [one for one in profiles if one[key] == wanted]
    page = window(call.query)
    return Answer(profiles[page.offset : page.offset + page.limit])


def show_profile(call: Call) -> Answer:
    """``GET /profiles/v2/{user}``."""
    user = call.names["user"]
    if user not in call.store.users():
        raise Refusal(404, f"No user found matching {user}")
    return Answer(_profile(call, user))


def _profile(call: Call, user: str) -> dict[str, Any]:
    return {
        "first_name": "",
        "last_name": user,
        "full_name": user,
        "email": f"{user}@localhost",
        "phone": "",
        "mobile_phone": "",
        "status": "Active",
        "username": user,
        "_links": {"self": {"href": f"{call.wire.base}/profiles/v2/{user}"}},
    }


def list_clients(call: Call) -> Answer:
    """``GET /clients/v2`` (HTTP Basic with user and password)."""
    return Answer([client_document(one, call.wire.base) for one in _clients(call)])


def _clients(call: Call) -> list[Client]:
    """Those of this api: the other one's have a colon in their names."""
    return [client for client in call.store.clients(call.user) if ":" not in client.name]


def create_client(call: Call) -> Answer:
    """``POST /clients/v2``: 201 with key and secret."""
    fields = bodies.fields(call.request)
    document = call.site.tokens.create_client(call.user, fields, call.wire.base)
    return Answer(document, status=201, message="Client created successfully.")


def show_client(call: Call) -> Answer:
    """``GET /clients/v2/{name}``."""
    for client in _clients(call):
        if client.name == call.names["client"]:
            return Answer(client_document(client, call.wire.base))
    raise Refusal(404, "Application not found")


def delete_client(call: Call) -> Answer:
    """``DELETE /clients/v2/{name}``: the client and all its tokens."""
    if not call.store.drop_client(call.user, call.names["client"]):
        raise Refusal(404, "Application not found")
    return Answer()
