"""The notifications of a submit: checked after the job is stored, as the service does it.

They are stored and never sent (the notifications service is another service); what matters is
the trap: a bad entry answers an error although the job exists and will run (agave-v2 §3.1, §3.6).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from jobsync.local.api.agave.refusal import Refusal

_EVENT = re.compile(r"\*|[A-Za-z][A-Za-z0-9_]{0,31}")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+?[0-9][0-9 ()-]{5,}")
_KEYS = {"url", "event", "persistent", "policy"}
_POLICY_RANGES = {"retryLimit": 1440, "retryRate": 86400, "retryDelay": 86400}
_STRATEGIES = {"NONE", "IMMEDIATE", "DELAYED", "EXPONENTIAL"}
_PLAIN = ("FINISHED", "FAILED", "STOPPED")


def subscriptions(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(id, event) of each notification that *body* asks for. Raises :class:`Refusal`."""
    given = body.get("notifications")
    if given in (None, "", []):
        given = body.get("callbackUrl") or body.get("callbackURL")
    if not given:
        return []
    if isinstance(given, str):
        _checked_url(given)
        return [(_id(), event) for event in _PLAIN]
    if not isinstance(given, list):
        raise Refusal(
            500, "Invalid notification value given. notifications must be an array of objects"
        )
    return [(_id(), _checked(entry)) for entry in given]


def _checked(entry: Any) -> str:
    if not isinstance(entry, dict):
        raise Refusal(500, f"Invalid notification value given. {entry!r} is not an object")
    unknown = sorted(set(entry) - _KEYS)
    if unknown:
        raise Refusal(500, f"Unrecognized notification property {unknown[0]}")
    _checked_url(entry.get("url"))
    event = entry.get("event")
    if not isinstance(event, str) or not _EVENT.fullmatch(event):
        raise Refusal(500, "Invalid notification event given.")
    if not isinstance(entry.get("persistent", False), bool):
        raise Refusal(500, "Invalid notification persistent value given.")
    if entry.get("policy") is not None:
        _check_policy(entry["policy"])
    return event


def _checked_url(url: Any) -> None:
    if not isinstance(url, str) or not 4 <= len(url) <= 1024:
        raise Refusal(500, "Invalid notification url given.")
    known = url.startswith(("http://", "https://", "agave://"))
    if not (known or _MAIL.fullmatch(url) or _PHONE.fullmatch(url)):
        raise Refusal(500, f"Invalid notification url given: {url}")


def _check_policy(policy: Any) -> None:
    if not isinstance(policy, dict):
        raise Refusal(500, "Invalid notification policy given.")
    unknown = sorted(set(policy) - {*_POLICY_RANGES, "retryStrategy", "saveOnFailure"})
    if unknown:
        raise Refusal(500, f"Unrecognized notification policy property {unknown[0]}")
    for key, most in _POLICY_RANGES.items():
        value = policy.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise Refusal(500, f"Invalid notification policy value for {key}.")
    if policy.get("retryStrategy", "IMMEDIATE") not in _STRATEGIES:
        raise Refusal(500, "Invalid notification policy value for retryStrategy.")
    if not isinstance(policy.get("saveOnFailure", False), bool):
        raise Refusal(500, "Invalid notification policy value for saveOnFailure.")


def _id() -> str:
    return f"{uuid.uuid4()}-011"
