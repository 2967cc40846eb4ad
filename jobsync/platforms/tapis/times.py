"""Times as the service writes them (tapis-v3 §5.1)."""

from __future__ import annotations

import re
from datetime import datetime, timezone

from jobsync.model import JsonValue

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:?00)")


def moment(value: JsonValue) -> datetime | None:
    """A time in UTC (tapis-v3 §5.1); None when it cannot be told."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    micro = (match[2] or "0")[:6].ljust(6, "0")
    try:
        return datetime.fromisoformat(f"{match[1]}.{micro}").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
