"""`matchday score` and `matchday rules`, as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from cli.rules import app as rules_app
from cli.score import score
from scoring.engine import parsing, registry
from scoring.engine.scoring import scorecard
from scoring.sources import normalised, open_match
from tests.scoring.builders import CRICKET, FIXTURES, NOON, RACES

app = typer.Typer()
app.command("score")(score)
app.add_typer(rules_app, name="rules")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def lines_of(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def refused(result: Result) -> str:
    """The one line of an error: exit code 2, nothing on standard output, no traceback."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1 and "Traceback" not in result.stderr
    return result.stderr


def test_the_table_of_a_match(ipl: Path) -> None:
    lines = lines_of(run("score", ipl, "--rules", "cricket-t20-a"))
    assert lines[0] == "Rajasthan Royals v Lucknow Super Giants · 2022-04-10 · cricket-t20-a@1.1.0"
    assert lines[3].split() == ["1", "YS", "Chahal", "Rajasthan", "Royals", "126"]
    assert len([line for line in lines if "Royals" in line or "Giants" in line]) == 1 + 22
    assert lines[-1].startswith("note: cricsheet does not record: players' roles")


def test_explain_prints_the_lines_behind_the_points(ipl: Path) -> None:
    text = run("score", ipl, "--rules", "cricket-t20-b", "--explain").stdout
    assert "1. YS Chahal (Rajasthan Royals): 153" in text
    assert "+120  Wicket: wickets 4 (4 events)" in text
    assert "-2  Economy rate: runs conceded 41, balls bowled 24: 10.25 runs per over" in text


def test_json_has_exactly_the_promised_shape(austin: Path) -> None:
    document = json.loads(run("score", austin, "--rules", "f1-league@1.2.0", "--json").stdout)
    rules = registry.load("f1-league")
    assert document.keys() == {"match", "rules", "players"}
    assert document["rules"] == {"id": "f1-league", "version": "1.2.0", "sha256": rules.sha256}
    assert document["match"]["id"] == "f1db:1097"
    assert all(player.keys() == {"id", "name", "team", "points", "lines"} for player in document["players"])
    assert all(
        line.keys() == {"rule", "points", "events"} for player in document["players"] for line in player["lines"]
    )
    first = document["players"][0]
    assert (first["id"], first["name"], first["team"], first["points"]) == (
        "max-verstappen",
        "Max Verstappen",
        "Red Bull",
        "33",
    )
    assert first["lines"] == [
        {"rule": "race-2023", "points": "25", "events": ["result:race:max-verstappen"]},
        {"rule": "sprint-2022", "points": "8", "events": ["result:sprint:max-verstappen"]},
    ]
    assert len(document["players"]) == 20  # constructors are no players of this game


@pytest.mark.slow
def test_a_season_of_f1_and_several_ipl_matches_in_one_run_each() -> None:
    season = [
        json.loads(line)
        for line in lines_of(run("score", FIXTURES / "f1db" / "seasons" / "2024", "--rules", "f1-league", "--json"))
    ]
    races = [path for path in RACES if "2024" in path.parts]
    assert len(season) == len(races) == 23
    standings: dict[str, float] = {}
    for document in season:
        for player in document["players"]:
            standings[player["id"]] = standings.get(player["id"], 0) + float(player["points"])
    # Verstappen's 437 points of 2024 less the 18 that he took in Belgium (round 14), which is not among the fixtures.
    assert sorted(standings.items(), key=lambda item: -item[1])[0] == ("max-verstappen", 437 - 12)
    ipl = [
        json.loads(line)
        for line in lines_of(run("score", FIXTURES / "cricket" / "ipl", "--rules", "cricket-t20-b", "--json"))
    ]
    assert [document["match"]["id"] for document in ipl] == [f"cricsheet:{path.stem}" for path in CRICKET]
    assert len(lines_of(run("score", FIXTURES / "cricket" / "ipl", "--rules", "cricket-t20-b"))) > 22 * 6


def roster(path: Path, **changes: Any) -> Path:
    drivers = [
        ("max-verstappen", "30"),
        ("lando-norris", "25.5"),
        ("carlos-sainz-jr", "20"),
        ("yuki-tsunoda", "10"),
        ("lance-stroll", "9"),
    ]
    document = {
        "players": [{"id": driver, "price": price} for driver, price in drivers],
        "offices": {"captain": "max-verstappen"},
    }
    path.write_text(json.dumps({**document, **changes}))
    return path


