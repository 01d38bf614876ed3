"""The worker's part: a match scored again after each change, its lines appended, the totals of teams moved by what changed.

The match's row is locked throughout, so two workers never score one match at once; slates are locked in the order of their ids.
Done twice it changes nothing: what is scored up to the match's revision is passed over.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scoring.engine import Line, Pick, Roster, RosterScorer, Rules, Scorecard, ScoringError, scorecard
from scoring.engine.errors import RulesError
from services.common import events, outbox
from services.common.clock import Clock
from services.scoring import letters, reading, repository, seasons, teams_repository
from services.scoring.events import MatchScored
from services.scoring.models import MatchRecord, Slate
from services.scoring.repository import LineKey, RuleTotal
from services.scoring.teams_repository import OfficeUnits
from services.scoring.units import units

#: The outbox task that brings the boards of a slate up to date.
BOARDS = "scoring.boards"

_TEAMS_AT_ONCE = 5000
_FIRST = UUID(int=0)


async def score_match(session: AsyncSession, clock: Clock, match_id: str, received: str | None = None) -> None:
    """Score a match under the rules of each of its slates, and the teams of these.

    `received`: when the events came that changed it (ISO 8601), if they did: boards say how long they took.
    """
    match = await repository.lock_match(session, match_id)
    if match is None:
        return
    slates = await repository.slates_of(session, match_id)
    for sha256 in dict.fromkeys(rules for _, rules in slates):
        before = await repository.scored_up_to(session, match_id, sha256)
        if before == match.revision:
            continue
        touched = await _score(session, match, await rules_of(session, sha256), clock.now())
        await repository.mark_scored(session, match_id, sha256, match.revision)
        moved: dict[UUID, int] = {}
        for slate_id in [slate for slate, rules in slates if rules == sha256]:
            moved |= await score_teams(session, slate_id, touched, received)
        if match.corrected_in > before > 0 and moved:
            message = f"{match.title}: a correction of the result has changed your team's points. They are provisional."
            await teams_repository.notify(session, moved, match_id, match.revision, message, clock.now())
            await outbox.enqueue(session, letters.LETTERS, letters.about(match_id, match.revision, _FIRST))
        await events.emit(
            session, MatchScored(match=match_id, rules=sha256, revision=match.revision, phase=match.phase)
        )


async def score_teams(
    session: AsyncSession, slate_id: UUID, touched: Sequence[str] | None, received: str | None = None
) -> dict[UUID, int]:
    """Bring the totals of teams that hold one of `touched` (None: all) up to date; the slate's revision, if one moved."""
    slate = await repository.slate(session, slate_id, lock=True)
    assert slate is not None
    if touched is not None and not touched:
        return {}
    slate.revision += 1
    scorer = await scorer_of(session, slate)
    plain, size = plain_units(scorer), scorer.rules.roster.size
    moved = 0
    if plain is not None:
        moved += await teams_repository.move_plain(session, slate_id, touched, size, *plain, slate.revision)
    by_id = {pick["id"]: pick for pick in slate.players}
    after, but_plain = _FIRST, None if plain is None else size
    while found := await teams_repository.teams_with(
        session, slate_id, touched, after, _TEAMS_AT_ONCE, but_plain=but_plain
    ):
        totals = await asyncio.to_thread(_totals, scorer, by_id, found)
        await teams_repository.move_teams(session, totals, slate.revision)
        moved += len(totals)
        after = found[-1].id
    await outbox.enqueue(session, BOARDS, {"slate": str(slate_id), "received": received})
    await seasons.count_later(session, slate_id, received=received)
    return {slate_id: slate.revision} if moved else {}


def plain_units(scorer: RosterScorer) -> tuple[dict[str, int], list[OfficeUnits]] | None:
    """What picks and offices of plain rosters come to in units; None where one of them alone is no whole number of these."""
    found = scorer.plain_points()
    if found is None:
        return None
    try:
        offices = [OfficeUnits(each.office, _units_of(each.extra), each.unless_played) for each in found.offices]
        return _units_of(found.players), offices
    except ScoringError:
        return None


