"""The Cricsheet adapter: every kind of ball and dismissal, and files that contradict themselves."""

from __future__ import annotations

import json
from copy import deepcopy
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.engine import registry
from scoring.engine.errors import SourceError
from scoring.engine.scoring import score, scorecard
from scoring.sources import open_match
from scoring.sources.cricsheet import KINDS
from tests.scoring import naive
from tests.scoring.builders import AWAY, CRICKET, FIXTURES, HOME, NOON, ball, innings, match, parsed, wicket
from tests.scoring.published import CRICKET as TABLES

T20 = "cricket-t20-b"


def points(document: dict[str, Any], player: str, rules: str = T20) -> dict[str, int]:
    """Points by rule of one player; the same as the naive scorer's, or the test fails."""
    lines = score(registry.load(rules), parsed(document).events)
    plain = {(line.player, line.rule, line.group, float(line.points)) for line in lines}
    assert plain == naive.cricket_document(document, rules)
    return {line.rule: int(line.points) for line in lines if line.player == player}


def six(*balls: dict[str, Any]) -> list[dict[str, Any]]:
    """An over: the given balls, filled up with dot balls."""
    legal = sum(not {"wides", "noballs"} & one.get("extras", {}).keys() for one in balls)
    return [*balls, *(ball() for _ in range(6 - legal))]


@pytest.mark.parametrize(
    ("extras", "runs", "batter", "bowler"),
    [
        ({"wides": 1}, 0, {"faced": 0, "runs": 0}, {"charged": 1, "legal": 0}),
        ({"wides": 5}, 0, {"faced": 0, "runs": 0}, {"charged": 5, "legal": 0}),
        ({"noballs": 1}, 4, {"faced": 1, "runs": 4}, {"charged": 5, "legal": 0}),
        ({"noballs": 1, "byes": 2}, 0, {"faced": 1, "runs": 0}, {"charged": 1, "legal": 0}),
        ({"byes": 4}, 0, {"faced": 1, "runs": 0}, {"charged": 0, "legal": 1}),
        ({"legbyes": 1}, 0, {"faced": 1, "runs": 0}, {"charged": 0, "legal": 1}),
        ({"penalty": 5}, 1, {"faced": 1, "runs": 1}, {"charged": 1, "legal": 1}),
    ],
)
def test_extras(extras: dict[str, int], runs: int, batter: dict[str, int], bowler: dict[str, int]) -> None:
    document = match(innings("Home", [ball(runs, extras=extras)]))
    delivery = next(one for one in parsed(document).events if one.kind == "delivery")
    assert {**batter, **bowler}.items() <= delivery.attributes.items()
    assert delivery.attributes["total"] == runs + sum(extras.values())
    points(document, "h1")


def test_a_four_that_was_run_or_thrown_is_no_boundary() -> None:
    run_four = ball(4)
    run_four["runs"]["non_boundary"] = True
    document = match(innings("Home", [ball(4), run_four, ball(6), ball(5)]))
    assert points(document, "h1") == {"line-up": 4, "run": 19, "four": 4, "six": 6}


def test_maidens_need_a_whole_over_of_one_bowler_without_a_run_charged() -> None:
    byes = [ball(extras={"byes": 2}), ball(extras={"legbyes": 1}), *(ball() for _ in range(4))]
    assert points(match(innings("Home", byes)), "a1")["maiden"] == 12
    assert "maiden" not in points(match(innings("Home", [ball() for _ in range(5)])), "a1")
    assert "maiden" not in points(match(innings("Home", six(ball(extras={"wides": 1})))), "a1")
    assert "maiden" not in points(match(innings("Home", six(ball(extras={"noballs": 1})))), "a1")
    assert "maiden" not in points(match(innings("Home", six(ball(1)))), "a1")
    shared = [*(ball() for _ in range(3)), *(ball(bowler="A2") for _ in range(3))]
    assert "maiden" not in points(match(innings("Home", shared)), "a1")
    assert "maiden" not in points(match(innings("Home", shared)), "a2")


def test_an_over_that_the_umpire_counted_short_can_be_a_maiden() -> None:
    short = [ball() for _ in range(5)]
    document = match(innings("Home", short, six(ball(1)), miscounted_overs={"0": {"balls": 5, "umpire": "Umpire"}}))
    assert points(document, "a1")["maiden"] == 12
    noted = parsed(match(innings("Home", short, six()))).findings.notes
    assert len(noted) == 1 and "5 legal balls in an over of 6 that is not the last: scored as bowled" in noted[0]
    with pytest.raises(SourceError, match="4 legal balls in an over of 6 that is not the last"):
        parsed(match(innings("Home", short[:4], six())))


