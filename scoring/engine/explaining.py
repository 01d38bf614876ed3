"""Explain: a rules document as words and tables that a player understands (Markdown)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from scoring.engine.conditions import Condition, Test
from scoring.engine.document import Bands, Bounds, Cases, Each, Milestones, Rules, ScoringRule, Table
from scoring.engine.exact import to_decimal

_CHIPS = {
    "floor": "nobody in the team scores less than {value}",
    "line_floor": "no rule gives anybody in the team less than {value}",
    "waives": "without the {value}",
    "bench": "the bench scores too",
    "transfers": "concerns transfers only",
    "best": "{value}: whoever scores most",
}


def explain(rules: Rules) -> str:
    """The whole document in Markdown: points by category, multipliers, chips, team rules, variants and sources."""
    parts = [f"# {rules.title}", ""]
    if rules.summary:
        parts += [rules.summary, ""]
    parts += [f"Rules `{rules.name}`, SHA-256 `{rules.sha256}`.", ""]
    for category in dict.fromkeys(rule.category for rule in rules.rules):
        parts += [f"## {category}", "", "| What | Points |", "|---|---:|"]
        chosen = [rule for rule in rules.rules if rule.category == category]
        for rule in chosen:
            parts += [f"| {what} | {points} |" for what, points in _rows(rules, rule)]
        notes = dict.fromkeys(f"{rule.title}: {rule.note}" for rule in chosen if rule.note)
        parts += ["", *(f"- {note}" for note in notes), *([""] if notes else [])]
    parts += _multipliers(rules)
    parts += _team(rules)
    parts += _variants(rules)
    parts += ["## Sources", "", *(f"- {name}: {text}" for name, text in rules.sources.items()), ""]
    return "\n".join(parts)


def _rows(rules: Rules, rule: ScoringRule) -> Iterator[tuple[str, str]]:
    """The table rows of one rule."""
    title = rule.title + _terms(rules, rule)
    form = rule.form
    match form:
        case Each():
            unit = rules.vocabulary.measures[form.measure].title
            per = f" (each full {form.every} {unit})" if form.every > 1 else ""
            yield title + per, _signed(form.points)
        case Milestones():
            unit = rules.vocabulary.measures[form.measure].title
            steps = list(form.steps)
            if len(steps) == 1:
                yield f"{title} ({steps[0][0]} or more {unit})", _signed(steps[0][1])
                return
            yield f"{title}, the highest only", ""
            for at, points in steps:
                yield f"— {at} {unit}", _signed(points)
        case Bands():
            yield title, ""
            for span, points in form.steps:
                yield f"— {span.words()} {form.unit}".rstrip(), _signed(points)
        case Table():
            yield title, ""
            for value, points in form.points.items():
                yield f"— {value}", _signed(points)
        case Cases():
            if len(form.cases) == 1:
                case = form.cases[0]
                yield f"{title}: {case.title or _condition(rules, case.when)}", _signed(case.points)
                return
            yield f"{title}, the first that holds", ""
            for case in form.cases:
                yield f"— {case.title or _condition(rules, case.when)}", _signed(case.points)


def _terms(rules: Rules, rule: ScoringRule) -> str:
    """To whom and when a rule applies, in brackets."""
    terms = []
    if rule.scope != "match":
        terms.append(f"for each {rule.scope}")
    if rule.when:
        terms.append(_condition(rules, rule.when))
    terms += [f"{name.replace('_', ' ')} {_test(test)}" for name, test in {**rule.during, **rule.eligible}.items()]
    return f" ({'; '.join(terms)})" if terms else ""


def _condition(rules: Rules, condition: Condition) -> str:
    measures = rules.vocabulary.measures
    return " and ".join(
        f"{measures[name].title if name in measures else name} {_test(test)}" for name, test in condition.items()
    )


def _test(test: Test) -> str:
    return test.words().replace("_", " ")


def _multipliers(rules: Rules) -> list[str]:
    if not rules.multipliers and not rules.chips:
        return []
    rows = ["## Multipliers and chips", "", "| What | Effect |", "|---|---|"]
    rows += [f"| {multiplier.title} | × {to_decimal(multiplier.factor)} |" for multiplier in rules.multipliers]
    for chip in rules.chips:
        if chip.effect in ("factor", "office"):
            effect = f"× {chip.value['factor']}"
        else:
            value = " and the ".join(chip.value) if isinstance(chip.value, list) else chip.value
            effect = _CHIPS[chip.effect].format(value=value)
        rows.append(f"| Chip: {chip.title} | {effect} |")
    return [*rows, ""]


def _team(rules: Rules) -> list[str]:
    roster = rules.roster
    rows = ["## The team", "", f"- {roster.size} players"]
    if roster.budget is not None:
        rows.append(f"- at most {to_decimal(roster.budget)} {roster.unit}".rstrip())
    rows += [f"- {_range(bound)} of role {role.replace('_', ' ')}" for role, bound in roster.roles.items()]
    if roster.team_at_most is not None:
        rows.append(f"- at most {roster.team_at_most} players of one team")
    if roster.teams_different is not None:
        rows.append(f"- players of at least {roster.teams_different} teams")
    for office, rule in roster.offices.items():
        who = f" ({' or '.join(rule.roles)})" if rule.roles else ""
        rows.append(f"- {'one' if rule.required else 'with its chip, one'} {office.replace('_', '-')}{who}")
    if roster.lineup_size is not None:
        rows.append(f"- {roster.lineup_size} of them start, the others are the bench")
        rows += [f"- {_range(bound)} of role {role} start" for role, bound in roster.lineup_roles.items()]
    return [*rows, ""]


def _range(bound: Bounds) -> str:
    if bound.at_most is None:
        return f"at least {bound.at_least}"
    return str(bound.at_least) if bound.at_least == bound.at_most else f"{bound.at_least} to {bound.at_most}"


def _variants(rules: Rules) -> list[str]:
    if not rules.parameters:
        return []
    rows = ["## Where guides disagree", ""]
    for name, parameter in rules.parameters.items():
        rows.append(f"- {parameter.title} (`{name}`): **{parameter.value}** here")
        rows += [f"    - {value}: {source}" for value, source in parameter.choices.items()]
    return [*rows, ""]


def _signed(points: Fraction) -> str:
    return to_decimal(points).replace("-", "−") if points <= 0 else f"+{to_decimal(points)}"
