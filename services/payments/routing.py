"""Which provider is asked first: by how its last calls ended, and by what it says of itself. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from services.payments.providers.port import ProviderName

#: How much the past counts: of a call's weight half is left after so many seconds.
HALF_LIFE = 30.0

#: Below this share of good calls a provider is passed over, once there are enough calls to say so.
HEALTHY, ENOUGH = 0.5, 3.0

#: A provider that is passed over is tried with one call every so many seconds.
PROBE_SECONDS = 15.0


@dataclass
class _Health:
    good: float = 0.0
    bad: float = 0.0
    at: float = 0.0
    probed: float = float("-inf")


class Router:
    """Keeps the health of each provider, in this process: what one task finds out, another does within seconds too.

    `primary` is their order while all are well.
    """

    def __init__(self, primary: Sequence[ProviderName], now: Callable[[], float] = time.monotonic) -> None:
        self._primary, self._now = list(primary), now
        self._health = {name: _Health(at=now()) for name in primary}

    def note(self, name: ProviderName, *, good: bool) -> None:
        """A call has ended: with an answer, a refusal among them, or without one."""
        health = self._decayed(name)
        if good:
            health.good += 1
        else:
            health.bad += 1

    def score(self, name: ProviderName) -> float:
        """The share of good calls, from 0 to 1; 1 while too few are known."""
        health = self._decayed(name)
        total = health.good + health.bad
        return 1.0 if total < ENOUGH else health.good / total

    def order(self, down: Collection[str] = ()) -> list[ProviderName]:
        """All providers, the one to ask first in front; those that are ill, or say that they are `down`, come last.

        An ill one is put in front now and then: one call finds out whether it is well again, and falls back if not.
        """
        well = [name for name in self._primary if self._well(name, down)]
        ill = sorted((name for name in self._primary if name not in well), key=self.score, reverse=True)
        for name in ill:
            health = self._health[name]
            if well and name not in down and self._now() - health.probed >= PROBE_SECONDS:
                health.probed = self._now()
                return [name, *well, *(other for other in ill if other != name)]
        return [*well, *ill]

    def _well(self, name: ProviderName, down: Collection[str]) -> bool:
        return name not in down and self.score(name) >= HEALTHY

    def _decayed(self, name: ProviderName) -> _Health:
        health, now = self._health[name], self._now()
        factor = 0.5 ** ((now - health.at) / HALF_LIFE)
        health.good, health.bad, health.at = health.good * factor, health.bad * factor, now
        return health
