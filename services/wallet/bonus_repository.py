"""Queries of bonuses: their terms, what was played since, and their ends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.wallet.bonus_rules import STAKES, WITHDRAWALS, Bonus, Played
from services.wallet.ledger import Statements

_GIVE = """
    INSERT INTO bonuses (id, player_id, rule, amount, required, expires_at, forfeits, given_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING id
"""


async def give(statements: Statements, bonus_id: UUID, *values: Any) -> None:
    """Keep the terms of a bonus, once: player, rule, amount, required, expires at, forfeits, given at."""
    await statements.fetchrow(_GIVE, bonus_id, *values)


@dataclass(frozen=True, slots=True)
class Pots:
    """The accounts that a bonus moves between, and what is in the bonus bucket that is not held."""

    bonus: UUID
    winnings: UUID | None
    balance: int
    frozen: bool


@dataclass(frozen=True, slots=True)
class Open:
    """A player's open bonuses, the oldest first, and what happened since the oldest was given."""

    pots: Pots
    bonuses: list[Bonus]
    played: list[Played]


#: Of what was entered and not undone. `since` of a bonus: when it was given, or when the last one before it ended.
_OPEN = """
    WITH mine AS (
        SELECT b.*, greatest(b.given_at, (
            SELECT max(e.ended_at) FROM bonuses o JOIN bonus_ends e ON e.bonus_id = o.id
            WHERE o.player_id = b.player_id AND (o.given_at, o.id) < (b.given_at, b.id)
        )) AS since
        FROM bonuses b WHERE b.player_id = $1 AND NOT EXISTS (SELECT 1 FROM bonus_ends e WHERE e.bonus_id = b.id)
    ), held AS (
        SELECT a.id, a.bucket, b.amount - b.held AS free, b.frozen
        FROM accounts a JOIN balances b ON b.account_id = a.id WHERE a.owner_id = $1 AND a.bucket <> 'pot'
    ), played AS (
        SELECT t.created_at, t.kind, -sum(e.amount)::bigint AS amount
        FROM held a JOIN entries e ON e.account_id = a.id JOIN transactions t ON t.id = e.transaction_id
        WHERE e.created_at >= (SELECT min(given_at) FROM mine) AND t.kind = ANY($2::text[])
            AND NOT EXISTS (SELECT 1 FROM transactions r WHERE r.reverses = t.id)
        GROUP BY t.id
    )
    SELECT
        (SELECT id FROM held WHERE bucket = 'bonus') AS bonus, (SELECT id FROM held WHERE bucket = 'winnings') AS winnings,
        coalesce((SELECT free FROM held WHERE bucket = 'bonus'), 0)::bigint AS balance,
        coalesce((SELECT frozen FROM held WHERE bucket = 'bonus'), false) AS frozen,
        coalesce((
            SELECT jsonb_agg(
                jsonb_build_array(id, amount, required, given_at, since, expires_at, forfeits) ORDER BY given_at, id
            ) FROM mine
        ), '[]')::text AS bonuses,
        coalesce((SELECT jsonb_agg(jsonb_build_array(created_at, amount, kind) ORDER BY created_at) FROM played), '[]')::text
            AS played
"""


async def open_of(statements: Statements, player: UUID) -> Open | None:
    """A player's open bonuses; None if there are none."""
    row = await statements.fetchrow(_OPEN, player, [*STAKES, *WITHDRAWALS])
    bonuses = [
        Bonus(
            id=UUID(bonus), amount=amount, required=required, given=datetime.fromisoformat(given),
            since=datetime.fromisoformat(since),
            expires_at=datetime.fromisoformat(expires_at), forfeits=forfeits,
        )
        for bonus, amount, required, given, since, expires_at, forfeits in json.loads(row["bonuses"])
    ]  # fmt: skip
    if not bonuses:
        return None
    played = [
        Played(datetime.fromisoformat(at), amount, kind in WITHDRAWALS)
        for at, amount, kind in json.loads(row["played"])
    ]
    return Open(Pots(row["bonus"], row["winnings"], row["balance"], row["frozen"]), bonuses, played)


#: Players whose open bonuses may have ended: their day has come, or they moved money of late. In no order: one whose bonus
#: cannot be moved keeps nobody else waiting.
_DUE = """
    SELECT coalesce(jsonb_agg(p.player_id), '[]')::text AS players FROM (
        SELECT b.player_id FROM bonuses b
        WHERE NOT EXISTS (SELECT 1 FROM bonus_ends e WHERE e.bonus_id = b.id) AND (b.expires_at <= $1 OR EXISTS (
            SELECT 1 FROM accounts a JOIN balances n ON n.account_id = a.id
            WHERE a.owner_id = b.player_id AND n.newest_at >= $2
        ))
        GROUP BY b.player_id ORDER BY random() LIMIT $3
    ) p
"""


async def due(statements: Statements, now: datetime, moved_since: datetime, most: int) -> list[UUID]:
    """Players whose bonuses are to be looked at."""
    row = await statements.fetchrow(_DUE, now, moved_since, most)
    return [UUID(player) for player in json.loads(row["players"])]


async def take_turn(statements: Statements, player: UUID) -> None:
    """Wait until nobody else ends bonuses of this player; until the transaction ends."""
    await statements.fetchrow("SELECT pg_advisory_xact_lock(hashtextextended($1::text, 196))", str(player))


_END = """
    INSERT INTO bonus_ends (bonus_id, state, amount, movement, ended_at)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::uuid[], $5::timestamptz[]) ON CONFLICT DO NOTHING
    RETURNING bonus_id
"""


async def end(statements: Statements, rows: Sequence[tuple[UUID, str, int, UUID | None, datetime]]) -> None:
    """Note how bonuses ended: id, state, what was left, the movement that took it, when."""
    await statements.fetchrow(_END, *(list(column) for column in zip(*rows, strict=True)))
