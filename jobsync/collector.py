"""Work that makes many objects and no cycles, done without the garbage collector.

Floor 0. The collector would walk tens of thousands of jobs again and again and find nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the collector, and let it go on as it was."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if gc.get_freeze_count() == 0:
            # Straight into the oldest generation: or all of it is walked as young right away.
            gc.freeze()
            gc.unfreeze()
        gc.enable()
