"""Boards: exact competitive ranks, from the cache and from PostgreSQL alike, through corrections and a cache that forgets."""

from __future__ import annotations

import asyncio
import itertools
import random
import subprocess
import sys
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.engine import RosterScorer, ScoringError, load, rank, scorecard
from scoring.sources import open_match
from services.scoring import units
from services.scoring.boards import ranked
from services.scoring.rescoring import roster_of
from tests.scoring.test_us_gp_2023 import FLAG
from tests.services.scoring.fixtures import Scoring
from tests.services.scoring.races import AUSTIN, RACE, RULES, drivers, picks, texts

pytestmark = pytest.mark.postgres

ROOT = Path(__file__).resolve().parents[3]

TEAMS = 30
READERS = 64


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(0, 29), st.integers(1, 10))
def test_a_page_has_the_ranks_of_the_whole(totals: list[int], start: int, count: int) -> None:
    from uuid import UUID

    order = sorted(((UUID(int=n), total) for n, total in enumerate(totals)), key=lambda each: each[1], reverse=True)
    page = order[start : start + count]
    above = sum(total > page[0][1] for _, total in order) if page else 0
    whole = rank(dict(order))
    assert [(place, team) for place, team, _ in ranked(page, start, above)] == [(whole[team], team) for team, _ in page]


@given(st.fractions())
def test_units_are_exact_or_refused(value: Fraction) -> None:
    try:
        assert units.points(units.units(value)) == value
    except ScoringError:
        assert (value * units.PER_POINT).denominator != 1


