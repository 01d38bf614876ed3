"""Boards in the cache: a sorted set of each contest's teams, brought up to date by what moved; PostgreSQL is the truth.

A board says up to which revision of its slate it is right. Without that (a new contest, a cache that forgot) it is filled
beside the old one and takes its place at once. The keys of a contest have one hash tag, so they live and move together. Scores
are whole numbers of units below 2⁵³, exact as doubles; equals stand in the reverse order of their ids, as in the database.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.cache import Cache, create_cache
from services.common.settings import CacheSettings, load
from services.scoring import contests_repository, repository

_AT_ONCE = 2000


@asynccontextmanager
async def open_cache() -> AsyncIterator[Cache]:
    """The cache, for a while."""
    cache = create_cache(load(CacheSettings))
    try:
        yield cache
    finally:
        await cache.aclose()


def keys(contest_id: UUID) -> tuple[str, str, str]:
    """The keys of a contest's board: the board, the one that is filled beside it, up to which revision it is right."""
    tag = f"scoring:{{{contest_id}}}"
    return f"{tag}:board", f"{tag}:next", f"{tag}:revision"


async def refresh(session: AsyncSession, cache: Cache, contest_id: UUID) -> None:
    """Bring a contest's board up to the revision of its slate. Raises RedisError: then the message is tried again."""
    await contests_repository.lock_board(session, contest_id)
    board, beside, mark = keys(contest_id)
    revision = await contests_repository.revision_of(session, contest_id)
    reached = await cache.get(mark)
    if reached is None:
        await cache.delete(beside)
        standings = [(team, units) for team, _, units in await contests_repository.standings(session, contest_id)]
        if not standings:
            return
        await _fill(cache, beside, standings)
        await cache.rename(beside, board)
    else:
        await _fill(cache, board, await contests_repository.changed(session, contest_id, int(reached)))
    await cache.set(mark, revision)


async def place(session: AsyncSession, cache: Cache, contest_id: UUID, team_id: UUID) -> None:
    """Put a team on a contest's board; one that is not there is filled with everybody. Raises RedisError."""
    board, _, mark = keys(contest_id)
    if await cache.get(mark) is None:
        await refresh(session, cache, contest_id)
        return
    await contests_repository.lock_board(session, contest_id)
    team = await repository.team(session, team_id)
    if team is not None:
        await _fill(cache, board, [(team_id, team.units)])


async def _fill(cache: Cache, key: str, teams: Sequence[tuple[UUID, int]]) -> None:
    for start in range(0, len(teams), _AT_ONCE):
        await cache.zadd(key, {str(team): units for team, units in teams[start : start + _AT_ONCE]})


#: A page of a board with the number of entries above its first, at one moment; nothing if the board is not filled.
_PAGE = """
if redis.call('EXISTS', KEYS[2]) == 0 then return false end
local page = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'REV', 'WITHSCORES')
if #page == 0 then return {0, page} end
return {redis.call('ZCOUNT', KEYS[1], '(' .. page[2], '+inf'), page}
"""

#: Score and number of entries above it, of each team named that is on the board.
_PLACES = """
if redis.call('EXISTS', KEYS[2]) == 0 then return false end
local found = {}
for _, team in ipairs(ARGV) do
    local score = redis.call('ZSCORE', KEYS[1], team)
    if score then found[#found + 1] = {team, score, redis.call('ZCOUNT', KEYS[1], '(' .. score, '+inf')} end
end
return found
"""


class BoardReader:
    """A board as readers ask for it: from the cache, or from PostgreSQL where the cache has none or does not answer.

    Each answer is of one moment: while a correction moves half of the board, no rank is counted before and another after it.
    """

    def __init__(self, cache: Cache, session: AsyncSession, contest_id: UUID) -> None:
        self._cache, self._session, self._contest = cache, session, contest_id
        self._board, _, self._mark = keys(contest_id)

    async def page(self, start: int, count: int) -> list[tuple[int, UUID, int]]:
        """Rank, team and units from place `start` (0 is the first) on."""
        found = await self._ask(_PAGE, str(start), str(start + count - 1))
        if found is not None:
            above, page = found
            teams = [(UUID(team), int(score)) for team, score in zip(page[::2], page[1::2], strict=True)]
            return ranked(teams, start, int(above))
        above, teams = await contests_repository.page(self._session, self._contest, start, count)
        return ranked(teams, start, above)

    async def places(self, teams: Sequence[UUID]) -> list[tuple[int, UUID, int]]:
        """Rank, team and units of those of `teams` that are in the contest, best first."""
        found = await self._ask(_PLACES, *(str(team) for team in dict.fromkeys(teams)))
        if found is not None:
            listed = [(int(above) + 1, UUID(team), int(score)) for team, score, above in found]
        else:
            listed = await contests_repository.places(self._session, self._contest, teams)
        return sorted(listed, key=lambda place: (place[0], place[1]))

    async def _ask(self, script: str, *arguments: str) -> Any:
        """What a script says of the board; None where the cache has none or does not answer."""
        try:
            return await self._cache.eval(script, 2, self._board, self._mark, *arguments)
        except RedisError:
            return None  # the truth is in PostgreSQL

    async def start_around(self, team_id: UUID, units: int, count: int) -> int:
        """Where a page of `count` begins that has the team in its middle."""
        try:
            if await self._cache.get(self._mark) is not None:
                position: Any = await self._cache.zrevrank(self._board, str(team_id))
                if position is not None:
                    return max(0, int(position) - count // 2)
        except RedisError:
            pass
        return max(0, await contests_repository.before(self._session, self._contest, team_id, units) - count // 2)


def ranked(teams: Iterable[tuple[UUID, int]], start: int, above: int) -> list[tuple[int, UUID, int]]:
    """Competitive ranks of a page that begins at place `start`, `above` entries having more than its first."""
    found: list[tuple[int, UUID, int]] = []
    for position, (team, units) in enumerate(teams, start=start):
        if not found:
            rank = above + 1
        elif units != found[-1][2]:
            rank = position + 1
        else:
            rank = found[-1][0]
        found.append((rank, team, units))
    return found
