"""Many matches at once: Python looks for cyclic garbage rarely."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: So many more objects than were freed let Python look for cycles (elsewhere 700).
_GARBAGE = 200_000


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Files and what is made of them are trees that fall with their last name: to look through them, and through all that was
    imported, again and again finds no cycle and takes a fifth of the time. Processes that are forked here do not copy what
    nobody touches."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_GARBAGE)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