def test_a_roster_is_scored_with_its_captain(austin: Path, tmp_path: Path) -> None:
    given = roster(tmp_path / "roster.json")
    document = json.loads(run("score", austin, "--rules", "f1-league", "--roster", given, "--json").stdout)
    assert document["roster"]["points"] == "101.5"  # 33 × 1.5 + 23 + 18 + 5 + 6
    assert document["roster"]["players"][0] == {
        "id": "max-verstappen", "points": "33", "factor": "1.5", "contribution": "49.5", "because": "Captain",
    }  # fmt: skip
    assert "roster total: 101.5" in run("score", austin, "--rules", "f1-league", "--roster", given).stdout


def test_roles_of_the_player_list_spare_pure_bowlers_the_duck_and_those_of_a_roster_do_not(
    ipl: Path, tmp_path: Path
) -> None:
    match = open_match(ipl, NOON)
    card = scorecard(registry.load("cricket-t20-b"), match.events)
    names = {profile.text("name"): player for player, profile in card.profiles.items()}
    roles = {
        "wicketkeeper": ["SV Samson", "Q de Kock"], "batter": ["SO Hetmyer", "D Padikkal", "KL Rahul"],
        "all_rounder": ["R Ashwin", "JO Holder"], "bowler": ["YS Chahal", "TA Boult", "K Gowtham", "Avesh Khan"],
    }  # fmt: skip
    picks = [{"id": names[name], "role": role, "price": 9} for role, members in roles.items() for name in members]
    path = tmp_path / "roster.json"
    path.write_text(
        json.dumps({"players": picks, "offices": {"captain": names["YS Chahal"], "vice_captain": names["SO Hetmyer"]}})
    )
    plain = json.loads(run("score", ipl, "--rules", "cricket-t20-b", "--roster", path, "--json").stdout)
    assert next(player["points"] for player in plain["players"] if player["name"] == "K Gowtham") == "89"
    listed = tmp_path / "players.json"
    listed.write_text(json.dumps({"players": picks}))
    document = json.loads(
        run("score", ipl, "--rules", "cricket-t20-b", "--roster", path, "--players", listed, "--json").stdout
    )
    by_name = {player["name"]: player for player in document["players"]}
    assert "duck" in {line.rule for line in card.by_player[names["K Gowtham"]]}
    assert "duck" not in {line["rule"] for line in by_name["K Gowtham"]["lines"]}
    assert by_name["K Gowtham"]["points"] == "91"
    total = sum(float(player["contribution"]) for player in document["roster"]["players"])
    assert float(document["roster"]["points"]) == total


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"players": [{"id": "max-verstappen"}, {"id": "fangio"}, {"id": "senna"}]},
            "3 players; a roster has 5",
        ),
        ({"players": [{"id": "fangio"}, {"id": "senna"}]}, "nobody of the roster is in this match"),
        ({"players": [{"id": "max-verstappen"}, {"id": "max-verstappen"}]}, "'max-verstappen' stands twice"),
        ({"players": [{"id": "max-verstappen", "price": 10}]}, "1 players; a roster has 5 [roster.size]"),
        ({"offices": {}}, "nobody is captain [roster.offices.captain]"),
        (
            {"players": [{"id": "max-verstappen", "role": "constructor"}]},
            "role of 'max-verstappen' is 'constructor'; the match says 'driver'",
        ),
        (
            {"players": [{"id": "max-verstappen", "price": "cheap"}]},
            "players[0].price: 'cheap' is no price such as 9 or '8.5'",
        ),
        ({"players": [{"id": "max-verstappen", "price": -1}]}, "players[0].price: -1 is no price"),
        ({"players": 5}, "players: expected a list, found 5"),
        ({"chips": ["x"]}, "'x' is no chip of f1-league"),
    ],
)
def test_a_roster_that_cannot_play_is_refused(
    changes: dict[str, Any], message: str, austin: Path, tmp_path: Path
) -> None:
    given = roster(tmp_path / "roster.json", **changes)
    assert message in refused(run("score", austin, "--rules", "f1-league", "--roster", given))