CREDITED = {"bowled", "caught", "caught and bowled", "lbw", "stumped", "hit wicket"}
NOT_OUT = {"retired hurt", "retired not out"}


@pytest.mark.parametrize("kind", KINDS)
def test_dismissals(kind: str) -> None:
    document = match(innings("Home", [ball(wickets=[wicket(kind)])]))
    batter, bowler = points(document, "h1"), points(document, "a1")
    assert ("duck" in batter) == (kind not in NOT_OUT)
    assert ("wicket" in bowler) == (kind in CREDITED)
    assert bowler.get("bowled-or-lbw", 0) == (8 if kind in ("bowled", "lbw") else 0)
    assert bowler.get("catch", 0) == (8 if kind == "caught and bowled" else 0)


def test_every_kind_of_dismissal_that_cricsheet_knows_is_known() -> None:
    assert set(KINDS) == CREDITED | NOT_OUT | {
        "run out", "retired out", "obstructing the field", "hit the ball twice", "handled the ball", "timed out",
    }  # fmt: skip


def test_fielders() -> None:
    def fielded(*wickets: dict[str, Any]) -> dict[str, Any]:
        return match(innings("Home", [ball(wickets=list(wickets))]))

    assert points(fielded(wicket("caught", "H1", "A5")), "a5")["catch"] == 8
    assert points(fielded(wicket("stumped", "H1", "A5")), "a5")["stumping"] == 12
    assert points(fielded(wicket("run out", "H2", "A5")), "a5")["run-out-direct"] == 12
    relay = fielded(wicket("run out", "H2", "A4", "A5", "A6"))
    assert "run-out-assist" not in points(relay, "a4")
    assert points(relay, "a5")["run-out-assist"] == points(relay, "a6")["run-out-assist"] == 6
    assert points(fielded({"kind": "caught", "player_out": "H1", "fielders": [{"substitute": True}]}), "a5") == {
        "line-up": 4
    }


def test_a_substitute_fielder_gets_nothing_and_is_no_player_of_the_match() -> None:
    caught = {"kind": "caught", "player_out": "H1", "fielders": [{"name": "Sub", "substitute": True}]}
    document = match(innings("Home", [ball(wickets=[caught])]))
    card = scorecard(registry.load(T20), parsed(document).events)
    assert "sub" not in card.totals
    assert card.totals["a1"] == 4 + 30 + 1
    points(document, "a1")


def test_a_substitute_fielder_whom_the_file_does_not_register_is_a_note() -> None:
    nobody = {"name": "Nobody", "substitute": True}
    helped = {"kind": "run out", "player_out": "H1", "fielders": [{"name": "A5"}, nobody]}
    read = parsed(match(innings("Home", [ball(wickets=[helped])])))
    card = scorecard(registry.load(T20), read.events)
    assert (card.totals["a5"], card.totals["a1"]) == (4 + 6, 4 + 1), "not a direct hit: two touched the ball"
    assert [note.rpartition(": ")[0].split("wickets")[1] for note in read.findings.notes] == [
        "[0].fielders[1].name: 'Nobody', a substitute, is not in info.registry.people"
    ]
    nobody["substitute"] = False
    with pytest.raises(SourceError, match=r"fielders\[1\]\.name: 'Nobody' is not in info\.registry\.people"):
        parsed(match(innings("Home", [ball(wickets=[helped])])))


def test_a_wicket_ball_without_a_run_is_a_dot_ball() -> None:
    assert points(match(innings("Home", [ball(wickets=[wicket("bowled")])])), "a1") == {
        "line-up": 4, "dot-ball": 1, "wicket": 30, "bowled-or-lbw": 8,
    }  # fmt: skip


