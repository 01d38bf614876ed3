"""What happens in the local cloud, as it happens: one stream of events that commands show and tests wait for."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something came into a state. `kind`: server, ingress, task, deployment, service, problem, supervisor, converged, alarm,
    scaling."""

    kind: str
    name: str
    state: str
    detail: str = ""
    time: float = field(default_factory=time.time)

    def line(self) -> bytes:
        """The event as one line of JSON."""
        return json.dumps(dataclasses.asdict(self)).encode() + b"\n"

    @classmethod
    def parse(cls, line: str | bytes) -> Self:
        """The event of one line of JSON."""
        return cls(**json.loads(line))


class Hub:
    """Gives every event to every subscriber, and the last ones to whoever comes late."""

    def __init__(self, keep: int = 500) -> None:
        self._last: deque[Event] = deque(maxlen=keep)
        self._queues: set[asyncio.Queue[Event]] = set()

    def emit(self, kind: str, name: str, state: str, detail: str = "") -> None:
        """Tell everyone."""
        event = Event(kind=kind, name=name, state=state, detail=detail)
        self._last.append(event)
        for queue in self._queues:
            queue.put_nowait(event)

    def last(self) -> list[Event]:
        """The newest events, oldest first."""
        return list(self._last)

    @contextlib.contextmanager
    def subscribe(self, *, replay: bool = False) -> Iterator[asyncio.Queue[Event]]:
        """A queue of events from now on; with `replay`, of the last ones before them."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        for event in self._last if replay else ():
            queue.put_nowait(event)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)
