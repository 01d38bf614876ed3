"""The event log: versions, corrections, past states, providers that disagree."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.engine.errors import EventError
from scoring.engine.events import collect, current, disagreements, observe, state_at
from tests.scoring.builders import NOON, event


def test_a_higher_version_supersedes_and_the_log_keeps_both() -> None:
    first = event("goal:1", "goal", scorer="a")
    second = event("goal:1", "goal", version=2, scorer="b")
    assert current([second, first]) == {"goal:1": second}
    assert set(collect([first, second]).values()) == {first, second}


def test_a_retraction_takes_the_event_away_and_a_later_version_brings_it_back() -> None:
    first = event("goal:1", "goal", scorer="a")
    gone = replace(first, version=2, retracted=True)
    back = replace(first, version=3)
    assert current([first, gone]) == {}
    assert current([back, gone, first]) == {"goal:1": back}


def test_one_version_with_two_contents_is_refused_in_any_order() -> None:
    one, other = event("goal:1", "goal", scorer="a"), event("goal:1", "goal", scorer="b")
    later = event("goal:1", "goal", version=2, scorer="c")
    for log in ([one, other], [other, one], [one, later, other], [later, one, other]):
        with pytest.raises(EventError, match="event goal:1: test gives version 1 with two contents"):
            current(log)


def test_the_same_version_seen_again_keeps_its_first_time() -> None:
    late = event("goal:1", "goal", seen_at=NOON + timedelta(hours=1), scorer="a")
    early = event("goal:1", "goal", scorer="a")
    assert state_at([late, early], NOON) == {"goal:1": early}
    assert [one.seen_at for one in collect([late, early]).values()] == [NOON]
    assert [one.seen_at for one in collect([early, late]).values()] == [NOON]


def test_state_at_a_time_includes_that_time() -> None:
    log = [
        event("x:1", "card", seen_at=NOON, player="a"),
        event("x:1", "card", 2, seen_at=NOON + timedelta(hours=1), player="b"),
    ]
    assert state_at(log, NOON - timedelta(microseconds=1)) == {}
    assert state_at(log, NOON)["x:1"].version == 1
    assert state_at(log, NOON + timedelta(minutes=59))["x:1"].version == 1
    assert state_at(log, NOON + timedelta(hours=1))["x:1"].version == 2


def test_the_hash_is_of_the_content_alone() -> None:
    one = event("goal:1", "goal", scorer="a", minute=7)
    same = replace(one, version=9, seen_at=NOON + timedelta(days=1), provider="other")
    assert one.sha256 == same.sha256 == event("goal:1", "goal", minute=7, scorer="a").sha256
    different = [
        event("goal:2", "goal", scorer="a", minute=7),
        event("goal:1", "card", scorer="a", minute=7),
        event("goal:1", "goal", scorer="a", minute=8),
        replace(one, retracted=True),
    ]
    assert len({one.sha256, *(other.sha256 for other in different)}) == 5


def test_observe_appends_only_what_changed() -> None:
    log = [event("a:1", "card", player="x"), event("b:1", "card", player="x"), event("c:1", "card", player="x")]
    later = NOON + timedelta(hours=1)
    snapshot = [
        event("a:1", "card", seen_at=later, player="x"),
        event("b:1", "card", seen_at=later, player="y"),
        event("d:1", "card", seen_at=later, player="z"),
    ]
    appended = {one.id: one for one in observe(log, snapshot)}
    assert appended.keys() == {"b:1", "c:1", "d:1"}
    assert (appended["b:1"].version, appended["c:1"].version, appended["d:1"].version) == (2, 2, 1)
    assert appended["c:1"].retracted and appended["c:1"].seen_at == later
    assert {id_: one.attributes for id_, one in current([*log, *appended.values()]).items()} == {
        one.id: one.attributes for one in snapshot
    }
    assert observe([*log, *appended.values()], snapshot) == []
    assert observe(log, []) == []


def test_observe_keeps_a_provider_s_own_higher_version_and_leaves_other_providers_alone() -> None:
    log = [event("a:1", "card", player="x"), event("z:1", "card", provider="other", player="x")]
    assert [(one.id, one.version) for one in observe(log, [event("a:1", "card", 7, player="y")])] == [("a:1", 7)]
    reason = r"^snapshot: events of several providers \(other, test\); observe one at a time$"
    with pytest.raises(EventError, match=reason):
        observe([], log)


def test_of_several_providers_the_preferred_one_is_believed() -> None:
    log = [event("a:1", "card", provider="beta", player="b"), event("a:1", "card", 5, provider="gamma", player="c")]
    assert current(log)["a:1"].provider == "beta"
    assert current(log, prefer=["gamma"])["a:1"].provider == "gamma"
    assert current(log[::-1], prefer=["gamma", "beta"])["a:1"].provider == "gamma"


def test_disagreements_name_event_attribute_and_both_values() -> None:
    left = [
        event("r:1", "result", provider="one", driver="x", position=1, laps=None),
        event("r:2", "result", provider="one", driver="y", position=2),
        event("p:1", "pit_stop", provider="one", driver="x"),
    ]
    right = [
        event("r:1", "result", provider="two", driver="x", position=2, laps=56),
        event("r:3", "result", provider="two", driver="z", position=3),
    ]
    found = [(one.event, one.attribute, dict(one.values)) for one in disagreements(left, right)]
    assert found == [
        ("r:1", "position", {"one": 1, "two": 2}),
        ("r:2", "", {"one": "result", "two": None}),
        ("r:3", "", {"one": None, "two": "result"}),
    ]
    assert disagreements(left, [replace(one, provider="two") for one in left]) == []
    with pytest.raises(EventError, match="give the logs of two providers"):
        disagreements(left, left)


@given(st.integers(0, 2**32), st.integers(1, 40))
def test_order_and_repetition_do_not_matter(seed: int, size: int) -> None:
    source = random.Random(seed)
    log = [
        event(f"e:{source.randrange(8)}", "card", provider=source.choice("ab"), version=version, player=str(version))
        for version in range(1, size)
    ]
    shuffled = [*log, *source.choices(log, k=5)] if log else []
    source.shuffle(shuffled)
    assert current(shuffled) == current(log)
    assert current(shuffled, prefer=["b"]) == current(log, prefer=["b"])


def test_state_at_believes_the_preferred_provider_too() -> None:
    log = [event("a:1", "card", provider=name, player=name) for name in ("alpha", "beta")]
    assert state_at(log, NOON)["a:1"].provider == "alpha"
    assert state_at(log, NOON, ["beta"])["a:1"].provider == "beta"


def test_kinds_that_one_provider_does_not_report_are_no_disagreement() -> None:
    left = [event("r:1", "result", provider="one", driver="x", position=1)]
    right = [
        event("r:1", "result", provider="two", driver="x", extra=5),
        event("o:1", "overtakes", provider="two", driver="x"),
    ]
    assert disagreements(left, right) == []
    assert disagreements(right, left) == []
    assert disagreements(left, []) == disagreements([], left) == disagreements([], []) == []


def test_disagreements_of_one_provider_with_itself_are_no_question() -> None:
    log = [event("r:1", "result", provider="one", driver="x")]
    with pytest.raises(EventError, match=r"^disagreements: both logs are of one; give the logs of two providers$"):
        disagreements(log, log)
