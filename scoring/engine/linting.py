"""Lint: what is wrong or doubtful in a rules document that its schema cannot see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from scoring.engine.conditions import Condition, Test, implies
from scoring.engine.document import (
    Attribute,
    Bands,
    Cases,
    Each,
    Measure,
    Milestones,
    Rules,
    ScoringRule,
    Table,
    Vocabulary,
)
from scoring.engine.exact import Cut, Interval


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: where, a stable code, and what is wrong. An error makes the document unusable; a warning does not."""

    path: str
    code: str
    message: str
    error: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.message} [{self.code}]"


def lint(rules: Rules) -> list[Finding]:
    """Everything that is wrong or doubtful, errors first."""
    found = [
        *_vocabulary(rules.vocabulary),
        *_counts(rules),
        *_names(rules),
        *(finding for rule in rules.rules for finding in _rule(rules, rule)),
        *_shadowed(rules),
        *_multipliers(rules),
        *_roster(rules),
    ]
    return sorted(found, key=lambda finding: not finding.error)


def _vocabulary(vocabulary: Vocabulary) -> Iterator[Finding]:
    for name, measure in vocabulary.measures.items():
        path = f"vocabulary.measures.{name}"
        attributes = vocabulary.events.get(measure.event)
        if attributes is None:
            yield Finding(path, "unknown-event", f"there is no event kind {measure.event!r}", error=True)
            continue
        yield from _condition(f"{path}.where", measure.where, attributes, f"attribute of {measure.event}")
        wanted = [(player, "player") for player in measure.players]
        wanted += [(measure.attribute, "integer")] if measure.attribute else []
        wanted += [(test.sum, "integer") for test in measure.having]
        wanted += [(test.at_least_greatest, "integer") for test in measure.having if test.at_least_greatest]
        for attribute, kind in wanted:
            if attribute not in attributes:
                yield Finding(path, "unknown-attribute", f"{measure.event} has no attribute {attribute!r}", error=True)
            elif attributes[attribute].type != kind:
                given = attributes[attribute].type
                yield Finding(path, "wrong-type", f"{attribute} is {given}; here it must be {kind}", error=True)
        for attribute in measure.by:
            if attribute not in attributes:
                yield Finding(path, "unknown-attribute", f"{measure.event} has no attribute {attribute!r}", error=True)
    if vocabulary.context not in vocabulary.events:
        yield Finding(
            "vocabulary.context", "unknown-event", f"there is no event kind {vocabulary.context!r}", error=True
        )
    for source in vocabulary.profile:
        attributes = vocabulary.events.get(source.event, {})
        for attribute in (source.player, *source.attributes):
            if attribute not in attributes:
                yield Finding(
                    "vocabulary.profile",
                    "unknown-attribute",
                    f"{source.event} has no attribute {attribute!r}",
                    error=True,
                )


def _counts(rules: Rules) -> Iterator[Finding]:
    for kind, condition in rules.counts.items():
        if kind not in rules.vocabulary.events:
            yield Finding(f"counts.{kind}", "unknown-event", f"there is no event kind {kind!r}", error=True)
        else:
            yield from _condition(f"counts.{kind}", condition, rules.vocabulary.events[kind], f"attribute of {kind}")
    if rules.stated is not None:
        kind, attribute = rules.stated.event, rules.stated.attribute
        if attribute not in rules.vocabulary.events.get(kind, {}):
            yield Finding("stated", "unknown-attribute", f"{kind} has no attribute {attribute!r}", error=True)
    yield from _condition("made_for", rules.made_for, _context(rules), "attribute of the match")


def _names(rules: Rules) -> Iterator[Finding]:
    for path, ids in (
        ("rules", [rule.id for rule in rules.rules]),
        ("multipliers", [multiplier.id for multiplier in rules.multipliers]),
        ("chips", [chip.id for chip in rules.chips]),
    ):
        for id_ in sorted({id_ for id_ in ids if ids.count(id_) > 1}):
            yield Finding(f"{path}.{id_}", "duplicate-id", f"{ids.count(id_)} of the {path} have this id", error=True)


def _rule(rules: Rules, rule: ScoringRule) -> Iterator[Finding]:
    path = f"rules.{rule.id}"
    vocabulary = rules.vocabulary
    scope = vocabulary.scopes.get(rule.scope)
    if scope is None:
        known = ", ".join(vocabulary.scopes)
        yield Finding(path, "unknown-scope", f"there is no scope {rule.scope!r} (there are: {known})", error=True)
    for name in rule.measures:
        measure = vocabulary.measures.get(name)
        if measure is None:
            yield Finding(path, "unknown-measure", f"there is no measure {name!r}", error=True)
        else:
            yield from _scoped(path, rule.scope, scope or (), measure, vocabulary)
    yield from _condition(f"{path}.during", rule.during, _context(rules), "attribute of the match")
    yield from _condition(f"{path}.eligible", rule.eligible, _profile(vocabulary), "attribute of a player's profile")
    yield from _numbers(f"{path}.when", rule.when)

    def worth(points: Iterable[Fraction]) -> Iterator[Finding]:
        # A rule that a parameter settles may be worth nothing in one of the variants.
        if not any(points) and rule.id not in rules.parametrised:
            yield Finding(path, "no-effect", "gives 0 points whatever happens")

    match rule.form:
        case Each() as each:
            yield from worth([each.points])
        case Milestones() as milestones:
            yield from worth([points for _, points in milestones.steps])
            yield from _milestones(path, milestones)
        case Bands() as bands:
            yield from worth([points for _, points in bands.steps])
            yield from _bands(path, bands)
        case Table() as table:
            yield from worth(table.points.values())
        case Cases() as cases:
            yield from worth([case.points for case in cases.cases])
            yield from _cases(path, cases, rule.when)


