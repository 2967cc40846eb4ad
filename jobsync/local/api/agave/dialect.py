"""The two engines behind one URL space: legacy Agave and Aloe (agave-v2 §0.2, §9)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from jobsync.structs import Struct

CENTRAL = timezone(timedelta(hours=-6))
"""Legacy servers ran on US Central time (agave-v2 §1.5). Without the summer hour: no zone data."""


class Dialect(Struct, frozen=True):
    """What differs between the engines and is not a matter of key names.

    ``version`` is what clients tell the engines apart by, compared as text with
    ``2.2.22-r7deb380`` (agave-v2 §0.2). ``zone`` and ``precision`` are those of its timestamps.
    """

    name: str
    version: str
    zone: tzinfo
    precision: str

    @property
    def is_aloe(self) -> bool:
        """Whether this is the newer engine, Aloe."""
        return self.name == "aloe"

    def timestamp(self, moment: float | None) -> str | None:
        """A time as Joda prints it (agave-v2 §1.5): three digits, numeric offset or ``Z``.

        Legacy timestamps come from MySQL with whole seconds, so the digits are ``.000``.
        """
        return None if moment is None else _joda(moment, self.zone, self.precision == "seconds")


@lru_cache(maxsize=65536)
def _joda(moment: float, zone: tzinfo, is_whole: bool) -> str:
    when = datetime.fromtimestamp(moment, zone)
    if is_whole:
        when = when.replace(microsecond=0)
    text = when.isoformat(timespec="milliseconds")
    return text[:-6] + "Z" if text.endswith("+00:00") else text


AGAVE = Dialect("agave", "2.2.22-r7deb380", CENTRAL, "seconds")
ALOE = Dialect("aloe", "2.4.2-r2a51c6f", timezone.utc, "milliseconds")

DIALECTS = {dialect.name: dialect for dialect in (AGAVE, ALOE)}
