"""Who asks the Income Tax Department about a PAN, and what it says: the port that providers are adapted to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the department says, through a provider: `reference` is the provider's; whether the PAN is in force, and whether the
    name and the date of birth are those that it was issued to."""

    reference: str
    valid: bool
    name: bool
    birth_date: bool


class PanProvider(Protocol):
    """Who asks the department. Each question has a `key` of ours, and is charged once by it."""

    async def confirm(self, key: str, number: str, name: str, birth_date: date) -> Verdict:
        """Ask. Raises Refused for a final no to the question itself; whatever else it raises is UNKNOWN."""
        ...
