"""What scoring keeps and shows: rules, slates, teams, contests and their boards, lines, notifications. Nothing here commits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scoring.engine import Pick, Roster, Rules, ScoringError, validate
from services.common import outbox
from services.common.cache import Cache
from services.common.clock import Clock
from services.common.errors import ServiceError
from services.common.postgres import Reads
from services.common.tokens import Caller
from services.scoring import contests_repository, ingestion, matches, reading, repository, rescoring, seasons
from services.scoring.boards import BoardReader
from services.scoring.errors import ScoringCode, there
from services.scoring.models import Contest, ContestState, Phase, RulesVersion, Slate, Team
from services.scoring.payloads import RulesDocument
from services.scoring.rankings_repository import of_contest
from services.scoring.schemas import (
    Board,
    ContestRequest,
    ContestView,
    ListedPlayer,
    Notifications,
    NotificationView,
    Place,
    PublishRequest,
    RulesView,
    SlateRequest,
    SlateView,
    TeamRequest,
    TeamView,
)
from services.scoring.units import shown, units

#: The outbox task that scores the teams of a slate.
SCORE_SLATE = "scoring.score-slate"

#: The outbox task that puts a team on a contest's board.
PLACE = "scoring.place"

NOTIFICATIONS_KEPT = timedelta(days=90)

_NOTIFICATIONS_SHOWN = 50
_REASONS_LENGTH = 300


async def linted(wanted: PublishRequest) -> RulesDocument:
    """The document that a request means, if it can be scored with. Raises ServiceError (rules_refused)."""
    if (wanted.reference is None) == (wanted.document is None):
        raise ServiceError(ScoringCode.RULES_REFUSED, "Send either a reference or a document.")
    try:
        document = wanted.document if wanted.document is not None else reading.shipped(wanted.reference or "")
        rules = await asyncio.to_thread(reading.read_rules, document, wanted.parameters)
    except ScoringError as error:
        raise ServiceError(ScoringCode.RULES_REFUSED, str(error)[:_REASONS_LENGTH]) from error
    return RulesDocument(rules.sha256, rules.name, document, wanted.parameters)


async def publish(session: AsyncSession, clock: Clock, caller: Caller, rules: RulesDocument) -> RulesView:
    """Keep rules for slates to use; again, with the same document, changes nothing."""
    values = {**asdict(rules), "published_by": caller.subject, "published_at": clock.now()}
    await repository.publish(session, values)
    return _rules(there(await repository.rules(session, rules.sha256), ScoringCode.RULES_UNKNOWN))


async def withdraw(session: AsyncSession, clock: Clock, sha256: str) -> RulesView:
    """Keep rules from new slates; those that have them keep them. Raises ServiceError (rules_unknown)."""
    await repository.withdraw(session, sha256, clock.now())
    found = there(await repository.rules(session, sha256), ScoringCode.RULES_UNKNOWN)
    return _rules(found)


async def all_rules(session: AsyncSession) -> list[RulesView]:
    """Every published document."""
    return [_rules(rules) for rules in await repository.all_rules(session)]


async def open_slate(session: AsyncSession, clock: Clock, slate_id: UUID, wanted: SlateRequest) -> SlateView:
    """Open a slate; the same again changes nothing.

    Raises ServiceError (rules_unknown, rules_withdrawn, wrong_match, id_taken).
    """
    kept = there(await repository.rules(session, wanted.rules), ScoringCode.RULES_UNKNOWN)
    before = await repository.slate(session, slate_id)
    if before is None and kept.withdrawn_at is not None:
        raise ServiceError(
            ScoringCode.RULES_WITHDRAWN, f"{kept.name} was withdrawn at {kept.withdrawn_at.isoformat()}."
        )
    rules = await rescoring.rules_of(session, wanted.rules)
    players = [player.model_dump(exclude_none=True) for player in wanted.players]
    if before is None:
        roles = {player["id"]: player["role"] for player in players if "role" in player}
        for match_id in sorted(set(wanted.matches)):
            match = await repository.open_match(session, match_id, rules.sport, clock.now())
            if match.sport != rules.sport:
                raise ServiceError(
                    ScoringCode.WRONG_MATCH, f"{match_id} is {match.sport}; {rules.name} is for {rules.sport}."
                )
            if match.phase != Phase.FINAL:
                await ingestion.tell_roles(session, match, roles, dict(rules.vocabulary.events), clock.now())
        values = {
            "id": slate_id,
            "title": wanted.title,
            "rules_sha256": wanted.rules,
            "players": players,
            "locks_at": wanted.locks_at,
            "revision": 0,
            "created_at": clock.now(),
        }
        if await repository.add_slate(session, values, sorted(set(wanted.matches))):
            await outbox.enqueue(session, SCORE_SLATE, {"slate": str(slate_id)})
    slate = there(await repository.slate(session, slate_id), ScoringCode.SLATE_UNKNOWN)
    view = await slate_view(session, slate)
    asked = (wanted.title, wanted.rules, sorted(set(wanted.matches)), players, wanted.locks_at)
    if asked != (slate.title, slate.rules_sha256, [match.id for match in view.matches], slate.players, slate.locks_at):
        raise ServiceError(ScoringCode.ID_TAKEN, "Choose a new random id for each slate.")
    return view


async def slate_of(session: AsyncSession, slate_id: UUID) -> SlateView:
    """A slate. Raises ServiceError (slate_unknown)."""
    return await slate_view(session, there(await repository.slate(session, slate_id), ScoringCode.SLATE_UNKNOWN))


async def slate_view(session: AsyncSession, slate: Slate) -> SlateView:
    """A slate with its matches."""
    return SlateView(
        id=slate.id,
        title=slate.title,
        rules=slate.rules_sha256,
        matches=[matches.match_view(match) for match in await repository.matches_of(session, slate.id)],
        players=[ListedPlayer.model_validate(player) for player in slate.players],
        locks_at=slate.locks_at,
        revision=slate.revision,
    )


async def keep_team(
    session: AsyncSession, clock: Clock, owner: UUID, slate_id: UUID, team_id: UUID, wanted: TeamRequest
) -> TeamView:
    """Keep a team, or its new picks, until the slate locks.

    Raises ServiceError (slate_unknown, slate_locked, team_refused, id_taken).
    """
    slate = there(await repository.slate(session, slate_id, hold=True), ScoringCode.SLATE_UNKNOWN)
    before = await repository.team(session, team_id)
    if before is not None and (before.owner_id, before.slate_id) != (owner, slate_id):
        raise ServiceError(ScoringCode.ID_TAKEN, "Choose a new random id for each team.")
    roster = wanted.model_dump()
    if before is not None and before.roster == roster:
        return _team(before)
    if clock.now() >= slate.locks_at:
        raise ServiceError(ScoringCode.SLATE_LOCKED, f"It has been locked since {slate.locks_at.isoformat()}.")
    rules = await rescoring.rules_of(session, slate.rules_sha256)
    listed = {player["id"]: player for player in slate.players}
    _check(rules, wanted, listed)
    scorer = await rescoring.scorer_of(session, slate)
    values: dict[str, Any] = {
        "id": team_id,
        "slate_id": slate_id,
        "owner_id": owner,
        "roster": roster,
        "members": sorted(set(wanted.players)),
        "units": units(scorer.score(rescoring.roster_of(roster, listed)).total),
        "changed_in": slate.revision,
        "created_at": clock.now(),
    }
    if not await repository.keep_team(session, values):
        raise ServiceError(ScoringCode.ID_TAKEN, "Choose a new random id for each team.")
    for contest_id in await contests_repository.contests_with(session, team_id):
        await outbox.enqueue(session, PLACE, {"contest": str(contest_id), "team": str(team_id)})
    await seasons.count_later(session, slate_id, [owner])
    return TeamView(id=team_id, slate=slate_id, **roster, points=shown(values["units"]))


async def team_of(session: AsyncSession, owner: UUID, team_id: UUID) -> TeamView:
    """The caller's team. Raises ServiceError (team_unknown)."""
    return _team(await _own_team(session, owner, team_id))