def _units_of(points: Mapping[str, Fraction]) -> dict[str, int]:
    return {player: units(each) for player, each in points.items()}


async def scorer_of(session: AsyncSession, slate: Slate) -> RosterScorer:
    """What scores the slate's teams: the lines of all of its matches."""
    matches = [match.id for match in await repository.matches_of(session, slate.id)]
    lines = await repository.current_lines(session, matches, slate.rules_sha256)
    return RosterScorer(await rules_of(session, slate.rules_sha256), lines)


async def rules_of(session: AsyncSession, sha256: str) -> Rules:
    """Published rules, ready to score with. RulesError if they are not what was published under that hash."""
    kept = await repository.rules(session, sha256)
    assert kept is not None, sha256
    rules = await asyncio.to_thread(reading.read_rules, kept.document, kept.parameters)
    if rules.sha256 != sha256:
        now = f"what the database has hashes to {rules.sha256}; the copy in the bucket of rules is as it was"
        raise RulesError(kept.name, f"was published under the hash {sha256}; {now}")
    return rules


def roster_of(picked: dict[str, Any], players: dict[str, Any]) -> Roster:
    """A team's picks with what the operator's list says of them."""
    return Roster(
        picks=tuple(_pick(player, players.get(player, {})) for player in picked["players"]),
        offices=picked["offices"],
        bench=tuple(picked["bench"]),
        chips=tuple(picked["chips"]),
    )


def _pick(player: str, listed: dict[str, Any]) -> Pick:
    return Pick(player=player, role=listed.get("role"), team=listed.get("team"))


def _totals(scorer: RosterScorer, players: dict[str, Any], teams: Iterable[Any]) -> dict[UUID, int]:
    """The new totals of those teams whose totals move."""
    found = ((team, units(_total(scorer, players, team.roster))) for team in teams)
    return {team.id: total for team, total in found if total != team.units}


def _total(scorer: RosterScorer, players: dict[str, Any], picked: dict[str, Any]) -> Fraction:
    if picked["bench"] or picked["chips"]:
        return scorer.score(roster_of(picked, players)).total
    return scorer.plain_total(picked["players"], picked["offices"])


async def _score(session: AsyncSession, match: MatchRecord, rules: Rules, now: datetime) -> list[str]:
    """Append the lines by which the match's points differ from those that stand; whose points or presence changed."""
    log = await repository.events(session, match.id)
    card: Scorecard = await asyncio.to_thread(scorecard, rules, log, tuple(match.prefer))
    stands = await repository.standing(session, match.id, rules.sha256)
    wanted = {(line.player, line.rule, place_of(line)): line for line in card.lines}
    rows = []
    for key in sorted(wanted.keys() | stands.keys()):
        row = _difference(wanted.get(key), stands.get(key))
        if row is not None:
            rows.append({**row, **_named(match, rules, key), "made_at": now})
    await repository.add_lines(session, rows)
    return sorted({row["player"] for row in rows})


def _named(match: MatchRecord, rules: Rules, key: LineKey) -> dict[str, Any]:
    player, rule, place = key
    return {
        "match_id": match.id,
        "rules_sha256": rules.sha256,
        "revision": match.revision,
        "player": player,
        "rule": rule,
        "place": place,
    }


def _difference(line: Line | None, stands: RuleTotal | None) -> dict[str, Any] | None:
    """What a new line has to say for the sum to be right; None where nothing changed."""
    after = units(line.points) if line is not None else 0
    before = stands.units if stands is not None else 0
    measured = dict(line.measured) if line is not None else {}
    behind = list(line.events) if line is not None else []
    if stands is not None and (after, measured, behind) == (before, stands.measured, stands.events):
        return None
    return {"units": after - before, "measured": measured, "events": behind}


def place_of(line: Line) -> str:
    """A line's group as text: which innings, which car; "" is the match."""
    return json.dumps(list(line.group), ensure_ascii=False) if line.group else ""
