"""When the runs of a set were made and ended, as a picture: SVG without style of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

from jobsync.render.escape import markup
from jobsync.structs import Struct

_LEFT, _WIDE, _HIGH, _BAR = 220.0, 1000.0, 20.0, 12.0
"""Pixels: the names, the whole picture, a lane, a bar."""
_TICKS = 5
_LETTERS = 30


class Bar(Struct, frozen=True):
    """One run. ``started`` is None where it is not known to have begun, ``ended`` while it is
    active; ``told`` is shown where a pointer rests, as are the ``events`` of its history."""

    created: datetime
    started: datetime | None
    ended: datetime | None
    state: str
    told: str
    events: tuple[tuple[datetime, str], ...] = ()


class Lane(Struct, frozen=True):
    """The runs of one job, or of the jobs of one matrix."""

    label: str
    bars: tuple[Bar, ...]


def timeline(lanes: tuple[Lane, ...], now: datetime) -> str:
    """The picture, a lane below the other; empty without runs. A run that is active ends *now*."""
    bars = [bar for lane in lanes for bar in lane.bars]
    if not bars:
        return ""
    times = [when for bar in bars for when, _ in bar.events]
    first = min([*times, *(bar.created for bar in bars)])
    last = max([*times, *(max(bar.created, bar.ended or now) for bar in bars)])
    span = max((last - first).total_seconds(), 1.0)

    def across(moment: datetime) -> float:
        return _LEFT + (_WIDE - _LEFT - 4) * (moment - first).total_seconds() / span

    height = _HIGH * (len(lanes) + 1)
    parts = [
        f'<svg role="img" aria-label="When each run was made and ended" class="timeline"'
        f' viewBox="0 0 {_WIDE:.0f} {height:.0f}" xmlns="http://www.w3.org/2000/svg">'
    ]
    for tick in range(_TICKS):
        moment = first + timedelta(seconds=span * tick / _TICKS)
        text = moment.astimezone(timezone.utc).strftime("%m-%d %H:%M:%S")
        x = across(moment)
        parts.append(
            f'<path d="M{x:.1f} 0V{height:.0f}"/><text x="{x + 4:.1f}" y="12">{text}</text>'
        )
    for index, lane in enumerate(lanes, start=1):
        y = index * _HIGH
        label = lane.label if len(lane.label) <= _LETTERS else f"{lane.label[: _LETTERS - 1]}…"
        parts.append(f'<text x="0" y="{y + 13:.0f}">{markup(label)}</text>')
        for bar in lane.bars:
            parts += _drawn(lane.label, bar, y, now, across)
    return "\n".join([*parts, "</svg>"])


def _drawn(
    label: str, bar: Bar, y: float, now: datetime, across: Callable[[datetime], float]
) -> Iterator[str]:
    """The time that a run waited, pale, the time that it ran, and a mark for each event."""
    ended = max(bar.created, bar.ended or now)
    started = min(max(bar.started or bar.created, bar.created), ended)
    state = markup(bar.state)
    title = f"<title>{markup(label)}: {markup(bar.told)}</title>"
    for kind, since, until in (
        (f"{state} waited", bar.created, started),
        (state, started, ended),
    ):
        left, right = across(since), across(until)
        if until > since or kind == state:
            yield (
                f'<rect class="{kind}" x="{left:.1f}" y="{y + 3:.0f}" rx="2"'
                f' width="{max(right - left, 2):.1f}" height="{_BAR:.0f}">{title}</rect>'
            )
    for when, told in bar.events:
        yield (
            f'<rect class="event" x="{across(when):.1f}" y="{y + 1:.0f}" width="2"'
            f' height="{_BAR + 4:.0f}"><title>{markup(label)}: {markup(told)}</title></rect>'
        )