async def open_contest(session: AsyncSession, clock: Clock, contest_id: UUID, wanted: ContestRequest) -> ContestView:
    """Open a contest; the same again changes nothing. Raises ServiceError (slate_unknown, id_taken)."""
    there(await repository.slate(session, wanted.slate), ScoringCode.SLATE_UNKNOWN)
    values = {
        "id": contest_id,
        "slate_id": wanted.slate,
        "title": wanted.title,
        "prizes": wanted.prizes,
        "state": ContestState.OPEN,
        "entered": 0,
        "created_at": clock.now(),
    }
    await contests_repository.add_contest(session, values)
    contest = there(await contests_repository.contest(session, contest_id), ScoringCode.CONTEST_UNKNOWN)
    if (contest.slate_id, contest.title, contest.prizes) != (wanted.slate, wanted.title, wanted.prizes):
        raise ServiceError(ScoringCode.ID_TAKEN, "Choose a new random id for each contest.")
    return await _contest(session, contest)


async def contest_of(reads: Reads, contest_id: UUID) -> ContestView:
    """A contest. Raises ServiceError (contest_unknown)."""
    row = there(await contests_repository.shown(reads, contest_id), ScoringCode.CONTEST_UNKNOWN)
    return ContestView(
        id=row["id"],
        slate=row["slate_id"],
        title=row["title"],
        prizes=json.loads(row["prizes"]),
        label=matches.least(set(map(matches.label, row["phases"], row["disputed"]))),
        state=row["state"],
        entries=row["entered"],
    )


