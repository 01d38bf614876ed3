"""Boards in the cache: a sorted set of who is ranked together, brought up to date by what moved; PostgreSQL is the truth.

A board says up to which revision it is right. Without that (a new contest, a cache that forgot) it is filled beside the old one
and takes its place at once. The keys of a board have one hash tag, so they live and move together. Scores are whole numbers of
units below 2⁵³, exact as doubles; equals stand in the reverse order of their ids, as in the database.
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
from services.scoring import rankings_repository
from services.scoring.rankings_repository import Ranking

_AT_ONCE = 2000

#: The rankings, by name, whose boards readers looked for in vain: what moves no more would never be filled again.
MISSED = "scoring:missed"


@asynccontextmanager
async def open_cache() -> AsyncIterator[Cache]:
    """The cache, for a while."""
    cache = create_cache(load(CacheSettings))
    try:
        yield cache
    finally:
        await cache.aclose()


def keys(ranking_id: UUID) -> tuple[str, str, str]:
    """The keys of a board: the board, the one that is filled beside it, up to which revision it is right."""
    tag = f"scoring:{{{ranking_id}}}"
    return f"{tag}:board", f"{tag}:next", f"{tag}:revision"


async def refresh(session: AsyncSession, cache: Cache, ranking: Ranking) -> None:
    """Bring a board up to the revision of what it ranks. Raises RedisError: then the message is tried again."""
    await rankings_repository.lock_board(session, ranking)
    board, beside, mark = keys(ranking.id)
    revision = await rankings_repository.revision_of(session, ranking)
    reached = await cache.get(mark)
    if reached is None:
        await cache.delete(beside)
        filled = False
        async for part in rankings_repository.parts(session, ranking, _AT_ONCE):
            await _put(cache, beside, part)
            filled = True
        if not filled:
            return
        await cache.rename(beside, board)
    else:
        async for part in rankings_repository.parts(session, ranking, _AT_ONCE, since=int(reached)):
            await _put(cache, board, part)
    await cache.set(mark, revision)


async def place(session: AsyncSession, cache: Cache, ranking: Ranking, member: UUID) -> None:
    """Put a member on a board, or take off who has left; a board that is not there is filled with everybody.

    Raises RedisError.
    """
    board, _, mark = keys(ranking.id)
    if await cache.get(mark) is None:
        await refresh(session, cache, ranking)
        return
    await rankings_repository.lock_board(session, ranking)
    units = await rankings_repository.units_of(session, ranking, member)
    if units is None:
        await cache.zrem(board, str(member))
    else:
        await _put(cache, board, [(str(member), units)])


async def missed(cache: Cache, count: int) -> list[str]:
    """At most so many rankings whose boards were looked for in vain; they are handed out once. Raises RedisError."""
    found: Any = await cache.spop(MISSED, count)
    return sorted(found)


async def _put(cache: Cache, key: str, members: Sequence[tuple[str, int]]) -> None:
    await cache.zadd(key, dict(members))


#: A page of a board with the number of members above its first, at one moment; nothing if the board is not filled.
_PAGE = """
if redis.call('EXISTS', KEYS[2]) == 0 then return false end
local page = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'REV', 'WITHSCORES')
if #page == 0 then return {0, page} end
return {redis.call('ZCOUNT', KEYS[1], '(' .. page[2], '+inf'), page}
"""

#: Score and number of members above it, of each one named who is on the board.
_PLACES = """
if redis.call('EXISTS', KEYS[2]) == 0 then return false end
local found = {}
for _, member in ipairs(ARGV) do
    local score = redis.call('ZSCORE', KEYS[1], member)
    if score then found[#found + 1] = {member, score, redis.call('ZCOUNT', KEYS[1], '(' .. score, '+inf')} end
end
return found
"""


class BoardReader:
    """A board as readers ask for it: from the cache, or from PostgreSQL where the cache has none or does not answer.

    Each answer is of one moment: while a correction moves half of the board, no rank is counted before and another after it.
    """

    def __init__(self, cache: Cache, session: AsyncSession, ranking: Ranking) -> None:
        self._cache, self._session, self._ranking = cache, session, ranking
        self._board, _, self._mark = keys(ranking.id)

    async def page(self, start: int, count: int) -> list[tuple[int, UUID, int]]:
        """Rank, member and units from place `start` (0 is the first) on."""
        found = await self._ask(_PAGE, str(start), str(start + count - 1))
        if found is not None:
            above, page = found
            members = [(UUID(member), int(score)) for member, score in zip(page[::2], page[1::2], strict=True)]
            return ranked(members, start, int(above))
        above, members = await rankings_repository.page(self._session, self._ranking, start, count)
        return ranked(members, start, above)

    async def places(self, members: Sequence[UUID]) -> list[tuple[int, UUID, int]]:
        """Rank, member and units of those of `members` who are ranked here, best first."""
        found = await self._ask(_PLACES, *(str(member) for member in dict.fromkeys(members)))
        if found is not None:
            listed = [(int(above) + 1, UUID(member), int(score)) for member, score, above in found]
        else:
            listed = await rankings_repository.places(self._session, self._ranking, members)
        return sorted(listed, key=lambda place: (place[0], place[1]))

    async def _ask(self, script: str, *arguments: str) -> Any:
        """What a script says of the board; None where the cache has none or does not answer."""
        try:
            found = await self._cache.eval(script, 2, self._board, self._mark, *arguments)
            if found is None:
                await self._cache.sadd(MISSED, self._ranking.name)
            return found
        except RedisError:
            return None  # the truth is in PostgreSQL

    async def start_around(self, member: UUID, units: int, count: int) -> int:
        """Where a page of `count` begins that has the member in its middle."""
        try:
            if await self._cache.get(self._mark) is not None:
                position: Any = await self._cache.zrevrank(self._board, str(member))
                if position is not None:
                    return max(0, int(position) - count // 2)
        except RedisError:
            pass
        return max(0, await rankings_repository.before(self._session, self._ranking, member, units) - count // 2)


def ranked(members: Iterable[tuple[UUID, int]], start: int, above: int) -> list[tuple[int, UUID, int]]:
    """Competitive ranks of a page that begins at place `start`, `above` members having more than its first."""
    found: list[tuple[int, UUID, int]] = []
    for position, (member, units) in enumerate(members, start=start):
        if not found:
            rank = above + 1
        elif units != found[-1][2]:
            rank = position + 1
        else:
            rank = found[-1][0]
        found.append((rank, member, units))
    return found
