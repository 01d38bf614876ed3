"""Whether a background process moves: its parts say so whenever they have done something, and only then the heart beats."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from services.common import heartbeat

log = logging.getLogger(__name__)


class Vitals:
    """The parts of one process. One that does not move for PART_SECONDS stops the heartbeat, and is logged once."""

    def __init__(self, *parts: str, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._moved = dict.fromkeys(parts, now())
        self._stuck: frozenset[str] = frozenset()

    def moved(self, part: str) -> None:
        """`part` has done something."""
        self._moved[part] = self._now()

    def check(self) -> bool:
        """Beat if every part moved of late; whether it did."""
        now = self._now()
        stuck = frozenset(part for part, moved in self._moved.items() if now - moved > heartbeat.PART_SECONDS)
        if stuck - self._stuck:
            parts = ", ".join(sorted(stuck))
            log.error("stuck: the heartbeat stops", extra={"parts": parts, "runbook": "worker-stuck"})
        self._stuck = stuck
        if not stuck:
            heartbeat.beat()
        return not stuck

    def watch(self, ended: threading.Event) -> threading.Thread:
        """Check every few seconds in a thread of its own until `ended` is set."""

        def run() -> None:
            while not ended.wait(heartbeat.INTERVAL_SECONDS):
                self.check()

        thread = threading.Thread(target=run, name="vitals", daemon=True)
        thread.start()
        return thread
