"""Times and durations as people read them."""

from __future__ import annotations

from datetime import datetime, tzinfo


def when(moment: datetime | None, zone: tzinfo | None = None) -> str:
    """``2026-11-26 20:31:05 +01:00`` in *zone*, by default that of the machine; empty for None."""
    if moment is None:
        return ""
    try:
        local = moment.astimezone(zone)
    except OverflowError:  # at the ends of the calendar
        local = moment
    offset = local.strftime("%z")
    return f"{local:%Y-%m-%d %H:%M:%S} {offset[:3]}:{offset[3:5]}"


def lasted(seconds: float | None) -> str:
    """``0s``, ``45s``, ``12m05s``, ``3h07m``, ``2d03h``; empty for None."""
    if seconds is None:
        return ""
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if days:
        return f"{days}d{hours % 24:02}h"
    if hours:
        return f"{hours}h{minutes % 60:02}m"
    return f"{minutes}m{whole % 60:02}s" if minutes else f"{whole}s"


def queued(
    created: datetime | None, started: datetime | None, ended: datetime | None, now: datetime
) -> float | None:
    """Seconds from the submit until the run began, or until now; None when that is not known."""
    if created is None or (started is None and ended is not None):
        return None
    return ((started or now) - created).total_seconds()


def ran(started: datetime | None, ended: datetime | None, now: datetime) -> float | None:
    """Seconds for which the run has run; None when it has not begun, or that is not known."""
    return None if started is None else ((ended or now) - started).total_seconds()
