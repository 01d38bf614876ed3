"""Queries of tax: what Rule 133 asks of a player's year, and what was deducted in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.common.postgres import Reads, Transaction
from services.wallet.ledger import Statements

#: Of the entries of a player's deposit and winnings that were not undone: what went out to the bank or was withheld from that,
#: what came in from it. What a payout still holds has gone out, and is not there at the end.
_YEAR = """
    WITH mine AS (SELECT id FROM accounts WHERE owner_id = $1 AND bucket IN ('deposit', 'winnings')),
    moved AS (
        SELECT t.kind, e.amount
        FROM mine JOIN entries e ON e.account_id = mine.id JOIN transactions t ON t.id = e.transaction_id
        LEFT JOIN deductions d ON d.id = t.id
        WHERE e.created_at >= $2 AND e.created_at < $3 AND t.kind IN ('payout', 'refund', 'tds', 'deposit', 'credit')
            AND d.occasion IS DISTINCT FROM 'year_end' AND NOT EXISTS (SELECT 1 FROM transactions r WHERE r.reverses = t.id)
    ),
    taxed AS (
        SELECT d.net, d.created_at FROM deductions d
        WHERE d.player_id = $1 AND d.year = $4 AND NOT EXISTS (SELECT 1 FROM transactions r WHERE r.reverses = d.id)
    ),
    held AS (
        SELECT coalesce(sum(p.remaining), 0)::bigint AS amount FROM holds h JOIN hold_parts p ON p.hold_id = h.id
        WHERE h.player_id = $1 AND h.kind = 'payout' AND h.created_at >= $2 AND h.created_at < $3
    )
    SELECT
        coalesce((SELECT -sum(amount) FROM moved WHERE kind IN ('payout', 'refund', 'tds')), 0)::bigint
            + (SELECT amount FROM held) AS withdrawn,
        coalesce((SELECT sum(amount) FROM moved WHERE kind IN ('deposit', 'credit')), 0)::bigint AS deposited,
        coalesce((SELECT sum(balance_at(id, $2 - interval '1 microsecond')) FROM mine), 0)::bigint AS opening,
        coalesce((SELECT sum(net) FROM taxed), 0)::bigint AS taxed,
        coalesce((SELECT sum(net) FROM taxed WHERE created_at >= $5), 0)::bigint AS taxed_this_month,
        coalesce((SELECT sum(balance_at(id, least($3 - interval '1 microsecond', now()))) FROM mine), 0)::bigint
            - (SELECT amount FROM held) AS closing
"""


async def year_of(
    reads: Statements, player: UUID, year: int, bounds: tuple[datetime, datetime], month: datetime
) -> Mapping[str, int]:
    """The figures of a player's tax year so far; `month`: when this month began."""
    return dict(await reads.fetchrow(_YEAR, player, *bounds, year, month))


async def take_turn(transaction: Statements, player: UUID) -> None:
    """Wait until nobody else computes this player's tax; until the transaction ends."""
    await transaction.fetchrow("SELECT pg_advisory_xact_lock(hashtextextended($1::text, 194))", str(player))


_KEEP = """
    INSERT INTO deductions (id, player_id, year, occasion, amount, net, tax, section, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id
"""


async def keep(transaction: Statements, deduction_id: UUID, *values: Any) -> None:
    """Store a deduction: player, year, occasion, amount, net, tax, section, moment."""
    await transaction.fetchrow(_KEEP, deduction_id, *values)


async def found(transaction: Transaction, deduction_id: UUID) -> Mapping[str, Any] | None:
    """A deduction."""
    row = await transaction.fetchrow("SELECT * FROM deductions WHERE id = $1", deduction_id)
    return dict(row) if row else None


#: Players of whose year something was entered and whose end of it was not taken yet. In no order, so that those whose tax
#: cannot be taken keep nobody else waiting.
_OPEN = """
    SELECT coalesce(jsonb_agg(p), '[]')::text AS players FROM (
        SELECT a.owner_id AS player, jsonb_object_agg(a.bucket, a.id) AS accounts
        FROM accounts a WHERE a.bucket IN ('deposit', 'winnings') AND NOT a.house AND NOT EXISTS (
            SELECT 1 FROM deductions d WHERE d.player_id = a.owner_id AND d.year = $1 AND d.occasion = 'year_end'
        )
        GROUP BY a.owner_id HAVING bool_or(EXISTS (
            SELECT 1 FROM entries e WHERE e.account_id = a.id AND e.created_at >= $2 AND e.created_at < $3
        ))
        ORDER BY random() LIMIT $4
    ) p
"""


async def open_years(
    statements: Statements, year: int, bounds: tuple[datetime, datetime], most: int
) -> dict[UUID, dict[str, UUID]]:
    """At most `most` players whose year is not closed: player → bucket → account."""
    rows = json.loads((await statements.fetchrow(_OPEN, year, *bounds, most))["players"])
    return {UUID(row["player"]): {bucket: UUID(account) for bucket, account in row["accounts"].items()} for row in rows}


_OF_YEAR = """
    SELECT d.*, EXISTS (SELECT 1 FROM transactions r WHERE r.reverses = d.id) AS reversed FROM deductions d
    WHERE d.player_id = $1 AND d.year = $2 ORDER BY d.created_at, d.id
"""


async def of_year(reads: Reads, player: UUID, year: int) -> list[Mapping[str, Any]]:
    """The deductions of a player's tax year."""
    return [dict(row) for row in await reads.fetch(_OF_YEAR, player, year)]
