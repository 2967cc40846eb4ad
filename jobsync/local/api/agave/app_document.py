"""An app as the apps service shows it: every key, whether the app's file has it or not.

The shape is that of the platform's own documents (agave-v2 §11a).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from jobsync.local.apps.app_file import App
from jobsync.local.context import Call

_ABSENT: Mapping[str, Any] = {
    "icon": None,
    "parallelism": "SERIAL",
    "defaultProcessorsPerNode": None,
    "defaultMemoryPerNode": None,
    "defaultNodeCount": None,
    "defaultMaxRunTime": None,
    "defaultQueue": None,
    "revision": 1,
    "isPublic": True,
    "helpURI": None,
    "label": None,
    "shortDescription": None,
    "longDescription": None,
    "tags": [],
    "ontology": [],
    "deploymentPath": None,
    "testPath": None,
    "checkpointable": False,
    "modules": [],
    "available": True,
    "outputs": [],
}
_VALUE = {"validator": None, "visible": True, "required": False, "order": 0, "enquote": False}
_DETAILS = {
    "label": None,
    "description": None,
    "argument": None,
    "showArgument": False,
    "repeatArgument": False,
}


def app_document(call: Call, app: App) -> dict[str, Any]:
    """What ``GET /apps/v2/ID`` answers."""
    given = app.document
    system = call.site.systems.get(app.system)
    name = app.system or call.site.systems.default
    base = call.wire.base
    address = f"{base}/apps/v2/{app.id}"
    return {
        "uuid": f"{int(hashlib.sha256(app.id.encode()).hexdigest()[:15], 16):019d}-local-0001-005",
        "owner": call.user,
        **_ABSENT,
        "executionType": system.execution_type if system else "CLI",
        "lastModified": call.wire.dialect.timestamp(app.modified),
        **given,
        "executionSystem": name,
        "inputs": [_field(one, {"default": ""}) for one in given["inputs"]],
        "parameters": [
            _field(one, {"default": None, "type": "string"}) for one in given["parameters"]
        ],
        "_links": {
            "self": {"href": address},
            "executionSystem": {"href": f"{base}/systems/v2/{name}"},
            "storageSystem": {"href": f"{base}/systems/v2/{name}"},
            "history": {"href": f"{address}/history"},
            "metadata": {
                "href": f"{base}/meta/v2/data/?q=%7B%22associationIds%22%3A%22{app.id}%22%7D"
            },
            "owner": {"href": f"{base}/profiles/v2/{call.user}"},
            "permissions": {"href": f"{address}/pems"},
        },
    }


def _field(entry: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    given = entry.get("value") or {}
    required = str(given.get("required", False)).lower() in ("true", "1")
    semantics = {"minCardinality": int(required), "maxCardinality": -1, "ontology": []}
    return {
        **entry,
        "value": {**_VALUE, **value, **given},
        "details": {**_DETAILS, **(entry.get("details") or {})},
        "semantics": {**semantics, **(entry.get("semantics") or {})},
    }
