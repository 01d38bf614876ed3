"""When Python looks for garbage in the local cloud's own servers."""

from __future__ import annotations

import gc


def collect_rarely() -> None:
    """Look for garbage less often, from before the heavy imports: nearly all that a server makes lives as long as it does.

    With the interpreter's own thresholds a third of an emulator's start goes into looking through the classes it has just made.
    """
    gc.set_threshold(20_000, 20, 20)
