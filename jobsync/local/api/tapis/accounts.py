"""Tokens, clients, profiles, tenants and sites (tapis-v3 §1.2 to §1.4)."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from typing import Any

from werkzeug.wrappers import Response

from jobsync.local.api.tapis.answer import account
from jobsync.local.api.tapis.call import Call
from jobsync.local.api.tapis.profile import SITE, TENANT
from jobsync.local.api.tapis.tokens import Refused
from jobsync.local.store.rows import Client

_CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def make_tokens(call: Call) -> Response:
    """``POST /oauth2/tokens``: every refusal is a 400, also that of a wrong password."""
    fields = _fields(call)
    keys = call.site.keys
    try:
        client = _client(call)
        match fields.get("grant_type"):
            case "password":
                user, password = _text(fields, "username"), _text(fields, "password")
                result = keys.password(user, password, client, call.base)
            case "refresh_token":
                if client is None:
                    raise Refused("A refresh needs the client's id and key (HTTP Basic).")
                result = keys.refresh(_text(fields, "refresh_token"), client, call.base)
            case other:
                raise Refused(f"Invalid grant_type: {other}")
    except Refused as refused:
        return account(400, str(refused), None)
    return account(200, "Token created successfully.", result)


def revoke_token(call: Call) -> Response:
    """``POST /oauth2/tokens/revoke``."""
    call.site.keys.revoke(_text(_fields(call), "token"))
    return account(200, "Token revoked successfully.", "")


def make_client(call: Call) -> Response:
    """``POST /oauth2/clients``: the only time that the key is told."""
    fields = _fields(call)
    name = _text(fields, "client_id") or secrets.token_hex(8)
    key = _text(fields, "client_key") or secrets.token_hex(16)
    if not _CLIENT_ID.fullmatch(name):
        return account(400, "client_id: 1 to 64 letters, digits, dots, dashes", None)
    client = Client(f"v3:{name}", _digest(key), f"v3:{name}", call.user,
                    _text(fields, "description"))  # fmt: skip
    if call.store.client(client.key) is not None or not call.store.add_client(client):
        return account(400, "This client_id is already in use.", None)
    return account(201, "Client created successfully.", {**_shown(client), "client_key": key})


def list_clients(call: Call) -> Response:
    """``GET /oauth2/clients``."""
    found = [_shown(one) for one in call.store.clients(call.user) if _is_ours(one)]
    return account(200, "Clients retrieved successfully.", found)


def delete_client(call: Call) -> Response:
    """``DELETE /oauth2/clients/{client}``: the client and its refresh tokens."""
    if not call.store.drop_client(call.user, f"v3:{call.names['client']}"):
        return account(404, "Client not found.", None)
    return account(200, "Client deleted successfully.", None)


def userinfo(call: Call) -> Response:
    """``GET /oauth2/userinfo``."""
    return account(200, "User info retrieved successfully.", _person(call.user))


def profile(call: Call) -> Response:
    """``GET /oauth2/profiles/{username}``: 400 for an unknown one; with an identity provider of
    its own a tenant answers the caller's profile whatever name was asked (tapis-v3 §1.3)."""
    user = call.names["user"]
    if call.fault("foreign-provider"):
        return account(200, "Profile retrieved successfully.", _person(call.user))
    if user not in call.store.users():
        return account(400, f"User {user} not found.", None)
    return account(200, "Profile retrieved successfully.", _person(user))


def profiles(call: Call) -> Response:
    """``GET /oauth2/profiles``."""
    if call.fault("foreign-provider"):
        return account(400, "This tenant does not list its users.", None)
    try:
        limit, offset = int(call.query.get("limit", "100")), int(call.query.get("offset", "0"))
    except ValueError:
        return account(400, "limit and offset are whole numbers", None)
    names = call.store.users()[max(0, offset) :][: max(0, limit)]
    return account(200, "Profiles retrieved successfully.", [_person(name) for name in names])


def tenants(call: Call) -> Response:
    """``GET /tenants``: clients compare ``base_url`` with their own, letter by letter."""
    return account(200, "Tenants retrieved successfully.", [_tenant(call)])


def tenant(call: Call) -> Response:
    """``GET /tenants/{tenant}``."""
    if call.names["tenant"] != TENANT:
        return account(404, "No tenant found with tenant_id.", None)
    return account(200, "Tenant retrieved successfully.", _tenant(call))


def sites(call: Call) -> Response:
    """``GET /sites``."""
    row = {
        "site_id": SITE,
        "primary": True,
        "base_url": call.base,
        "tenant_base_url_template": "",
        "services": ["apps", "authenticator", "files", "jobs", "systems", "tenants", "tokens"],
        "site_admin_tenant_id": TENANT,
    }
    return account(200, "Sites retrieved successfully.", [row])


def _tenant(call: Call) -> dict[str, Any]:
    return {
        "tenant_id": TENANT,
        "base_url": call.base,
        "site_id": SITE,
        "status": "active",
        "description": "The local service of jobsync",
        "owner": "local",
        "admin_user": "admin",
        "token_service": f"{call.base}/v3/tokens",
        "security_kernel": f"{call.base}/v3/security",
        "authenticator": f"{call.base}/v3/oauth2",
        "token_gen_services": [],
        "service_ldap_connection_id": None,
        "user_ldap_connection_id": None,
        "public_key": "",
    }


def _person(user: str) -> dict[str, Any]:
    return {
        "username": user,
        "email": f"{user}@localhost",
        "name": user,
        "given_name": "",
        "last_name": user,
        "phone": "",
        "mobile_phone": "",
        "uid": None,
        "dn": None,
        "create_time": None,
    }


def _fields(call: Call) -> dict[str, Any]:
    if call.request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return dict(call.request.form.items())
    try:
        value = json.loads(call.request.get_data() or b"{}")
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {}


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _client(call: Call) -> str | None:
    """The key of the client of HTTP Basic, None without. Raises :class:`Refused`."""
    given = call.request.authorization
    if given is None or given.type != "basic":
        return None
    found = call.store.client(f"v3:{given.username or ''}")
    secret = _digest(given.password or "")
    if found is None or not hmac.compare_digest(found.secret_hash, secret):
        raise Refused("Invalid client credentials.")
    return found.key


def _is_ours(client: Client) -> bool:
    return client.key.startswith("v3:")


def _shown(client: Client) -> dict[str, Any]:
    return {
        "client_id": client.key.removeprefix("v3:"),
        "owner": client.owner,
        "tenant_id": TENANT,
        "description": client.description,
        "callback_url": "",
        "display_name": client.key.removeprefix("v3:"),
        "active": True,
    }


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
