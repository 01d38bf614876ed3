"""Totals of teams, moved in the database where rosters are plain: what the engine gives for every one, whatever it holds."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from typing import Any
from uuid import UUID, uuid4

import pytest
from asyncpg.exceptions import ForeignKeyViolationError
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from scoring.engine import Line, RosterScorer, ScoringError, load
from services.scoring import repository, rescoring, teams_repository
from services.scoring.units import PER_POINT, units
from tests.services.scoring.fixtures import Scoring

pytestmark = pytest.mark.postgres

#: Games with captains, with deputies, with a category that counts once, with chips and with a bench.
RULES = ("cricket-t20-b@1.1.0", "f1-league@1.2.0", "f1-fantasy-2026@1.2.0", "fpl@1.3.0")
TEAMS = 60


def drawn(source: random.Random, rules: Any, names: list[str]) -> dict[str, Any]:
    """Picks with an office's holder each, some with a bench or a chip, some of another size than the rules'."""
    size = rules.roster.size if source.random() < 0.9 else rules.roster.size - 1
    chosen = source.sample(names, size)
    offices = dict(zip(rules.roster.offices, source.sample(chosen, len(rules.roster.offices)), strict=True))
    effects = [chip.id for chip in rules.chips if chip.effect in ("line_floor", "floor", "bench", "factor")]
    bench = [each for each in chosen if each not in offices.values()][:2] if source.random() < 0.2 else []
    chips = [source.choice(effects)] if effects and source.random() < 0.2 else []
    return {"players": chosen, "offices": offices, "bench": bench, "chips": chips}


async def test_totals_are_the_engines_for_every_team(scoring: Scoring) -> None:
    source, sessions = random.Random(17), scoring.app.state.sessions
    owner = await scoring.auth.cloud.connect(scoring.database, role="owner", service="scoring")
    for reference in RULES:
        rules, sha256 = load(reference), await scoring.rules(reference)
        names = [f"p{number}" for number in range(rules.roster.size + 6)]
        match = f"events:{rules.id}"
        slate = UUID(await scoring.slate(sha256, match))
        teams = {uuid4(): drawn(source, rules, names) for _ in range(TEAMS)}
        await owner.executemany(
            "INSERT INTO teams (id, slate_id, owner_id, roster, members, units, changed_in, created_at)"
            " VALUES ($1, $2, $3, $4, $5, 0, 0, now())",
            [(id_, slate, uuid4(), json.dumps(team), sorted(team["players"])) for id_, team in teams.items()],
        )
        units_now = dict.fromkeys(teams, 0)
        rows: list[dict[str, Any]] = []
        for revision in (1, 2, 3):  # the last one changes nothing
            touched = source.sample(names, 4) if revision == 2 else None
            if revision < 3:
                rows = [
                    {
                        "match_id": match, "rules_sha256": sha256, "revision": revision, "player": player,
                        "rule": source.choice(rules.rules).id, "place": "", "measured": {}, "events": [],
                        "units": source.choice([-2, 1, 7, 36]) * PER_POINT // source.choice([1, 2, 3]),
                        "made_at": scoring.clock.now(),
                    }
                    for player in touched or source.sample(names, len(names) - 3)  # three did not play
                ]  # fmt: skip
            async with sessions() as session, session.begin():
                await repository.open_match(session, match, "any", scoring.clock.now())
                await repository.scored_up_to(session, match, sha256)
                if revision < 3:
                    await repository.add_lines(session, rows)
                moved = await rescoring.score_teams(session, slate, touched)
            lines = [
                Line(row["player"], row["rule"], Fraction(row["units"], PER_POINT), ())
                for row in await owner.fetch(
                    "SELECT player, rule, sum(units)::bigint AS units FROM lines WHERE rules_sha256 = $1"
                    " GROUP BY player, rule, place HAVING sum(units) <> 0",
                    sha256,
                )
            ]
            scorer = RosterScorer(rules, lines)
            wanted = {id_: units(scorer.score(rescoring.roster_of(team, {})).total) for id_, team in teams.items()}
            found = await owner.fetch("SELECT id, units, changed_in FROM teams WHERE slate_id = $1", slate)
            assert {row["id"]: row["units"] for row in found} == wanted, (reference, revision)
            changed = {row["id"] for row in found if row["changed_in"] == revision}
            assert changed == {id_ for id_ in teams if units_now[id_] != wanted[id_]}, (
                "only who moved is on the way to boards"
            )
            assert moved == ({slate: revision} if changed else {})
            units_now = wanted
        assert moved == {}, "again changes nothing"
    await owner.close()


async def test_whoever_moved_is_notified_once_whatever_their_teams(scoring: Scoring) -> None:
    sha256 = await scoring.rules(RULES[1])
    slates = [UUID(await scoring.slate(sha256, "events:1")) for _ in range(2)]
    both, one, still = uuid4(), uuid4(), uuid4()
    owner = await scoring.auth.cloud.connect(scoring.database, role="owner", service="scoring")
    held = [
        (slates[0], both, 5),
        (slates[0], both, 5),
        (slates[1], both, 8),
        (slates[1], one, 8),
        (slates[0], still, 4),
    ]
    await owner.executemany(
        "INSERT INTO teams (id, slate_id, owner_id, roster, members, units, changed_in, created_at)"
        " VALUES (gen_random_uuid(), $1, $2, '{}', '{}', 0, $3, now())",
        held,
    )
    now = scoring.clock.now()
    for _ in range(2):
        async with scoring.app.state.sessions() as session, session.begin():
            await repository.open_match(session, "events:1", "any", now)
            await teams_repository.notify(
                session, dict(zip(slates, (5, 8), strict=True)), "events:1", 3, "Changed.", now
            )
    rows = await owner.fetch("SELECT id, owner_id, match_id, revision, message FROM notifications")
    assert sorted(row["owner_id"] for row in rows) == sorted([both, one])
    assert {(row["match_id"], row["revision"], row["message"]) for row in rows} == {("events:1", 3, "Changed.")}
    assert {(row["id"].version, row["id"].variant) for row in rows} == {(7, "specified in RFC 4122")}
    await owner.close()


async def test_rules_that_somebody_has_changed_in_the_database_score_nothing(scoring: Scoring) -> None:
    sha256 = await scoring.rules(RULES[0])
    async with scoring.app.state.sessions() as session:
        assert (await rescoring.rules_of(session, sha256)).sha256 == sha256
        with pytest.raises(ProgrammingError, match="permission denied"):
            await session.execute(text("UPDATE rules SET document = '{}'"))
        await session.rollback()
        owner = await scoring.auth.cloud.connect(scoring.database, role="owner", service="scoring")
        await owner.execute("""UPDATE rules SET document = jsonb_set(document::jsonb, '{title}', '"Other"')::json""")
        with pytest.raises(ScoringError, match=f"published under the hash {sha256}"):
            await rescoring.rules_of(session, sha256)
        await owner.close()


async def test_a_notification_has_its_match_although_no_foreign_key_asks_for_it(scoring: Scoring) -> None:
    """Nobody takes a match away from under what names it: not the service's role, nor its owner once it has events."""
    sha256 = await scoring.rules(RULES[1])
    await scoring.slate(sha256, "events:1")
    async with scoring.app.state.sessions() as session:
        for change in ("DELETE FROM matches", "UPDATE matches SET id = 'events:2'"):
            with pytest.raises(ProgrammingError, match="permission denied"):
                await session.execute(text(change))
            await session.rollback()
    owner = await scoring.auth.cloud.connect(scoring.database, role="owner", service="scoring")
    with pytest.raises(ForeignKeyViolationError):
        await owner.execute("DELETE FROM matches")
    kept = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = 'notifications'::regclass"
    assert await owner.fetchval(kept) == 0
    await owner.close()


def test_what_is_no_whole_number_of_units_is_left_to_the_engine_which_refuses_it() -> None:
    rules = load(RULES[0])
    odd = RosterScorer(rules, [Line("a", rules.rules[0].id, Fraction(1, PER_POINT), ())])
    assert rescoring.plain_units(odd) is None, "half of it, which a vice-captain adds"
    with pytest.raises(ScoringError):
        units(odd.plain_total(["a"], {"vice_captain": "a"}))
    even = RosterScorer(rules, [Line("a", rules.rules[0].id, Fraction(2, PER_POINT), ())])
    assert rescoring.plain_units(even) is not None
