"""The queries of payments' requests: plain statements, prepared once for each connection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from services.common.ids import uuid7
from services.common.money import Paise
from services.common.postgres import Reads, Transaction
from services.payments.jurisdiction import Activity, Request, Verdict
from services.payments.states import AttemptState

_DAY = {
    Activity.DEPOSIT: "SELECT coalesce(sum(amount), 0), count(*) FROM deposits WHERE player_id = $1"
    " AND created_at >= date_trunc('day', now(), 'UTC') AND state <> 'ended'",
    Activity.PAYOUT: "SELECT coalesce(sum(amount), 0), count(*) FROM payouts WHERE player_id = $1"
    " AND created_at >= date_trunc('day', now(), 'UTC') AND state NOT IN ('declined', 'rejected', 'failed')",
    Activity.CONTEST_ENTRY: "SELECT coalesce(sum(amount), 0), count(*) FROM decisions WHERE player_id = $1"
    " AND created_at >= date_trunc('day', now(), 'UTC') AND activity = 'contest_entry' AND allowed",
}


async def take_turn(transaction: Transaction, player: UUID) -> None:
    """One request of a player at a time: limits are counted and used in one step."""
    await transaction.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", str(player))


async def day_of(transaction: Transaction, player: UUID, activity: Activity) -> tuple[Paise, int, date]:
    """What the player did of `activity` since midnight (UTC): paise and times; and which day it is."""
    row = await transaction.fetchrow(_DAY[activity], player)
    day = await transaction.fetchrow("SELECT (now() AT TIME ZONE 'UTC')::date")
    return Paise(int(row[0])), int(row[1]), day[0]


async def log_decision(transaction: Transaction, player: UUID, asked: Request, verdict: Verdict) -> None:
    """Keep what the gate said."""
    await transaction.execute(
        "INSERT INTO decisions (id, player_id, activity, jurisdiction, amount, allowed, reason, version)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        uuid7(), player, asked.activity.value, asked.jurisdiction, asked.amount, verdict.allowed, verdict.reason,
        verdict.version,
    )  # fmt: skip


# --- requests: deposits


async def new_deposit(transaction: Transaction, deposit: UUID, player: UUID, amount: Paise, jurisdiction: str) -> None:
    """Keep what a player wants to pay in."""
    await transaction.execute(
        "INSERT INTO deposits (id, player_id, amount, jurisdiction, state) VALUES ($1, $2, $3, $4, 'pending')",
        deposit, player, amount, jurisdiction,
    )  # fmt: skip


async def uncredited(transaction: Transaction, player: UUID) -> Paise:
    """What of a player's deposits the ledger may not have yet: those that are paid or can still be."""
    row = await transaction.fetchrow(
        "SELECT coalesce(sum(amount), 0) FROM deposits WHERE player_id = $1 AND state IN ('pending', 'paid')", player
    )
    return Paise(int(row[0]))


async def new_attempt(
    transaction: Transaction, attempt: UUID, deposit: UUID, number: int, provider: str, life: timedelta
) -> datetime:
    """Keep an attempt before its provider is called; when it expires. The janitor looks after it from two minutes on."""
    row = await transaction.fetchrow(
        "INSERT INTO attempts (id, deposit_id, number, provider, state, expires_at, next_look_at)"
        " VALUES ($1, $2, $3, $4, 'new', now() + $5::interval, now() + interval '2 minutes') RETURNING expires_at",
        attempt, deposit, number, provider, life,
    )  # fmt: skip
    expires: datetime = row[0]
    return expires


async def settle_attempt(
    transaction: Transaction, attempt: UUID, state: AttemptState, order: str, checkout: Mapping[str, str], reason: str
) -> None:
    """What the creation of an order came to; nothing where the janitor knows more already."""
    await transaction.execute(
        "UPDATE attempts SET state = $2, provider_order = $3, checkout = $4, reason = $5,"
        " next_look_at = CASE WHEN $2 = 'refused' THEN NULL ELSE next_look_at END WHERE id = $1 AND state = 'new'",
        attempt, state.value, order, json.dumps(dict(checkout)), reason[:200],
    )  # fmt: skip


async def end_deposit(transaction: Transaction, deposit: UUID) -> None:
    """A deposit none of whose attempts can be paid any more has ended."""
    await transaction.execute(
        "UPDATE deposits SET state = 'ended' WHERE id = $1 AND state = 'pending' AND NOT EXISTS"
        " (SELECT FROM attempts WHERE deposit_id = $1 AND state IN ('new', 'open', 'failed'))",
        deposit,
    )


async def reopen_deposit(transaction: Transaction, deposit: UUID, player: UUID) -> Any:
    """The player's deposit, locked: its amount, jurisdiction, state."""
    return await transaction.fetchrow(
        "SELECT amount, jurisdiction, state FROM deposits WHERE id = $1 AND player_id = $2 FOR UPDATE", deposit, player
    )


