"""Queries of what players owe, and what was recovered of it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.common.postgres import Transaction

_OWED = """
    SELECT coalesce(sum(d.owed), 0)::bigint AS owed FROM (
        SELECT r.amount - r.recovered AS owed FROM receivables r JOIN accounts a ON a.id = r.account_id
        WHERE a.owner_id = $1 AND r.recovered < r.amount ORDER BY r.transaction_id, r.account_id FOR UPDATE OF r
    ) d
"""


async def owed(transaction: Transaction, player: UUID) -> int:
    """What a player owes. Who asks for the same player at the same time waits until this transaction ends."""
    await transaction.fetchrow("SELECT pg_advisory_xact_lock(hashtextextended($1::text, 195))", str(player))
    return int((await transaction.fetchrow(_OWED, player))["owed"])


async def is_made(transaction: Transaction, recovery_id: UUID) -> bool:
    """Whether a movement has this id."""
    return bool(await transaction.fetchrow("SELECT 1 FROM transactions WHERE id = $1", recovery_id))


async def available(transaction: Transaction, accounts: Sequence[UUID]) -> int:
    """What accounts have that is not held. They are not locked: the ledger locks all that it moves, in one order."""
    statement = (
        "SELECT coalesce(sum(amount - held), 0)::bigint AS amount FROM balances WHERE account_id = ANY($1::uuid[])"
    )
    return int((await transaction.fetchrow(statement, list(accounts)))["amount"])


_SETTLE = """
    WITH debts AS (
        SELECT r.transaction_id, r.account_id, r.amount - r.recovered AS owed,
            sum(r.amount - r.recovered) OVER (ORDER BY r.created_at, r.transaction_id, r.account_id) AS so_far
        FROM receivables r JOIN accounts a ON a.id = r.account_id WHERE a.owner_id = $1 AND r.recovered < r.amount
    )
    UPDATE receivables r SET recovered = r.recovered + least(d.owed, greatest(0, $2::bigint - (d.so_far - d.owed)))
    FROM debts d WHERE r.transaction_id = d.transaction_id AND r.account_id = d.account_id AND d.so_far - d.owed < $2::bigint
"""


async def settle(transaction: Transaction, player: UUID, amount: int) -> None:
    """Note that so much was recovered: of the oldest debt first."""
    await transaction.execute(_SETTLE, player, amount)
