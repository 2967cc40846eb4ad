"""The service that the environment names, and its platform: target ``env``."""

from __future__ import annotations

from collections.abc import Mapping

from jobsync.base_url import base_url
from jobsync.errors import SettingsError
from jobsync.model import Target
from jobsync.platform import Platform, addressed_in, platform_of_environment, undecided
from jobsync.platforms import PLATFORMS, connections_of

NAME = "env"


def in_environment(
    environ: Mapping[str, str],
    said: Platform | None = None,
    platforms: Mapping[str, Platform] = PLATFORMS,
) -> Platform | None:
    """The platform of target ``env``, None where *environ* names no service.

    *said* is the one that the manifests name. Where variables and manifests do not tell it, the
    platform counts for which there are credentials in files. Raises :class:`SettingsError` where
    that is so for several.
    """
    found = told_in_environment(environ, said, platforms)
    return found or next(iter(addressed_in(environ, platforms)), None)


def told_in_environment(
    environ: Mapping[str, str],
    said: Platform | None = None,
    platforms: Mapping[str, Platform] = PLATFORMS,
) -> Platform | None:
    """As :func:`in_environment`; None where the platform would only be assumed."""
    if found := platform_of_environment(environ, said, platforms):
        return found
    known = [
        one
        for one in addressed_in(environ, platforms)
        if connections_of(one).has_login(environ, environ[one.address_variable])
    ]
    if len(known) > 1:
        raise undecided(known, environ)
    return next(iter(known), None)


def target_of_environment(environ: Mapping[str, str], said: Platform | None = None) -> Target:
    """Target ``env``. Raises :class:`SettingsError` when *environ* does not name its service."""
    platform = in_environment(environ, said)
    if platform is None or not environ.get(platform.address_variable):
        named = [platform] if platform else PLATFORMS.values()
        names = " or ".join(dict.fromkeys(one.address_variable for one in named))
        raise SettingsError(
            f"target {NAME} needs {names}, which is not set",
            hint=f"set {variables()}, or choose another --target",
        )
    try:
        url = base_url(environ[platform.address_variable])
    except SettingsError as error:
        raise SettingsError(f"{platform.address_variable}: {error}", hint=error.hint) from error
    return Target(NAME, url, api=platform.name)


def variables() -> str:
    """The variables with the address and the token of target ``env``, for people."""
    pairs = (f"{one.address_variable} and {one.token_variable}" for one in PLATFORMS.values())
    return ", or ".join(dict.fromkeys(pairs))