def _scoped(
    path: str, name: str, scope: tuple[str, ...], measure: Measure, vocabulary: Vocabulary
) -> Iterator[Finding]:
    """A scope groups by attributes that the measure's events must have, and by which its own groups are kept apart."""
    attributes = vocabulary.events.get(measure.event, {})
    missing = [attribute for attribute in scope if attribute not in attributes]
    missing += [attribute for attribute in scope if measure.kind == "count_groups" and attribute not in measure.by]
    if missing:
        yield Finding(
            path, "scope-mismatch", f"{measure.name} cannot be taken per {name}: it has no {missing[0]}", error=True
        )


def _milestones(path: str, milestones: Milestones) -> Iterator[Finding]:
    for (low, low_points), (high, high_points) in pairwise(milestones.steps):
        if high == low:
            yield Finding(path, "unreachable", f"two steps at {high}; only one can count", error=True)
        elif high < low:
            yield Finding(path, "order", f"the step at {high} stands after the one at {low}; list them upwards")
        elif high_points == low_points:
            yield Finding(path, "shadowed", f"the step at {high} gives the same points as the one at {low}")


def _bands(path: str, bands: Bands) -> Iterator[Finding]:
    """Every value from 0 up must lie in exactly one band."""
    start: Cut = (Fraction(0), 0)
    below = [span for span, _ in bands.steps if not span.empty and span.high is not None and span.high <= start]
    for span, _ in bands.steps:
        if span.empty:
            yield Finding(path, "empty-band", f"no value is in the band {_bounds(span)}", error=True)
    for span in below:
        yield Finding(path, "unreachable", f"the band {span.words()} lies below 0, which no rate does")
    spans = sorted(
        (span for span, _ in bands.steps if not span.empty and span not in below),
        key=lambda span: (span.low is not None, span.low or start),
    )
    reach: Cut | None = start
    for span in spans:
        low = start if span.low is None else max(span.low, start)
        if reach is not None and low > reach:
            yield Finding(path, "gap", f"no band holds {Interval(reach, low).words()}", error=True)
        elif reach is None or low < reach:
            shared = [high for high in (reach, span.high) if high is not None]
            yield Finding(
                path, "overlap", f"two bands hold {Interval(low, min(shared, default=None)).words()}", error=True
            )
        reach = None if reach is None or span.high is None else max(reach, span.high)
    if reach is not None:
        yield Finding(path, "gap", f"no band holds {Interval(reach, None).words()}", error=True)


def _cases(path: str, cases: Cases, when: Condition) -> Iterator[Finding]:
    for index, case in enumerate(cases.cases):
        yield from _numbers(f"{path}.cases[{index}].when", case.when)
        for earlier in range(index):
            if implies({**when, **case.when}, cases.cases[earlier].when):
                yield Finding(
                    f"{path}.cases[{index}]",
                    "unreachable",
                    f"whatever meets it meets case {earlier} first",
                    error=True,
                )
                break


def _shadowed(rules: Rules) -> Iterator[Finding]:
    """Two rules with the same conditions and form count one thing twice."""
    seen: dict[str, str] = {}
    for rule in rules.rules:
        key = repr((rule.scope, rule.during, rule.eligible, rule.when, rule.form))
        if key in seen:
            yield Finding(
                f"rules.{rule.id}", "duplicate-rule", f"gives the same points for the same thing as {seen[key]}"
            )
        seen.setdefault(key, rule.id)


