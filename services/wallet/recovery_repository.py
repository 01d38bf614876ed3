"""Queries of what players owe, and what was recovered of it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.common.postgres import Transaction

_OWED = """
    SELECT coalesce(sum(d.owed), 0)::bigint AS owed FROM (
        SELECT r.amount - r.recovered AS owed FROM receivables r JOIN accounts a ON a.id = r.account_id
        WHERE a.owner_id = $1 AND r.recovered < r.amount
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


async def settle(transaction: Transaction, recovery_id: UUID) -> None:
    """Take what a recovery took off the debts of its player, the oldest first."""
    await transaction.fetchrow("SELECT settle_recovery($1)", recovery_id)
