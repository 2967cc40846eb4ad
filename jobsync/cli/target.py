"""Which target a command means, and who may be asked (product: which target)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from jobsync.base_url import base_url
from jobsync.errors import SettingsError
from jobsync.model import DesiredState, Target

BUILT_IN = ("local", "env")


def named_target(flag: str | None, environ: Mapping[str, str]) -> str | None:
    """The target that the command line or ``JOBSYNC_TARGET`` names, or None."""
    return flag or environ.get("JOBSYNC_TARGET") or None


def choose_without_set(flag: str | None, environ: Mapping[str, str]) -> Target:
    """The target of a command that is used outside of any set: ``env`` or ``local``."""
    name = named_target(flag, environ) or _fallback(environ)
    return _built_in(name, BUILT_IN, environ)


def choose(desired: DesiredState, flag: str | None, environ: Mapping[str, str]) -> Target:
    """The target to use. In CI the local service is never fallen into, only chosen.

    Order: ``--target``, ``JOBSYNC_TARGET``, ``target:`` of the set; then ``env`` when
    ``TAPIS_BASE_URL`` is set; then ``local``. A set that declares targets must have one chosen.
    """
    name = named_target(flag, environ) or desired.default_target
    if name is None:
        name = _unchosen(desired, environ)
    if name in desired.targets:
        return desired.targets[name]
    return _built_in(name, {*desired.targets, *BUILT_IN}, environ)


def _built_in(name: str, names: Collection[str], environ: Mapping[str, str]) -> Target:
    if name not in BUILT_IN:
        known = ", ".join(sorted(names))
        raise SettingsError(f"there is no target {name!r}", hint=f"known targets: {known}")
    if name == "env" and not environ.get("TAPIS_BASE_URL"):
        raise SettingsError(
            "target env needs TAPIS_BASE_URL, which is not set",
            hint="set TAPIS_BASE_URL and TAPIS_TOKEN, or choose another --target",
        )
    return Target(name=name, base_url=_service(environ) if name == "env" else "")


def _service(environ: Mapping[str, str]) -> str:
    try:
        return base_url(environ["TAPIS_BASE_URL"])
    except SettingsError as error:
        raise SettingsError(f"TAPIS_BASE_URL: {error}", hint=error.hint) from error


def _unchosen(desired: DesiredState, environ: Mapping[str, str]) -> str:
    if desired.targets:
        raise SettingsError(
            "the manifests declare targets, but none is chosen",
            hint="pass --target NAME, set JOBSYNC_TARGET, or write target: NAME into the set; "
            "known targets: " + ", ".join(sorted({*desired.targets, *BUILT_IN})),
        )
    return _fallback(environ)


def _fallback(environ: Mapping[str, str]) -> str:
    if environ.get("TAPIS_BASE_URL"):
        return "env"
    if environ.get("CI"):
        raise SettingsError(
            "no target is chosen, and in CI the local service is never used by default",
            hint="pass --target local to use it, or set TAPIS_BASE_URL and TAPIS_TOKEN",
        )
    return "local"