async def crowd(scoring: Scoring, slate: str, contest: str, owner: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Random teams in a contest, by id."""
    source = random.Random(2023)
    names = [driver["id"] for driver in drivers()]
    teams: dict[str, dict[str, Any]] = {}
    by_name = {driver["id"]: driver["team"] for driver in drivers()}
    while len(teams) < TEAMS:
        chosen = source.sample(names, 5)
        if max([by_name[name] for name in chosen].count(by_name[one]) for one in chosen) <= 2:
            team = await scoring.team(owner, slate, picks(*chosen), contest)
            teams[team] = picks(*chosen)
    return teams


def expected(teams: Mapping[str, dict[str, Any]], files: Any) -> list[tuple[int, str, str]]:
    """The board, computed from the file alone."""
    rules = load(RULES)
    scorer = RosterScorer(rules, scorecard(rules, files.events).lines)
    totals = {
        team: scorer.score(roster_of({"bench": [], "chips": [], **picked}, {})).total for team, picked in teams.items()
    }
    ranks = rank(totals)
    order = sorted(teams, key=lambda team: (totals[team], team), reverse=True)
    return [(ranks[team], team, units.shown(units.units(totals[team]))) for team in order]


async def test_ranks_equal_an_independent_computation_while_readers_page(scoring: Scoring) -> None:
    rules = await scoring.rules(RULES)
    slate = await scoring.slate(rules, AUSTIN, players=drivers())
    contest = await scoring.contest(slate)
    person = await scoring.auth.person()
    teams = await crowd(scoring, slate, contest, person.bearer)
    await scoring.snapshot(AUSTIN, "f1db", texts("flag"))
    await scoring.work()

    async def read_on(start: int) -> int:
        """A page as the ranking of one moment would have it: equal points share a rank, and each new rank is a place."""
        board = await scoring.board(contest, person.bearer, f"?start={start}&count=10")
        assert board[0][0] <= start
        for place, (before, after) in enumerate(itertools.pairwise(board), start=start + 1):
            assert after[0] == (before[0] if Fraction(after[2]) == Fraction(before[2]) else place), (before, after)
            assert Fraction(after[2]) <= Fraction(before[2])
        return len(board)

    await scoring.snapshot(AUSTIN, "f1db", texts("final"))
    readers = [asyncio.create_task(read_on(1 + 10 * (number % 3))) for number in range(READERS)]
    await scoring.work()
    assert [await reader for reader in readers] == [10] * READERS
    wanted = expected(teams, open_match(RACE, FLAG))
    assert await scoring.board(contest, person.bearer, "?count=200") == wanted

    friends = [wanted[place][1] for place in (20, 3, 21)]
    chosen = f"/scoring/contests/{contest}/places?" + "&".join(f"team={team}" for team in [*friends, str(uuid4())])
    stand = [place for place in wanted if place[1] in friends]

    async def places() -> list[tuple[int, str, str]]:
        answer = await scoring.ok("GET", chosen, person.bearer)
        return sorted((place["rank"], place["team"], place["points"]) for place in answer["places"])

    assert await places() == sorted(stand), "who is not in the contest is left out"
    cluster = scoring.auth.cloud.cache
    cluster.command("FLUSHALL")
    assert await places() == sorted(stand)
    assert await scoring.board(contest, person.bearer, "?count=200") == wanted, "PostgreSQL is the truth"
    middle = wanted[TEAMS // 2][1]
    around = f"/scoring/contests/{contest}/board/{middle}?count=5"
    told = await scoring.ok("GET", around, person.bearer)
    assert [place["team"] for place in told["places"]] == [team for _, team, _ in wanted[13:18]]
    await rebuild(scoring, slate)
    assert cluster.command("EXISTS", f"scoring:{{{contest}}}:board") in (1, "1", b"1")
    assert await scoring.board(contest, person.bearer, "?count=200") == wanted, "filled anew"
    assert await scoring.ok("GET", around, person.bearer) == told


async def rebuild(scoring: Scoring, slate: str) -> None:
    from services.common import outbox
    from services.scoring.rescoring import BOARDS

    async with scoring.app.state.sessions() as session, session.begin():
        await outbox.enqueue(session, BOARDS, {"slate": slate})
    await scoring.work()


async def test_two_workers_score_one_match_once(scoring: Scoring) -> None:
    """Both are handed the same work at the same moment; one does it."""
    from services.scoring import rescoring

    rules = await scoring.rules(RULES)
    slate = await scoring.slate(rules, AUSTIN, players=drivers())
    contest = await scoring.contest(slate)
    person = await scoring.auth.person()
    teams = await crowd(scoring, slate, contest, person.bearer)
    await scoring.work()
    await scoring.snapshot(AUSTIN, "f1db", texts("final"))

    async def worker() -> None:
        async with scoring.app.state.sessions() as session, session.begin():
            await rescoring.score_match(session, scoring.clock, AUSTIN)

    await asyncio.gather(*[worker() for _ in range(4)])
    lines = (await scoring.ok("GET", f"/scoring/matches/{AUSTIN}/lines?rules={rules}", person.bearer))["lines"]
    assert len({(line["player"], line["rule"], line["place"]) for line in lines}) == len(lines)
    await scoring.work()
    assert await scoring.board(contest, person.bearer, "?count=200") == expected(teams, open_match(RACE, FLAG))


_HALFWAY = """
import asyncio, sys

from services.common import database
from services.common.clock import SystemClock
from services.common.settings import AppDatabaseSettings, load
from services.scoring import rescoring


async def main():
    sessions = database.create_sessions(database.create_engine(load(AppDatabaseSettings), "killed"))
    async with sessions() as session, session.begin():
        await rescoring.score_match(session, SystemClock(), sys.argv[1])
        print("scored, not committed", flush=True)
        await asyncio.sleep(600)


asyncio.run(main())
"""


def killed_halfway(environment: Mapping[str, str]) -> None:
    """A process that scores the match and dies before it commits."""
    worker = subprocess.Popen(
        [sys.executable, "-c", _HALFWAY, AUSTIN],
        env={**environment, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"scored, not committed\n"
    finally:
        worker.kill()
        worker.communicate()


async def test_a_worker_killed_in_the_middle_of_scoring_leaves_nothing_and_another_does_it_once(
    scoring: Scoring, tmp_path: Path
) -> None:
    """kill -9 when lines, totals, notifications and messages are written and not committed."""
    rules = await scoring.rules(RULES)
    slate = await scoring.slate(rules, AUSTIN, players=drivers())
    contest = await scoring.contest(slate)
    person = await scoring.auth.person()
    teams = await crowd(scoring, slate, contest, person.bearer)
    await scoring.snapshot(AUSTIN, "f1db", texts("flag"))
    await scoring.work()
    stood = await scoring.board(contest, person.bearer, "?count=200")
    await scoring.snapshot(AUSTIN, "f1db", texts("final"))

    environment = scoring.auth.cloud.process_environment("scoring", scoring.database, tmp_path, process="worker")
    await asyncio.to_thread(killed_halfway, environment)
    assert await scoring.board(contest, person.bearer, "?count=200") == stood
    await scoring.work()
    assert await scoring.board(contest, person.bearer, "?count=200") == expected(teams, open_match(RACE, FLAG))
    lines = (await scoring.ok("GET", f"/scoring/matches/{AUSTIN}/lines?rules={rules}", person.bearer))["lines"]
    keys = [(line["revision"], line["player"], line["rule"], line["place"]) for line in lines]
    assert len(set(keys)) == len(keys)
    (told,) = (await scoring.ok("GET", "/scoring/notifications", person.bearer))["notifications"]
    assert "a correction of the result has changed your team's points" in told["message"]


async def test_a_team_keeps_to_the_rules_and_to_the_lock(scoring: Scoring) -> None:
    rules = await scoring.rules(RULES)
    slate = await scoring.slate(rules, AUSTIN, players=drivers())
    one, other = await scoring.auth.person(), await scoring.auth.person()
    names = [driver["id"] for driver in drivers()]
    path = f"/scoring/slates/{slate}/teams/7b0d4a66-0c9c-4a4e-9d0a-3d6a3f0c5a01"
    for body in (picks(*names[:4]), picks(*names[:4], "nobody"), picks(*[names[0]] * 5), {"players": names[:5]}):
        assert await scoring.refused("PUT", path, one.bearer, body) == (422, "team_refused")
    good = picks("max-verstappen", "lando-norris", "carlos-sainz-jr", "pierre-gasly", "alexander-albon")
    first = await scoring.ok("PUT", path, one.bearer, good)
    assert await scoring.ok("PUT", path, one.bearer, good) == first
    assert await scoring.refused("PUT", path, other.bearer, good) == (409, "id_taken")
    changed = picks("lando-norris", "max-verstappen", "carlos-sainz-jr", "pierre-gasly", "alexander-albon")
    assert (await scoring.ok("PUT", path, one.bearer, changed))["offices"] == {"captain": "lando-norris"}
    scoring.clock.move(minutes=61)
    late = await scoring.again(one)
    assert await scoring.refused("PUT", path, late, good) == (409, "slate_locked")
    assert (await scoring.ok("PUT", path, late, changed))["offices"] == {"captain": "lando-norris"}, "the same again"


async def test_players_that_take_one_id_at_once_have_one_team_between_them(scoring: Scoring) -> None:
    """Whoever is first has it; nobody changes the picks of another."""
    rules = await scoring.rules(RULES)
    slate = await scoring.slate(rules, AUSTIN, players=drivers())
    players = [await scoring.auth.person() for _ in range(4)]
    chosen = picks("max-verstappen", "lando-norris", "carlos-sainz-jr", "pierre-gasly", "alexander-albon")
    for _ in range(5):
        path = f"/scoring/slates/{slate}/teams/{uuid4()}"
        wanted = [{**chosen, "offices": {"captain": chosen["players"][place]}} for place in range(len(players))]
        answers = await asyncio.gather(
            *[
                scoring.client.put(path, headers=player.bearer, json=body)
                for player, body in zip(players, wanted, strict=True)
            ]
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
        (owner,) = [place for place, answer in enumerate(answers) if answer.status_code == 200]
        team = await scoring.ok("GET", f"/scoring/teams/{path[-36:]}", players[owner].bearer)
        assert team["offices"] == wanted[owner]["offices"]


async def test_rules_are_linted_immutable_and_withdrawn(scoring: Scoring) -> None:
    publish = "/scoring/internal/rules"
    bodies: list[dict[str, Any]] = [{"reference": "nothing@1.0.0"}, {"document": "{}"}, {}, {"document": "<html>"}]
    for body in bodies:
        assert await scoring.refused("POST", publish, scoring.staff, body) == (422, "rules_refused")
    plain = await scoring.rules("cricket-t20-b@1.1.0")
    assert await scoring.rules("cricket-t20-b@1.1.0") == plain
    cheaper = {"reference": "cricket-t20-b@1.1.0", "parameters": {"wicket": "25"}}
    variant = (await scoring.ok("POST", publish, scoring.staff, cheaper))["sha256"]
    assert variant != plain
    slate = await scoring.slate(plain, "cricsheet:7")
    assert (await scoring.ok("POST", f"{publish}/{plain}/withdrawal", scoring.staff))["withdrawn"]
    locks_at = (scoring.clock.now()).isoformat()
    new = {"title": "x", "rules": plain, "matches": ["cricsheet:7"], "locks_at": locks_at}
    path = "/scoring/internal/slates/7b0d4a66-0c9c-4a4e-9d0a-3d6a3f0c5a02"
    assert await scoring.refused("PUT", path, scoring.staff, new) == (409, "rules_withdrawn")
    person = await scoring.auth.person()
    assert (await scoring.ok("GET", f"/scoring/slates/{slate}", person.bearer))["rules"] == plain, (
        "who has them keeps them"
    )
    other = {**new, "rules": await scoring.rules(RULES)}
    assert await scoring.refused("PUT", path, scoring.staff, other) == (422, "wrong_match")
    assert {each["sha256"] for each in await scoring.ok("GET", "/scoring/rules", person.bearer)} >= {plain, variant}