def test_a_variant_is_chosen_by_name(ipl: Path) -> None:
    standard = json.loads(run("score", ipl, "--rules", "cricket-t20-b", "--json").stdout)
    variant = json.loads(run("score", ipl, "--rules", "cricket-t20-b", "--json", "--set", "wicket=25").stdout)
    assert standard["rules"]["sha256"] != variant["rules"]["sha256"]
    assert (standard["players"][0]["points"], variant["players"][0]["points"]) == ("153", "133")
    assert "expected NAME=VALUE" in refused(run("score", ipl, "--rules", "cricket-t20-b", "--set", "wicket"))
    assert "is not one of its choices" in refused(run("score", ipl, "--rules", "cricket-t20-b", "--set", "wicket=9"))


def test_an_event_log_of_any_sport_can_be_scored(ipl: Path, tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_text(json.dumps(normalised.to_document(open_match(ipl, NOON))))
    one, other = (
        json.loads(run("score", source, "--rules", "cricket-t20-b", "--json").stdout) for source in (ipl, path)
    )
    assert one["players"] == other["players"]


def test_rules_made_for_another_format_score_with_a_note(ipl: Path) -> None:
    assert (
        "note: cricket-odi is made for matches whose format is ODI or ODM and balls_per_over is 6; this one is not"
        in run("score", ipl, "--rules", "cricket-odi").stdout
    )


def test_bad_input(ipl: Path, austin: Path, tmp_path: Path) -> None:
    truncated = tmp_path / "truncated.json"
    truncated.write_bytes(ipl.read_bytes()[:5000])
    latin = tmp_path / "latin.json"
    latin.write_bytes(b'{"info": "\xe9"}')
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(200_000_000)
    rules = tmp_path / "rules.json"
    rules.write_text('{"sport": "cricket"}')
    empty = tmp_path / "empty"
    empty.mkdir()
    cases: dict[str, Result] = {
        "nowhere.json: No such file": run("score", tmp_path / "nowhere.json", "--rules", "cricket-t20-a"),
        "truncated.json: not JSON": run("score", truncated, "--rules", "cricket-t20-a"),
        "latin.json: not UTF-8 (byte 10)": run("score", latin, "--rules", "cricket-t20-a"),
        "huge.json: 200 MB": run("score", huge, "--rules", "cricket-t20-a"),
        "unknown id 'ipl'": run("score", ipl, "--rules", "ipl"),
        "has no version '2.0.0'": run("score", ipl, "--rules", "cricket-t20-a@2.0.0"),
        "is for f1; cricsheet:1304066 is cricket": run("score", ipl, "--rules", "f1-league"),
        "rules.json: ": run("score", ipl, "--rules", rules),
        "holds no match": run("score", empty, "--rules", "f1-league"),
        "choose one of the two": run("score", ipl, "--rules", "cricket-t20-a", "--json", "--explain"),
        "roster.json: No such file": run("score", austin, "--rules", "f1-league", "--roster", tmp_path / "roster.json"),
    }
    for message, result in cases.items():
        assert message in refused(result)


@pytest.mark.slow
def test_rules_list() -> None:
    lines = lines_of(run("rules", "list"))
    assert [line.split()[0] for line in lines] == [
        "id",
        *(id_ for id_, known in registry.published().items() for _ in known),
    ]
    assert lines[-1].split()[:3] == ["fpl", "1.3.0", registry.load("fpl").sha256[:12]]


def test_rules_lint(tmp_path: Path) -> None:
    assert run("rules", "lint").output == ""
    assert run("rules", "lint", "fpl@1.0.0").exit_code == 0
    document = json.loads((parsing.RULES_DIRECTORY / "fpl@1.0.0.json").read_text())
    document["rules"][0]["cases"][0]["when"] = {"minutes": {"at_least": 1}}
    document["rules"][5]["each"]["points"] = "0"
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(document))
    result = run("rules", "lint", path)
    assert result.exit_code == 1  # the question was asked, and the answer is no
    assert result.stdout.splitlines() == [
        f"{path}: error: rules.appearance.cases[1]: whatever meets it meets case 0 first [unreachable]",
        f"{path}: warning: rules.assist: gives 0 points whatever happens [no-effect]",
    ]
    assert result.stderr == "matchday: lint: 1 error\n"
    path.write_text("{}")
    assert "sport: None is not one of cricket, f1, football" in refused(run("rules", "lint", path))


