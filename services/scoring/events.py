"""What scoring tells other services."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from services.common.events import Event, Events


class MatchScored(Event):
    """A match has new points under some rules; `phase` says whether they can still change."""

    name: ClassVar[str] = "scoring.match-scored"

    match: str
    rules: str
    revision: int
    phase: str


class MatchFinal(Event):
    """Nothing of a match's result changes any more."""

    name: ClassVar[str] = "scoring.match-final"

    match: str
    revision: int
    final_at: datetime


EVENTS = Events("scoring", MatchScored, MatchFinal)
