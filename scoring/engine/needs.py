"""What a rules document reads of a match: the event kinds and attributes that its points can depend on."""

from __future__ import annotations

from collections.abc import Mapping

from scoring.engine.conditions import Scalar, holds
from scoring.engine.document import Rules

#: (event kind, attribute); the attribute "" stands for the kind as a whole.
Need = tuple[str, str]


def needs(rules: Rules, context: Mapping[str, Scalar]) -> dict[Need, str]:
    """What the rules that apply to a match with these attributes read, each with the id of the first rule that does."""
    vocabulary = rules.vocabulary
    found: dict[Need, str] = {}
    for rule in rules.rules:
        if not holds(rule.during, context.get):
            continue
        for name in rule.measures:
            measure = vocabulary.measures[name]
            attributes = {
                "",
                *measure.players,
                *measure.where,
                *measure.by,
                *vocabulary.scopes[rule.scope],
                *rules.counts.get(measure.event, ()),
                *(test.sum for test in measure.having),
                *(test.at_least_greatest for test in measure.having if test.at_least_greatest),
                *([measure.attribute] if measure.attribute else []),
            }
            for attribute in attributes:
                found.setdefault((measure.event, attribute), rule.id)
    return found
