"""Seasons and leagues: ranks of players by the best team of each slate, equal to plain sorting, through all that may happen."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from fractions import Fraction
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from scoring.engine import RosterScorer, load, rank, scorecard
from scoring.sources import open_match
from services.scoring import boards, seasons, units
from services.scoring.rankings_repository import of_season
from services.scoring.rescoring import roster_of
from services.scoring.tasks import jobs
from tests.scoring.builders import NOON
from tests.scoring.test_us_gp_2023 import FLAG
from tests.services.scoring.fixtures import Scoring
from tests.services.scoring.races import AUSTIN, MOVING, RACE, RULES, STEADY, drivers, picks, texts
from tests.services.support import environ

pytestmark = pytest.mark.postgres

PLAYERS, SLATES = 40, 3

#: Slate → player → their teams.
Entered = dict[str, dict[str, list[dict[str, Any]]]]
Place = tuple[int, str, str]


async def entered(scoring: Scoring, slates: list[str], extra: tuple[str, ...] = ()) -> Entered:
    """Up to three teams of each player in each slate, by the database; who has none in a slate earns nothing there."""
    source = random.Random(1950)
    names = [driver["id"] for driver in drivers()]
    owner = await scoring.auth.cloud.connect(scoring.database, role="owner", service="scoring")
    players = [str(UUID(int=source.getrandbits(128))) for _ in range(PLAYERS)] + list(extra)
    made: Entered = {slate: {} for slate in slates}
    rows = []
    for slate, player in itertools.product(slates, players):
        for _ in range(source.choice((0, 1, 1, 3))):
            # Few drivers, so that many totals are equal.
            team = picks(*source.sample(names[:8], 5))
            made[slate].setdefault(player, []).append(team)
            roster = json.dumps({"bench": [], "chips": [], **team})
            rows.append((uuid4(), UUID(slate), UUID(player), roster, sorted(team["players"]), 0, 0, NOON))
    columns = ["id", "slate_id", "owner_id", "roster", "members", "units", "changed_in", "created_at"]
    await owner.copy_records_to_table("teams", records=rows, columns=columns)
    await owner.close()
    return made


def sorted_out(made: Entered, match: Any, among: set[str] | None = None) -> list[Place]:
    """The board by plain arithmetic over the file alone."""
    rules = load(RULES)
    scorer = RosterScorer(rules, scorecard(rules, match.events).lines)
    totals: dict[str, Fraction] = dict.fromkeys(among or (), Fraction(0))
    for teams_of in made.values():
        for player, teams in teams_of.items():
            best = max(scorer.score(roster_of({"bench": [], "chips": [], **team}, {})).total for team in teams)
            if among is None or player in among:
                totals[player] = totals.get(player, Fraction(0)) + best
    ranks = rank(totals)
    order = sorted(totals, key=lambda player: (totals[player], player), reverse=True)
    return [(ranks[player], player, units.shown(units.units(totals[player]))) for player in order]


async def listed(scoring: Scoring, path: str, bearer: Mapping[str, str]) -> list[Place]:
    answer = await scoring.ok("GET", f"/scoring/{path}", bearer)
    return [(place["rank"], place["player"], place["points"]) for place in answer["places"]]


async def opened(scoring: Scoring, slates: list[str]) -> str:
    season = str(uuid4())
    body = {"title": "2023", "slates": slates}
    await scoring.ok("PUT", f"/scoring/internal/seasons/{season}", scoring.staff, body)
    await scoring.work()
    return season


async def test_ranks_of_everybody_equal_plain_sorting_through_a_correction_and_a_lost_cache(scoring: Scoring) -> None:
    rules = await scoring.rules(RULES)
    slates = [await scoring.slate(rules, AUSTIN, players=drivers()) for _ in range(SLATES)]
    person = await scoring.auth.person()
    await scoring.work()
    made = await entered(scoring, slates)
    season = await opened(scoring, slates[:2])
    path = f"seasons/{season}/board?count=200"
    counted = {slate: made[slate] for slate in slates[:2]}
    ready = await listed(scoring, path, person.bearer)
    assert {place[0] for place in ready} == {1}, "everybody is there before the start, all first"
    await scoring.snapshot(AUSTIN, "f1db", texts("flag"))
    await scoring.work()
    _, provisional = await listed(scoring, path, person.bearer), open_match(RACE, FLAG)

    async def read_on(start: int) -> None:
        """A page as the ranking of one moment would have it."""
        found = await listed(scoring, f"seasons/{season}/board?start={start}&count=10", person.bearer)
        for place, (before, after) in enumerate(itertools.pairwise(found), start=start + 1):
            assert after[0] == (before[0] if Fraction(after[2]) == Fraction(before[2]) else place), (before, after)

    await scoring.snapshot(AUSTIN, "f1db", texts("final"))
    readers = [asyncio.create_task(read_on(1 + 10 * (number % 3))) for number in range(16)]
    await scoring.work()
    await asyncio.gather(*readers)
    wanted = sorted_out(counted, provisional)
    assert await listed(scoring, path, person.bearer) == wanted

    # A third slate counts from now on, twice over, and the same season again changes nothing.
    body = {"title": "2023", "slates": slates}
    for _ in range(2):
        view = await scoring.ok("PUT", f"/scoring/internal/seasons/{season}", scoring.staff, body)
        await scoring.work()
    assert view["slates"] == sorted(slates)
    wanted = sorted_out(made, provisional)
    assert await listed(scoring, path, person.bearer) == wanted

    friends = [wanted[at][1] for at in (12, 3, 30)]
    asked = f"seasons/{season}/places?" + "&".join(f"player={player}" for player in [*friends, str(uuid4())])
    stand = sorted(place for place in wanted if place[1] in friends)
    assert sorted(await listed(scoring, asked, person.bearer)) == stand
    cluster = scoring.auth.cloud.cache
    key = boards.keys(UUID(season))[0]
    cluster.command("FLUSHALL")
    assert await listed(scoring, path, person.bearer) == wanted, "PostgreSQL is the truth"
    assert sorted(await listed(scoring, asked, person.bearer)) == stand
    async with scoring.app.state.sessions() as session, session.begin():
        await seasons.refresh(session, scoring.app.state.cache, UUID(season))
    assert int(cluster.command("EXISTS", key)) == 1
    assert await listed(scoring, path, person.bearer) == wanted, "filled anew"
    assert await listed(scoring, f"seasons/{season}/board?start=11&count=5", person.bearer) == wanted[10:15]


async def test_a_board_that_is_lost_and_missed_is_filled_though_nothing_moves(scoring: Scoring) -> None:
    slate = await scoring.slate(await scoring.rules(RULES), AUSTIN, players=drivers())
    contest, person = await scoring.contest(slate), await scoring.auth.person()
    season = await opened(scoring, [slate])
    await scoring.team(person.bearer, slate, picks(*STEADY), contest)
    await scoring.work()

    async def look_for_lost_boards() -> None:
        with environ(scoring.environment("worker")):
            assert await jobs.run_scheduled(scoring.app.state.sessions, scoring.clock, "scoring.find_lost_boards")

    cluster = scoring.auth.cloud.cache
    lost = [boards.keys(UUID(each))[0] for each in (contest, season)]
    assert [int(cluster.command("ZCARD", key)) for key in lost] == [1, 1]
    cluster.command("FLUSHALL")
    await look_for_lost_boards()
    assert await scoring.work() == 0, "nobody has missed them"
    shown = [
        await scoring.board(contest, person.bearer),
        await listed(scoring, f"seasons/{season}/board", person.bearer),
    ]
    for _ in range(2):
        await look_for_lost_boards()
        await scoring.work()
        assert [int(cluster.command("ZCARD", key)) for key in lost] == [1, 1]
    assert shown == [
        await scoring.board(contest, person.bearer),
        await listed(scoring, f"seasons/{season}/board", person.bearer),
    ]


async def test_a_league_is_its_members_business_and_ranks_them_alone(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = await scoring.rules(RULES)
    slate = await scoring.slate(rules, AUSTIN, players=drivers())
    first, second, outsider = [await scoring.auth.person() for _ in range(3)]
    season = await opened(scoring, [slate])
    league = str(uuid4())
    path, wanted = f"/scoring/leagues/{league}", {"season": season, "title": "Friends"}
    made = await scoring.ok("PUT", path, first.bearer, wanted)
    assert await scoring.ok("PUT", path, first.bearer, wanted) == made, "the same again"
    assert await scoring.refused("PUT", path, second.bearer, wanted) == (409, "id_taken")
    assert await scoring.refused("PUT", path, first.bearer, {**wanted, "title": "Foes"}) == (409, "id_taken")
    for code in ("A" * 16, made["code"][:-1] + ("A" if made["code"][-1] != "A" else "B")):
        assert await scoring.refused("POST", f"{path}/members", second.bearer, {"code": code}) == (
            404,
            "league_unknown",
        )
    for hidden in (path, f"{path}/board", f"{path}/board/mine"):
        assert await scoring.refused("GET", hidden, outsider.bearer) == (404, "league_unknown")

    # Somebody who presses the button four times is a member once.
    join = {"code": made["code"]}
    await asyncio.gather(*[scoring.ok("POST", f"{path}/members", second.bearer, join) for _ in range(4)])
    assert (await scoring.ok("GET", path, second.bearer))["members"] == 2
    await scoring.team(first.bearer, slate, picks(*STEADY))
    await scoring.team(outsider.bearer, slate, picks(*MOVING))
    await scoring.work()
    assert [place[0] for place in await listed(scoring, f"leagues/{league}/board", first.bearer)] == [1, 1]
    await scoring.snapshot(AUSTIN, "f1db", texts("final"))
    await scoring.work()

    async def from_cache_and_database(look: Callable[[], Awaitable[list[Place]]]) -> list[Place]:
        found = await look()
        scoring.auth.cloud.cache.command("FLUSHALL")
        assert await look() == found
        return found

    everybody = await from_cache_and_database(lambda: listed(scoring, f"seasons/{season}/board", first.bearer))
    own = {place[1]: place[2] for place in everybody}
    assert len(everybody) == 2, "who is in a league alone has no team in the season"
    ranked = await from_cache_and_database(lambda: listed(scoring, f"leagues/{league}/board", second.bearer))
    assert [place[0] for place in ranked] == [1, 2] and [place[2] for place in ranked] == [own[ranked[0][1]], "0"]
    assert await listed(scoring, f"leagues/{league}/board/mine?count=1", second.bearer) == [ranked[1]]
    assert await listed(scoring, f"seasons/{season}/board/mine?count=1", first.bearer) == [
        place for place in everybody if place[1] == ranked[0][1]
    ]
    assert await scoring.refused("GET", f"/scoring/seasons/{season}/board/mine", second.bearer) == (404, "team_unknown")

    monkeypatch.setattr(seasons, "LEAGUES_EACH", 2)
    others = [f"/scoring/leagues/{uuid4()}" for _ in range(4)]
    answers = await asyncio.gather(
        *[scoring.client.put(other, headers=second.bearer, json={**wanted, "title": "More"}) for other in others]
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409], (
        "one more is let in, however they race"
    )
    for _ in range(2):
        left = await scoring.client.delete(f"{path}/members/me", headers=second.bearer)
        assert left.status_code == 204
    await scoring.work()
    assert await listed(scoring, f"leagues/{league}/board", first.bearer) == [ranked[0]]
    assert (await scoring.ok("GET", path, first.bearer))["members"] == 1
    assert await scoring.refused("GET", f"{path}/board", second.bearer) == (404, "league_unknown")
    assert [each["title"] for each in await scoring.ok("GET", "/scoring/leagues", second.bearer)] == ["More"]


async def test_every_way_into_a_league_counts(scoring: Scoring, monkeypatch: pytest.MonkeyPatch) -> None:
    """Making one, joining one, and coming back into one's own that everybody has left, one after the other and at once."""
    rules = await scoring.rules("cricket-t20-b@1.1.0")
    season = str(uuid4())
    body = {"title": "A season", "slates": [await scoring.slate(rules, "cricsheet:9")]}
    await scoring.ok("PUT", f"/scoring/internal/seasons/{season}", scoring.staff, body)
    person, other = [await scoring.auth.person() for _ in range(2)]
    monkeypatch.setattr(seasons, "LEAGUES_EACH", 3)
    wanted = {"season": season, "title": "Mine"}
    paths = [f"/scoring/leagues/{uuid4()}" for _ in range(6)]
    for path in paths[:3]:  # made and left: nobody is in them
        await scoring.ok("PUT", path, person.bearer, wanted)
        assert (await scoring.client.delete(f"{path}/members/me", headers=person.bearer)).status_code == 204
    theirs = [await scoring.ok("PUT", path, other.bearer, wanted) for path in paths[3:]]
    for path, league in zip(paths[3:5], theirs, strict=False):
        await scoring.ok("POST", f"{path}/members", person.bearer, {"code": league["code"]})
    calls: list[tuple[str, str, Any]] = [("PUT", path, wanted) for path in paths[:3]]
    calls += [("POST", f"{paths[5]}/members", {"code": theirs[2]["code"]})]
    answers = await asyncio.gather(
        *[scoring.client.request(method, path, headers=person.bearer, json=sent) for method, path, sent in calls]
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409], "two leagues and one more"
    assert len(await scoring.ok("GET", "/scoring/leagues", person.bearer)) == 3
    for method, path, sent in calls:
        again = await scoring.client.request(method, path, headers=person.bearer, json=sent)
        assert again.status_code in (200, 409), "who is in is in"
    assert len(await scoring.ok("GET", "/scoring/leagues", person.bearer)) == 3


