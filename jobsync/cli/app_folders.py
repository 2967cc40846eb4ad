"""Why the target ``local`` does not have an app, and where one goes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobsync.model import DesiredState, Target

WHERE_ONE_GOES = (
    "target local has the apps in apps/ beside the manifests: put one there "
    "(jobsync init --template pipeline shows how), or choose another target with --target"
)


def why_missing(
    desired: DesiredState, target: Target, missing: Mapping[str, str]
) -> tuple[Mapping[str, str], str]:
    """The apps *missing* with what the folder of the set says of each, and where one goes.

    Of another target than ``local`` nothing more is known.
    """
    from jobsync.cli.connect import LOCAL
    from jobsync.local.apps.on_disk import apps_on_disk

    if not missing or target.name != LOCAL:
        return missing, ""
    found = apps_on_disk(Path(desired.root), desired.platform.name, missing)
    more = {app_id: found.missing.get(app_id) or said for app_id, said in missing.items()}
    return more, WHERE_ONE_GOES
