"""Seasons and leagues over HTTP: everybody's board, and those of friends among themselves."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.common import callers
from services.common.callers import Player
from services.common.database import Session
from services.common.dependencies import Now
from services.common.errors import responses
from services.scoring import seasons
from services.scoring.dependencies import Boards
from services.scoring.errors import ScoringCode
from services.scoring.schemas_seasons import JoinRequest, LeagueRequest, LeagueView, PlayerPlaces, SeasonView
from services.scoring.seasons import PlayersBoard

router = APIRouter(prefix="/scoring", tags=["seasons"])

Start = Annotated[int, Query(ge=1, le=10**8)]
Count = Annotated[int, Query(ge=1, le=200)]
Players = Annotated[list[UUID], Query(min_length=1, max_length=100)]


async def _season_table(season_id: UUID, player: Player, session: Session, cache: Boards) -> PlayersBoard:
    return await seasons.season_table(session, cache, season_id)


async def _league_table(league_id: UUID, player: Player, session: Session, cache: Boards) -> PlayersBoard:
    return await seasons.league_table(session, cache, player, league_id)


Everybody = Annotated[PlayersBoard, Depends(_season_table)]
Members = Annotated[PlayersBoard, Depends(_league_table)]

_NO_SEASON = responses(ScoringCode.SEASON_UNKNOWN, *callers.REFUSALS)
_NO_LEAGUE = responses(ScoringCode.LEAGUE_UNKNOWN, *callers.REFUSALS)


@router.get("/seasons/{season_id}", responses=_NO_SEASON)
async def read_season(season_id: UUID, player: Player, session: Session) -> SeasonView:
    """A season: its slates, and whether its points are provisional or final."""
    return await seasons.season_of(session, season_id)


@router.get("/seasons/{season_id}/board", responses=_NO_SEASON)
async def read_season_board(table: Everybody, start: Start = 1, count: Count = 50) -> PlayerPlaces:
    """A page of everybody's board, from the place `start` on: each player's best team of each slate counts."""
    return await table.page(start, count)


@router.get(
    "/seasons/{season_id}/board/mine",
    responses=responses(ScoringCode.SEASON_UNKNOWN, ScoringCode.TEAM_UNKNOWN, *callers.REFUSALS),
)
async def read_season_board_around(table: Everybody, player: Player, count: Count = 11) -> PlayerPlaces:
    """The part of everybody's board around the caller."""
    return await table.around(player, count)


@router.get("/seasons/{season_id}/places", responses=_NO_SEASON)
async def read_season_places(table: Everybody, player: Players) -> PlayerPlaces:
    """Where chosen players stand, friends for example, best first; who has no team in the season is left out."""
    return await table.places(player)


@router.get("/leagues", responses=responses(*callers.REFUSALS))
async def read_leagues(player: Player, session: Session) -> list[LeagueView]:
    """The leagues in which the caller plays."""
    return await seasons.leagues(session, player)


@router.put(
    "/leagues/{league_id}",
    responses=responses(
        ScoringCode.SEASON_UNKNOWN,
        ScoringCode.LEAGUE_UNKNOWN,
        ScoringCode.TOO_MANY_LEAGUES,
        ScoringCode.ID_TAKEN,
        *callers.REFUSALS,
    ),
)
async def make_league(league_id: UUID, body: LeagueRequest, player: Player, session: Session, clock: Now) -> LeagueView:
    """Make a league, whose first member the caller is. The same again changes nothing."""
    return await seasons.make_league(session, clock, player, league_id, body)


@router.get("/leagues/{league_id}", responses=_NO_LEAGUE)
async def read_league(league_id: UUID, player: Player, session: Session) -> LeagueView:
    """A league of the caller's."""
    return await seasons.league_of(session, player, league_id)


@router.post(
    "/leagues/{league_id}/members",
    responses=responses(ScoringCode.LEAGUE_UNKNOWN, ScoringCode.TOO_MANY_LEAGUES, *callers.REFUSALS),
)
async def join(league_id: UUID, body: JoinRequest, player: Player, session: Session, clock: Now) -> LeagueView:
    """Take the caller into a league whose code somebody has shared. Again changes nothing."""
    return await seasons.join(session, clock, player, league_id, body.code)


@router.delete("/leagues/{league_id}/members/me", status_code=204, responses=_NO_LEAGUE)
async def leave(league_id: UUID, player: Player, session: Session) -> None:
    """Take the caller out of a league. Again changes nothing."""
    await seasons.leave(session, player, league_id)


@router.get("/leagues/{league_id}/board", responses=_NO_LEAGUE)
async def read_league_board(table: Members, start: Start = 1, count: Count = 50) -> PlayerPlaces:
    """A page of a league's board, for its members."""
    return await table.page(start, count)


@router.get("/leagues/{league_id}/board/mine", responses=_NO_LEAGUE)
async def read_league_board_around(table: Members, player: Player, count: Count = 11) -> PlayerPlaces:
    """The part of a league's board around the caller."""
    return await table.around(player, count)
