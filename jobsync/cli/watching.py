"""``jobsync status --watch``: one screen that is painted again, or a line for each change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobsync.cli import terminal_size
from jobsync.render.escape import terminal
from jobsync.render.times import when

if TYPE_CHECKING:
    from jobsync.cli.status_view import Shown
    from jobsync.render.options import Palette


@contextmanager
def repainting() -> Iterator[Callable[[Shown, Palette], None]]:
    """A place on the terminal that each call paints anew; it is cleared at the end."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console()
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def repaint(shown: Shown, palette: Palette) -> None:
            screen = shown.screen(palette, console.width, terminal_size.height())
            text = Text.from_ansi(screen, no_wrap=True, overflow="crop")
            live.update(text, refresh=True)

        yield repaint


class Changes:
    """What has changed since the look before, for logs."""

    def __init__(self, first: Shown) -> None:
        self._before = _states(first)

    def since(self, shown: Shown) -> list[str]:
        """A line for each address whose state or run status has changed."""
        now = _states(shown)
        lines = [
            f"{when(shown.now)}  {terminal(address)}: {terminal(state)}"
            for address, state in now.items()
            if self._before.get(address) != state
        ]
        self._before = now
        return lines


def _states(shown: Shown) -> dict[str, str]:
    return {
        state.address: f"{state.standing}".replace("_", " ")
        + (f" ({state.run.status})" if state.run else "")
        for state in shown.states
    }