_DEPOSIT = """
    SELECT d.id, d.amount, d.state, d.created_at, a.provider, a.state AS attempt, a.checkout
    FROM deposits d LEFT JOIN LATERAL (
        SELECT provider, state, checkout FROM attempts WHERE deposit_id = d.id
        ORDER BY state = 'open' DESC, number DESC LIMIT 1
    ) a ON true
    WHERE d.player_id = $1
"""


async def deposit_view(reads: Reads | Transaction, player: UUID, deposit: UUID) -> Any:
    """A player's deposit with its attempt that can be paid, or the newest one."""
    return await reads.fetchrow(f"{_DEPOSIT} AND d.id = $2", player, deposit)


async def deposit_views(reads: Reads, player: UUID, limit: int) -> list[Any]:
    """A player's newest deposits."""
    return await reads.fetch(f"{_DEPOSIT} ORDER BY d.created_at DESC LIMIT $2", player, limit)


async def attempts_for_request(transaction: Transaction, deposit: UUID) -> list[Any]:
    """The attempts of a deposit, in order."""
    return await transaction.fetch(
        "SELECT id, number, provider, state, expires_at FROM attempts WHERE deposit_id = $1 ORDER BY number", deposit
    )


async def attempt_of_order(transaction: Transaction, player: UUID, deposit: UUID, order: str) -> Any:
    """The attempt of a player's deposit that has the provider's order."""
    return await transaction.fetchrow(
        "SELECT a.id, a.provider FROM attempts a JOIN deposits d ON d.id = a.deposit_id"
        " WHERE d.player_id = $1 AND d.id = $2 AND a.provider_order = $3",
        player, deposit, order,
    )  # fmt: skip


async def down(transaction: Transaction) -> set[str]:
    """Providers that said within ten minutes that payments fail there."""
    rows = await transaction.fetch(
        "SELECT provider FROM downtimes WHERE down AND asked_at > now() - interval '10 minutes'"
    )
    return {row[0] for row in rows}


async def keep_webhook(transaction: Transaction, webhook: UUID, provider: str, key: str, body: str) -> bool:
    """Keep a webhook; False if it is there."""
    return bool(
        await transaction.fetchrow(
            "INSERT INTO webhooks (id, provider, key, body) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING true",
            webhook, provider, key, body,
        )
    )  # fmt: skip


# --- requests: instruments and payouts


async def keep_instrument(
    transaction: Transaction, instrument: UUID, player: UUID, *, kind: str, shown: str, sealed: bytes, digest: bytes
) -> Any:
    """Keep a player's account, or find it again: its row."""
    row = await transaction.fetchrow(
        "INSERT INTO instruments (id, player_id, kind, shown, sealed, digest) VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT DO NOTHING RETURNING id, kind, shown, verified_at",
        instrument, player, kind, shown, sealed, digest,
    )  # fmt: skip
    return row or await transaction.fetchrow(
        "SELECT id, kind, shown, verified_at FROM instruments WHERE player_id = $1 AND digest = $2", player, digest
    )


async def instruments_of(reads: Reads, player: UUID) -> list[Any]:
    """A player's accounts."""
    return await reads.fetch(
        "SELECT id, kind, shown, verified_at FROM instruments WHERE player_id = $1 ORDER BY created_at LIMIT 50", player
    )


async def instrument_of(transaction: Transaction, player: UUID, instrument: UUID) -> Any:
    """Whether a player's account is there, and confirmed."""
    return await transaction.fetchrow(
        "SELECT verified_at FROM instruments WHERE id = $1 AND player_id = $2", instrument, player
    )


async def new_payout(
    transaction: Transaction,
    payout: UUID,
    player: UUID,
    instrument: UUID,
    amount: Paise,
    jurisdiction: str,
    reason: str,
) -> Any:
    """Keep a payout that is asked for: its row."""
    return await transaction.fetchrow(
        "INSERT INTO payouts (id, player_id, instrument_id, amount, jurisdiction, state, reason)"
        " VALUES ($1, $2, $3, $4, $5, 'requested', $6) RETURNING id, amount, state, utr, created_at",
        payout, player, instrument, amount, jurisdiction, reason,
    )  # fmt: skip


async def payouts_of(reads: Reads, player: UUID, limit: int) -> list[Any]:
    """A player's newest payouts."""
    return await reads.fetch(
        "SELECT id, amount, state, utr, created_at FROM payouts WHERE player_id = $1 ORDER BY created_at DESC LIMIT $2",
        player, limit,
    )  # fmt: skip


async def payout_of(reads: Reads, player: UUID, payout: UUID) -> Any:
    """A player's payout."""
    return await reads.fetchrow(
        "SELECT id, amount, state, utr, created_at FROM payouts WHERE id = $1 AND player_id = $2", payout, player
    )
