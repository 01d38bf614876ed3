"""Requests, errors and latency by endpoint: counted in memory, written once a minute as metrics (docs/telemetry.md)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from services.common import metrics

#: Between two writings. CloudWatch's alarms and graphs look at minutes.
SECONDS = 60.0

#: Latencies of one endpoint that a line holds, the most that the format takes; of more requests every second, fourth … one.
VALUES = 100

#: What no route takes, or not by that method, is one endpoint: what callers make up may not become metrics.
OTHER = "other"
_NO_SUCH_METHOD = 405


@dataclass(slots=True)
class Count:
    """What was asked of one endpoint since the last writing; latencies in milliseconds."""

    requests: int = 0
    errors: int = 0
    latencies: list[float] = field(default_factory=list)
    step: int = 1
    slowest: tuple[float, int] = (0.0, 0)  #: of those whose trace is kept: milliseconds and the trace
    failed: int = 0  #: the trace of the last error

    def add(self, failed: bool, milliseconds: float, trace: int = 0) -> None:
        """One more request; `trace`: its trace's id, if that is kept."""
        if trace:
            self.slowest = max(self.slowest, (milliseconds, trace))
            if failed:
                self.failed = trace
        if self.requests % self.step == 0:
            self.latencies.append(milliseconds)
            if len(self.latencies) > VALUES:
                self.latencies, self.step = self.latencies[::2], self.step * 2
        self.requests += 1
        self.errors += failed


class Endpoints:
    """The counts of one process, by method and route."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], Count] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, method: str, route: str, status: int, milliseconds: float, trace: int = 0) -> None:
        """A request was answered; a status of 5xx, or none, is an error. `trace`: its trace's id, if that is kept."""
        key = (method, route) if route and status != _NO_SUCH_METHOD else ("", OTHER)
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = Count()
        count.add(status >= 500 or status == 0, milliseconds, trace)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SECONDS, self.write)

    def write(self) -> None:
        """Write what was counted, and begin anew. An endpoint that nobody asked writes nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        counts, self._counts = self._counts, {}
        for (method, route), count in counts.items():
            exemplars = {"exemplar_slowest": count.slowest[1], "exemplar_error": count.failed}
            metrics.emit(
                {"endpoint": f"{method} {route}".strip()},
                {name: f"{trace:032x}" for name, trace in exemplars.items() if trace},
                Requests=(count.requests, "Count"),
                Errors=(count.errors, "Count"),
                Latency=(count.latencies, "Milliseconds"),
            )
