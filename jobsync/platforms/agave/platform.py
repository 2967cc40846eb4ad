"""The value for Agave v2: see :class:`~jobsync.platform.Platform` for what each name means."""

from __future__ import annotations

from jobsync.platform import Platform
from jobsync.platforms.agave import archive as _archive
from jobsync.platforms.agave import node_hours as _node_hours
from jobsync.platforms.agave import placement as _placement


class Agave:
    """What Agave v2 means by its jobs. The parts are in the modules beside this one."""

    name = "agave/v2"

    placement = _placement.PLACEMENT
    same_placement = staticmethod(_placement.same_placement)

    node_hours = staticmethod(_node_hours.node_hours)

    output_folder = staticmethod(_archive.output_folder)
    output_uri = staticmethod(_archive.output_uri)
    is_output = staticmethod(_archive.is_output)


AGAVE: Platform = Agave()
