"""Queries of freezes, adjustments, limits, the chain, trial balances, reconciliations with payments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Date, DateTime, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.ids import uuid7
from services.common.postgres import Reads, Transaction

_FREEZE = """
    INSERT INTO freezes (id, player_id, reason, placed_by, placed_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
"""
_LIFT = """
    INSERT INTO freeze_lifts (freeze_id, reason, lifted_by, lifted_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""


async def freeze(transaction: Transaction, freeze_id: UUID, player: UUID, reason: str, by: str, now: datetime) -> bool:
    """Freeze what a player has; whether the freeze is of this player."""
    await transaction.execute(_FREEZE, freeze_id, player, reason, by, now)
    if await player_of(transaction, freeze_id) != player:
        return False
    await transaction.fetchrow("SELECT set_frozen($1)", player)
    return True


async def lift(transaction: Transaction, freeze_id: UUID, reason: str, by: str, now: datetime) -> bool | None:
    """End a freeze; whether another one is left, None if there is no such freeze."""
    player = await player_of(transaction, freeze_id)
    if player is None:
        return None
    await transaction.execute(_LIFT, freeze_id, reason, by, now)
    return bool((await transaction.fetchrow("SELECT set_frozen($1) AS frozen", player))["frozen"])


async def player_of(transaction: Transaction, freeze_id: UUID) -> UUID | None:
    """Whom a freeze is of."""
    row = await transaction.fetchrow("SELECT player_id FROM freezes WHERE id = $1", freeze_id)
    return row["player_id"] if row else None


@dataclass(frozen=True, slots=True)
class Proposed:
    """An adjustment and what was decided of it, if anything was."""

    player: UUID
    bucket: str
    amount: int
    reason: str
    proposed_by: str
    approved: bool | None


_PROPOSE = """
    INSERT INTO adjustments (id, player_id, bucket, amount, reason, proposed_by, proposed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
"""
_PROPOSED = """
    SELECT a.player_id, a.bucket, a.amount, a.reason, a.proposed_by, d.approved
    FROM adjustments a LEFT JOIN adjustment_decisions d ON d.adjustment_id = a.id WHERE a.id = $1
"""
_DECIDE = """
    INSERT INTO adjustment_decisions (adjustment_id, proposed_by, approved, decided_by, decided_at)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING true
"""


async def propose(transaction: Transaction, adjustment_id: UUID, wanted: Proposed, now: datetime) -> None:
    """Propose an adjustment, unless there is one with this id."""
    values = wanted.player, wanted.bucket, wanted.amount, wanted.reason, wanted.proposed_by
    await transaction.execute(_PROPOSE, adjustment_id, *values, now)


async def proposed(transaction: Reads | Transaction, adjustment_id: UUID) -> Proposed | None:
    """An adjustment."""
    row = await transaction.fetchrow(_PROPOSED, adjustment_id)
    return Proposed(*row) if row else None


async def decide(
    transaction: Transaction, adjustment_id: UUID, of: Proposed, approved: bool, by: str, now: datetime
) -> bool:
    """Decide; False if somebody has."""
    return bool(await transaction.fetchrow(_DECIDE, adjustment_id, of.proposed_by, approved, by, now))


_SET_LIMIT = """
    INSERT INTO player_limits (id, player_id, measure, days, amount, effective_at, until, set_by, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_WAITING = """
    SELECT DISTINCT ON (measure, days) measure, days, amount, effective_at FROM player_limits
    WHERE player_id = $1 AND measure <> 'play' ORDER BY measure, days, created_at DESC, id DESC
"""


async def set_limit(
    transaction: Transaction, player: UUID, measure: str, days: int, amount: int | None, effective_at: datetime,
    until: datetime | None, now: datetime,
) -> None:  # fmt: skip
    """Add a limit."""
    await transaction.execute(_SET_LIMIT, uuid7(), player, measure, days, amount, effective_at, until, str(player), now)


async def limits(reads: Reads | Transaction, player: UUID, now: datetime) -> list[Mapping[str, Any]]:
    """A player's limits in force, and how much of each is used."""
    return list(await reads.fetch("SELECT * FROM limits_of($1, $2)", player, now))


async def waiting(reads: Reads | Transaction, player: UUID, now: datetime) -> list[Mapping[str, Any]]:
    """A player's newest limits that are not in force yet."""
    return [row for row in await reads.fetch(_WAITING, player) if row["effective_at"] > now]


async def note_minute(transaction: Transaction, player: UUID, minute: datetime) -> None:
    """Note that a player plays in a minute."""
    await transaction.execute("INSERT INTO play_minutes VALUES ($1, $2) ON CONFLICT DO NOTHING", player, minute)


_FORGET_MINUTES = text("""
    DELETE FROM play_minutes WHERE (player_id, minute) IN (
        SELECT player_id, minute FROM play_minutes WHERE minute < :before ORDER BY minute LIMIT 5000
    )
""").bindparams(bindparam("before", type_=DateTime(timezone=True)))


async def forget_minutes(session: AsyncSession, before: datetime) -> int:
    """Delete a batch of minutes before that moment; returns how many."""
    return (await session.execute(_FORGET_MINUTES, {"before": before})).rowcount  # type: ignore[attr-defined,no-any-return] # a CursorResult


async def seal(session: AsyncSession, most: int) -> int:
    """Seal a block of the chain; returns how many transactions it has, 0 if there is nothing to seal."""
    return int((await session.execute(text("SELECT seal(:most)"), {"most": most})).scalar_one())


_BROKEN = text("""
    SELECT b.number FROM chain_blocks b LEFT JOIN chain_blocks p ON p.number = b.number - 1
    WHERE b.number BETWEEN :first AND :last AND (
        b.previous <> coalesce(p.hash, ''::bytea)
        OR b.transactions <> (
            SELECT count(*) FROM chain_links l JOIN transactions t ON t.id = l.transaction_id WHERE l.block = b.number
        )
        OR b.hash <> content_hash(b.previous, ARRAY(SELECT transaction_id FROM chain_links WHERE block = b.number))
    ) ORDER BY b.number
""")


async def broken_blocks(session: AsyncSession, first: int, last: int) -> list[int]:
    """Blocks whose transactions are not what was sealed, or that do not follow from the one before."""
    return [row.number for row in await session.execute(_BROKEN, {"first": first, "last": last})]


async def newest_block(session: AsyncSession) -> int:
    """The number of the newest block; 0 if there is none."""
    return int((await session.execute(text("SELECT coalesce(max(number), 0) FROM chain_blocks"))).scalar_one())


_UNSEALED = text("""
    SELECT t.id FROM transactions t LEFT JOIN chain_links l ON l.transaction_id = t.id
    WHERE l.transaction_id IS NULL AND t.created_at < (SELECT max(sealed_at) FROM chain_blocks) - interval '1 hour' LIMIT 20
""")


async def unsealed(session: AsyncSession) -> list[UUID]:
    """Transactions that stand in no block though blocks after them are sealed: put there by nobody who posts."""
    return [row.id for row in await session.execute(_UNSEALED)]


_TRIAL = text("""
    INSERT INTO trial_balances (day, account, currency, debits, credits, balance)
    SELECT :day, x.account, x.currency, sum(x.debits), sum(x.credits), sum(x.credits) - sum(x.debits) FROM (
        SELECT account, currency, debits, credits FROM trial_balances WHERE day = (SELECT max(day) FROM trial_balances)
        UNION ALL
        SELECT coalesce(a.name, a.bucket), a.currency, CASE WHEN e.amount < 0 THEN -e.amount ELSE 0 END,
            CASE WHEN e.amount > 0 THEN e.amount ELSE 0 END
        FROM entries e JOIN accounts a ON a.id = e.account_id
        WHERE e.created_at < :until AND (CAST(:since AS timestamptz) IS NULL OR e.created_at >= :since)
    ) x GROUP BY x.account, x.currency ON CONFLICT DO NOTHING
""").bindparams(
    bindparam("day", type_=Date()),
    bindparam("since", type_=DateTime(timezone=True)),
    bindparam("until", type_=DateTime(timezone=True)),
)
_TRIAL_SUM = text("SELECT currency, sum(balance) AS sum FROM trial_balances WHERE day = :day GROUP BY currency")


async def newest_trial(session: AsyncSession) -> date | None:
    """The day of the newest trial balance."""
    found: date | None = (await session.execute(text("SELECT max(day) FROM trial_balances"))).scalar_one()
    return found


async def take_trial(session: AsyncSession, day: date, since: datetime | None, until: datetime) -> dict[str, int]:
    """Make the trial balance of a day from the newest one and what was entered since; the sum of each currency."""
    await session.execute(_TRIAL, {"day": day, "since": since, "until": until})
    rows = await session.execute(_TRIAL_SUM.bindparams(bindparam("day", type_=Date())), {"day": day})
    return {row.currency: int(row.sum) for row in rows}


_OURS = """
    SELECT t.reference, t.kind, sum(e.amount)::bigint AS amount
    FROM accounts a JOIN entries e ON e.account_id = a.id JOIN transactions t ON t.id = e.transaction_id
    WHERE a.name = $1 AND t.created_at >= $2 AND t.created_at < $3 AND t.reference IS NOT NULL GROUP BY t.id
"""


async def with_provider(reads: Reads | Transaction, provider: str, since: datetime, until: datetime) -> dict[str, int]:
    """What was posted with a provider in a time: reference → paise that went to its clearing account."""
    return {row["reference"]: row["amount"] for row in await reads.fetch(_OURS, f"psp:{provider}", since, until)}


async def keep_reconciliation(
    transaction: Transaction, provider: str, matched: int, findings: Sequence[Mapping[str, Any]], now: datetime
) -> UUID:
    """Store what a comparison found."""
    report = uuid7()
    await transaction.execute(
        "INSERT INTO payment_reconciliations (id, provider, created_at, matched, findings) VALUES ($1, $2, $3, $4, $5)",
        report, provider, now, matched, json.dumps(findings),
    )  # fmt: skip
    return report