async def test_what_is_unknown_is_refused_and_nothing_of_it_is_kept(scoring: Scoring) -> None:
    person = await scoring.auth.person()
    unknown = str(uuid4())
    body = {"title": "x", "slates": [unknown]}
    path = f"/scoring/internal/seasons/{unknown}"
    assert await scoring.refused("PUT", path, scoring.staff, body) == (404, "slate_unknown")
    for read in (unknown, f"{unknown}/board", f"{unknown}/board/mine", f"{unknown}/places?player={unknown}"):
        assert await scoring.refused("GET", f"/scoring/seasons/{read}", person.bearer) == (404, "season_unknown")
    league = {"season": unknown, "title": "x"}
    assert await scoring.refused("PUT", f"/scoring/leagues/{unknown}", person.bearer, league) == (404, "season_unknown")
    assert await scoring.refused("DELETE", f"/scoring/leagues/{unknown}/members/me", person.bearer) == (
        404,
        "league_unknown",
    )
    assert await scoring.refused("PUT", path, person.bearer, body) == (403, "forbidden")
    async with scoring.app.state.sessions() as session:
        for table in ("seasons", "leagues", "league_members", "season_totals"):
            assert await session.scalar(text(f"SELECT count(*) FROM {table}")) == 0


async def test_totals_are_sums_of_bests_whatever_workers_race(scoring: Scoring) -> None:
    """Teams' totals go up and down at random in two slates; eight workers count both at once, some of them twice."""
    rules = await scoring.rules(RULES)
    slates = [await scoring.slate(rules, AUSTIN, players=drivers()) for _ in range(2)]
    await scoring.work()
    made = await entered(scoring, slates)
    season = UUID(await opened(scoring, slates))
    source = random.Random(7)
    sessions = scoring.app.state.sessions
    owner = await scoring.auth.cloud.connect(scoring.database, role="owner", service="scoring")

    async def worker(slate: str) -> None:
        async with sessions() as session, session.begin():
            await seasons.count(session, UUID(slate), (), None)

    async def scored(slate: str, moved: list[UUID]) -> None:
        async with owner.transaction():
            revision = await owner.fetchval(
                "UPDATE slates SET revision = revision + 1 WHERE id = $1 RETURNING revision", UUID(slate)
            )
            for team in moved:
                await owner.execute(
                    "UPDATE teams SET units = $2, changed_in = $3 WHERE id = $1", team, source.randint(-9, 9), revision
                )

    for _ in range(6):
        for slate in slates:
            teams = [row["id"] for row in await owner.fetch("SELECT id FROM teams WHERE slate_id = $1", UUID(slate))]
            await scored(slate, source.sample(teams, 10))
        await asyncio.gather(*[worker(slate) for slate in source.sample(slates * 4, 8)])
        found = {
            row["owner_id"]: row["units"] for row in await owner.fetch("SELECT owner_id, units FROM season_totals")
        }
        best: dict[tuple[UUID, UUID], int] = {}
        for row in await owner.fetch("SELECT owner_id, slate_id, units FROM teams"):
            key = row["owner_id"], row["slate_id"]
            best[key] = max(best.get(key, row["units"]), row["units"])
        wanted: dict[UUID, int] = {}
        for (player, _), points in best.items():
            wanted[player] = wanted.get(player, 0) + points
        assert found == wanted
    async with sessions() as session, session.begin():
        await boards.refresh(session, scoring.app.state.cache, of_season(season))
        page = await boards.BoardReader(scoring.app.state.cache, session, of_season(season)).page(0, 200)
    assert page == [
        (1 + sum(other > total for other in wanted.values()), player, total)
        for player, total in sorted(wanted.items(), key=lambda each: (each[1], each[0]), reverse=True)
    ]
    assert len(made[slates[0]]) < PLAYERS, "some have no team in one of the slates"
    await owner.close()