async def enter(session: AsyncSession, clock: Clock, owner: UUID, contest_id: UUID, team_id: UUID) -> ContestView:
    """Enter a team of the caller's; again changes nothing.

    Raises ServiceError (contest_unknown, team_unknown, wrong_match, slate_locked).
    """
    contest = there(await contests_repository.contest(session, contest_id, lock=True), ScoringCode.CONTEST_UNKNOWN)
    team = await _own_team(session, owner, team_id)
    if team.slate_id != contest.slate_id:
        raise ServiceError(ScoringCode.WRONG_MATCH, "The team is of another slate than the contest.")
    slate = there(await repository.slate(session, contest.slate_id), ScoringCode.SLATE_UNKNOWN)
    entered = await contests_repository.contests_with(session, team_id)
    if contest_id not in entered:
        if clock.now() >= slate.locks_at:
            raise ServiceError(ScoringCode.SLATE_LOCKED, f"It has been locked since {slate.locks_at.isoformat()}.")
        contest.entered += 1
        await contests_repository.enter(session, contest_id, team_id, contest.entered, clock.now())
        await outbox.enqueue(session, PLACE, {"contest": str(contest_id), "team": str(team_id)})
    return await _contest(session, contest)


async def board(reads: Reads, session: AsyncSession, cache: Cache, contest_id: UUID, start: int, count: int) -> Board:
    """A page of a contest's board; place 1 is the first. Raises ServiceError (contest_unknown)."""
    contest = await contest_of(reads, contest_id)
    return _board(contest, await BoardReader(cache, session, of_contest(contest_id)).page(start - 1, count))


async def board_around(
    reads: Reads, session: AsyncSession, cache: Cache, contest_id: UUID, team_id: UUID, count: int
) -> Board:
    """The part of a contest's board that has a team in its middle. Raises ServiceError (contest_unknown, team_unknown)."""
    contest = await contest_of(reads, contest_id)
    team = there(await repository.team(session, team_id), ScoringCode.TEAM_UNKNOWN)
    if contest_id not in await contests_repository.contests_with(session, team_id):
        raise ServiceError(ScoringCode.TEAM_UNKNOWN, f"The team {team_id} is not in this contest.")
    reader = BoardReader(cache, session, of_contest(contest_id))
    return _board(contest, await reader.page(await reader.start_around(team_id, team.units, count), count))


async def places(reads: Reads, session: AsyncSession, cache: Cache, contest_id: UUID, teams: Sequence[UUID]) -> Board:
    """Where chosen teams stand in a contest. Raises ServiceError (contest_unknown)."""
    contest = await contest_of(reads, contest_id)
    return _board(contest, await BoardReader(cache, session, of_contest(contest_id)).places(teams))


async def notifications(reads: Reads, owner: UUID) -> Notifications:
    """The caller's newest notifications."""
    rows = await repository.notifications(reads, owner, _NOTIFICATIONS_SHOWN)
    return Notifications(
        notifications=[
            NotificationView(id=id_, match=match, message=message, created_at=at) for id_, match, message, at in rows
        ]
    )


def _check(rules: Rules, wanted: TeamRequest, listed: dict[str, dict[str, Any]]) -> None:
    """Raises ServiceError (team_refused) for a team that the rules do not allow."""
    if listed and not set(wanted.players) <= listed.keys():
        unknown = len(set(wanted.players) - listed.keys())
        raise ServiceError(ScoringCode.TEAM_REFUSED, f"{unknown} of the players are not on the slate's list.")
    picks = []
    for player in wanted.players:
        known = listed.get(player, {})
        price = Fraction(known["price"]) if "price" in known else None
        picks.append(Pick(player=player, role=known.get("role"), team=known.get("team"), price=price))
    roster = Roster(tuple(picks), wanted.offices, tuple(wanted.bench), tuple(wanted.chips))
    problems = validate(rules, roster)
    if problems:
        raise ServiceError(ScoringCode.TEAM_REFUSED, _reasons([problem.rule for problem in problems]))


def _reasons(rules: Sequence[str]) -> str:
    """Which rules a team breaks: paths in the rules document, nothing of what the caller sent."""
    return f"It breaks: {', '.join(dict.fromkeys(rules))}."[:_REASONS_LENGTH]


async def _own_team(session: AsyncSession, owner: UUID, team_id: UUID) -> Team:
    team = await repository.team(session, team_id)
    if team is None or team.owner_id != owner:
        raise ServiceError(ScoringCode.TEAM_UNKNOWN, f"You have no team {team_id}.")
    return team


async def _contest(session: AsyncSession, contest: Contest) -> ContestView:
    return ContestView(
        id=contest.id,
        slate=contest.slate_id,
        title=contest.title,
        prizes=contest.prizes,
        label=matches.label_of(await repository.matches_of(session, contest.slate_id)),
        state=contest.state,
        entries=contest.entered,
    )


def _board(contest: ContestView, places: Sequence[tuple[int, UUID, int]]) -> Board:
    shown_places = [Place(rank=rank, team=team, points=shown(total)) for rank, team, total in places]
    return Board(contest=contest.id, label=contest.label, entries=contest.entries, places=shown_places)


def _team(team: Team) -> TeamView:
    return TeamView(id=team.id, slate=team.slate_id, **team.roster, points=shown(team.units))


def _rules(rules: RulesVersion) -> RulesView:
    return RulesView(
        sha256=rules.sha256,
        name=rules.name,
        published_at=rules.published_at,
        withdrawn=rules.withdrawn_at is not None,
    )
