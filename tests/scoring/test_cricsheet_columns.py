"""The quick reading of innings says what the careful one says, or leaves them to it; so does the quick parsing."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.engine import registry
from scoring.engine.errors import SourceError
from scoring.engine.scoring import score, scorecard
from scoring.engine.tables import beside
from scoring.sources import cricsheet, cricsheet_columns, open_match
from scoring.sources.reading import Node
from tests.scoring.builders import CRICKET, NOON, ball, event, innings, match, wicket

SMALL = st.integers(-1, 45)
VALUES: st.SearchStrategy[Any] = st.one_of(
    SMALL, st.sampled_from(["", "H1", "H2", "A1", "A2", "nobody", None, True, [], {}, "4"])
)
PLACES = [
    ("batter",),
    ("bowler",),
    ("non_striker",),
    ("runs",),
    ("runs", "batter"),
    ("runs", "extras"),
    ("runs", "total"),
]
EXTRAS = [("extras",), *[("extras", name) for name in ("wides", "noballs", "byes", "legbyes", "penalty", "other")]]


def read(document: Any) -> Any:
    """Events of a match, or how it is refused."""
    try:
        found = cricsheet.from_node(Node(document, "x"), "1", NOON)
    except SourceError as error:
        return str(error)
    by_id = sorted(found.events, key=lambda event: event.id)
    return by_id, found.findings.notes, scorecard(registry.load("cricket-t20-b"), found.events).lines


def careful(document: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patched:
        patched.setattr(cricsheet, "columns", lambda *_: None)
        return read(document)


@pytest.mark.parametrize("path", CRICKET, ids=lambda path: path.stem)
def test_real_matches_are_read_alike(path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert read(document) == careful(document, monkeypatch)


@given(st.lists(st.tuples(st.sampled_from([*PLACES, *EXTRAS]), VALUES), max_size=4), st.integers(0, 6))
def test_odd_deliveries_are_read_or_refused_alike(changes: list[tuple[tuple[str, ...], Any]], runs: int) -> None:
    odd = ball(runs)
    for path, value in changes:
        place: Any = odd
        for name in path[:-1]:
            place = place.setdefault(name, {}) if isinstance(place, dict) else {}
        if isinstance(place, dict):
            place[path[-1]] = copy.deepcopy(value)
    document = match(innings("Home", [odd, *[ball() for _ in range(5)]]), outcome={"result": "no result"})
    with pytest.MonkeyPatch.context() as patched:
        assert read(document) == careful(document, patched)


BATTERS = st.sampled_from(["H1", "H2", "H3", "H4"])
WICKETS = st.builds(
    wicket, st.sampled_from(["bowled", "caught", "run out", "retired hurt", "timed out", "shot"]), BATTERS
)
SWAPS = st.sampled_from(
    [
        {"replacements": {"match": [{"in": "Sub", "out": "H3", "team": "Home", "reason": "impact_player"}]}},
        {"replacements": {"match": [{"in": "A5", "out": "H3", "team": "Home", "reason": "impact_player"}]}},
        {"replacements": {"role": [{"in": "A5", "role": "bowler"}]}},
        {"review": {"by": "Home", "decision": "upheld"}},
    ]
)
DELIVERIES = st.builds(
    lambda runs, batter, other, bowler, extras, wickets, more: ball(
        runs, batter=batter, non_striker=other, bowler=bowler, extras=extras, wickets=wickets, **more
    ),
    st.sampled_from([0, 1, 4, 6]),
    BATTERS,
    st.sampled_from(["H5", "H6", "Sub"]),
    st.sampled_from(["A1", "A1", "A2"]),
    st.sampled_from([{}, {}, {"wides": 1}, {"noballs": 1, "byes": 2}, {"legbyes": 4}, {"penalty": 5}]),
    st.lists(WICKETS, max_size=1),
    st.one_of(st.just({}), st.just({}), SWAPS),
)


@given(
    st.lists(st.lists(DELIVERIES, min_size=1, max_size=7), min_size=1, max_size=4),
    st.sampled_from(
        [{}, {"miscounted_overs": {"1": {"balls": 5}}}, {"miscounted_overs": {"0": "x"}}, {"super_over": True}]
    ),
)
def test_innings_are_read_or_refused_alike(overs: list[list[dict[str, Any]]], more: dict[str, Any]) -> None:
    document = match(innings("Home", *overs, **more), innings("Away"))
    with pytest.MonkeyPatch.context() as patched:
        assert read(document) == careful(document, patched)


def test_whoever_is_out_and_bats_again_is_left_to_the_careful_reader() -> None:
    again = match(innings("Home", [ball(wickets=[wicket("bowled")]), ball(), *[ball(batter="H3")] * 4]))
    assert "bats again after being out" in read(again)
    hurt = match(innings("Home", [ball(wickets=[wicket("retired hurt")]), ball(), *[ball(batter="H3")] * 4]))
    assert len(read(hurt)) == 3


@pytest.mark.parametrize("path", CRICKET, ids=lambda path: path.stem)
def test_real_matches_have_their_keys_counted(path: Any) -> None:
    """Else each of them would be parsed twice."""
    text = path.read_text(encoding="utf-8")
    assert cricsheet_columns.matches_its_text(json.loads(text), text.count(":"))


@given(st.integers(0, 400), st.sampled_from(['"batter": "H3"', '"runs": 3', '"extras": {}', '"over": 0', '"x": "a:b"']))
def test_a_key_that_stands_twice_is_never_lost(place: int, added: str) -> None:
    """A key is written into the text wherever one may stand: it is either alone there, or seen to be the second."""
    text = json.dumps(match(innings("Home", [ball(4), ball(extras={"wides": 1}, wickets=[wicket("bowled")])])))
    starts = [index for index, sign in enumerate(text) if sign == "{" and text[index + 1] == '"']
    at = starts[place % len(starts)] + 1
    text = f"{text[:at]}{added}, {text[at:]}"

    twice = False

    def alone(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        twice = twice or len({name for name, _ in pairs}) < len(pairs)
        return dict(pairs)

    value = json.loads(text, object_pairs_hook=alone)
    assert not (twice and cricsheet_columns.matches_its_text(value, text.count(":")))


def test_runs_that_are_text_do_not_make_up_for_a_lost_key(tmp_path: Any) -> None:
    text = json.dumps(match(innings("Home", [{**ball(), "runs": "four"}])))
    doubled = text.replace('"over": 0', '"over": 1, "over": 2, "over": 3, "over": 0')
    (tmp_path / "1.json").write_text(doubled, encoding="utf-8")
    with pytest.raises(SourceError, match="stands twice"):
        open_match(tmp_path / "1.json", NOON)


@pytest.mark.parametrize("path", CRICKET[:2], ids=lambda path: path.stem)
def test_columns_score_as_events_do(path: Any) -> None:
    """What the source gives as columns, and the same as a list of events in any order."""
    log = open_match(path, NOON).events
    for rules in ("cricket-t20-b", "cricket-test", "cricket-odi"):
        card = scorecard(registry.load(rules), log)
        assert card.lines == score(registry.load(rules), list(reversed(log)))
        assert card.lines and card.context["format"] == "T20"


def test_roles_of_a_player_list_stand_beside_the_columns() -> None:
    rules, log = registry.load("cricket-t20-b"), open_match(CRICKET[0], NOON).events
    bowlers = sorted({str(one.attributes["bowler"]) for one in log if one.kind == "delivery"})
    roles = [event(f"role:{player}", "role", provider="list", player=player, role="bowler") for player in bowlers]
    card = scorecard(rules, beside(log, roles))
    assert card.lines == score(rules, [*log, *roles]) != score(rules, log)
    assert len(beside(log, roles)) == len(log) + len(roles) == len(card.state)
    assert scorecard(rules, beside(log, [log[0]])).lines == score(
        rules, log
    )  # a kind of the file's own: judged event by event
