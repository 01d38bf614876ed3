"""The errors that scoring raises: every one says where, what was found and what would be accepted."""

from __future__ import annotations


class ScoringError(ValueError):
    """Base of every error that bad input can cause; its text is one line for a person."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.reason = reason


class RulesError(ScoringError):
    """A rules document, vocabulary, rule id, version or parameter that cannot be used."""


class SourceError(ScoringError):
    """A provider's file that is broken or contradicts itself."""


class EventError(ScoringError):
    """An event log that contradicts itself."""


class RosterError(ScoringError):
    """A roster that cannot be scored."""


class PrizeError(ScoringError):
    """A prize table or ranking that cannot be paid out."""