def _multipliers(rules: Rules) -> Iterator[Finding]:
    offices = rules.roster.offices
    for multiplier in rules.multipliers:
        for office in (multiplier.office, multiplier.unless_played):
            if office is not None and office not in offices:
                yield Finding(
                    f"multipliers.{multiplier.id}", "unknown-office", f"the roster has no office {office!r}", error=True
                )
    categories = {rule.category for rule in rules.rules}
    for multiplier in rules.multipliers:
        # "none" is how a parameter says that nothing is left out.
        if multiplier.excludes is not None and multiplier.excludes not in {*categories, "none"}:
            yield Finding(
                f"multipliers.{multiplier.id}",
                "unknown-category",
                f"no rule is of the category {multiplier.excludes!r} (there are: {', '.join(sorted(categories))})",
                error=True,
            )
    ids = {multiplier.id for multiplier in rules.multipliers}
    for chip in rules.chips:
        path = f"chips.{chip.id}"
        if chip.effect in ("office", "best"):
            held = chip.value["office"] if chip.effect == "office" else chip.value
            if held not in offices:
                yield Finding(path, "unknown-office", f"the roster has no office {held!r}", error=True)
        if chip.effect == "factor" and chip.value["multiplier"] not in ids:
            yield Finding(
                path, "unknown-multiplier", f"there is no multiplier {chip.value['multiplier']!r}", error=True
            )
        if chip.effect == "line_floor" and "floor" in {other.effect for other in rules.chips}:
            yield Finding(path, "duplicate-rule", "a floor for the whole and one for each line; choose one")
        if chip.effect == "bench" and rules.roster.lineup_size is None:
            yield Finding(path, "no-effect", "the roster has no bench")


def _roster(rules: Rules) -> Iterator[Finding]:
    roster = rules.roster
    role = _profile(rules.vocabulary).get("role")
    known = role.values if role is not None and role.values is not None else None
    tables = (
        ("roster.roles", roster.roles, roster.size),
        ("roster.lineup.roles", roster.lineup_roles, roster.lineup_size),
    )
    for path, bounds, size in tables:
        for name, bound in bounds.items():
            if known is not None and name not in known:
                yield Finding(f"{path}.{name}", "unknown-role", f"roles are {', '.join(known)}", error=True)
            if bound.at_most is not None and bound.at_most < bound.at_least:
                yield Finding(
                    f"{path}.{name}", "impossible", f"at least {bound.at_least}, at most {bound.at_most}", error=True
                )
        least = sum(bound.at_least for bound in bounds.values())
        most = sum(size or 0 if bound.at_most is None else bound.at_most for bound in bounds.values())
        if bounds and size is not None and not least <= size <= most and path == "roster.roles":
            yield Finding(
                path, "impossible", f"roles allow {least} to {most} players, the roster has {size}", error=True
            )
        if bounds and size is not None and least > size and path != "roster.roles":
            yield Finding(path, "impossible", f"roles ask for {least} players, the line-up has {size}", error=True)
    if roster.lineup_size is not None and roster.lineup_size > roster.size:
        yield Finding("roster.lineup", "impossible", f"{roster.lineup_size} start of {roster.size}", error=True)
    for office, rule in roster.offices.items():
        for name in rule.roles or ():
            if known is not None and name not in known:
                yield Finding(f"roster.offices.{office}", "unknown-role", f"roles are {', '.join(known)}", error=True)


def _condition(path: str, condition: Condition, attributes: Mapping[str, Attribute], what: str) -> Iterator[Finding]:
    for name, test in condition.items():
        attribute = attributes.get(name)
        if attribute is None:
            known = ", ".join(attributes) or "none"
            yield Finding(path, "unknown-attribute", f"{name!r} is no {what} (there are: {known})", error=True)
            continue
        yield from _possible(path, name, test)
        for value in (*(test.allowed or ()), *test.denied):
            if not _fits(value, attribute):
                expected = f"one of {', '.join(attribute.values)}" if attribute.values else f"of type {attribute.type}"
                yield Finding(path, "wrong-type", f"{name} is compared with {value!r}; it is {expected}", error=True)
        if test.allowed is None and not test.denied and attribute.type != "integer":
            yield Finding(path, "wrong-type", f"{name} is {attribute.type}; only integers have bounds", error=True)


def _numbers(path: str, condition: Condition) -> Iterator[Finding]:
    for name, test in condition.items():
        yield from _possible(path, name, test)
        for value in (*(test.allowed or ()), *test.denied):
            if not isinstance(value, int) or isinstance(value, bool):
                yield Finding(path, "wrong-type", f"{name} is a whole number, not {value!r}", error=True)


def _possible(path: str, name: str, test: Test) -> Iterator[Finding]:
    if test.impossible:
        yield Finding(path, "impossible", f"no {name} meets {_bounds(test.bounds)}", error=True)


def _fits(value: object, attribute: Attribute) -> bool:
    if value is None:
        return True
    if attribute.type == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if attribute.type == "boolean":
        return isinstance(value, bool)
    return isinstance(value, str) and (attribute.values is None or value in attribute.values)


def _bounds(span: Interval) -> str:
    low = "-∞" if span.low is None else f"{'above' if span.low[1] else 'at least'} {span.low[0]}"
    high = "∞" if span.high is None else f"{'at most' if span.high[1] else 'below'} {span.high[0]}"
    return f"{low} and {high}"


def _context(rules: Rules) -> Mapping[str, Attribute]:
    return rules.vocabulary.events.get(rules.vocabulary.context, {})


def _profile(vocabulary: Vocabulary) -> dict[str, Attribute]:
    return {
        name: vocabulary.events[source.event][name]
        for source in vocabulary.profile
        for name in source.attributes
        if name in vocabulary.events.get(source.event, {})
    }
