"""Python's collector of circles of garbage, while much is made that has none."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Let the collector rest in the block; afterwards it is as it was.

    The values of thousands of jobs have no circles, and each time that some of them have been made
    the collector would walk over them in vain. What is not in a circle is freed as always.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            _take_for_old()
            gc.enable()


def _take_for_old() -> None:
    """Let the collector take all that there is for old, which it looks at rarely.

    Else it would begin with a walk over all of it. Who has frozen something of their own keeps it
    frozen, and pays for that walk.
    """
    if not gc.get_freeze_count():
        gc.freeze()
        gc.unfreeze()
