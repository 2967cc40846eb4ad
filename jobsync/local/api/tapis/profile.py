"""The two lines of the service that clients meet, and what differs (tapis-v3 §0.2)."""

from __future__ import annotations

from jobsync.structs import Struct

TENANT = "local"
SITE = "local"

_NEWER = frozenset({"archiveMode", "archive_mode", "trackingId", "tracking_id"})


class Profile(Struct, frozen=True):
    """``modern`` is 25Q4: annotations, ``archiveMode``, ``notes`` answered as an object."""

    name: str
    version: str
    modern: bool

    def lacks(self, name: str) -> bool:
        """Whether a job of this line has no attribute *name*, in either spelling."""
        return not self.modern and name in _NEWER

    @property
    def resubmit_missing(self) -> str:
        """The code of a resubmit of a job that has no record for it."""
        return "JOBSAPI_RESUBMIT_NOT_FOUND" if self.modern else "JOBS_JOBRESUBMIT_NOT_FOUND"


PROFILES = {
    "25Q4": Profile("25Q4", "25Q4.0", modern=True),
    "1.7": Profile("1.7", "1.7.1", modern=False),
}
DEFAULT = "25Q4"
