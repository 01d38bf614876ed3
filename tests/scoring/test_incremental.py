"""Scoring again after corrections: exactly what a full scoring gives, touching only the players concerned."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.engine import registry
from scoring.engine.compiled import compiled
from scoring.engine.events import Event
from scoring.engine.scoring import Scorecard, rescore, score, scorecard
from scoring.sources import open_match
from tests.scoring.builders import CRICKET, NOON, RACES, event


@cache
def logs() -> list[tuple[str, Sequence[Event]]]:
    cricket = [("cricket-t20-b", open_match(path, NOON).events) for path in CRICKET[:3]]
    tests = [("cricket-test", open_match(path, NOON).events) for path in CRICKET[3:4]]
    races = [("f1-fantasy-2026", open_match(path, NOON).events) for path in RACES[-3:]]
    return [*cricket, *tests, *races]


def corrections(source: random.Random, events: Sequence[Event], count: int) -> list[Event]:
    """Random corrections: a number changed, a player exchanged, an event withdrawn or a new one made of an old one."""
    versions = {one.id: one.version for one in events}
    made = []
    for one in source.sample(events, count):
        versions[one.id] += 1
        attributes = dict(one.attributes)
        numbers = [name for name, value in attributes.items() if type(value) is int]
        texts = [name for name, value in attributes.items() if isinstance(value, str)]
        action = source.choice(["number", "player", "withdraw", "new"])
        if action == "number" and numbers:
            attributes[source.choice(numbers)] = source.randrange(7)
        elif action == "player" and texts:
            name = source.choice(texts)
            attributes[name] = source.choice(events).attributes.get(name, attributes[name])
        elif action == "new":
            made.append(replace(one, id=f"{one.id}.bis", version=1 + source.randrange(3)))
            continue
        made.append(replace(one, version=versions[one.id], attributes=attributes, retracted=action == "withdraw"))
    return made


def same(left: Scorecard, right: Scorecard) -> bool:
    return (left.lines, left.totals, dict(left.state), dict(left.involved), dict(left.profiles), left.versions) == (
        (right.lines, right.totals, dict(right.state), dict(right.involved), dict(right.profiles), right.versions)
    )


@pytest.mark.slow
@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(0, 6), st.integers(1, 8))
def test_incremental_equals_full(seed: int, which: int, count: int) -> None:
    source = random.Random(seed)
    rules_id, events = logs()[which]
    rules = registry.load(rules_id)
    before = scorecard(rules, events)
    added = corrections(source, events, count)
    after = rescore(before, added)
    full = scorecard(rules, [*events, *added])
    assert same(after, full)

    context = rules.vocabulary.context
    if not any(one.kind == context for one in added):
        ready = compiled(rules)
        changed = [one for one in added if not one.says_the_same(before.state.get(one.id, replace(one, kind="")))]
        concerned = {
            player
            for one in changed
            for version in (one, before.state.get(one.id))
            if version is not None
            for player in ready.players_of(version)
        }
        assert after.touched <= concerned


@pytest.mark.slow
@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(0, 6), st.integers(1, 8))
def test_a_correction_and_its_reverse_change_nothing(seed: int, which: int, count: int) -> None:
    source = random.Random(seed)
    rules_id, events = logs()[which]
    rules = registry.load(rules_id)
    original = {one.id: one for one in events}
    before = scorecard(rules, events)
    added = corrections(source, events, count)
    reverse = [
        replace(original[one.id], version=one.version + 1)
        if one.id in original
        else replace(one, version=one.version + 1, retracted=True)
        for one in added
    ]
    after = rescore(rescore(before, added), reverse)
    assert after.lines == before.lines
    assert after.totals == before.totals


@pytest.mark.slow
@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(0, 6))
def test_lines_do_not_hang_on_order_or_repetition(seed: int, which: int) -> None:
    source = random.Random(seed)
    rules_id, events = logs()[which]
    rules = registry.load(rules_id)
    shuffled = [*events, *source.choices(events, k=20)]
    source.shuffle(shuffled)
    assert score(rules, shuffled) == score(rules, events)


def test_a_correction_of_the_match_itself_concerns_everyone() -> None:
    rules_id, events = "f1-league", open_match(RACES[0], NOON).events
    rules = registry.load(rules_id)
    before = scorecard(rules, events)
    match = next(one for one in events if one.kind == "match")
    shortened = replace(match, version=2, attributes={**match.attributes, "distance_percent": 60})
    after = rescore(before, [shortened])
    assert after.touched == set(before.involved)
    assert after.totals["max-verstappen"] == 19 + 8
    assert same(after, scorecard(rules, [*events, shortened]))


def test_an_old_version_that_arrives_late_touches_nobody() -> None:
    rules = registry.load("fpl")
    squad = event("lineup:a", "lineup", player="a", name="A", team="T", role="forward")
    late, newest = event("g:1", "goal", 1, scorer="a", own=False), event("g:1", "goal", 2, scorer="b", own=False)
    before = scorecard(rules, [squad, newest])
    after = rescore(before, [late])
    assert after.touched == frozenset()
    assert same(after, scorecard(rules, [squad, newest, late]))


def player(name: str, version: int = 1, *, retracted: bool = False) -> Event:
    told = event(f"lineup:{name}", "lineup", version, player=name, name=name.upper(), team="T", role="forward")
    return replace(told, retracted=retracted)


def goal(number: int, scorer: str, version: int = 1) -> Event:
    return event(f"goal:{number}", "goal", version, scorer=scorer, own=False)


def test_a_correction_may_bring_a_player_and_take_one_away() -> None:
    rules = registry.load("fpl")
    log = [player("a"), player("b"), player("z"), goal(1, "z")]
    before = scorecard(rules, log)
    added = [player("a", 2, retracted=True), player("c"), goal(1, "c", 2), goal(2, "b")]
    after = rescore(before, added)
    assert same(after, scorecard(rules, [*log, *added]))
    assert after.totals == {"b": 4, "c": 4, "z": 0}
    assert after.touched == {"a", "b", "c", "z"}


def test_when_the_match_changes_along_with_other_events_everyone_is_concerned() -> None:
    events = open_match(RACES[0], NOON).events
    rules = registry.load("f1-league")
    before = scorecard(rules, events)
    match = next(one for one in events if one.kind == "match")
    around = [
        next(one for one in events if one.id == id_) for id_ in ("grid:race:lando-norris", "result:race:lando-norris")
    ]
    others = [replace(one, version=2, attributes={**one.attributes, "grid": 19, "position": 1}) for one in around]
    for changed in (
        replace(match, version=2, attributes={**match.attributes, "season": 2009}),
        replace(match, version=2, retracted=True),
    ):
        added = [others[0], changed, others[1]]
        after = rescore(before, added)
        assert after.touched == set(before.involved)
        assert same(after, scorecard(rules, [*events, *added]))
    gone = rescore(before, [replace(match, version=2, retracted=True)])
    assert gone.lines == ()
    back = rescore(gone, [replace(match, version=3)])
    assert back.touched == set(before.involved) and back.lines == before.lines


def test_the_preferred_provider_counts_in_full_and_in_part() -> None:
    rules = registry.load("fpl")
    log = [player("a"), player("b"), goal(1, "a"), replace(goal(1, "b"), provider="other")]
    assert scorecard(rules, log).totals == {"a": 0, "b": 4}  # "other" comes before "test"
    preferred = scorecard(rules, log, ["test"])
    assert preferred.totals == {"a": 4, "b": 0}
    assert score(rules, log, ["test"]) == preferred.lines
    later = replace(goal(1, "b", 2), provider="other")
    assert rescore(preferred, [later]).totals == {"a": 4, "b": 0}
    assert rescore(scorecard(rules, log[:3], ["test"]), log[3:]).totals == {"a": 4, "b": 0}


def test_players_who_leave_hide_nobody_who_stays() -> None:
    rules = registry.load("fpl")
    names = [f"{letter}{number}" for number in range(20) for letter in "ls"]
    log = [player(name) for name in names]
    leaving = [player(name, 2, retracted=True) for name in names if name.startswith("l")]
    scoring = [goal(number, f"s{number}") for number in range(20)]
    after = rescore(scorecard(rules, log), [*leaving, *scoring])
    assert after.totals == {f"s{number}": 4 for number in range(20)}
