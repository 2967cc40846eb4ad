"""What an app and a request say together: arguments, variables, inputs (tapis-v3 §11.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobsync.local.api.tapis.answer import Problem

Entry = Mapping[str, Any]

_ENV_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NOT_SET = "!tapis_not_set"


def arguments(kind: str, app: Sequence[Entry], given: Sequence[Entry]) -> list[dict[str, Any]]:
    """The app's in the app's order, overridden in place, then the request's others."""
    found: list[dict[str, Any]] = []
    by_name = {one["name"]: one for one in given if one.get("name")}
    known = {one["name"] for one in app}
    for mine in app:
        theirs = by_name.get(mine["name"])
        if _taken(kind, mine, theirs, "arg"):
            value = theirs["arg"] if theirs is not None else mine["arg"]
            found.append(_argument(mine["name"], value, mine, theirs))
    for theirs in given:
        if theirs.get("name") not in known:
            found.append(_argument(theirs.get("name"), theirs["arg"], {}, theirs))
    return found


def variables(
    system: Sequence[Entry], app: Sequence[Entry], given: Sequence[Entry]
) -> list[dict[str, Any]]:
    """By key, the system's below the app's below the request's."""
    keys = [str(one["key"]) for one in given]
    for key in keys:
        check_key(key)
        if keys.count(key) > 1:
            raise Problem(400, f"JOBS_DUPLICATE_ENV_VAR Duplicate environment variable {key}.")
    by_key = {one["key"]: one for one in given}
    found = {one["key"]: _variable(one["key"], one["value"], {}, None) for one in system}
    for mine in app:
        theirs = by_key.get(mine["key"])
        if _taken("envVariables", mine, theirs, "value"):
            value = theirs["value"] if theirs is not None else mine["value"]
            found[mine["key"]] = _variable(mine["key"], value or "", mine, theirs)
    known = {one["key"] for one in app}
    for theirs in given:
        if theirs["key"] not in known and theirs.get("include") is not False:
            found[theirs["key"]] = _variable(theirs["key"], theirs["value"], {}, theirs)
    for key, one in found.items():
        if one["value"] == NOT_SET:
            raise Problem(400, f"JOBS_MISSING_ENV_VAR {key}: a value must be given.")
    return list(found.values())


def check_key(key: str) -> None:
    """Refuse what is no name of a variable, and the service's own prefix."""
    if not _ENV_KEY.fullmatch(key) or key.startswith("_tapis"):
        raise Problem(
            400,
            f"JOBS_INVALID_ENV_KEY {key}: letters, digits and _, not beginning with a digit or "
            "_tapis.",
        )


def inputs(
    app: Mapping[str, Any], given: Sequence[Entry], arrays: Sequence[Entry]
) -> list[dict[str, Any]]:
    """The inputs of both kinds, the arrays flattened (tapis-v3 §5.2)."""
    strict = bool(app["strictFileInputs"])
    attributes = app["jobAttributes"]
    single = _inputs(attributes["fileInputs"], given, "sourceUrl", strict)
    several = _inputs(attributes["fileInputArrays"], arrays, "sourceUrls", strict)
    found = [_input(one, one["sourceUrl"], one.get("targetPath")) for one in single]
    for one in several:
        folder = one.get("targetDir")
        below = "" if folder in (None, "*", "/") else str(folder).strip("/") + "/"
        for url in one["sourceUrls"]:
            if url.startswith("tapislocal:"):
                raise Problem(400, f"JOBS_INVALID_INPUT tapislocal is not for arrays: {url}")
            found.append(_input(one, url, below + last_name(url)))
    return found


def last_name(url: str) -> str:
    """The last segment of a URL."""
    return url.rstrip("/").rsplit("/", 1)[-1]


def joined(*texts: Any) -> str | None:
    """Descriptions of app and request, one after the other."""
    return "\n\n".join(str(text) for text in texts if text) or None


def _taken(kind: str, mine: Entry, theirs: Entry | None, value: str) -> bool:
    name, mode = mine.get("name") or mine.get("key"), mine["inputMode"]
    shown = "ENV" if kind == "envVariables" else "ARG"
    if mode == "FIXED":
        if theirs is not None:
            raise Problem(400, f"JOBS_FIXED_{shown} {kind} {name} is fixed by the app.")
        return True
    if mode == "REQUIRED":
        if theirs is None and (mine[value] is None or mine[value] == NOT_SET):
            raise Problem(400, f"JOBS_MISSING_{shown} {kind} {name} is required by the app.")
        return True
    if theirs is not None and theirs.get("include") is not None:
        return bool(theirs["include"])
    if mode == "INCLUDE_ON_DEMAND":
        return theirs is not None
    return theirs is not None or mine[value] is not None


def _argument(name: Any, value: Any, mine: Entry, theirs: Entry | None) -> dict[str, Any]:
    theirs = theirs or {}
    return {
        "name": name or "unnamed",
        "arg": value,
        "description": joined(mine.get("description"), theirs.get("description")),
        "include": theirs.get("include"),
        "notes": theirs.get("notes") or mine.get("notes") or {},
    }


def _variable(key: str, value: str, mine: Entry, theirs: Entry | None) -> dict[str, Any]:
    theirs = theirs or {}
    return {
        "key": key,
        "value": value,
        "description": joined(mine.get("description"), theirs.get("description")),
        "include": theirs.get("include"),
        "notes": theirs.get("notes") or mine.get("notes") or {},
    }


def _inputs(
    app: Iterable[Entry], given: Sequence[Entry], source: str, strict: bool
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    known = {one["name"] for one in app}
    by_name = {one["name"]: one for one in given if one.get("name")}
    for mine in app:
        theirs = by_name.get(mine["name"])
        name, mode = mine["name"], mine["inputMode"]
        if mode == "FIXED" and theirs is not None:
            raise Problem(400, f"JOBS_FIXED_INPUT fileInputs {name} is fixed by the app.")
        if mode == "OPTIONAL" and theirs is None:
            continue
        merged = {**mine, **{key: value for key, value in (theirs or {}).items() if value}}
        merged["description"] = joined(mine["description"], (theirs or {}).get("description"))
        if not merged.get(source):
            if mode == "OPTIONAL":
                continue
            raise Problem(400, f"JOBS_MISSING_INPUT fileInputs {name} needs a {source}.")
        found.append(merged)
    for theirs in given:
        if theirs.get("name") in known:
            continue
        if strict:
            name = theirs.get("name")
            raise Problem(
                400,
                f"JOBS_UNNAMED_FILE_INPUT {'the input ' + name if name else 'an input'} is "
                "not one of the app's, which takes no others.",
            )
        if not theirs.get(source):
            raise Problem(400, f"JOBS_MISSING_INPUT {theirs.get('name')} needs a {source}.")
        found.append(dict(theirs))
    return found


def _input(one: Entry, url: str, target: Any) -> dict[str, Any]:
    kept = last_name(url) if target in (None, "", "*") else str(target)
    if ".." in kept.split("/"):
        raise Problem(400, f"JOBS_INVALID_INPUT .. is not allowed in targetPath: {kept}")
    if one.get("envKey"):
        check_key(str(one["envKey"]))
    auto = one.get("autoMountLocal")
    return {
        "name": one.get("name"),
        "description": one.get("description"),
        "envKey": one.get("envKey"),
        "autoMountLocal": True if auto is None else auto,
        "optional": one.get("inputMode") == "OPTIONAL",
        "sourceUrl": url,
        "targetPath": kept,
        "notes": one.get("notes") or {},
        "srcSharedAppCtx": "",
        "destSharedAppCtx": "",
    }
