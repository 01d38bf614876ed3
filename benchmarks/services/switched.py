"""A web process whose traces are switched off and on by signals, so that one process can be compared with itself.

`python -m benchmarks.services.switched`, with the environment of `services.common.web`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

from services.common import web
from services.common.telemetry import spans

ON, OFF = signal.SIGUSR1, signal.SIGUSR2

HandOver = Callable[[spans.Recording], None]

_begun: list[tuple[HandOver, float]] = []
_start = spans.start


def _noted(hand_over: HandOver, ratio: float) -> None:
    _begun[:] = [(hand_over, ratio)]
    _start(hand_over, ratio)


def main() -> None:
    """Serve."""
    spans.start = _noted
    signal.signal(ON, lambda *_: _start(*_begun[0]))
    signal.signal(OFF, lambda *_: spans.stop())
    web.main()


if __name__ == "__main__":
    main()
