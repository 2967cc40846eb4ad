"""Which target a command means, and who may be asked (product: which target)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from jobsync.errors import SettingsError
from jobsync.model import DesiredState, Target
from jobsync.structs import replace

if TYPE_CHECKING:
    from jobsync.platform import Platform

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
    target = _built_in(name, {*desired.targets, *BUILT_IN}, environ, desired.platform)
    return replace(target, api=desired.platform.name)


def _built_in(
    name: str,
    names: Collection[str],
    environ: Mapping[str, str],
    said: Platform | None = None,
) -> Target:
    from jobsync.platforms.environment import target_of_environment

    if name not in BUILT_IN:
        from jobsync.suggestions import did_you_mean

        hint = did_you_mean(name, names) or f"known targets: {', '.join(sorted(names))}"
        raise SettingsError(f"there is no target {name!r}", hint=hint)
    return target_of_environment(environ, said) if name == ENVIRONMENT else Target(name)


def _unchosen(desired: DesiredState, environ: Mapping[str, str]) -> str:
    if desired.targets:
        raise SettingsError(
            "the manifests declare targets, but none is chosen",
            hint="pass --target NAME, set JOBSYNC_TARGET, or write target: NAME into the set; "
            "known targets: " + ", ".join(sorted({*desired.targets, *BUILT_IN})),
        )
    return _fallback(environ)


def _fallback(environ: Mapping[str, str]) -> str:
    from jobsync.platform import addressed_in
    from jobsync.platforms import PLATFORMS
    from jobsync.platforms.environment import variables

    if addressed_in(environ, PLATFORMS):
        return ENVIRONMENT
    if environ.get("CI"):
        raise SettingsError(
            "no target is chosen, and in CI the local service is never used by default",
            hint=f"pass --target local to use it, or set {variables()}",
        )
    return "local"
