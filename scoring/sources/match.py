"""What every source gives: a match with its events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scoring.engine.document import Rules
from scoring.engine.errors import RulesError, SourceError
from scoring.engine.events import Event
from scoring.engine.needs import needs
from scoring.sources.findings import Findings


@dataclass(frozen=True)
class Match:
    """One match as a source tells it.

    - id: unique over sources ("cricsheet:1304066", "f1db:1127").
    - facts: what a reader wants to see of it (format, season, outcome, …), text or whole numbers.
    - unknown: what the source does not record and rules may ask for, in words.
    - place: where it was read, for messages.
    - revision: the source's own count of corrections; of two files of one match the higher one holds.
    - findings: what is odd in the source, and what an operator has accepted of it.
    """

    id: str
    sport: str
    title: str
    date: str
    teams: tuple[str, ...]
    events: Sequence[Event] = field(repr=False)
    facts: Mapping[str, str | int] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    place: str = ""
    revision: int = 1
    findings: Findings = field(default_factory=Findings, repr=False)

    def check(self, rules: Rules) -> None:
        """RulesError if the rules are for another sport; SourceError if they read what the source has wrong.

        A fault in what they do not read, or that an operator has accepted, is no reason to refuse.
        """
        if self.sport != rules.sport:
            raise RulesError(rules.name, f"is for {rules.sport}; {self.id} is {self.sport}")
        if self.findings.accept is None:
            for reason, rule in self.faults(rules):
                if rule is not None:
                    place, _, what = reason.partition(": ")
                    raise SourceError(place, f"{what}; rule {rule!r} of {rules.name} reads this")

    def faults(self, rules: Rules) -> list[tuple[str, str | None]]:
        """What is wrong in the source, each with the rule that reads it (None: no rule of these does)."""
        if not self.findings.faults:
            return []
        context = next((event.attributes for event in self.events if event.kind == rules.vocabulary.context), {})
        read = needs(rules, context)
        found: dict[str, str | None] = {}
        for need, reason in self.findings.faults.items():
            found[reason] = found.get(reason) or read.get(need)
        return list(found.items())
