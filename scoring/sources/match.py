"""What every source gives: a match with its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scoring.engine.events import Event


@dataclass(frozen=True)
class Match:
    """One match as a source tells it.

    - id: unique over sources ("cricsheet:1304066", "f1db:1127").
    - facts: what a reader wants to see of it (format, season, outcome, …), text or whole numbers.
    - unknown: what the source does not record and rules may ask for, in words.
    """

    id: str
    sport: str
    title: str
    date: str
    teams: tuple[str, ...]
    events: tuple[Event, ...] = field(repr=False)
    facts: Mapping[str, str | int] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
