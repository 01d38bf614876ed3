"""A web process whose traces are switched off and on by signals, so that one process can be compared with itself.

`python -m benchmarks.services.switched`, with the environment of `services.common.web`.
"""

from __future__ import annotations

import signal
from typing import Any

from services.common import web
from services.common.telemetry import spans

ON, OFF = signal.SIGUSR1, signal.SIGUSR2

_begun: list[Any] = []
_start = spans.start


def _noted(*given: Any) -> None:
    _begun[:] = given
    _start(*given)


def main() -> None:
    """Serve."""
    spans.start = _noted
    signal.signal(ON, lambda *_: _start(*_begun))
    signal.signal(OFF, lambda *_: spans.stop())
    web.main()


if __name__ == "__main__":
    main()
