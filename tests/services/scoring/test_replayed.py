"""A season of Formula 1 and a week of the IPL through the service, with thousands of teams: ranks equal plain arithmetic.

Points come from the naive scorer (tests/scoring/naive.py), totals and ranks from plain arithmetic here.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from uuid import UUID, uuid4

import pytest

from services.scoring.units import PER_POINT
from tests.scoring import naive
from tests.scoring.builders import CRICKET, NOON, RACES
from tests.services.scoring.fixtures import Scoring

pytestmark = [pytest.mark.postgres, pytest.mark.nightly]

TEAMS = 10_000


@dataclass(frozen=True)
class Played:
    """A match as its feed tells it, and what everybody in it earned."""

    id: str
    source: str
    files: Mapping[str, str]
    points: Mapping[str, Fraction]


@dataclass(frozen=True)
class Game:
    """Matches that count together, how many a team picks, and its offices with their factors."""

    rules: str
    matches: Sequence[Played]
    size: int
    offices: Mapping[str, Fraction]


def season() -> Game:
    """2024, race by race."""
    matches = []
    for directory in (race for race in RACES if race.parts[-3] == "2024"):
        race = naive.table(directory, "race-results")
        files = {path.name: path.read_text() for path in sorted(directory.glob("*.yml"))}
        number = next(line.split(":")[1].strip() for line in files["race.yml"].splitlines() if line.startswith("id:"))
        points = _earned(naive.f1_league(directory))
        for row in race:
            points.setdefault(row["driverId"], Fraction(0))
        matches.append(Played(f"f1db:{number}", "f1db", files, points))
    return Game("f1-league@1.2.0", matches, 5, {"captain": Fraction(3, 2)})


def week() -> Game:
    """Six matches of the IPL."""
    matches = [
        Played(
            f"cricsheet:{path.stem}",
            "cricsheet",
            {"match.json": path.read_text()},
            _earned(naive.cricket(path, "cricket-t20-b")),
        )
        for path in CRICKET
    ]
    offices = {"captain": Fraction(2), "vice_captain": Fraction(3, 2)}
    return Game("cricket-t20-b@1.1.0", matches, 11, offices)


def _earned(lines: naive.Lines) -> dict[str, Fraction]:
    found: dict[str, Fraction] = {}
    for player, _, _, points in lines:
        found[player] = found.get(player, Fraction(0)) + Fraction(points)
    return found


def teams_of(game: Game) -> dict[UUID, tuple[list[str], dict[str, str]]]:
    """Random teams: players and offices."""
    source = random.Random(2026)
    names = sorted({player for match in game.matches for player in match.points})
    found = {}
    for _ in range(TEAMS):
        chosen = source.sample(names, game.size)
        found[UUID(int=source.getrandbits(128))] = chosen, dict(zip(game.offices, chosen, strict=False))
    return found


async def enter(
    scoring: Scoring, slate: str, contest: str, teams: Mapping[UUID, tuple[list[str], dict[str, str]]]
) -> None:
    """All of them, by the database: over the API it would be an hour of requests."""
    owner = await scoring.auth.cloud.connect(scoring.database, role="owner", service="scoring")
    rows, entries = [], []
    for number, (team, (chosen, offices)) in enumerate(teams.items(), start=1):
        roster = json.dumps({"players": chosen, "offices": offices, "bench": [], "chips": []})
        rows.append((team, UUID(slate), uuid4(), roster, sorted(chosen), 0, 0, NOON))
        entries.append((UUID(contest), team, number, NOON))
    columns = ["id", "slate_id", "owner_id", "roster", "members", "units", "changed_in", "created_at"]
    await owner.copy_records_to_table("teams", records=rows, columns=columns)
    columns = ["contest_id", "team_id", "number", "created_at"]
    await owner.copy_records_to_table("entries", records=entries, columns=columns)
    await owner.execute("UPDATE contests SET entered = $1", len(teams))
    await owner.close()


def ranked(totals: Mapping[UUID, int]) -> Iterator[tuple[int, str, Fraction]]:
    """Competitive ranks ("1224"), equals in the reverse order of their ids."""
    rank, before = 0, None
    order = sorted(totals, key=lambda team: (totals[team], team), reverse=True)
    for place, team in enumerate(order, start=1):
        if totals[team] != before:
            rank, before = place, totals[team]
        yield rank, str(team), Fraction(totals[team], PER_POINT)


@pytest.mark.parametrize("game", [season, week], ids=["f1-2024", "ipl-week"])
async def test_ranks_equal_an_independent_computation_after_each_match(
    scoring: Scoring, game: Callable[[], Game]
) -> None:
    played = game()
    assert len(played.matches) in (23, 6)
    rules = await scoring.rules(played.rules)
    slate = await scoring.slate(rules, *(match.id for match in played.matches))
    contest = await scoring.contest(slate)
    teams = teams_of(played)
    await scoring.work()
    await enter(scoring, slate, contest, teams)
    person = await scoring.auth.person()

    async def page(start: int) -> list[tuple[int, str, Fraction]]:
        board = await scoring.board(contest, person.bearer, f"?start={start}&count=200")
        return [(rank, team, Fraction(points)) for rank, team, points in board]

    totals = dict.fromkeys(teams, 0)
    for number, match in enumerate(played.matches, start=1):
        for team, (chosen, offices) in teams.items():
            earned = sum((match.points.get(player, Fraction(0)) for player in chosen), Fraction(0))
            for office, player in offices.items():
                earned += match.points.get(player, Fraction(0)) * (played.offices[office] - 1)
            units = earned * PER_POINT
            assert units.denominator == 1
            totals[team] += units.numerator
        await scoring.snapshot(match.id, match.source, match.files)
        await scoring.work()
        wanted = list(ranked(totals))
        starts = range(1, TEAMS, 200) if number == len(played.matches) else (1, 4001, 9801)
        for start in starts:
            assert await page(start) == wanted[start - 1 : start + 199], (match.id, start)
