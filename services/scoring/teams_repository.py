"""The queries that move teams: totals of a whole slate in one statement where rosters are plain, a batch at a time where not.

A roster of the rules' size is plain without bench and chips. What its picks come to is looked up in the database then, so that
a correction of a contest of 100,000 teams moves them where they are kept, and Python sees none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, BindParameter, DateTime, Text, TextClause, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.ids import uuid7

_PLAIN = "(teams.roster->'bench' = '[]' AND teams.roster->'chips' = '[]' AND cardinality(teams.members) = :size)"
_HOLDS = "teams.slate_id = :slate AND (:everyone OR teams.members && :touched)"


@dataclass(frozen=True, slots=True)
class OfficeUnits:
    """What an office adds, by its holder, unless the holder of another office (`unless`) has points."""

    office: str
    extra: Mapping[str, int]
    unless: str | None


@cache
def _move_plain(size: int, offices: tuple[bool, ...]) -> TextClause:
    """The statement for rosters of a size, and for rules with so many offices; whether each depends on another."""
    # Place by place: to look through a list by a query of its own costs four times as much.
    picks = [f"coalesce((:points ->> teams.members[{place}])::bigint, 0)" for place in range(1, size + 1)]
    total = f"({' + '.join([*picks, *(_office(number, depends) for number, depends in enumerate(offices))])})"
    documents = ["points", *(f"extra{number}" for number in range(len(offices)))]
    parameters: list[BindParameter[Any]] = [bindparam("touched", type_=ARRAY(Text()))]
    parameters += [bindparam(name, type_=JSONB()) for name in documents]
    # Written twice and not joined: a row that somebody changes meanwhile is judged, and set, by what it is then.
    return text(f"""
        UPDATE teams SET units = {total}, changed_in = :revision
        WHERE {_HOLDS} AND {_PLAIN} AND teams.units <> {total}
    """).bindparams(*parameters)  # noqa: S608 # the parts are constants; what is given is bound


def _office(number: int, depends: bool) -> str:
    holder = f"teams.roster->'offices'->>:office{number}"
    unless = f"AND (:points -> (teams.roster->'offices'->>:unless{number})) IS NULL" if depends else ""
    return f"""
        CASE WHEN {holder} = ANY(teams.members) {unless}
          THEN coalesce((:extra{number} ->> ({holder}))::bigint, 0) ELSE 0 END
    """


async def move_plain(
    session: AsyncSession,
    slate_id: UUID,
    touched: Sequence[str] | None,
    size: int,
    points: Mapping[str, int],
    offices: Sequence[OfficeUnits],
    revision: int,
) -> int:
    """Bring the totals of a slate's plain teams that hold one of `touched` (None: of all) up to date; how many moved.

    `points`: units by player, of those who have any line.
    """
    given: dict[str, Any] = {"points": dict(points), "revision": revision} | _of(slate_id, touched, size)
    for number, each in enumerate(offices):
        given |= {f"office{number}": each.office, f"extra{number}": dict(each.extra)}
        if each.unless is not None:
            given[f"unless{number}"] = each.unless
    statement = _move_plain(size, tuple(each.unless is not None for each in offices))
    return (await session.execute(statement, given)).rowcount  # type: ignore[attr-defined,no-any-return] # a CursorResult


_TEAMS = (
    text(f"""
    SELECT id, roster, units FROM teams
    WHERE {_HOLDS} AND id > :after AND NOT (:but_plain AND {_PLAIN}) ORDER BY id LIMIT :count
""")  # noqa: S608 # of constants
    .bindparams(bindparam("touched", type_=ARRAY(Text())), bindparam("after", type_=Uuid()))
    .columns(id=Uuid(), roster=JSONB())
)
_MOVE = text("""
    UPDATE teams SET units = given.units, changed_in = :revision
    FROM unnest(:ids, :units) AS given (id, units) WHERE teams.id = given.id
""").bindparams(bindparam("ids", type_=ARRAY(Uuid())), bindparam("units", type_=ARRAY(BigInteger())))


async def teams_with(
    session: AsyncSession,
    slate_id: UUID,
    touched: Sequence[str] | None,
    after: UUID,
    count: int,
    *,
    but_plain: int | None = None,
) -> Sequence[Any]:
    """Teams of a slate that hold one of `touched` (None: all), by id: rows with id, roster and units.

    `but_plain`: without those that are plain in rules with rosters of this size.
    """
    given = {"after": after, "count": count, "but_plain": but_plain is not None} | _of(
        slate_id, touched, but_plain or 0
    )
    return (await session.execute(_TEAMS, given)).all()


async def move_teams(session: AsyncSession, moved: Mapping[UUID, int], revision: int) -> None:
    """Set the totals of teams."""
    if moved:
        given = {"ids": list(moved), "units": list(moved.values()), "revision": revision}
        await session.execute(_MOVE, given)


def _of(slate_id: UUID, touched: Sequence[str] | None, size: int) -> dict[str, Any]:
    return {"slate": slate_id, "everyone": touched is None, "touched": list(touched or ()), "size": size}


#: Ids of version 7 as `ids.uuid7` makes them: its time, then a count, which indexes are quick to take in, then chance.
_NOTIFY = text("""
    INSERT INTO notifications (id, owner_id, match_id, revision, message, created_at)
    SELECT (:time || substr(number, 1, 3) || '-8' || substr(number, 4, 3) || substr(gen_random_uuid()::text, 24))::uuid,
        owner_id, :match, :revision, :message, :now
    FROM (
        SELECT owner_id, lpad(to_hex(row_number() OVER (ORDER BY owner_id)), 6, '0') AS number FROM (
            SELECT DISTINCT t.owner_id FROM teams t JOIN unnest(:slates, :revisions) AS s (slate_id, revision)
            ON t.slate_id = s.slate_id AND t.changed_in = s.revision
        ) AS moved
    ) AS numbered
    ON CONFLICT DO NOTHING
""").bindparams(
    bindparam("slates", type_=ARRAY(Uuid())),
    bindparam("revisions", type_=ARRAY(BigInteger())),
    bindparam("now", type_=DateTime(timezone=True)),
)


async def notify(
    session: AsyncSession, moved: Mapping[UUID, int], match_id: str, revision: int, message: str, now: datetime
) -> None:
    """Tell the owners of the teams that these revisions of slates moved of a correction, each once."""
    given = {"slates": list(moved), "revisions": list(moved.values()), "match": match_id, "revision": revision}
    # Of an id: eight digits, four, and the version.
    await session.execute(_NOTIFY, given | {"message": message, "now": now, "time": str(uuid7())[:15]})