def test_rules_explain_diff_and_impact(ipl: Path) -> None:
    assert run("rules", "explain", "fpl").stdout.startswith("# Fantasy Premier League\n")
    assert "rules.wicket.each.points: 25 → 30" in lines_of(run("rules", "diff", "cricket-t20-a", "cricket-t20-b"))
    assert lines_of(run("rules", "diff", "fpl", "fpl@1.3.0")) == ["no difference"]
    lines = lines_of(run("rules", "impact", "cricket-t20-a", "cricket-t20-b", ipl))
    assert lines[0].split() == ["player", "before", "after", "change", "rank", "because", "of"]
    assert lines_of(run("rules", "impact", "cricket-odi", "cricket-odi@1.1.0", ipl)) == ["nobody moves"]
    assert "fpl@1.3.0: is for football; cricsheet:1304066 is cricket" in refused(
        run("rules", "impact", "fpl", "fpl", ipl)
    )
    assert "unknown id 'x'" in refused(run("rules", "explain", "x"))
    assert "is for football" in refused(run("rules", "impact", "cricket-t20-a", "fpl", ipl))


@pytest.mark.slow
def test_the_championship_after_a_directory() -> None:
    """2023 and 2025 have some of their races here; the sums are those of the races one by one."""
    season = FIXTURES / "f1db" / "seasons" / "2025"
    *races, table = [
        json.loads(line) for line in lines_of(run("score", season, "--rules", "f1-league", "--json", "--standings"))
    ]
    expected: dict[str, float] = {}
    for each in races:
        for player in each["players"]:
            expected[player["id"]] = expected.get(player["id"], 0) + float(player["points"])
    found = {each["id"]: float(each["points"]) for each in table["standings"]}
    assert found == expected
    assert table["rules"]["id"] == "f1-league" and {each["dropped"] for each in table["standings"]} == {"0"}
    text = lines_of(run("score", season, "--rules", "f1-constructors", "--standings"))
    (head,) = [place for place, line in enumerate(text) if line.split() == ["#", "player", "points", "dropped"]]
    assert text[head + 1].split()[:2] == ["1", "McLaren"]


def test_weeks_of_a_season(tmp_path: Path) -> None:
    """The gameweek of the case file twice: the same squad, then one transfer more than is free."""
    case = Path(__file__).parent / "cases" / "fpl-autosub"
    gameweek, squad = json.loads((case / "gameweek.json").read_text()), json.loads((case / "squad.roster").read_text())
    for number in (1, 2):
        gameweek["match"]["id"] = f"x:{number}"
        (tmp_path / f"{number}.json").write_text(json.dumps(gameweek))
    roster = tmp_path / "season.roster"

    def weeks(*matches: list[str], **chips: list[str]) -> dict[str, Any]:
        planned = [
            {"id": f"GW{n}", "matches": ids, "roster": {**squad, "chips": chips.get(f"gw{n}", [])}}
            for n, ids in enumerate(matches, start=1)
        ]
        roster.write_text(json.dumps({"weeks": planned}))
        found: dict[str, Any] = json.loads(
            lines_of(run("score", tmp_path, "--rules", "fpl", "--roster", roster, "--json"))[-1]
        )
        return found

    each = weeks(["x:1"], ["x:2"])
    assert [week["points"] for week in each["weeks"]] == ["50", "50"] and each["points"] == "100"
    (double,) = weeks(["x:1", "x:2"])["weeks"]
    assert double["points"] == "100", "two matches of one week count together"
    assert {"points": "50", "transfers": 0, "paid_transfers": 0, "cost": "0"}.items() <= each["weeks"][1].items()
    roster.write_text(json.dumps({"weeks": [{"id": "GW1", "matches": ["x:9"], "roster": squad}]}))
    missing = run("score", tmp_path, "--rules", "fpl", "--roster", roster)
    assert missing.exit_code == 2 and "not among the matches scored here: x:9" in missing.stderr
    alone = run("score", tmp_path / "1.json", "--rules", "fpl", "--roster", roster)
    assert "several matches are a directory of them" in refused(alone)
