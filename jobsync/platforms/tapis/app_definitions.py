"""The ids of apps."""

from __future__ import annotations

from collections.abc import Mapping

from jobsync.model import App, JsonValue


def joined_id(app_id: str, version: str) -> str:
    """One text for an app and its version; the app alone stands for its latest version."""
    return f"{app_id}:{version}" if version else app_id


def split_id(text: str) -> tuple[str, str]:
    """The app and the version of a text that :func:`joined_id` made."""
    app_id, _, version = text.partition(":")
    return app_id, version


def described_app(definition: Mapping[str, JsonValue]) -> App:
    return App(joined_id(str(definition["id"]), str(definition["version"])), {}, {})
