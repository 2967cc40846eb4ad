"""When the runs of a set were made and ended, as a picture: SVG without style of its own."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from jobsync.render.escape import markup
from jobsync.structs import Struct

_LEFT, _WIDE, _HIGH, _BAR = 220.0, 1000.0, 20.0, 12.0
"""Pixels: the names, the whole picture, a lane, a bar."""
_TICKS = 5
_LETTERS = 30


class Bar(Struct, frozen=True):
    """One run. ``ended`` is None while it is active; ``told`` is shown where a pointer rests."""

    created: datetime
    ended: datetime | None
    state: str
    told: str


class Lane(Struct, frozen=True):
    """The runs of one job, or of the jobs of one matrix."""

    label: str
    bars: tuple[Bar, ...]


def timeline(lanes: tuple[Lane, ...], now: datetime) -> str:
    """The picture, a lane below the other; empty without runs. A run that is active ends *now*."""
    bars = [bar for lane in lanes for bar in lane.bars]
    if not bars:
        return ""
    first = min(bar.created for bar in bars)
    last = max(max(bar.created, bar.ended or now) for bar in bars)
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
            left, right = across(bar.created), across(max(bar.created, bar.ended or now))
            parts.append(
                f'<rect class="{markup(bar.state)}" x="{left:.1f}" y="{y + 3:.0f}" rx="2"'
                f' width="{max(right - left, 3):.1f}" height="{_BAR:.0f}">'
                f"<title>{markup(lane.label)}: {markup(bar.told)}</title></rect>"
            )
    return "\n".join([*parts, "</svg>"])
