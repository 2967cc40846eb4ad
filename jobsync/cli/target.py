"""Which target a command means, and who may be asked (product: which target)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from jobsync.base_url import base_url
from jobsync.errors import SettingsError
from jobsync.model import DesiredState, Target
from jobsync.structs import replace

ENVIRONMENT = "env"
BUILT_IN = ("local", ENVIRONMENT)


def named_target(flag: str | None, environ: Mapping[str, str]) -> str | None:
    """The target that the command line or ``JOBSYNC_TARGET`` names, or None."""
    return flag or environ.get("JOBSYNC_TARGET") or None


def choose_without_set(flag: str | None, environ: Mapping[str, str]) -> Target:
    """The target of a command that is used outside of any set: ``env`` or ``local``."""
    name = named_target(flag, environ) or _fallback(environ)
    return _built_in(name, BUILT_IN, environ)


def choose(desired: DesiredState, flag: str | None, environ: Mapping[str, str]) -> Target:
    """The target to use. In CI the local service is never fallen into, only chosen.

    Order: ``--target``, ``JOBSYNC_TARGET``, ``target:`` of the set; then ``env`` when the
    environment says where its service is; then ``local``. A set that declares targets must have
    one chosen.
    """
    name = named_target(flag, environ) or desired.default_target
    if name is None:
        name = _unchosen(desired, environ)
    if name in desired.targets:
        return desired.targets[name]
    target = _built_in(name, {*desired.targets, *BUILT_IN}, environ)
    return replace(target, api=desired.platform.name)


def variables() -> str:
    """The environment variables with the address and the token of target ``env``, for people."""
    from jobsync.platforms import PLATFORMS

    pairs = (f"{p.address_variable} and {p.token_variable}" for p in PLATFORMS.values())
    return ", or ".join(dict.fromkeys(pairs))


def _built_in(name: str, names: Collection[str], environ: Mapping[str, str]) -> Target:
    if name not in BUILT_IN:
        known = ", ".join(sorted(names))
        raise SettingsError(f"there is no target {name!r}", hint=f"known targets: {known}")
    return _env(environ) if name == "env" else Target(name)


def _env(environ: Mapping[str, str]) -> Target:
    from jobsync.platform import platform_named_in
    from jobsync.platforms import PLATFORMS

    platform = platform_named_in(environ, PLATFORMS)
    if platform is None:
        names = " or ".join(dict.fromkeys(p.address_variable for p in PLATFORMS.values()))
        raise SettingsError(
            f"target env needs {names}, which is not set",
            hint=f"set {variables()}, or choose another --target",
        )
    try:
        url = base_url(environ[platform.address_variable])
    except SettingsError as error:
        raise SettingsError(f"{platform.address_variable}: {error}", hint=error.hint) from error
    return Target("env", url, api=platform.name)


def _unchosen(desired: DesiredState, environ: Mapping[str, str]) -> str:
    if desired.targets:
        raise SettingsError(
            "the manifests declare targets, but none is chosen",
            hint="pass --target NAME, set JOBSYNC_TARGET, or write target: NAME into the set; "
            "known targets: " + ", ".join(sorted({*desired.targets, *BUILT_IN})),
        )
    return _fallback(environ)


def _fallback(environ: Mapping[str, str]) -> str:
    from jobsync.platform import platform_named_in
    from jobsync.platforms import PLATFORMS

    if platform_named_in(environ, PLATFORMS):
        return "env"
    if environ.get("CI"):
        raise SettingsError(
            "no target is chosen, and in CI the local service is never used by default",
            hint=f"pass --target local to use it, or set {variables()}",
        )
    return "local"
