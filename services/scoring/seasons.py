"""Seasons and leagues: players ranked by what their best team of each slate has, among everybody or among each other.

A season's totals follow its slates by what moved, in a transaction of their own that locks the season and holds the slate (no
other locks a season while it has a slate): scorings of two slates never wait for each other in a circle. Nothing here commits.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.cache import Cache
from services.common.clock import Clock
from services.common.errors import ServiceError
from services.scoring import boards, matches, rankings_repository, repository, seasons_repository
from services.scoring.boards import BoardReader
from services.scoring.errors import ScoringCode, there
from services.scoring.models_seasons import League, Season
from services.scoring.rankings_repository import Ranking, of_league, of_season
from services.scoring.schemas_seasons import (
    LeagueRequest,
    LeagueView,
    PlayerPlace,
    PlayerPlaces,
    SeasonRequest,
    SeasonView,
)
from services.scoring.units import shown

#: The outbox tasks: seasons of a slate counted, their boards and their leagues' brought up to date, a league's member placed.
COUNT, BOARDS, LEAGUE_BOARDS, MEMBER = (
    f"scoring.{name}" for name in ("count-seasons", "season-boards", "league-boards", "league-member")
)

#: So many leagues' boards are brought up to date by one message.
LEAGUES_AT_ONCE = 100

#: In how many leagues one player may be. Each is a board that moves with every ball.
LEAGUES_EACH = 50

_FIRST = UUID(int=0)


async def count_later(
    session: AsyncSession, slate_id: UUID, owners: Sequence[UUID] = (), received: str | None = None
) -> None:
    """Have the seasons in which a slate counts follow what moved in it, and in any case what `owners` have."""
    if await seasons_repository.seasons_of(session, slate_id):
        wanted = {"slate": str(slate_id), "owners": [str(owner) for owner in owners], "received": received}
        await outbox.enqueue(session, COUNT, wanted)


async def count(session: AsyncSession, slate_id: UUID, owners: Sequence[UUID], received: str | None) -> None:
    """Bring the totals of a slate's seasons up to the slate. Done twice it changes nothing."""
    for season_id in await seasons_repository.seasons_of(session, slate_id):
        season = there(await seasons_repository.season(session, season_id, lock=True), ScoringCode.SEASON_UNKNOWN)
        slate = there(await repository.slate(session, slate_id, hold=True), ScoringCode.SLATE_UNKNOWN)
        await seasons_repository.count(session, season, slate_id, slate.revision, owners)
        await outbox.enqueue(session, BOARDS, {"season": str(season_id), "received": received})


async def refresh(session: AsyncSession, cache: Cache, season_id: UUID) -> None:
    """Bring a season's board up to date, and have those of its leagues follow. Raises RedisError."""
    await boards.refresh(session, cache, of_season(season_id))
    after = _FIRST
    while found := await seasons_repository.leagues_of(session, season_id, after, LEAGUES_AT_ONCE):
        await outbox.enqueue(session, LEAGUE_BOARDS, {"leagues": [str(league_id) for league_id in found]})
        after = found[-1]


async def open_season(session: AsyncSession, clock: Clock, season_id: UUID, wanted: SeasonRequest) -> SeasonView:
    """Open a season, or have more slates count in it; the same again changes nothing.

    Raises ServiceError (slate_unknown, id_taken).
    """
    slates = sorted(set(wanted.slates))
    for slate_id in slates:
        there(await repository.slate(session, slate_id), ScoringCode.SLATE_UNKNOWN)
    await seasons_repository.add_season(session, season_id, wanted.title, clock.now())
    season = there(await seasons_repository.season(session, season_id, lock=True), ScoringCode.SEASON_UNKNOWN)
    if season.title != wanted.title:
        raise ServiceError(ScoringCode.ID_TAKEN, "Choose a new random id for each season.")
    for slate_id in await seasons_repository.add_slates(session, season_id, slates):
        await count_later(session, slate_id)
    return await _season_view(session, season)


async def season_of(session: AsyncSession, season_id: UUID) -> SeasonView:
    """A season. Raises ServiceError (season_unknown)."""
    return await _season_view(session, await _season(session, season_id))


async def make_league(
    session: AsyncSession, clock: Clock, player: UUID, league_id: UUID, wanted: LeagueRequest
) -> LeagueView:
    """Make a league whose first member is the caller; the same again changes nothing.

    Raises ServiceError (season_unknown, too_many_leagues, id_taken).
    """
    await _season(session, wanted.season)
    await seasons_repository.lock_player(session, player)
    if await seasons_repository.league(session, league_id) is None:
        values = {
            "id": league_id,
            "season_id": wanted.season,
            "title": wanted.title,
            "owner_id": player,
            "code": base64.b32encode(secrets.token_bytes(10)).decode(),
            "members": 0,
            "created_at": clock.now(),
        }
        await seasons_repository.add_league(session, values)
    league = there(await seasons_repository.league(session, league_id, lock=True), ScoringCode.LEAGUE_UNKNOWN)
    if (league.owner_id, league.season_id, league.title) != (player, wanted.season, wanted.title):
        raise ServiceError(ScoringCode.ID_TAKEN, "Choose a new random id for each league.")
    if league.members == 0:
        await _take_in(session, clock, league, player)
    return _league_view(league)


