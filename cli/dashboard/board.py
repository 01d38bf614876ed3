"""What the page shows, read in the background: each source by a thread of its own, and only while somebody looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import typer

#: Nothing is read any more when no page was asked for in so many seconds.
LOOKED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Source:
    """Something to read: how, how often (seconds), and, if it is dear, what it hangs on: it is read again when that changed."""

    name: str
    read: Callable[[], Any]
    every: float
    mark: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source said at last, and when (seconds since the epoch; 0: not yet). `problem`: why it could not be read since."""

    value: Any = None
    at: float = 0.0
    problem: str = ""


@dataclass
class _Kept:
    source: Source
    reading: Reading = field(default_factory=Reading)
    mark: object = None
    tried: threading.Event = field(default_factory=threading.Event)


class Board:
    """The sources' last readings. A page is made of these alone, so it never waits for a slow one."""

    def __init__(self, sources: Sequence[Source], now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._kept = {source.name: _Kept(source) for source in sources}
        self._looked = threading.Condition()
        self._looked_at = 0.0
        self._stopped = False

    def start(self) -> None:
        """Begin to read, as soon as somebody looks."""
        for kept in self._kept.values():
            threading.Thread(target=self._run, args=(kept,), name=f"read {kept.source.name}", daemon=True).start()

    def stop(self) -> None:
        """Read no more."""
        with self._looked:
            self._stopped = True
            self._looked.notify_all()

    def look(self, names: Sequence[str] = (), patience: float = 0.0) -> Mapping[str, Reading]:
        """The readings. Waits up to `patience` seconds for the first try of `names`."""
        deadline = time.monotonic() + patience
        with self._looked:
            self._looked_at = self._now()
            self._looked.notify_all()
        for name in names:
            self._kept[name].tried.wait(max(0.0, deadline - time.monotonic()))
        return {name: kept.reading for name, kept in self._kept.items()}

    def read(self, name: str) -> None:
        """Read a source once, unless what it hangs on is as it was."""
        kept = self._kept[name]
        try:
            mark = kept.source.mark() if kept.source.mark else None
            if mark is None or mark != kept.mark or kept.reading.problem:
                kept.reading = Reading(kept.source.read(), self._now())
                kept.mark = mark
        except typer.Exit:  # a command's way to end: it has printed why
            kept.reading = Reading(kept.reading.value, kept.reading.at, "the terminal of `matchday dashboard` says why")
        except Exception as error:
            kept.reading = Reading(kept.reading.value, kept.reading.at, f"{type(error).__name__}: {error}")
        finally:
            kept.tried.set()

    def _run(self, kept: _Kept) -> None:
        while self._somebody_looks():
            self.read(kept.source.name)
            with self._looked:
                self._looked.wait_for(lambda: self._stopped, kept.source.every)

    def _somebody_looks(self) -> bool:
        """Wait until somebody does; False when there is no more to be read."""
        with self._looked:
            self._looked.wait_for(lambda: self._stopped or self._now() - self._looked_at < LOOKED_SECONDS)
            return not self._stopped
