"""When a result is final, by sport; pure.

A result is provisional from its first complete snapshot on. It is final when it has stood for `hold` and a feed has confirmed
it, unchanged, `confirmations` times at least `apart` from each other; a correction begins all of it anew. Formula 1: stewards
decide hours after the flag, and teams may protest; three looks over 72 hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """How long and how often a result has to stand; `look` is how often feeds are asked for it meanwhile."""

    hold: timedelta
    confirmations: int
    apart: timedelta
    look: timedelta

    def confirms(self, now: datetime, before: datetime) -> bool:
        """Whether an unchanged snapshot counts, `before` being the result's or the last confirmation's moment."""
        return now - before >= self.apart

    def final(self, now: datetime, result_at: datetime, confirmed: int) -> bool:
        """Whether nothing is to be waited for any more."""
        return now - result_at >= self.hold and confirmed >= self.confirmations


_FORMULA_1 = Lifecycle(hold=timedelta(hours=72), confirmations=3, apart=timedelta(hours=20), look=timedelta(hours=24))
_OTHERS = Lifecycle(hold=timedelta(hours=12), confirmations=1, apart=timedelta(hours=1), look=timedelta(hours=1))


def of(sport: str) -> Lifecycle:
    """The lifecycle of a sport's results."""
    return _FORMULA_1 if sport == "f1" else _OTHERS
