"""Scoring over HTTP, for players."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse

from services.common import callers
from services.common.callers import Player
from services.common.database import Session
from services.common.dependencies import Now
from services.common.errors import responses
from services.common.postgres import Reading
from services.scoring import matches, service
from services.scoring.dependencies import SHA256, Boards, MatchPath
from services.scoring.errors import ScoringCode
from services.scoring.schemas import (
    Board,
    ContestView,
    EntryRequest,
    Lines,
    MatchPoints,
    MatchView,
    Notifications,
    RulesView,
    SlateView,
    TeamRequest,
    TeamView,
)

router = APIRouter(prefix="/scoring", tags=["scoring"])

RulesQuery = Annotated[str, Query(pattern=SHA256)]
PlayerQuery = Annotated[str | None, Query(min_length=1, max_length=100)]


@router.get("/rules", responses=responses(*callers.REFUSALS))
async def read_rules(player: Player, session: Session) -> list[RulesView]:
    """Every published rules document."""
    return await service.all_rules(session)


@router.get("/slates/{slate_id}", responses=responses(ScoringCode.SLATE_UNKNOWN, *callers.REFUSALS))
async def read_slate(slate_id: UUID, player: Player, session: Session) -> SlateView:
    """A slate: its matches, whom teams may pick, when it locks."""
    return await service.slate_of(session, slate_id)


@router.put(
    "/slates/{slate_id}/teams/{team_id}",
    responses=responses(
        ScoringCode.SLATE_UNKNOWN,
        ScoringCode.SLATE_LOCKED,
        ScoringCode.TEAM_REFUSED,
        ScoringCode.ID_TAKEN,
        *callers.REFUSALS,
    ),
)
async def keep_team(
    slate_id: UUID, team_id: UUID, body: TeamRequest, player: Player, session: Session, clock: Now
) -> TeamView:
    """Keep a team of the caller's, or its new picks, until the slate locks. The same again changes nothing."""
    return await service.keep_team(session, clock, player, slate_id, team_id, body)


@router.get("/teams/{team_id}", responses=responses(ScoringCode.TEAM_UNKNOWN, *callers.REFUSALS))
async def read_team(team_id: UUID, player: Player, session: Session) -> TeamView:
    """A team of the caller's and its points so far."""
    return await service.team_of(session, player, team_id)


@router.get("/contests/{contest_id}", responses=responses(ScoringCode.CONTEST_UNKNOWN, *callers.REFUSALS))
async def read_contest(contest_id: UUID, player: Player, reads: Reading) -> ContestView:
    """A contest, and whether its points are provisional or final."""
    return await service.contest_of(reads, contest_id)


@router.post(
    "/contests/{contest_id}/entries",
    responses=responses(
        ScoringCode.CONTEST_UNKNOWN,
        ScoringCode.TEAM_UNKNOWN,
        ScoringCode.WRONG_MATCH,
        ScoringCode.SLATE_LOCKED,
        ScoringCode.SLATE_UNKNOWN,
        *callers.REFUSALS,
    ),
)
async def enter(contest_id: UUID, body: EntryRequest, player: Player, session: Session, clock: Now) -> ContestView:
    """Enter a team of the caller's. Again changes nothing: a team is in a contest once."""
    return await service.enter(session, clock, player, contest_id, body.team)


@router.get("/contests/{contest_id}/board", responses=responses(ScoringCode.CONTEST_UNKNOWN, *callers.REFUSALS))
async def read_board(
    contest_id: UUID,
    player: Player,
    reads: Reading,
    session: Session,
    cache: Boards,
    start: Annotated[int, Query(ge=1, le=10**8)] = 1,
    count: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Board:
    """A page of a contest's board, from the place `start` on."""
    return await service.board(reads, session, cache, contest_id, start, count)


@router.get(
    "/contests/{contest_id}/board/{team_id}",
    responses=responses(ScoringCode.CONTEST_UNKNOWN, ScoringCode.TEAM_UNKNOWN, *callers.REFUSALS),
)
async def read_board_around(
    contest_id: UUID,
    team_id: UUID,
    player: Player,
    reads: Reading,
    session: Session,
    cache: Boards,
    count: Annotated[int, Query(ge=1, le=200)] = 11,
) -> Board:
    """The part of a contest's board around a team."""
    return await service.board_around(reads, session, cache, contest_id, team_id, count)


@router.get("/contests/{contest_id}/places", responses=responses(ScoringCode.CONTEST_UNKNOWN, *callers.REFUSALS))
async def read_places(
    contest_id: UUID,
    player: Player,
    reads: Reading,
    session: Session,
    cache: Boards,
    team: Annotated[list[UUID], Query(min_length=1, max_length=100)],
) -> Board:
    """Where chosen teams stand in a contest, friends' for example, best first; a team that is not in it is left out."""
    return await service.places(reads, session, cache, contest_id, team)


@router.get("/matches/{match_id}", responses=responses(ScoringCode.MATCH_UNKNOWN, *callers.REFUSALS))
async def read_match(match_id: MatchPath, player: Player, session: Session) -> MatchView:
    """A match, and whether its points are provisional or final."""
    return await matches.match_of(session, match_id)


@router.get("/matches/{match_id}/points", responses=responses(ScoringCode.MATCH_UNKNOWN, *callers.REFUSALS))
async def read_points(match_id: MatchPath, player: Player, session: Session, rules: RulesQuery) -> MatchPoints:
    """Everyone's points in a match under some rules."""
    return await matches.points_of(session, match_id, rules)


@router.get("/matches/{match_id}/lines", responses=responses(ScoringCode.MATCH_UNKNOWN, *callers.REFUSALS))
async def read_lines(
    match_id: MatchPath, player: Player, session: Session, rules: RulesQuery, of: PlayerQuery = None
) -> Lines:
    """Every line behind a match's points, corrections among them; `of` names one of its players."""
    return await matches.lines_of(session, match_id, rules, of)


@router.get(
    "/matches/{match_id}/lines.csv",
    response_class=PlainTextResponse,
    responses=responses(ScoringCode.MATCH_UNKNOWN, *callers.REFUSALS),
)
async def export_lines(match_id: MatchPath, player: Player, session: Session, rules: RulesQuery) -> PlainTextResponse:
    """The same as a table for spreadsheets (CSV)."""
    table = matches.as_csv(await matches.lines_of(session, match_id, rules, None))
    return PlainTextResponse(table)


@router.get("/notifications", responses=responses(*callers.REFUSALS))
async def read_notifications(player: Player, reads: Reading) -> Notifications:
    """What the caller was told of corrections, newest first."""
    return await service.notifications(reads, player)