@pytest.mark.parametrize("reason", ["concussion_substitute", "impact_player"])
@pytest.mark.parametrize("listed", [True, False])
def test_who_replaces_a_player_of_the_side_scores_like_one(reason: str, listed: bool) -> None:
    swap = {"match": [{"in": "New", "out": "H2", "team": "Home", "reason": reason}]}
    document = match(innings("Home", [ball(1), ball(4, batter="New", replacements=swap)]))
    document["info"]["registry"]["people"]["New"] = "new"
    if listed:
        document["info"]["players"]["Home"].append("New")
    assert points(document, "new") == {"line-up": 4, "run": 4, "four": 4}
    assert points(document, "h2") == {"line-up": 4}
    events = {one.id: one for one in parsed(document).events}
    assert events["lineup:new"].attributes["appearance"] == "substitute"
    assert events["substitution:1.000.02.0"].attributes == {
        "innings": 1, "over": 0, "team": "Home", "player_in": "new", "player_out": "h2", "reason": reason,
    }  # fmt: skip


def test_a_batter_who_retired_hurt_may_come_back_and_one_who_is_out_may_not() -> None:
    back = [ball(wickets=[wicket("retired hurt")]), ball(1, batter="H3"), ball(50 // 10)]
    assert points(match(innings("Home", back)), "h1")["run"] == 5
    with pytest.raises(SourceError, match=r"deliveries\[1\]\.batter: H1 bats again after being out"):
        parsed(match(innings("Home", [ball(wickets=[wicket("bowled")]), ball()])))
    with pytest.raises(SourceError, match="H1 bats again"):
        parsed(match(innings("Home", [ball(wickets=[wicket("retired out")]), ball(batter="H3", non_striker="H1")])))


def test_penalty_runs_outside_the_deliveries_belong_to_the_side_alone() -> None:
    document = match(
        innings("Home", [ball(1)], penalty_runs={"pre": 5}),
        innings("Away", [ball(2, batter="A1", non_striker="A2", bowler="H1")], penalty_runs={"post": 5}),
        outcome={"winner": "Away", "by": {"runs": 1}},
    )
    penalties = {one.id: one.attributes["runs"] for one in parsed(document).events if one.kind == "team_penalty"}
    assert penalties == {"team_penalty:1.pre": 5, "team_penalty:2.post": 5}
    points(document, "h1")


def test_super_overs_do_not_count_and_need_no_margin() -> None:
    path = FIXTURES / "cricket" / "ipl" / "1216517.json"
    tied = open_match(path, NOON)
    assert sum(one.attributes["super_over"] is True for one in tied.events if one.kind == "delivery") > 0
    assert max(int(str(one.attributes["innings"])) for one in tied.events if one.kind == "delivery") == 6
    with_super = json.loads(path.read_text())
    without = {**with_super, "innings": with_super["innings"][:2]}
    rules = registry.load(T20)
    totals = [scorecard(rules, parsed(document).events).totals for document in (with_super, without)]
    assert totals[0] == totals[1]


def test_the_match_event_says_how_it_ended() -> None:
    told = {
        path.stem: {name: one.attributes[name] for name in ("result", "method", "format")}
        for path in CRICKET
        for one in open_match(path, NOON).events
        if one.kind == "match"
    }
    assert told["1178424"] == {"result": "no result", "method": None, "format": "T20"}
    assert told["1216517"]["result"] == "tie"
    assert told["1370353"] == {"result": "won", "method": "D/L", "format": "T20"}


def test_ids_are_the_register_s_and_names_are_kept() -> None:
    told = open_match(FIXTURES / "cricket" / "ipl" / "1082591.json", NOON)
    lineup = {one.attributes["name"]: one.attributes["player"] for one in told.events if one.kind == "lineup"}
    assert lineup["Yuvraj Singh"] == "1c914163"
    assert len(lineup) == 22
    assert (told.id, told.title) == ("cricsheet:1082591", "Sunrisers Hyderabad v Royal Challengers Bangalore")
    assert told.facts["season"] == "2017"


def test_the_revision_of_the_file_is_the_version_of_its_events() -> None:
    document = match(innings("Home", [ball()]))
    document["meta"]["revision"] = 4
    assert {one.version for one in parsed(document).events} == {4}


def test_unknown_fields_are_tolerated_everywhere() -> None:
    document = match(innings("Home", [ball(1)]))

    def sprinkle(value: Any) -> Any:
        if isinstance(value, dict):
            exempt = value.keys() & {"Home", "H1"}
            return {key: sprinkle(item) for key, item in value.items()} | (
                {} if exempt else {"new_field": [{"x": 1.5}]}
            )
        return [sprinkle(item) for item in value] if isinstance(value, list) else value

    assert parsed(sprinkle(document)).events == parsed(document).events


def change(path: str, value: Any) -> Any:
    """A change to a file: the value at a dotted path set, or removed if it is None."""

    def apply(document: dict[str, Any]) -> None:
        *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        node: Any = document
        for step in steps:
            node = node[step]
        if value is None:
            del node[last]
        else:
            node[last] = value

    return apply


DELIVERY = "innings.0.overs.0.deliveries.0"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (f"{DELIVERY}.runs.total", 9, r"innings\[0\]\.overs\[0\]\.deliveries\[0\]\.runs\.total: 9 in total, but 1 and 0"),
        (f"{DELIVERY}.runs.extras", 1, r"runs\.extras: 1 extras, but wides, no-balls, byes … make 0"),
        (f"{DELIVERY}.runs.batter", "1.5", r"runs\.batter: expected a whole number, found '1.5'"),
        (f"{DELIVERY}.runs.batter", True, r"runs\.batter: expected a whole number, found True"),
        (f"{DELIVERY}.runs.batter", -1, r"runs\.batter: -1 is not between 0 and 40"),
        (f"{DELIVERY}.runs", None, r"deliveries\[0\]: 'runs' is missing"),
        (f"{DELIVERY}.batter", "A1", r"batter: 'A1' does not play for Home"),
        (f"{DELIVERY}.batter", "Umpire", r"batter: 'Umpire' does not play for Home"),
        (f"{DELIVERY}.bowler", "H3", r"bowler: 'H3' does not play for Away"),
        (f"{DELIVERY}.non_striker", "H1", r"non_striker: the batter at both ends"),
        (f"{DELIVERY}.batter", "Nobody", r"batter: 'Nobody' is not in info\.registry\.people"),
        (f"{DELIVERY}.extras", {"wides": 1}, r"runs\.extras: 0 extras, but"),
        (f"{DELIVERY}.wickets", [wicket("caught", "H2")], r"player_out: caught, but it is not the batter"),
        (f"{DELIVERY}.wickets", [wicket("run out", "H5")], r"player_out: run out, but neither of the two"),
        (f"{DELIVERY}.wickets", [wicket("vanished")], r"kind: 'vanished' is no dismissal"),
        (f"{DELIVERY}.wickets", [wicket("bowled"), wicket("bowled")], r"wickets\[1\]\.player_out: H1 is out twice"),
        (f"{DELIVERY}.wickets", [wicket("caught", "H1", "A1", "A2")], r"2 fielders for one caught"),
        (f"{DELIVERY}.wickets", [wicket("caught", "H1", "H4")], r"fielders\[0\]\.name: 'H4' does not play for Away"),
        (f"{DELIVERY}.wickets", {}, r"wickets: expected a list, found an object"),
        (f"{DELIVERY}.replacements", {"match": [{"in": "A1", "team": "Home"}]}, r"in: 'A1' plays for Away"),
        (f"{DELIVERY}.replacements", {"match": [{"in": "H1", "team": "Gods"}]}, r"team: 'Gods' does not play"),
        ("innings.0.team", "Others", r"innings\[0\]\.team: 'Others' does not play; the teams are Home and Away"),
        ("innings.0.overs.0.over", 1, r"overs\[0\]\.over: over 1 where over 0 is expected"),
        ("innings.0.super_over", "yes", r"super_over: expected true or false, found 'yes'"),
        ("innings", {"team": "Home"}, r"innings: expected a list"),
        ("info.teams", ["Home"], r"teams: a match has two different teams"),
        ("info.teams", ["Home", "Home"], r"teams: a match has two different teams"),
        ("info.players.Home", ["H1", "H1", "H2"], r"players\.Home\[1\]: H1 is listed twice"),
        ("info.players", {"Home": HOME, "Away": AWAY, "Extra": ["Sub"]}, r"players of 'Extra', which does not play"),
        ("info.players", {"Home": HOME, "Away": []}, r"no players of 'Away'"),
        ("info.registry", None, r"info: 'registry' is missing"),
        ("info.dates", [], r"dates: a match has at least one date"),
        ("info.outcome", {}, r"outcome: neither a winner nor a result"),
        ("info.outcome", {"result": "stolen"}, r"'stolen' is none of tie, draw, no result"),
        ("info.outcome", {"result": "tie"}, r"result: a tie, but the innings make 1 and 0"),
        ("info.outcome", {"winner": "Gods"}, r"winner: 'Gods' does not play"),
        ("info.outcome", {"winner": "Home", "by": {"runs": 5}}, r"by\.runs: won by 5 runs, but the innings make it 1"),
        ("info.outcome", {"winner": "Home", "by": {"wickets": 9}},
         r"wickets: Home by 9 wickets, but the last innings is of Home with 10"),
        ("info.balls_per_over", 0, r"balls_per_over: 0 is not between 1 and 10"),
        ("info", None, r"match\.json: 'info' is missing"),
        ("meta", [], r"meta: expected an object, found a list"),
    ],
)  # fmt: skip
def test_a_file_that_contradicts_itself_is_refused_with_the_place(path: str, value: Any, message: str) -> None:
    document = deepcopy(match(innings("Home", [ball(1)])))
    parsed(document)
    change(path, value)(document)
    with pytest.raises(SourceError, match=message):
        parsed(document)