async def join(session: AsyncSession, clock: Clock, player: UUID, league_id: UUID, code: str) -> LeagueView:
    """Take the caller into a league; again changes nothing. Raises ServiceError (league_unknown, too_many_leagues)."""
    await seasons_repository.lock_player(session, player)
    league = await seasons_repository.league(session, league_id, lock=True)
    if league is None or not hmac.compare_digest(league.code, code):
        raise ServiceError(ScoringCode.LEAGUE_UNKNOWN, "Ask a member of it for its id and code.")
    await _take_in(session, clock, league, player)
    return _league_view(league)


async def leave(session: AsyncSession, player: UUID, league_id: UUID) -> None:
    """Take the caller out of a league; again changes nothing. Raises ServiceError (league_unknown)."""
    league = there(await seasons_repository.league(session, league_id, lock=True), ScoringCode.LEAGUE_UNKNOWN)
    if await seasons_repository.leave(session, league_id, player):
        league.members -= 1
        await outbox.enqueue(session, MEMBER, {"league": str(league_id), "player": str(player)})


async def leagues(session: AsyncSession, player: UUID) -> list[LeagueView]:
    """The leagues in which the caller plays."""
    return [_league_view(league) for league in await seasons_repository.leagues_with(session, player)]


async def league_of(session: AsyncSession, player: UUID, league_id: UUID) -> LeagueView:
    """A league of the caller's. Raises ServiceError (league_unknown)."""
    return _league_view(await _own_league(session, player, league_id))


class PlayersBoard:
    """The board of a season or a league, as its readers ask for it."""

    def __init__(self, session: AsyncSession, cache: Cache, ranking: Ranking, label: str, players: int) -> None:
        self._session, self._ranking = session, ranking
        self._reader = BoardReader(cache, session, ranking)
        self._label, self._players = label, players

    async def page(self, start: int, count: int) -> PlayerPlaces:
        """Places from `start` on; 1 is the first."""
        return self._shown(await self._reader.page(start - 1, count))

    async def around(self, player: UUID, count: int) -> PlayerPlaces:
        """The part that has a player in its middle. Raises ServiceError (team_unknown) for somebody who is not on it."""
        units = await rankings_repository.units_of(self._session, self._ranking, player)
        if units is None:
            raise ServiceError(ScoringCode.TEAM_UNKNOWN, "You have no team in this season.")
        return self._shown(await self._reader.page(await self._reader.start_around(player, units, count), count))

    async def places(self, players: Sequence[UUID]) -> PlayerPlaces:
        """Where chosen players stand; who is not on the board is left out."""
        return self._shown(await self._reader.places(players))

    def _shown(self, places: Sequence[tuple[int, UUID, int]]) -> PlayerPlaces:
        shown_places = [PlayerPlace(rank=rank, player=player, points=shown(units)) for rank, player, units in places]
        return PlayerPlaces(of=self._ranking.id, label=self._label, players=self._players, places=shown_places)


async def season_table(session: AsyncSession, cache: Cache, season_id: UUID) -> PlayersBoard:
    """Everybody's board. Raises ServiceError (season_unknown)."""
    season = await season_of(session, season_id)
    return PlayersBoard(session, cache, of_season(season_id), season.label, season.players)


async def league_table(session: AsyncSession, cache: Cache, player: UUID, league_id: UUID) -> PlayersBoard:
    """The board of a league of the caller's. Raises ServiceError (league_unknown)."""
    league = await _own_league(session, player, league_id)
    label = matches.label_of(await seasons_repository.matches_of(session, league.season_id))
    return PlayersBoard(session, cache, of_league(league_id), label, league.members)


async def _take_in(session: AsyncSession, clock: Clock, league: League, player: UUID) -> None:
    """Make a player a member, if that is not so already: the one way into a league. Player and league are locked.

    Raises ServiceError (too_many_leagues).
    """
    if await seasons_repository.is_member(session, league.id, player):
        return
    if await seasons_repository.count_leagues(session, player) >= LEAGUES_EACH:
        raise ServiceError(
            ScoringCode.TOO_MANY_LEAGUES, f"A player is in {LEAGUES_EACH} leagues at most; leave one first."
        )
    await seasons_repository.join(session, league.id, player, clock.now())
    league.members += 1
    await outbox.enqueue(session, MEMBER, {"league": str(league.id), "player": str(player)})


async def _season(session: AsyncSession, season_id: UUID) -> Season:
    return there(await seasons_repository.season(session, season_id), ScoringCode.SEASON_UNKNOWN)


async def _own_league(session: AsyncSession, player: UUID, league_id: UUID) -> League:
    """A league is nobody's business but its members'."""
    league = there(await seasons_repository.league(session, league_id), ScoringCode.LEAGUE_UNKNOWN)
    if not await seasons_repository.is_member(session, league_id, player):
        raise ServiceError(ScoringCode.LEAGUE_UNKNOWN, "Look at the id.")
    return league


async def _season_view(session: AsyncSession, season: Season) -> SeasonView:
    return SeasonView(
        id=season.id,
        title=season.title,
        slates=list(await seasons_repository.slates_of(session, season.id)),
        label=matches.label_of(await seasons_repository.matches_of(session, season.id)),
        players=await seasons_repository.players_in(session, season.id),
    )


def _league_view(league: League) -> LeagueView:
    fields: dict[str, Any] = {name: getattr(league, name) for name in ("id", "title", "code", "members", "created_at")}
    return LeagueView(season=league.season_id, **fields)