def test_an_eleventh_wicket_and_an_eighth_ball_are_refused_and_a_seventh_is_noted() -> None:
    with pytest.raises(SourceError, match="8 legal balls in an over of 6"):
        parsed(match(innings("Home", [ball() for _ in range(8)])))
    assert "7 legal balls" in parsed(match(innings("Home", [ball() for _ in range(7)]))).findings.notes[0]
    names = [*HOME, "New"]
    pairs = [ball(batter=out, non_striker=other, wickets=[wicket("bowled", out)]) for out, other in pairwise(names)]
    document = match(innings("Home", pairs[:6], pairs[6:]))
    document["info"]["players"]["Home"] = names
    document["info"]["registry"]["people"]["New"] = "new"
    with pytest.raises(SourceError, match=r"overs\[1\]\.deliveries\[4\]: an eleventh wicket"):
        parsed(document)


def test_where_a_method_decided_margins_are_not_checked() -> None:
    document = match(innings("Home", [ball(1)]), outcome={"winner": "Home", "by": {"runs": 5}, "method": "D/L"})
    assert parsed(document).facts["outcome"] == "Home"


@st.composite
def matches(draw: st.DrawFn) -> dict[str, Any]:
    """Random matches of up to four innings, with everything that a ball can be."""
    count = draw(st.integers(1, 4))
    all_innings = []
    for number in range(count):
        batting, bowling = (HOME, AWAY) if number % 2 == 0 else (AWAY, HOME)
        waiting = list(batting)
        ends = [waiting.pop(0), waiting.pop(0)]
        overs: list[list[dict[str, Any]]] = []
        for over in range(draw(st.integers(0, 6))):
            if len(ends) < 2:
                break
            balls: list[dict[str, Any]] = []
            legal = 0
            bowler = bowling[(over % 2) + draw(st.integers(0, 1)) * 2]
            while legal < 6 and len(ends) == 2:
                extras = draw(
                    st.sampled_from(
                        [
                            {},
                            {},
                            {},
                            {},
                            {"wides": 1},
                            {"noballs": 1},
                            {"byes": 2},
                            {"legbyes": 1},
                            {"noballs": 1, "byes": 1},
                        ]
                    )
                )
                runs = 0 if "wides" in extras else draw(st.sampled_from([0, 0, 0, 1, 2, 4, 6]))
                legal += not {"wides", "noballs"} & extras.keys()
                more: dict[str, Any] = {"extras": extras} if extras else {}
                if draw(st.integers(0, 9)) == 0:
                    kind = draw(st.sampled_from(list(KINDS)))
                    out = draw(st.sampled_from(ends)) if kind == "run out" else ends[0]
                    fielders = {"caught": 1, "stumped": 1, "run out": draw(st.integers(0, 3))}.get(kind, 0)
                    more["wickets"] = [wicket(kind, out, *bowling[:fielders])]
                balls.append(ball(runs, batter=ends[0], non_striker=ends[1], bowler=bowler, **more))
                if "wickets" in more:
                    ends.remove(more["wickets"][0]["player_out"])
                    if waiting:
                        ends.append(waiting.pop(0))
                elif runs % 2:
                    ends.reverse()
            overs.append(balls)
        all_innings.append(innings("Home" if number % 2 == 0 else "Away", *overs))
    return match(*all_innings)


@pytest.mark.slow
@settings(max_examples=40)  # a tenth of a second each; `make fuzz` tries 800
@given(matches(), st.sampled_from(list(TABLES)))
def test_random_matches_score_like_the_naive_implementation(document: dict[str, Any], rules: str) -> None:
    points(document, "h1", rules)
